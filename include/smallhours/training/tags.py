"""Tags of tracks and of their artists, as every model reads them, and their counts as matrices.

About half of all tracks have no tag of their own, so the artist's tags stand in for them and stay
distinguishable. Everything that learns from tags reads them here: raw, as the first seed does, or
by the names that `smallhours.catalog.normalisation` gives them.

`TopTags` is the paper's tabular format: a row per track, a column per tag, the tag's count as its
value, and K tags chosen by their summed count. The matrix is sparse and stays so.
"""

import math
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from smallhours.catalog.merged_sources import read_tags
from smallhours.catalog.normalisation import bare_name, default_pipeline, own_names
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
    rows = read_tags(lake, table, where={"prefix": prefixes}, without=without)
    ours = np.array([owner in wanted for owner in rows[key].tolist()], dtype=bool)
    return _strongest_first(rows[ours], key)


def _strongest_first(rows: pd.DataFrame, key: str) -> dict[str, dict[str, int]]:
    ordered = rows.sort_values([key, "count", "tag"], ascending=[True, False, True])
    found: dict[str, dict[str, int]] = {}
    for owner, tag, count in zip(
        ordered[key].tolist(), ordered["tag"].tolist(), ordered["count"].tolist(), strict=True
    ):
        found.setdefault(owner, {})[tag] = count
    return found


TagCounts = Mapping[str, float]
# Rows are meant to be mappings; matrices are accepted too, but have no types.
Rows = Sequence[TagCounts] | Any
Name = TypeVar("Name")


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


class TopTags(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Turn mappings of tag to count into a sparse matrix of the strongest tags.

    A matrix of (rows, tags), dense or sparse, or a data frame with a column per tag, is taken as
    well; its columns are then the tags.

    Args:
        k: Number of tags; fewer when the rows hold fewer.

    Attributes:
        tags_: The chosen tags, strongest first; equal ones in alphabetical order (of a matrix, in
            the order of its columns).

    >>> top = TopTags(k=2).fit([{"rock": 100, "indie": 50}, {"rock": 80, "sad": 20}])
    >>> top.tags_.tolist()
    ['rock', 'indie']
    >>> top.transform([{"indie": 10, "polka": 90}]).toarray().tolist()
    [[0.0, 10.0]]
    """

    def __init__(self, k: int = 1000) -> None:
        self.k = k

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: ARG002, N803
        """Choose the tags.

        Raises:
            ValueError: when k is not positive, no row has a tag, or a count is no number.
        """
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        if _is_matrix(X):
            return self._fit_matrix(X)
        totals: Counter[str] = Counter()
        for row in tag_rows(X):
            totals.update(row)
        if not totals:
            raise ValueError("no row has a tag")
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        self.tags_ = np.array([tag for tag, _ in ranked[: self.k]], dtype=str)
        return self

    def _fit_matrix(self, X: Rows) -> Self:  # noqa: N803
        matrix = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        strength = np.asarray(matrix.sum(axis=0)).ravel()
        self.columns_ = np.argsort(-strength, kind="stable")[: self.k]
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = np.array([f"x{at}" for at in range(matrix.shape[1])])
        self.tags_ = np.asarray(names[self.columns_], dtype=str)
        return self

    def transform(self, X: Rows) -> sparse.csr_matrix:  # noqa: N803
        """Return counts of the chosen tags, float64, (rows, tags); other tags are left out."""
        check_is_fitted(self)
        if _is_matrix(X):
            matrix = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
            return sparse.csr_matrix(matrix)[:, self.columns_]
        column = {tag: at for at, tag in enumerate(self.tags_.tolist())}
        return count_matrix(tag_rows(X), column)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the chosen tags, one per column."""
        check_is_fitted(self)
        return np.asarray(self.tags_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.input_tags.sparse = True
        return tags


def _is_matrix(rows: Any) -> bool:
    """Return True for numbers in columns; a sequence of anything else is read as mappings."""
    if isinstance(rows, Sequence):
        return bool(rows) and isinstance(rows[0], (list, tuple))
    return not (getattr(rows, "ndim", 2) == 1 and rows.dtype == object)
