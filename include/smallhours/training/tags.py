"""Which tags does a track have? Its own from Last.fm, then its artist's.

About half of all tracks have no tag of their own, so the artist's stand in and stay
distinguishable. Everything that learns from tags reads them here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from smallhours.identity import artist_key_in
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
    """

    own: Mapping[str, Counts]
    artist: Mapping[str, Counts]

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


def load_tags(lake: Lake, track_keys: Iterable[str], *, fold_case: bool = False) -> Tags:
    """Read the tags of some tracks and of their artists.

    Args:
        lake: The lake.
        track_keys: The tracks.
        fold_case: Merge "Hip-Hop" and "hip-hop" into the latter; the larger count stands.
    """
    tracks = set(track_keys)
    artists = {artist_key_in(key) for key in tracks}
    prefixes = sorted({prefix_of(artist) for artist in artists})
    if not prefixes:
        return Tags({}, {})
    return Tags(
        _read(lake, TRACK_TAGS, "track_key", tracks, prefixes, fold_case),
        _read(lake, ARTIST_TAGS, "artist_key", artists, prefixes, fold_case),
    )


def _read(
    lake: Lake, table: Table, key: str, wanted: set[str], prefixes: list[str], fold_case: bool
) -> dict[str, dict[str, int]]:
    rows = lake.frame(table, columns=[key, "tag", "count"], where={"prefix": prefixes})
    # An empty tag is the note that Last.fm was asked and has none; a count of 0 says the same.
    rows = rows[rows[key].isin(wanted) & (rows["tag"] != "") & (rows["count"] > 0)]
    return _strongest_first(rows, key, fold_case)


def _strongest_first(rows: pd.DataFrame, key: str, fold_case: bool) -> dict[str, dict[str, int]]:
    ordered = rows.sort_values([key, "count", "tag"], ascending=[True, False, True])
    tags = ordered["tag"].str.lower() if fold_case else ordered["tag"]
    found: dict[str, dict[str, int]] = {}
    for owner, tag, count in zip(
        ordered[key].tolist(), tags.tolist(), ordered["count"].tolist(), strict=True
    ):
        found.setdefault(owner, {}).setdefault(tag, count)
    return found
