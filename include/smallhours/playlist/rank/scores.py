"""Scores and ranks of all candidates, from all signals together.

The signals and their weights are those of `smallhours.training.ranking`: the listener's own weights
where a backtest showed that they rank better, else defaults that were not fitted to anything. This
module turns the night's evidence into signals, and the signals into one score and a rank. The
contribution of each signal to a track's score is kept, because the track's reason rests on it.
"""

import datetime as dt
from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy import sparse

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
from smallhours.training.ranking.signals import consensus, popularity
from smallhours.training.ranking.tag_vectors import taste_centres

__all__ = ["ADDED_BY", "consensus", "more_signals", "popularity", "score_candidates"]

# The column `by_popularity` is the contribution of popularity to the score.
ADDED_BY = "by_"


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
