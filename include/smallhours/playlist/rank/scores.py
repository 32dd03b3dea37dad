"""Scores and ranks of all candidates for one listener tonight, from all signals together.

The signals and their weights are those of `smallhours.training.ranking`. This module turns the
night's evidence into signals, and the signals into one score and a rank. The contribution of each
signal to a track's score is kept, because the track's reason rests on it.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from smallhours.nights import Night
from smallhours.playlist.explain.names_in_words import is_place_or_time
from smallhours.playlist.explain.track_evidence import IntentEvidence, TasteScorer
from smallhours.playlist.rank.evidence import Evidence
from smallhours.training.ranking.artist_graph import ArtistGraph
from smallhours.training.ranking.fusion import (
    DEFAULT,
    DISTANCE_FROM_RECENT,
    FRESHNESS,
    P_LIKE,
    RECEPTION,
    Fusion,
)
from smallhours.training.ranking.signals import (
    candidate_signals,
    consensus,
    distance_from,
    freshness,
    reception,
)
from smallhours.training.ranking.tag_vectors import TagVectors

EvidenceOfTracks = Callable[[pd.Index], Mapping[str, IntentEvidence]]

# The column `by_popularity` is the contribution of popularity to the score.
ADDED_BY = "by_"
TAGS_ASKED = 12
# Tracks near those of the lists of so many nights count as less fresh.
RECENT_NIGHTS = 8


def score_candidates(
    signals: pd.DataFrame, *, votes: pd.DataFrame, eligible: pd.Series, fusion: Fusion = DEFAULT
) -> pd.DataFrame:
    """Score every candidate.

    Args:
        signals: One column a signal, indexed by track key; P(like) is missing without a model.
        votes: Rows of `candidates`: `track_key` and `strength`.
        eligible: True for the tracks that may be chosen, same index. A signal's ranks are taken
            among these alone, so that what the listener knows does not crowd the top.
        fusion: The weights; see `training.ranking.fusion.default_fusion`.

    Returns:
        The signals with `p_like` (null without a model), `consensus`, `score` (0-1; 1 would be the
        best that the signals can say), `rank` (1 is the best; ties in key order), and for each
        signal that counted `by_<signal>`, what it added to the score; these sum to the score.
    """
    added = fusion.contributions(signals, eligible.reindex(signals.index))
    scored = signals.assign(
        p_like=signals.get(P_LIKE, np.nan),
        consensus=consensus(votes, signals.index),
        score=added.sum(axis=1).clip(0.0, 1.0),
    )
    scored = scored.assign(rank=_ranks(scored["score"]))
    return scored.join(added.add_prefix(ADDED_BY))


def _ranks(score: pd.Series) -> pd.Series:
    """Return ranks from 1, the best first; ties are in key order."""
    by_key = np.argsort(np.argsort(score.index.to_numpy(dtype=object).astype(str), kind="stable"))
    # Rounding keeps floating-point noise from deciding between tracks with equal signals.
    best_first = np.lexsort((by_key, -score.to_numpy().round(12)))
    ranks = np.empty(len(score), dtype=np.int64)
    ranks[best_first] = np.arange(1, len(score) + 1)
    return pd.Series(ranks, index=score.index)


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """A listener's evening: the evidence, and what is computed from it.

    Attributes:
        evidence: All that is known.
        space: The tags of candidates and of known tracks.
        profile: The listener's tags, strongest first.
        taste: The taste model in use, if any.
        features: Audio features of all of these tracks, as `read_features` gives them.
        night: Tonight.
        zone: The listener's time zone.
    """

    evidence: Evidence
    space: TagVectors
    profile: pd.Series
    taste: TasteScorer | None
    features: pd.DataFrame
    night: Night
    zone: ZoneInfo

    @classmethod
    def of(
        cls,
        evidence: Evidence,
        *,
        taste: TasteScorer | None,
        features: pd.DataFrame,
        night: Night,
        zone: ZoneInfo,
    ) -> "ListenerContext":
        """Build the tag space of all tracks, and the listener's profile in it."""
        tracks = [*evidence.tracks.index.tolist(), *evidence.history.tracks.index.tolist()]
        space = TagVectors.of(evidence.tags, tracks)
        profile = space.profile(evidence.history.tracks["weight"])
        return cls(evidence, space, profile, taste, features, night, zone)

    @property
    def tracks(self) -> pd.Index:
        """The keys of all tracks that may be chosen."""
        return self.evidence.tracks.index

    def all_eligible(self) -> "pd.Series[str]":
        """Return a column of empty texts, one per track: none is ruled out."""
        return pd.Series("", index=self.tracks, dtype=object)

    def score(
        self, eligible: "pd.Series[bool]", fusion: Fusion, rng: np.random.Generator
    ) -> pd.DataFrame:
        """Score all tracks.

        Args:
            eligible: True for the tracks that may be chosen.
            fusion: The weights of the signals.
            rng: Draws the first taste centres.

        Returns:
            What `score_candidates` returns.
        """
        signals = self.signals(rng)
        scored = score_candidates(
            signals, votes=self.evidence.votes, eligible=eligible, fusion=fusion
        )
        # A track without tags has no affinity.
        return scored.assign(tag_affinity=scored["tag_affinity"].fillna(0.0))

    def signals(self, rng: np.random.Generator) -> pd.DataFrame:
        """Return every signal of every track, (tracks, signals)."""
        evidence, tracks, night = self.evidence, self.evidence.tracks, self.night.date
        history = evidence.history
        everything = [*tracks.index.tolist(), *history.tracks.index.tolist()]
        graph = ArtistGraph.of(evidence.artist_lists, evidence.tags, everything)
        found = candidate_signals(
            tracks.index,
            votes=evidence.votes,
            weights=history.tracks["weight"],
            artists=history.artists["weight"],
            listeners=tracks["listeners"],
            vectors=self.space,
            graph=graph,
            features=self.features,
            rng=rng,
        )
        found[FRESHNESS] = freshness(tracks["first_seen"], night)
        if self.taste is not None:
            found[P_LIKE] = self.taste.p_like(evidence.tags, list(tracks.index))
        since = night - dt.timedelta(days=RECENT_NIGHTS)
        if recent := [key for key, date in evidence.shown.items() if date >= since]:
            lists = self.space.rows(pd.Index(sorted(recent)))
            found[DISTANCE_FROM_RECENT] = distance_from(self.space.rows(tracks.index), lists)
        received = reception(self.space, graph, evidence.picks, tracks.index)
        # Without enough picks it knows nothing of any track, and is left out.
        return found.assign(**{RECEPTION: received}) if received.notna().any() else found

    def descriptive_tags(self, key: str) -> list[str]:
        """Return the nameable tags that count for a track, by the taste model or the profile.

        Those that only say where or when the music is from come last.
        """
        nameable = self.evidence.nameable
        if self.taste is None:
            shared = self.space.shared(self.profile, key)
            return sorted((t for t in shared if nameable.describes(t, key)), key=is_place_or_time)
        # "Rock" may count for a track, but it counts for every other too; "shoegaze" says more.
        telling: dict[str, float] = {}
        for name, counts in self.taste.top_tags(self.evidence.tags, key, TAGS_ASKED):
            if counts > 0 and nameable.describes(name, key):
                weight = counts * self.space.rarity.get(name, 1.0)
                telling[name] = max(telling.get(name, 0.0), weight)
        return sorted(telling, key=lambda tag: (is_place_or_time(tag), -telling[tag], tag))


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
