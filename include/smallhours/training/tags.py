"""Which tags does a track have? Its own from Last.fm, then its artist's.

About half of all tracks have no tag of their own, so the artist's stand in and stay
distinguishable. Everything that learns from tags reads them here: raw, as the first seed does, or
by the names that `smallhours.catalog.normalisation` gives them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from smallhours.catalog.normalisation import bare_name, own_names, shipped
from smallhours.catalog.tag_names import names_of
from smallhours.identity import SEPARATOR, artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TRACK_TAGS, Table

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
        names: What each of the tags is called; one that is missing goes by the shipped rules.
    """

    own: Mapping[str, Counts]
    artist: Mapping[str, Counts]
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, tag: str) -> str:
        """What a tag is called; empty when it says nothing about the music."""
        known = self.names.get(tag)
        return shipped().name(tag) if known is None else known

    def own_named(self, track_key: str) -> dict[str, int]:
        """Name -> count of a track's own tags; of two spellings the stronger stands."""
        return self._named(self.own.get(track_key, {}), track_key)

    def artist_named(self, artist_key: str) -> dict[str, int]:
        """Name -> count of an artist's tags; of two spellings the stronger stands."""
        return self._named(self.artist.get(artist_key, {}), artist_key)

    def of(self, track_key: str) -> dict[str, int]:
        """Tag -> count of a track and its artist; where both have a tag, the track's counts."""
        return {
            **self.artist.get(artist_key_in(track_key), {}),
            **self.own.get(track_key, {}),
        }

    def as_first_seed(self, track_key: str) -> list[str]:
        """The five strongest tags of the track, then the ten of its artist, none twice."""
        own = list(self.own.get(track_key, {}))[:SEED_OWN]
        artist = list(self.artist.get(artist_key_in(track_key), {}))[:SEED_ARTIST]
        return list(dict.fromkeys(own + artist))

    def normalised(self) -> "Tags":
        """The same with names instead of raw tags."""
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
                name = shipped().name(tag)
            if name and bare_name(name) not in own:
                named[name] = max(named.get(name, 0), count)
        return named


def load_tags(lake: Lake, track_keys: Iterable[str], *, normalised: bool = False) -> Tags:
    """Read the tags of some tracks and of their artists.

    Args:
        lake: The lake.
        track_keys: The tracks.
        normalised: By their names instead of raw: "Hip-Hop" and "hiphop" become "hip-hop", and
            tags that say nothing are left out.
    """
    tracks = set(track_keys)
    artists = {artist_key_in(key) for key in tracks}
    prefixes = sorted({prefix_of(artist) for artist in artists})
    if not prefixes:
        return Tags({}, {})
    own = _read(lake, TRACK_TAGS, "track_key", tracks, prefixes)
    artist = _read(lake, ARTIST_TAGS, "artist_key", artists, prefixes)
    found = {tag for table in (own, artist) for counts in table.values() for tag in counts}
    tags = Tags(own, artist, names_of(lake, found))
    return tags.normalised() if normalised else tags


def _read(
    lake: Lake, table: Table, key: str, wanted: set[str], prefixes: list[str]
) -> dict[str, dict[str, int]]:
    rows = lake.frame(table, columns=[key, "tag", "count"], where={"prefix": prefixes})
    # An empty tag is the note that Last.fm was asked and has none; a count of 0 says the same.
    ours = np.array([owner in wanted for owner in rows[key].tolist()], dtype=bool)
    rows = rows[ours & (rows["tag"] != "").to_numpy(bool) & (rows["count"] > 0).to_numpy(bool)]
    return _strongest_first(rows, key)


def _strongest_first(rows: pd.DataFrame, key: str) -> dict[str, dict[str, int]]:
    ordered = rows.sort_values([key, "count", "tag"], ascending=[True, False, True])
    found: dict[str, dict[str, int]] = {}
    for owner, tag, count in zip(
        ordered[key].tolist(), ordered["tag"].tolist(), ordered["count"].tolist(), strict=True
    ):
        found.setdefault(owner, {})[tag] = count
    return found
