"""Figures of a like / dislike model, from scores or probabilities.

Each figure is one function over n rows: `y` holds 1 for a like and 0 for none, `scores` any number
that is higher for a likelier like, `p` a probability.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Probabilities stay this far from 0 and 1: otherwise a single error costs infinitely much.
PROBABILITY_MARGIN = 1e-6


def placements(y: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """Return, for each like, the share of the others that score below it; ties count half.

    Their mean is the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 1988, call them placement
    values), so that two models are compared on each like.

    >>> placements([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1]).tolist()
    [1.0, 0.75]
    """
    found, values = _arrays(y, scores)
    others = np.sort(values[found == 0])
    likes = values[found == 1]
    if not len(others):
        return np.full(len(likes), np.nan)
    below = np.searchsorted(others, likes, side="left")
    up_to = np.searchsorted(others, likes, side="right")
    shares: Floats = (below + up_to) / (2 * len(others))
    return shares


def auc(y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return P(a like scores above another row), ties counting half; NaN without both kinds.

    >>> auc([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    0.875
    """
    shares = placements(y, scores)
    return float(shares.mean()) if len(shares) else float("nan")


def average_precision(y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area under precision over recall: sum over thresholds of (R_i - R_(i-1)) P_i.

    Rows of equal score share one threshold, as in scikit-learn; NaN without likes.

    >>> round(average_precision([1, 0, 1], [0.9, 0.8, 0.7]), 4)
    0.8333
    """
    found, values = _arrays(y, scores)
    if not found.any():
        return float("nan")
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(found[order])
    last_of_equals = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    precision = hits[last_of_equals] / (last_of_equals + 1)
    gained = np.diff(hits[last_of_equals], prepend=0) / hits[-1]
    return float(precision @ gained)


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean of -ln of the probability given to the outcome.

    >>> round(log_loss([1, 0], [0.8, 0.4]), 4)
    0.367
    """
    found, values = _arrays(y, p)
    sure = np.clip(values, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return float(-np.mean(np.where(found == 1, np.log(sure), np.log1p(-sure))))


def brier(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean squared distance between probability and outcome (Brier, 1950).

    >>> round(brier([1, 0], [0.8, 0.4]), 4)
    0.1
    """
    found, values = _arrays(y, p)
    return float(np.mean((values - found) ** 2))


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of a reliability curve.

    Attributes:
        low, high: Bounds of the probabilities in the bin.
        mean_p: Mean of the probabilities in the bin.
        share: Share of likes among its rows.
        n: Number of its rows.
    """

    low: float
    high: float
    mean_p: float
    share: float
    n: int


def reliability(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = 10) -> list[ReliabilityBin]:
    """Return the reliability curve: the share of likes among rows of similar probability.

    Bins are equally wide; empty ones are left out.

    >>> [(each.mean_p, each.share, each.n) for each in reliability([0, 1, 1], [0.2, 0.8, 0.8], 2)]
    [(0.2, 0.0, 1), (0.8, 1.0, 2)]
    """
    found, values = _arrays(y, p)
    edges = np.linspace(0, 1, bins + 1)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    curve = []
    for each in range(bins):
        mine = at == each
        if mine.any():
            low, high = float(edges[each]), float(edges[each + 1])
            # Rounding takes a mean of six times 0.1 below 0.1.
            mean_p = float(np.clip(values[mine].mean(), low, high))
            share = float(found[mine].mean())
            curve.append(ReliabilityBin(low, high, mean_p, share, int(mine.sum())))
    return curve


def calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = 10) -> float:
    """Return the expected calibration error: the curve's mean distance from the diagonal.

    >>> round(calibration_error([0, 1, 1], [0.2, 0.8, 0.8], 2), 4)
    0.2
    """
    curve = reliability(y, p, bins)
    rows = sum(each.n for each in curve)
    return sum(each.n * abs(each.mean_p - each.share) for each in curve) / rows if rows else 0.0


def _arrays(y: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both as arrays of one length.

    Raises:
        ValueError: when they differ in length.
    """
    found, given = np.asarray(y, dtype=float), np.asarray(values, dtype=float)
    if found.shape != given.shape:
        raise ValueError(f"{found.shape} outcomes for {given.shape} values")
    return found, given
