"""The evidence for each chosen track: seeds, tags, audio features in words, and hours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.catalog.features import most_reliable
from smallhours.training.tags import Tags
from smallhours.vocabulary import Provenance, Route

SEEDS_RECORDED = 10

# The bound from which a feature gets a word, and the word: above in HIGH, below in LOW.
HIGH: Mapping[str, tuple[float, str]] = {
    "energy": (0.75, "energetic"),
    "acousticness": (0.7, "acoustic"),
    "instrumentalness": (0.6, "instrumental"),
    "valence": (0.7, "bright"),
    "danceability": (0.7, "danceable"),
}
LOW: Mapping[str, tuple[float, str]] = {
    "energy": (0.4, "calm"),
    "valence": (0.3, "dark"),
    "danceability": (0.3, "drifting"),
}
# A prediction this close to 0 or 1 is called near it: its figure and margin would claim more.
NEAR_A_BOUND = 0.02
_UNITS = {"tempo": " beats a minute", "loudness": " dB"}

# The signals whose contributions to the score support each kind of evidence.
_SIGNALS: Mapping[str, tuple[str, ...]] = {
    Route.SIMILAR_TRACK: ("near_tracks", "seed_support"),
    Route.TWO_STEPS: ("near_tracks",),
    Route.SIMILAR_ARTIST: ("near_artists", "list_places", "named_together", "walk"),
    Route.KNOWN_ARTIST: ("artist_affinity",),
    "tags": ("tag_affinity", "lent_tags", "p_like", "reception"),
    "sound": ("audio_fit",),
}


class TasteScorer(Protocol):
    """The taste classifier, as far as this stage uses it."""

    @property
    def name(self) -> str:
        """The model's name: `taste`, or that of the baseline used in its place."""

    def p_like(self, tags: Tags, tracks: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return P(like) of tracks, given the tags of all of them."""

    def top_tags(self, tags: Tags, track_key: str, n: int) -> list[tuple[str, float]]:
        """Return the names of the tags that count most for a track, each with its contribution."""


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """One audio feature of a track.

    Attributes:
        name: As Spotify has it.
        value: In the unit that `audio_features` gives it: 0-1 for most.
        margin: Half of the 80 % interval, if predicted.
        predicted: Whether it was predicted rather than measured.
    """

    name: str
    value: float
    margin: float | None
    predicted: bool


@dataclass(frozen=True, slots=True)
class IntentEvidence:
    """The evidence that a track fits the purpose of its list.

    Attributes:
        kind: A `reason_kind`.
        text: A clause, in lower case but for names.
        names: Keys of what it names, so that the same name is not used again.
    """

    kind: str
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrackEvidence:
    """The evidence for one track.

    Attributes:
        track_key: The track.
        artist: Its artist's name, as shown.
        seeds: (route, seed key) of the votes for it, strongest first.
        tags: Its tags that count for it, strongest first.
        features: What is known of how it sounds.
        slot: `exploit` or `explore`.
        rank: Its rank among all that could be chosen.
        eligible: How many could be chosen.
        counts: By kind of ground, how much more it contributed here than to the other tracks of
            the list; empty when that is not known.
        hours: The time of the week to which its seeds belong, if any.
        intent_evidence: What its list asks for and it has, if anything.
    """

    track_key: str
    artist: str
    seeds: Sequence[tuple[str, str]]
    tags: Sequence[str]
    features: Sequence[FeatureValue]
    slot: str
    rank: int
    eligible: int
    counts: Mapping[str, float] = field(default_factory=dict)
    hours: str = ""
    intent_evidence: IntentEvidence | None = None


def collect_evidence(
    votes: pd.DataFrame,
    chosen: pd.DataFrame,
    *,
    tags: Callable[[str], Sequence[str]],
    is_nameable: Callable[[str], bool],
    features: pd.DataFrame,
    eligible: int,
    hours: Callable[[Sequence[tuple[str, str]]], str],
    intent_evidence: Mapping[str, IntentEvidence],
) -> list[TrackEvidence]:
    """Collect, for each chosen track, the evidence that a reason can cite.

    Args:
        votes: `track_key`, `route`, `seed_key`, `strength`.
        chosen: Indexed by track key, in the order of the list: `artist`, `slot`, `rank`, and any
            `by_<signal>`, what that signal contributed to the score.
        tags: The tags of a track that count for it, strongest first.
        is_nameable: Whether a tag may be named; a seed that may not is left out.
        features: `track_key`, `source`, `feature`, `value`, `low`, `high`.
        eligible: How many tracks were eligible.
        hours: The time of the week that some seeds belong to, or an empty text.
        intent_evidence: What the list asks for and each track has.
    """
    seeds: dict[str, list[tuple[str, str]]] = {}
    ordered = strongest_first(votes, chosen.index)
    for key, route, seed in zip(
        ordered["track_key"], ordered["route"], ordered["seed_key"], strict=True
    ):
        if route != Route.TAG or is_nameable(seed):
            seeds.setdefault(key, []).append((route, seed))
    sounds = track_features(features)
    counts = relative_contributions(chosen)
    return [
        TrackEvidence(
            track_key=key,
            artist=artist,
            seeds=seeds.get(key, ()),
            tags=tags(key),
            features=sounds.get(key, ()),
            slot=slot,
            rank=rank,
            eligible=eligible,
            counts=counts[key],
            hours=hours(seeds.get(key, ())),
            intent_evidence=intent_evidence.get(key),
        )
        for key, artist, slot, rank in zip(
            chosen.index, chosen["artist"], chosen["slot"], chosen["rank"], strict=True
        )
    ]


def relative_contributions(chosen: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by track and kind of evidence how far its contribution is above the list's mean.

    A contribution that all tracks share does not explain this track: where tags contributed 0.3,
    0.1 and 0.2 to three tracks, their counts for `tags` are 0.1, -0.1 and 0.
    """
    by_kind = {
        kind: chosen[columns].sum(axis=1)
        for kind, signals in _SIGNALS.items()
        if (columns := [f"by_{name}" for name in signals if f"by_{name}" in chosen])
    }
    centred = pd.DataFrame(by_kind, index=chosen.index)
    centred = centred - centred.mean()
    return {
        str(key): {str(kind): float(value) for kind, value in row.items()}
        for key, row in centred.to_dict("index").items()
    }


def strongest_seeds(votes: pd.DataFrame, tracks: pd.Index) -> list[list[str]]:
    """Return the keys of each track's strongest seeds."""
    ordered = strongest_first(votes, tracks)
    found: dict[str, dict[str, None]] = {}
    for key, seed in zip(ordered["track_key"], ordered["seed_key"], strict=True):
        found.setdefault(key, {})[seed] = None
    return [list(found.get(key, ()))[:SEEDS_RECORDED] for key in tracks]


def track_features(rows: pd.DataFrame) -> dict[str, list[FeatureValue]]:
    """Return each track's audio features, each from its most reliable source."""
    found: dict[str, list[FeatureValue]] = {}
    names = ["track_key", "feature", "value", "low", "high", "source"]
    for key, name, value, low, high, source in most_reliable(rows)[names].itertuples(
        index=False, name=None
    ):
        ours = source == Provenance.PREDICTED
        margin = (high - low) / 2 if ours and pd.notna(low) and pd.notna(high) else None
        found.setdefault(key, []).append(FeatureValue(name, value, margin, ours))
    return found


def strongest_first(votes: pd.DataFrame, tracks: Iterable[str]) -> pd.DataFrame:
    """Return the votes for some tracks, each track's strongest first."""
    mine = votes[votes["track_key"].isin(set(tracks))]
    return mine.sort_values(
        ["track_key", "strength", "route", "seed_key"], ascending=[True, False, True, True]
    )


def figure(value: float) -> str:
    """Return a number with two decimals, without the zero before the point: `.31`, `1.00`."""
    shown = f"{value:.2f}"
    return shown.replace("0.", ".", 1) if abs(value) < 1 and not shown.endswith("1.00") else shown


def measure(feature: FeatureValue) -> str:
    """Return a feature as text: `predicted energy .31 ± .12`, `measured tempo 121 beats a minute`.

    A prediction close to 0 or 1 is `predicted valence near 0`. Tempo and loudness have no bounds.
    """
    source = "predicted" if feature.predicted else "measured"
    if feature.name in _UNITS:
        return f"{source} {feature.name} {feature.value:.0f}{_UNITS[feature.name]}"
    nearest = min(max(round(feature.value), 0), 1)
    if feature.predicted and abs(feature.value - nearest) <= NEAR_A_BOUND + 1e-9:
        return f"{source} {feature.name} near {nearest}"
    margin = f" ± {figure(feature.margin)}" if feature.margin is not None else ""
    return f"{source} {feature.name} {figure(feature.value)}{margin}"


def word_for(feature: FeatureValue) -> tuple[str, float] | None:
    """Return the word for a feature, and how far it is beyond its bound, 0-1; None in the middle.

    A prediction earns its word when its interval stays on its side of the middle.
    """
    margin = feature.margin or 0.0
    if feature.name in HIGH and feature.value >= HIGH[feature.name][0]:
        bound, word = HIGH[feature.name]
        sure = feature.value - margin > 0.5 or not feature.predicted
        return (word, (feature.value - bound) / (1 - bound)) if sure else None
    if feature.name in LOW and feature.value <= LOW[feature.name][0]:
        bound, word = LOW[feature.name]
        sure = feature.value + margin < 0.5 or not feature.predicted
        return (word, (bound - feature.value) / bound) if sure else None
    return None
