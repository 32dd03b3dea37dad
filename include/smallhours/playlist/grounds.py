"""What speaks for each chosen track: seeds, tags and audio features, the strongest first."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.features import PREDICTED, believed
from smallhours.playlist.reasons import Feature, Grounds

SEEDS_RECORDED = 10


class Taste(Protocol):
    """What is asked of the taste classifier in this stage."""

    def p_like(self, tags: Sequence[Sequence[str]]) -> npt.NDArray[np.float64]:
        """P(like) of tracks, each given as its tags."""

    def top_tags(self, tags: Sequence[str], n: int) -> list[tuple[str, float]]:
        """The tags of one track that count most for it, each with its contribution."""


def grounds_of(
    votes: pd.DataFrame,
    chosen: pd.DataFrame,
    *,
    tags: Callable[[str], Sequence[str]],
    features: pd.DataFrame,
    considered: int,
) -> list[Grounds]:
    """Gather what speaks for each chosen track.

    Args:
        votes: `track_key`, `route`, `seed_key`, `strength`.
        chosen: Indexed by track key: `slot`, `rank`.
        tags: The tags of a track that count for it, strongest first.
        features: `track_key`, `source`, `feature`, `value`, `low`, `high`.
        considered: How many tracks were considered.
    """
    seeds: dict[str, list[tuple[str, str]]] = {}
    ordered = strongest_first(votes, chosen.index)
    for key, route, seed in zip(
        ordered["track_key"], ordered["route"], ordered["seed_key"], strict=True
    ):
        seeds.setdefault(key, []).append((route, seed))
    sounds = features_of(features)
    return [
        Grounds(
            track_key=key,
            seeds=seeds.get(key, ()),
            tags=tags(key),
            features=sounds.get(key, ()),
            slot=slot,
            rank=rank,
            considered=considered,
        )
        for key, slot, rank in zip(chosen.index, chosen["slot"], chosen["rank"], strict=True)
    ]


def seeds_of(votes: pd.DataFrame, tracks: pd.Index) -> list[list[str]]:
    """The keys of each track's strongest seeds."""
    grouped = strongest_first(votes, tracks).groupby("track_key", sort=False)["seed_key"]
    found = {key: list(dict.fromkeys(seeds))[:SEEDS_RECORDED] for key, seeds in grouped}
    return [found.get(key, []) for key in tracks]


def features_of(rows: pd.DataFrame) -> dict[str, list[Feature]]:
    """Each track's audio features, each from the source that is believed most."""
    found: dict[str, list[Feature]] = {}
    names = ["track_key", "feature", "value", "low", "high", "source"]
    for key, name, value, low, high, source in believed(rows)[names].itertuples(
        index=False, name=None
    ):
        ours = source == PREDICTED
        margin = (high - low) / 2 if ours and pd.notna(low) and pd.notna(high) else None
        found.setdefault(key, []).append(Feature(name, value, margin, ours))
    return found


def strongest_first(votes: pd.DataFrame, tracks: Iterable[str]) -> pd.DataFrame:
    """The votes for some tracks, each track's strongest first."""
    mine = votes[votes["track_key"].isin(set(tracks))]
    return mine.sort_values(
        ["track_key", "strength", "route", "seed_key"], ascending=[True, False, True, True]
    )
