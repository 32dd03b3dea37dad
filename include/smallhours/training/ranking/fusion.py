"""Fusion of signals: one score from many signals, and each signal's contribution to it.

Each signal becomes two scale-free columns. The rank column is how far up the list a track is, and
the z column how far it stands out; neither depends on the signal's unit or on the number of
candidates. Of all that was tried, weights of these two transferred best from one listener's list to
another's. The score is their weighted sum and nothing else, so that each signal's contribution to a
track's score is exact. The reasons rest on these.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# A z column is cut here, in standard deviations, and then divided by 3: signals such as the
# number of votes are far from normal, and their tail lies above.
MIN_Z, MAX_Z, Z_UNIT = -3.0, 6.0, 3.0

P_LIKE = "p_like"
NEAR_TRACKS = "near_tracks"
NEAR_ARTISTS = "near_artists"
SEED_SUPPORT = "seed_support"
LIST_PLACES = "list_places"
NAMED_TOGETHER = "named_together"
WALK = "walk"
LENT_TAGS = "lent_tags"
TAG_AFFINITY = "tag_affinity"
ARTIST_AFFINITY = "artist_affinity"
AUDIO_FIT = "audio_fit"
POPULARITY = "popularity"
RECEPTION = "reception"
FRESHNESS = "freshness"
DISTANCE_FROM_RECENT = "distance_from_recent"

# Default weights (rank column, z column), fitted in the sandbox's worlds from a start that was set
# by hand, and rounded to quarters, a quarter at least; docs/benchmarks.md ("The default weights")
# tells how. They follow roughly independent groups of signals:
#
# - tags: P(like), which is learned from this listener, the affinity of tags, which also works for
#   listeners with nothing to learn from yet, and tags lent by similar artists;
# - track co-listening: near tracks;
# - artist co-listening: places in lists, near artists and the number of supporting seeds, three
#   counts of the same votes; who is named together; the walk;
# - the reception of our own picks, once there are some;
# - weak signals that mostly break ties: whether the listener knows the artist, popularity, the
#   sound, novelty and the distance from recent lists.
#
# Example: the default weights sum to 17.75. A track that is first by near_tracks (rank column 1,
# weight 2) gets 2 / 17.75 = 0.11 of the score from it. One in the middle of 100 candidates, at rank
# 50, has the rank column 1 - log(50) / log(100) = 0.15 and gets 0.15 x 2 / 17.75 = 0.017.
DEFAULT_WEIGHTS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        P_LIKE: (3.5, 0.0),
        NEAR_TRACKS: (2.0, 0.0),
        NEAR_ARTISTS: (0.25, 0.0),
        SEED_SUPPORT: (0.25, 0.0),
        LIST_PLACES: (2.25, 0.0),
        NAMED_TOGETHER: (1.0, 0.0),
        WALK: (0.75, 0.0),
        LENT_TAGS: (1.25, 0.0),
        TAG_AFFINITY: (1.0, 0.0),
        ARTIST_AFFINITY: (0.25, 0.0),
        AUDIO_FIT: (0.5, 0.0),
        POPULARITY: (0.25, 0.0),
        RECEPTION: (4.0, 0.0),
        FRESHNESS: (0.25, 0.0),
        DISTANCE_FROM_RECENT: (0.25, 0.0),
    }
)

# P(like) is learned from tags, and with few of them it says less: with genres alone, some three a
# track, it ranks better with half of its weight (docs/benchmarks.md, "Taste"). Between these two
# numbers of tags its weight grows in a line: with 4.5 tags a track it has three quarters.
FEW_TAGS, FULL_TAGS = 3.0, 6.0
SHARE_WITH_FEW_TAGS = 0.5
# The reception of our own picks is learned from picks, and many of them say more. Between these two
# numbers of picks its weight grows in a line, to twice as much: with 90 picks it is 1.5 times as
# large (docs/benchmarks.md, "Simulation").
FEW_PICKS, MANY_PICKS = 60, 120
FACTOR_WITH_MANY_PICKS = 2.0


def rank_column(values: Floats, among: Flags) -> Floats:
    """Return 1 - log(rank) / log(n): 1 for the best and 0 for the last of n.

    Args:
        values: (tracks,), higher is better; NaN is unknown and becomes the mean of the known.
        among: (tracks,), True for the n tracks that are ranked; the others get the rank that
            they would have. Equal values share their mean rank.

    >>> rank_column(np.array([9.0, 5.0, 1.0]), np.ones(3, bool)).round(3).tolist()
    [1.0, 0.369, 0.0]
    """
    known = ~np.isnan(values)
    field = np.sort(values[among & known])
    if not len(field):
        return np.zeros(len(values))
    # On sorted values, the search takes half the time.
    order = np.argsort(values)
    upto, below = np.empty(len(values)), np.empty(len(values))
    upto[order] = np.searchsorted(field, values[order], side="right")
    below[order] = np.searchsorted(field, values[order], side="left")
    above, equal = len(field) - upto, upto - below
    ranks = np.minimum(above + np.maximum(equal + 1, 2) / 2, len(field))
    column: Floats = 1 - np.log(ranks) / np.log(max(len(field), 2))
    column[~known] = column[among & known].mean()
    return column


def z_column(values: Floats, among: Flags) -> Floats:
    """Return (value - mean) / standard deviation, cut to [-3, 6] and divided by 3.

    Args:
        values: (tracks,), higher is better; NaN is unknown and becomes 0.
        among: (tracks,), True for the tracks whose mean and standard deviation are used.
    """
    field = values[among & ~np.isnan(values)]
    spread = field.std() if len(field) else 0.0
    # Rounding alone gives equal values a spread.
    if not spread > 1e-9 * max(1.0, float(np.abs(field).max(initial=0.0))):
        return np.zeros(len(values))
    z: Floats = np.clip((values - field.mean()) / spread, MIN_Z, MAX_Z) / Z_UNIT
    z[np.isnan(z)] = 0.0
    return z


def columns_of(signals: pd.DataFrame, among: Flags) -> Floats:
    """Return both columns of every signal, (tracks, 2 × signals): rank, z, rank, z and so on."""
    found = np.empty((len(signals), 2 * signals.shape[1]))
    for at, name in enumerate(signals.columns):
        values = signals[name].to_numpy(dtype=float, na_value=np.nan)
        found[:, 2 * at] = rank_column(values, among)
        found[:, 2 * at + 1] = z_column(values, among)
    return found


@dataclass(frozen=True)
class Fusion:
    """Weights of the signals.

    Attributes:
        weights: By signal: the weight of its rank column and of its z column.
    """

    weights: Mapping[str, tuple[float, float]]

    def vector(self, names: Iterable[str]) -> Floats:
        """Return the weights in the order of `columns_of`, (2 × names,); 0 for an unknown one."""
        pairs = [self.weights.get(name, (0.0, 0.0)) for name in names]
        return np.array(pairs, dtype=float).ravel()

    def score(self, signals: pd.DataFrame, among: pd.Series) -> pd.Series:
        """Return the score of each track, 0-1; 1 means that every signal is at its best.

        Args:
            signals: Indexed by track, one column a signal, higher is better; NaN where a signal
                knows nothing of a track. Columns without a weight are ignored.
            among: True for the tracks that ranks are counted among, same index.

        >>> signals = pd.DataFrame({"p_like": [0.9, 0.5, 0.2]}, index=["a", "b", "c"])
        >>> DEFAULT.score(signals, pd.Series(True, index=signals.index)).round(3).to_dict()
        {'a': 1.0, 'b': 0.369, 'c': 0.0}
        """
        return self.contributions(signals, among).sum(axis=1)

    def contributions(self, signals: pd.DataFrame, among: pd.Series) -> pd.DataFrame:
        """Return each signal's part of each track's score, (tracks, signals); rows sum to scores.

        A signal at its best for a track adds its whole weight, and one at its worst adds 0. A value
        minus the mean of its column shows what sets the track apart.
        """
        known = [name for name in signals.columns if name in self.weights]
        columns = columns_of(signals[known], _flags(among.reindex(signals.index)))
        weights = self.vector(known)
        low, high = _bounds(weights)
        reach = float((high - low).sum())
        added = columns * weights - low
        each = added[:, 0::2] + added[:, 1::2]
        return pd.DataFrame(each / reach if reach > 0 else each, signals.index, known)


DEFAULT = Fusion(DEFAULT_WEIGHTS)


def default_fusion(tags_per_track: float, picks: int = 0) -> Fusion:
    """Return the default weights by what there is to learn from.

    Args:
        tags_per_track: Mean number of tags of a track in the catalog.
        picks: Number of the listener's past picks whose reception is known.

    >>> [default_fusion(tags).weights["p_like"][0] for tags in (2.0, 4.5, 20.0)]
    [1.75, 2.625, 3.5]
    >>> [default_fusion(20.0, picks).weights["reception"][0] for picks in (0, 90, 500)]
    [4.0, 6.0, 8.0]
    """
    tags = [FEW_TAGS, FULL_TAGS], [SHARE_WITH_FEW_TAGS, 1.0]
    received = [FEW_PICKS, MANY_PICKS], [1.0, FACTOR_WITH_MANY_PICKS]
    factors = {P_LIKE: np.interp(tags_per_track, *tags), RECEPTION: np.interp(picks, *received)}
    weights = {
        name: (rank * float(factors[name]), z * float(factors[name]))
        for name, (rank, z) in DEFAULT_WEIGHTS.items()
        if name in factors
    }
    return Fusion({**DEFAULT_WEIGHTS, **weights})


def _bounds(weights: Floats) -> tuple[Floats, Floats]:
    """Return the minimum and maximum contribution of each column, both (2 × signals,)."""
    ends = np.tile([[0.0, MIN_Z / Z_UNIT], [1.0, MAX_Z / Z_UNIT]], len(weights) // 2)
    reached = ends * weights
    return reached.min(axis=0), reached.max(axis=0)


def _flags(among: pd.Series) -> Flags:
    return among.fillna(False).to_numpy(dtype=bool)
