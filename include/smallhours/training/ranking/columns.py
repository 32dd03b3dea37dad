"""Scale-free columns of signals, comparable between signals and between listeners.

Each signal becomes two columns. The rank column is how far up the list a track is, and the z
column how far it stands out; neither depends on the signal's unit or on the number of candidates.
Of all that was tried, weights of these two transferred best from one listener's list to another's.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# A z column is cut here, in standard deviations, and then divided by 3: signals such as the
# number of votes are far from normal, and their tail lies above.
MIN_Z, MAX_Z, Z_UNIT = -3.0, 6.0, 3.0


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
