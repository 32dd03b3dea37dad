"""Traits of a whole list: its common tags, the listener's artists near it, and its sound."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smallhours.catalog.features import most_reliable
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import TRACKS
from smallhours.playlist.publish.target_list import TargetList
from smallhours.playlist.rank.evidence import read_features
from smallhours.playlist.rank.tag_weights import is_descriptive, weighted_tags
from smallhours.training.tags import load_tags

# The features, each 0-1, that the cover is drawn from.
SOUNDS = ("energy", "valence", "danceability", "acousticness")


@dataclass(frozen=True, slots=True)
class TrackSound:
    """One track's sound, each 0-1; 0.5 where it is not known."""

    energy: float
    valence: float
    danceability: float
    acousticness: float


def common_tags(lake: Lake, tonight: TargetList, most: int = 3) -> list[str]:
    """Return the tags that the list's tracks have in common, the heaviest first."""
    keys = [pick.track_key for pick in tonight.wanted]
    tagged = weighted_tags(load_tags(lake, keys), keys)
    pairs = zip(tagged["tag"], tagged["track_key"], strict=True)
    telling = np.array([is_descriptive(tag, key) for tag, key in pairs], dtype=bool)
    weights = tagged[telling].groupby("tag")["weight"].sum()
    return sorted(weights.index, key=lambda tag: (-weights[tag], tag))[:most]


def nearby_artists(lake: Lake, tonight: TargetList, most: int = 3) -> list[str]:
    """Return the listener's own artists that are near most of the list's tracks, the most first."""
    seeds = [seeds[0] for seeds in tonight.seeds if seeds]
    counts = Counter(artist_key_in(seed) for seed in seeds)
    leading = sorted(counts, key=lambda artist: (-counts[artist], artist))[:most]
    return [name for artist in leading if (name := _shown_name(lake, artist))]


def track_sounds(lake: Lake, tonight: TargetList) -> list[TrackSound]:
    """Return the audio features of each track, in the list's order."""
    keys = [pick.track_key for pick in tonight.wanted]
    rows = read_features(lake, keys)
    best = most_reliable(rows[rows["feature"].isin(SOUNDS)]).set_index(["track_key", "feature"])
    values = best["value"].astype(float).to_dict()
    return [TrackSound(*(values.get((key, name), 0.5) for name in SOUNDS)) for key in keys]


def _shown_name(lake: Lake, artist_key: str) -> str:
    rows = lake.frame(
        TRACKS,
        columns=["track_key", "artist"],
        where={"prefix": prefix_of(artist_key)},
    )
    names: Sequence[str] = rows.loc[
        rows["track_key"].map(artist_key_in) == artist_key, "artist"
    ].tolist()
    return min(names) if names else ""
