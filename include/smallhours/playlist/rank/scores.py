"""Scores and ranks of all candidates for one listener tonight, from all signals together.

The signals and their weights are those of `smallhours.training.ranking`: the listener's own weights
where a backtest showed that they rank better, else defaults that were not fitted to anything. This
module turns the night's evidence into signals, and the signals into one score and a rank. The
contribution of each signal to a track's score is kept, because the track's reason rests on it.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.nights import Night
from smallhours.playlist.explain.nameable_tags import is_place_or_time
from smallhours.playlist.explain.track_evidence import IntentEvidence, TasteScorer
from smallhours.playlist.rank.evidence import Evidence
from smallhours.training.ranking import signals
from smallhours.training.ranking.fusion import (
    ARTIST_AFFINITY,
    AUDIO_FIT,
    DEFAULT,
    DISTANCE_FROM_RECENT,
    FRESHNESS,
    NEAR_ARTISTS,
    NEAR_TRACKS,
    P_LIKE,
    POPULARITY,
    RECEPTION,
    SEED_SUPPORT,
    TAG_AFFINITY,
    Fusion,
)
from smallhours.training.ranking.past_lists import ARTIST_ROUTES, TRACK_ROUTES
from smallhours.training.ranking.signals import consensus, popularity, reception
from smallhours.training.ranking.tag_vectors import TagVectors, taste_centres

EvidenceOfTracks = Callable[[pd.Index], Mapping[str, IntentEvidence]]

# The column `by_popularity` is the contribution of popularity to the score.
ADDED_BY = "by_"
TAGS_ASKED = 12
# Tracks near those of the lists of so many nights count as less fresh.
RECENT_NIGHTS = 8


def score_candidates(
    votes: pd.DataFrame,
    listeners: pd.Series,
    *,
    tag_affinity: pd.Series,
    p_like: pd.Series | None,
    eligible: pd.Series,
    more: pd.DataFrame | None = None,
    fusion: Fusion = DEFAULT,
) -> pd.DataFrame:
    """Score every candidate.

    Args:
        votes: Rows of `candidates`: `track_key`, `route`, `strength`, and `seed_key` where the
            seeds are to be counted.
        listeners: Number of Last.fm listeners by track key, null when unknown; its index says
            which tracks are scored.
        tag_affinity: Cosine to the listener's tags, same index.
        p_like: P(like), same index; None when there is no model yet.
        eligible: True for the tracks that may be chosen, same index. A signal's ranks are taken
            among these alone, so that what the listener knows does not crowd the top.
        more: Further signals, one column each, by track key: `more_signals`. One that is also
            made here wins.
        fusion: The weights; see `training.ranking.fusion.load_fusion`.

    Returns:
        Indexed by track key: `p_like` (null without a model), `consensus`, `tag_affinity`,
        `popularity`, the other signals by their names, `score` (0-1; 1 would be the best that
        the signals can say), `rank` (1 is the best; ties in key order), and for each signal that
        counted `by_<signal>`, what it added to the score; these sum to the score.
    """
    tracks = listeners.index
    found = _signals(votes, listeners, tag_affinity, p_like)
    if more is not None:
        found = found.assign(**{str(name): more[name].reindex(tracks) for name in more.columns})
    added = fusion.contributions(found, eligible.reindex(tracks))
    scored = found.assign(
        p_like=found.get(P_LIKE, np.nan),
        consensus=consensus(votes, tracks),
        score=added.sum(axis=1).clip(0.0, 1.0),
    )
    scored = scored.assign(rank=_ranks(scored["score"]))
    return scored.join(added.add_prefix(ADDED_BY))


def more_signals(
    tracks: pd.Index,
    *,
    artists: pd.Series | None = None,
    first_seen: pd.Series | None = None,
    night: dt.date | None = None,
    vectors: sparse.csr_matrix | None = None,
    vector_tracks: pd.Index | None = None,
    weights: pd.Series | None = None,
    recent: Collection[str] = (),
    features: pd.DataFrame | None = None,
    rng: np.random.Generator | None = None,
    received: pd.Series | None = None,
) -> pd.DataFrame:
    """Return the signals that need more than votes; a signal without its data is left out.

    Args:
        tracks: The tracks to answer for.
        artists: For `artist_affinity`: weight by artist key.
        first_seen: For `freshness`, with `night`: a date by track key.
        night: Tonight.
        vectors: CSR (vector_tracks, tags), rows of length one. With `weights` and `rng` for
            `tag_affinity` to several taste centres; with `recent` for `distance_from_recent`.
        vector_tracks: Track key of each row; it may lack tracks that have no tags.
        weights: How much each known track counts, by track key; with `features` for `audio_fit`.
        recent: Track keys of the last lists.
        features: Rows of `audio_features` of the tracks and of what the listener knows.
        rng: Draws the first taste centres.
        received: `reception` of the tracks; left out where it knows nothing of any.

    Returns:
        Indexed by track: a column per signal.
    """
    found: dict[str, pd.Series] = {}
    if received is not None and received.notna().any():
        found[RECEPTION] = received
    if artists is not None:
        found[ARTIST_AFFINITY] = signals.artist_affinity(artists, tracks)
    if first_seen is not None and night is not None:
        found[FRESHNESS] = signals.freshness(first_seen.reindex(tracks), night)
    if features is not None and weights is not None:
        found[AUDIO_FIT] = signals.audio_fit(features, weights, tracks)
    if vectors is not None and vector_tracks is not None:
        found |= _by_tags(tracks, vectors, vector_tracks, weights, recent, rng)
    return pd.DataFrame(found, index=tracks)


def _by_tags(
    tracks: pd.Index,
    vectors: sparse.csr_matrix,
    vector_tracks: pd.Index,
    weights: pd.Series | None,
    recent: Collection[str],
    rng: np.random.Generator | None,
) -> dict[str, pd.Series]:
    found: dict[str, pd.Series] = {}
    places = vector_tracks.get_indexer(tracks)
    known = np.flatnonzero(places >= 0)
    asked = vectors[places[known]]

    def spread(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> pd.Series:
        return pd.Series(values, index=tracks[known]).reindex(tracks)

    if weights is not None and rng is not None:
        own = weights.reindex(vector_tracks).fillna(0.0).to_numpy(dtype=float)
        found[TAG_AFFINITY] = spread(
            signals.max_similarity(asked, taste_centres(vectors, own, rng))
        )
    if recent:
        at = vector_tracks.get_indexer(pd.Index(sorted(recent)))
        found[DISTANCE_FROM_RECENT] = spread(signals.distance_from(asked, vectors[at[at >= 0]]))
    return found


def _signals(
    votes: pd.DataFrame,
    listeners: pd.Series,
    tag_affinity: pd.Series,
    p_like: pd.Series | None,
) -> pd.DataFrame:
    tracks, route = listeners.index, votes["route"]
    found = {
        NEAR_TRACKS: consensus(votes[route.isin(TRACK_ROUTES)], tracks),
        NEAR_ARTISTS: consensus(votes[route.isin(ARTIST_ROUTES)], tracks),
        TAG_AFFINITY: tag_affinity.reindex(tracks),
        POPULARITY: popularity(listeners),
    }
    if "seed_key" in votes:
        found[SEED_SUPPORT] = signals.seed_support(votes, tracks)
    if p_like is not None:
        found[P_LIKE] = p_like.reindex(tracks)
    return pd.DataFrame(found, index=tracks)


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
        tracks = self.evidence.tracks
        p_like = None
        if self.taste is not None:
            found = self.taste.p_like(self.evidence.tags, list(tracks.index))
            p_like = pd.Series(found, index=tracks.index)
        history, night = self.evidence.history, self.night.date
        since = night - dt.timedelta(days=RECENT_NIGHTS)
        more = more_signals(
            tracks.index,
            artists=history.artists["weight"],
            first_seen=tracks["first_seen"],
            night=night,
            vectors=self.space.vectors,
            vector_tracks=self.space.tracks,
            weights=history.tracks["weight"],
            recent=[key for key, date in self.evidence.shown.items() if date >= since],
            features=self.features,
            rng=rng,
            received=reception(self.space, self.evidence.picks, tracks.index),
        )
        scored = score_candidates(
            self.evidence.votes,
            tracks["listeners"],
            tag_affinity=self.space.affinity(self.profile, tracks.index),
            p_like=p_like,
            eligible=eligible,
            more=more,
            fusion=fusion,
        )
        # A track without tags has no affinity.
        return scored.assign(tag_affinity=scored["tag_affinity"].fillna(0.0))

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
