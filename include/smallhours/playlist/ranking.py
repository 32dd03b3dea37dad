"""How promising is each candidate, by every signal and by all of them together?

Each signal is a small pure function from the evidence to one number a track. They are fused by
rank, not by value, with weights that nothing was fitted to: on 198 listeners this was as good as
the best single signal picked in hindsight, and it needs no history to start from.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

# Reciprocal-rank fusion adds weight / (60 + rank) over the signals (Cormack, Clarke, Buettcher,
# SIGIR 2009, who also found 60). How well known a track is breaks ties more than it decides.
RANK_OFFSET = 60.0
WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "p_like": 1.0,
        "near_tracks": 1.0,
        "near_artists": 1.0,
        "tag_affinity": 1.0,
        "popularity": 0.25,
    }
)

# Which routes speak for which signal. Tracks that came by a tag are judged by `tag_affinity`.
NEAR_TRACKS = ("similar_track",)
NEAR_ARTISTS = ("similar_artist", "known_artist")

# One seed alone never makes a candidate certain.
SUREST_VOTE = 0.99


def consensus(votes: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """How strongly the seeds agree on each track: 1 - prod(1 - strength) over its seeds.

    As if each seed were right on its own with the probability `strength`. Many weak votes can
    outweigh a strong one; no number of them exceeds 1.

    Args:
        votes: `track_key` and `strength` (0-1), one row per seed of a track.
        tracks: The tracks to answer for; 0 for one without votes.
    """
    doubt = np.log1p(-votes["strength"].clip(0.0, SUREST_VOTE).to_numpy(dtype=float))
    total = pd.Series(doubt, index=votes["track_key"]).groupby(level=0).sum()
    doubts = total.reindex(tracks).fillna(0.0)
    return pd.Series(-np.expm1(doubts.to_numpy(dtype=float)), index=tracks)


def popularity(listeners: pd.Series) -> pd.Series:
    """Percentile of the number of Last.fm listeners among the candidates, 0-1; unknown is .5."""
    return listeners.astype(float).rank(pct=True).fillna(0.5)


def score_candidates(
    votes: pd.DataFrame,
    listeners: pd.Series,
    *,
    tag_affinity: pd.Series,
    p_like: pd.Series | None,
    eligible: pd.Series,
) -> pd.DataFrame:
    """Score every candidate.

    Args:
        votes: Rows of `candidates`: `track_key`, `route`, `strength`.
        listeners: Number of Last.fm listeners by track key, null when unknown; its index says
            which tracks are scored.
        tag_affinity: Cosine to the listener's tag profile, same index.
        p_like: P(like), same index; None when there is no model yet.
        eligible: True for the tracks that may be chosen, same index. A signal's ranks are taken
            among these alone, so that what the listener knows does not crowd the top.

    Returns:
        Indexed by track key: `p_like` (null without a model), `consensus`, `tag_affinity`,
        `popularity`, `score` (0-1; 1 would be the best by every signal) and `rank` (1 is the
        best; ties in key order).
    """
    tracks = listeners.index
    by_route = votes["route"]
    signals = pd.DataFrame(
        {
            "near_tracks": consensus(votes[by_route.isin(NEAR_TRACKS)], tracks),
            "near_artists": consensus(votes[by_route.isin(NEAR_ARTISTS)], tracks),
            "tag_affinity": tag_affinity.reindex(tracks),
            "popularity": popularity(listeners),
        },
        index=tracks,
    )
    if p_like is not None:
        signals["p_like"] = p_like.reindex(tracks)
    scored = pd.DataFrame(
        {
            "p_like": np.nan if p_like is None else signals["p_like"],
            "consensus": consensus(votes, tracks),
            "tag_affinity": signals["tag_affinity"],
            "popularity": signals["popularity"],
            "score": fuse(signals, among=eligible.reindex(tracks)),
        },
        index=tracks,
    )
    best_first = scored.rename_axis("track_key").reset_index()
    best_first = best_first.sort_values(["score", "track_key"], ascending=[False, True])
    order = pd.Series(np.arange(1, len(tracks) + 1), index=best_first["track_key"])
    return scored.assign(rank=order.reindex(tracks))


def fuse(
    signals: pd.DataFrame, *, among: pd.Series, weights: Mapping[str, float] = WEIGHTS
) -> pd.Series:
    """Reciprocal-rank fusion of the signals, scaled so that the best by all of them has 1.

    >>> signals = pd.DataFrame({"p_like": [0.9, 0.5], "popularity": [0.1, 0.8]}, index=["a", "b"])
    >>> fuse(signals, among=pd.Series(True, index=["a", "b"])).round(3).to_dict()
    {'a': 0.997, 'b': 0.987}
    """
    names = [name for name in signals.columns if name in weights]
    total = np.zeros(len(signals))
    for name in names:
        values = signals[name].fillna(-np.inf).to_numpy(dtype=float)
        total += weights[name] / (RANK_OFFSET + _ranks(values, among.to_numpy(dtype=bool)))
    best = sum(weights[name] for name in names) / (RANK_OFFSET + 1)
    return pd.Series(total / best if best else total, index=signals.index).clip(0.0, 1.0)


def _ranks(
    values: npt.NDArray[np.float64], among: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """The rank that each value takes among some of them, from 1; equal values share their mean."""
    field = np.sort(values[among])
    above = len(field) - np.searchsorted(field, values, side="right")
    equal = len(field) - above - np.searchsorted(field, values, side="left")
    ranks: npt.NDArray[np.float64] = above + np.maximum(equal + 1, 2) / 2
    return ranks
