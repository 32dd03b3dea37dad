"""The single signals of the ranking.

Small pure functions: evidence in, one number per track out, indexed by the given tracks. Higher is
better, units don't matter (`fusion` makes them comparable), and NaN means that the signal is
unknown for a track.
"""

import datetime as dt

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.catalog.features import most_reliable
from smallhours.identity import artist_key_in
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.training.ranking.fusion import Floats
from smallhours.vocabulary import Provenance

# Maximum of a single vote: one seed alone never makes a candidate certain.
MAX_VOTE = 0.99
# Half-life of a candidate's freshness.
NEW_FOR_NIGHTS = 30.0
# Of a normal distribution, 80 % lie within this many standard deviations of the mean.
Z80 = 1.2816
# Minimum spread of a listener's values, however few tracks it is computed from.
MIN_SPREAD = 0.05
# Standard deviation of a measured value.
MEASURED_SPREAD = 0.05
CHUNK = 4096


def consensus(votes: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """Return how strongly the seeds agree on each track: 1 - prod(1 - strength) over its seeds.

    As if each seed were right independently with the probability `strength`. Many weak votes can
    outweigh a strong one; no number of them exceeds 1. Example: votes of 0.5 and 0.4 give
    1 - 0.5 x 0.6 = 0.7.

    Args:
        votes: `track_key` and `strength` (0-1), one row per seed of a track.
        tracks: The tracks to score; 0 for one without votes.
    """
    doubt = np.log1p(-votes["strength"].clip(0.0, MAX_VOTE).to_numpy(dtype=float))
    return pd.Series(-np.expm1(_sums(votes, doubt, tracks)), index=tracks)


def seed_support(votes: pd.DataFrame, tracks: pd.Index) -> pd.Series:
    """Return the number of different seeds that lead to each track, whatever their strength.

    The best single signal on co-listening lists. A seed that leads to a track by two routes counts
    once.

    Args:
        votes: `track_key` and `seed_key`.
        tracks: The tracks to score; 0 for one without votes.
    """
    single = votes.drop_duplicates(["track_key", "seed_key"])
    return pd.Series(_sums(single, np.ones(len(single)), tracks), index=tracks)


def popularity(listeners: pd.Series) -> pd.Series:
    """Return the percentile of Last.fm listeners among the tracks, 0-1; unknown is .5."""
    return listeners.astype(float).rank(pct=True).fillna(0.5)


def artist_affinity(artists: pd.Series, tracks: pd.Index) -> pd.Series:
    """Return the weight of each track's artist for the listener, 0-1; 0 for an unknown artist.

    Args:
        artists: Weight by artist key, recent plays counting most (`catalog.candidates`).
        tracks: The tracks to score.
    """
    keys = pd.Index([artist_key_in(key) for key in tracks])
    known = artists.reindex(keys).fillna(0.0).to_numpy(dtype=float)
    return pd.Series(known, index=tracks)


def freshness(first_seen: pd.Series, night: dt.date) -> pd.Series:
    """Return how new a track is to us: 2^(-nights since it was first a candidate / 30).

    Args:
        first_seen: A date by track, null when unknown.
        night: Tonight.
    """
    age = (pd.Timestamp(night) - pd.to_datetime(first_seen)).dt.days.clip(lower=0)
    return pd.Series(np.exp2(-age.to_numpy(dtype=float) / NEW_FOR_NIGHTS), index=first_seen.index)


def max_similarity(vectors: sparse.csr_matrix, directions: Floats) -> Floats:
    """Return the highest cosine of each track to any of some directions, (tracks,), 0-1.

    Args:
        vectors: (tracks, tags), rows of length one.
        directions: (n, tags), rows of length one: taste centres, for instance.

    Returns:
        NaN for a track without tags, and for all without directions.
    """
    if not len(directions):
        return np.full(vectors.shape[0], np.nan)
    best = np.asarray(vectors @ directions.T).max(axis=1)
    return np.where(np.diff(vectors.indptr) > 0, np.clip(best, 0.0, 1.0), np.nan)


def distance_from(vectors: sparse.csr_matrix, recent: sparse.csr_matrix) -> Floats:
    """Return 1 - the highest cosine of each track to any recent recommendation, (tracks,), 0-1.

    Args:
        vectors: (tracks, tags), rows of length one.
        recent: (n, tags), likewise.

    Returns:
        NaN for a track without tags, and for all when nothing was recommended lately.
    """
    if not recent.shape[0]:
        return np.full(vectors.shape[0], np.nan)
    others = recent.T.tocsc()
    near = np.zeros(vectors.shape[0])
    for start in range(0, len(near), CHUNK):
        rows = vectors[start : start + CHUNK]
        near[start : start + CHUNK] = (rows @ others).max(axis=1).toarray().ravel()
    return np.where(np.diff(vectors.indptr) > 0, 1 - np.clip(near, 0.0, 1.0), np.nan)


def audio_fit(features: pd.DataFrame, own: pd.Series, tracks: pd.Index) -> pd.Series:
    """Return how well a track's sound fits the listener's, as a mean log-likelihood.

    For each of the five features, the listener's plays are a normal distribution (m, s), and
    the track's value is another (v, e), with e from the 80 % interval of a prediction:

        fit = mean over features of  -(v - m)² / 2(s² + e²) - ln sqrt(s² + e²)

    so that an uncertain prediction counts neither for a track nor much against it.

    Args:
        features: Rows of `audio_features` of the tracks and of those that the listener knows:
            `track_key`, `source`, `feature`, `value`, `low`, `high`.
        own: Weight of each known track, by track key.
        tracks: The tracks to score; NaN for one without any feature.
    """
    wanted = features["feature"].isin(PREDICTED_FEATURES)
    best = most_reliable(features[wanted])
    value = best.pivot(index="track_key", columns="feature", values="value")
    width = (best["high"] - best["low"]).where(best["source"] == Provenance.PREDICTED) / (2 * Z80)
    spread = best.assign(spread=width.fillna(MEASURED_SPREAD)).pivot(
        index="track_key", columns="feature", values="spread"
    )
    weight = own.reindex(value.index).fillna(0.0).to_numpy(dtype=float)
    if not weight.sum() > 0:
        return pd.Series(np.nan, index=tracks)
    mean, deviation = _moments(value.to_numpy(dtype=float), weight)
    total = deviation**2 + spread.to_numpy(dtype=float) ** 2
    each = -((value.to_numpy(dtype=float) - mean) ** 2) / (2 * total) - np.log(total) / 2
    known = ~np.isnan(each)
    fit = np.where(known, each, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    fit[~known.any(axis=1)] = np.nan
    return pd.Series(fit, index=value.index).reindex(tracks)


def _moments(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return weighted mean and standard deviation of each column; NaN without known values."""
    share = np.where(np.isnan(values), 0.0, weight[:, None])
    total = share.sum(axis=0)
    total = np.where(total > 0, total, np.nan)
    mean = (share * np.nan_to_num(values)).sum(axis=0) / total
    variance = (share * np.nan_to_num(values - mean) ** 2).sum(axis=0) / total
    return mean, np.maximum(np.sqrt(variance), MIN_SPREAD)


def _sums(votes: pd.DataFrame, values: Floats, tracks: pd.Index) -> Floats:
    """Return the sum of some values over each track's votes, (tracks,)."""
    places = tracks.get_indexer(pd.Index(votes["track_key"]))
    known = places >= 0
    found = np.bincount(places[known], weights=values[known], minlength=len(tracks))
    return found.astype(np.float64)
