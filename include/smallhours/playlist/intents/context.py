"""The data that intents are scored from, and the scores that an intent gives to tracks."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

from smallhours.nights import Night
from smallhours.playlist.explain.track_evidence import IntentEvidence
from smallhours.playlist.rank.evidence import Evidence
from smallhours.training.ranking.tag_vectors import TagVectors

EvidenceOfTracks = Callable[[pd.Index], Mapping[str, IntentEvidence]]


@dataclass(frozen=True, slots=True)
class IntentContext:
    """The data that an intent's scores are computed from.

    Attributes:
        evidence: All that is known.
        features: Audio features of the tracks, as `read_features` gives them.
        space: The tags of all tracks.
        night: Tonight.
        zone: The listener's time zone.
        name_of: What a tag is called.
    """

    evidence: Evidence
    features: pd.DataFrame
    space: TagVectors
    night: Night
    zone: ZoneInfo
    name_of: Callable[[str], str]

    @property
    def tracks(self) -> pd.Index:
        """The keys of all tracks that may be chosen."""
        return self.evidence.tracks.index

    @property
    def date(self) -> dt.date:
        """Tonight's date."""
        return self.night.date

    def all_eligible(self) -> "pd.Series[str]":
        """Return a column of empty texts, one per track: none is ruled out."""
        return pd.Series("", index=self.tracks, dtype=object)


@dataclass(frozen=True, slots=True)
class IntentScores:
    """The scores of all tracks for one intent.

    Attributes:
        why_not: Why a track does not serve it, by key; empty where it does.
        fits: How well the others do, 0-1, by key.
        weight: How much that counts beside the score, 0-1.
        mix: Weights by known track: whose mix of tags the list should have; None for no mix.
        intent_evidence: What is to be said of some tracks.
        missing_data: What is missing to serve it better; empty when nothing is.
    """

    why_not: "pd.Series[str]"
    fits: "pd.Series[float]"
    weight: float
    mix: "pd.Series[float] | None"
    intent_evidence: EvidenceOfTracks
    missing_data: str = ""


def percentile(values: pd.Series) -> "pd.Series[float]":
    """Return for each value the share of values that are not larger, 0-1."""
    return values.astype(float).rank(pct=True)
