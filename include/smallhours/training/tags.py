"""Tags of tracks and of their artists, as every model reads them, and their counts as matrices.

About half of all tracks have no tag of their own, so the artist's tags stand in for them and stay
distinguishable. Everything that learns from tags reads them here: raw, as the first seed does, or
by the names that `smallhours.catalog.normalisation` gives them. A matrix of counts is sparse, with
a row per track and a column per tag.
"""

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.catalog.normalisation import (
    WeightedTag,
    back_off,
    bare_name,
    default_pipeline,
    own_names,
)
from smallhours.catalog.stored_answers import read_tags
from smallhours.catalog.tag_names import names_of
from smallhours.identity import SEPARATOR, artist_key_in, is_artist
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TRACK_TAGS
from smallhours.settings import Settings
from smallhours.vocabulary import CatalogSource

# The first seed's rows hold at most five tags of the track and ten of its artist: what Last.fm
# shows on the pages of either.
SEED_OWN = 5
SEED_ARTIST = 10

Counts = Mapping[str, int]

TagCounts = Mapping[str, float]
Name = TypeVar("Name")


@dataclass(frozen=True)
class Tags:
    """The tags of a set of tracks.

    Attributes:
        own: By track key: tag -> count (1-100), strongest first.
        artist: The same by artist key.
        names: Raw tag -> normalised name; for a missing one the shipped rules are used.
    """

    own: Mapping[str, Counts]
    artist: Mapping[str, Counts]
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, tag: str) -> str:
        """Return a tag's normalised name; empty when it says nothing about the music."""
        known = self.names.get(tag)
        return default_pipeline().name(tag) if known is None else known

    def own_named(self, track_key: str) -> dict[str, int]:
        """Return name -> count of a track's own tags; of two spellings the larger count is kept."""
        return self._named(self.own.get(track_key, {}), track_key)

    def artist_named(self, artist_key: str) -> dict[str, int]:
        """Return name -> count of an artist's tags; of two spellings the larger count is kept."""
        return self._named(self.artist.get(artist_key, {}), artist_key)

    def of(self, track_key: str) -> dict[str, int]:
        """Return tag -> count of a track and its artist; a tag of both has the track's count."""
        return {
            **self.artist.get(artist_key_in(track_key), {}),
            **self.own.get(track_key, {}),
        }

    def as_first_seed(self, track_key: str) -> list[str]:
        """Return the five strongest tags of the track, then the ten of its artist, none twice."""
        own = list(self.own.get(track_key, {}))[:SEED_OWN]
        artist = list(self.artist.get(artist_key_in(track_key), {}))[:SEED_ARTIST]
        return list(dict.fromkeys(own + artist))

    def normalised(self) -> "Tags":
        """Return the same tags by their normalised names."""
        return Tags(
            {key: named for key in self.own if (named := self.own_named(key))},
            {key: named for key in self.artist if (named := self.artist_named(key))},
        )

    def _named(self, counts: Counts, key: str) -> dict[str, int]:
        if not counts:
            return {}
        artist_key, _, rest = key.partition(SEPARATOR)
        own = own_names(artist_key, rest.split(SEPARATOR)[0])
        named: dict[str, int] = {}
        for tag, count in counts.items():
            name = self.names.get(tag)  # as `name` does, a third of a million times
            if name is None:
                name = default_pipeline().name(tag)
            if name and bare_name(name) not in own:
                named[name] = max(named.get(name, 0), count)
        return named


def unlearned_sources(settings: Settings) -> tuple[CatalogSource, ...]:
    """Return the sources of tags that no model may learn from."""
    allowed = settings.services.listenbrainz.learn_from_tags
    return () if allowed else (CatalogSource.MUSICBRAINZ,)


def load_tags(
    lake: Lake,
    track_keys: Iterable[str],
    *,
    normalised: bool = False,
    without: Collection[str] = (),
) -> Tags:
    """Read the tags of some tracks and of their artists; "Various Artists" have none.

    Args:
        lake: The lake.
        track_keys: The tracks.
        normalised: Return normalised names: "Hip-Hop" and "hiphop" become "hip-hop", and
            tags that say nothing are left out.
        without: Sources whose tags are left out.
    """
    tracks = set(track_keys)
    owners = {artist_key_in(key) for key in tracks}
    prefixes = sorted({prefix_of(artist) for artist in owners})
    if not prefixes:
        return Tags({}, {})
    own = _read(lake, TRACK_TAGS, tracks, prefixes, without)
    artist = _read(lake, ARTIST_TAGS, set(filter(is_artist, owners)), prefixes, without)
    found = {tag for table in (own, artist) for counts in table.values() for tag in counts}
    tags = Tags(own, artist, names_of(lake, found))
    return tags.normalised() if normalised else tags


def _read(
    lake: Lake,
    table: Table,
    wanted: set[str],
    prefixes: list[str],
    without: Collection[str],
) -> dict[str, dict[str, int]]:
    key = table.key[0]
    rows = read_tags(lake, table, where={"prefix": prefixes}, owners=wanted, without=without)
    return _strongest_first(rows, key)


def _strongest_first(rows: pd.DataFrame, key: str) -> dict[str, dict[str, int]]:
    ordered = rows.sort_values([key, "count", "tag"], ascending=[True, False, True])
    found: dict[str, dict[str, int]] = {}
    for owner, tag, count in zip(
        ordered[key].tolist(), ordered["tag"].tolist(), ordered["count"].tolist(), strict=True
    ):
        found.setdefault(owner, {})[tag] = count
    return found


def weighted_tags(tags: Tags, tracks: Iterable[str]) -> pd.DataFrame:
    """Return the tags of tracks: `track_key`, `tag`, `weight` in (0, 1], and `of` (their owner)."""
    keys: list[str] = []
    found: list[WeightedTag] = []
    of_artist: dict[str, dict[str, int]] = {}
    for key in tracks:
        artist = artist_key_in(key)
        if artist not in of_artist:
            of_artist[artist] = tags.artist_named(artist)
        telling = back_off(tags.own_named(key), of_artist[artist])
        keys += [key] * len(telling)
        found += telling
    frame = pd.DataFrame(found, columns=list(WeightedTag._fields))
    frame.insert(0, "track_key", keys)
    return frame


def count_matrix(
    rows: Iterable[Mapping[Name, float]], column: Mapping[Name, int]
) -> sparse.csr_matrix:
    """Build a sparse matrix row by row, without keeping the rows in memory.

    Args:
        rows: Name -> count.
        column: Name -> index of its column, from 0; other names are left out.

    Returns:
        float64 (rows, columns); columns in order within each row.

    >>> count_matrix([{"b": 2.0, "a": 1.0}, {"c": 3.0}], {"a": 0, "b": 1}).toarray().tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """
    ends, columns, values = [0], array("i"), array("d")
    for row in rows:
        for name, count in row.items():
            if (at := column.get(name)) is not None:
                columns.append(at)
                values.append(count)
        ends.append(len(columns))
    matrix = sparse.csr_matrix(
        (
            np.frombuffer(values, dtype=np.float64),
            np.frombuffer(columns, dtype=np.int32),
            np.array(ends, dtype=np.int32),
        ),
        shape=(len(ends) - 1, len(column)),
    )
    matrix.sort_indices()
    return matrix


def tag_counts(X: Any, track_columns: int) -> sparse.csr_matrix:  # noqa: N803
    """Return X as a sparse matrix, after checking that it holds counts.

    Raises:
        ValueError: when a count is negative, or there are fewer columns than track_columns.
    """
    counts = sparse.csr_matrix(X)
    if counts.count_nonzero() < counts.nnz:
        counts = counts.copy()  # the caller's own stays as it is
        counts.eliminate_zeros()
    if counts.nnz and counts.data.min() < 0:
        raise ValueError("Negative values in data passed to X: it holds counts of tags")
    if not 0 <= track_columns <= counts.shape[1]:
        raise ValueError(f"track_columns is {track_columns}, but X has {counts.shape[1]} columns")
    return counts


def tag_rows(rows: Sequence[TagCounts]) -> Iterator[TagCounts]:
    """Yield the rows, each after it is checked.

    Raises:
        TypeError: when a row is not a mapping of tag to count.
        ValueError: when a count is negative or no number.
    """
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {at} must map tags to counts, but is a {type(row).__name__}")
        for tag, count in row.items():
            if not (math.isfinite(count) and count >= 0):
                raise ValueError(f"row {at} counts {tag!r} {count} times: counts are 0 or more")
        yield row
