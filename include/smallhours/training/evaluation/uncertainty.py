"""Intervals of figures and of predictions, and the promotion gate, which decides by them.

Figures have intervals of 95 % (bootstrap or Wilson's), predictions of 80 % (by residuals). A
bootstrap draws whole clusters: tracks of one artist are adopted together, and resampling them one
by one would give intervals that are too narrow.

A new model replaces the one in use only if it is not worse on the same rows. Both are evaluated on
the same held-out units - adopted tracks, weeks - one figure each, higher is better, and the mean
difference is bootstrapped. A new model may be worse by chance, so it is kept out only when it is
worse by more than a tolerance that the data can show: the mean difference is below -tolerance, or
it is below -tolerance / 4 and the interval's upper end is below zero. With too few units nothing
can be shown, and the default goes into use, which was chosen on more data than this listener has.

Example: with a tolerance of 0.02, a mean difference of -0.01 with the interval [-0.03, +0.01] is
promoted, -0.01 with [-0.015, -0.004] is not, and -0.03 is not with any interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 2000
# The normal distribution's 97.5 % point.
Z95 = 1.959963984540054
_BOUNDS = (2.5, 97.5)

COVERAGE = 0.8
BINS = 10
# With fewer residuals, a 10 % quantile is hardly more than their minimum.
MIN_ROWS_PER_BIN = 30


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its 95 % interval; NaN where nothing was measured."""

    value: float
    low: float
    high: float


UNKNOWN_INTERVAL = Interval(float("nan"), float("nan"), float("nan"))


def wilson(successes: int, n: int, z: float = Z95) -> Interval:
    """Return a share with Wilson's score interval (1927), within 0 and 1 even for few trials.

    Centre (p + z²/2n) / (1 + z²/n), half width z sqrt(p (1 - p) / n + z²/4n²) / (1 + z²/n).

    >>> found = wilson(1, 10)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0179, 0.4042)

    Raises:
        ValueError: when the successes are not between 0 and n.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is not a share")
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0)
    share, spread = successes / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return Interval(share, min(low, share), max(high, share))


def bootstrap_mean(
    values: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: npt.ArrayLike | None = None,
    draws: int = DRAWS,
) -> Interval:
    """Return a mean with its percentile bootstrap interval (Efron, 1979).

    Args:
        values: (n,), NaN where nothing could be measured.
        rng: Random generator of the samples.
        clusters: (n,) the cluster of each value; None makes each value its own.
        draws: Number of samples.

    >>> bootstrap_mean([2.0, 2.0, 2.0], rng=np.random.default_rng(1))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    given = np.asarray(values, dtype=float)
    measured = ~np.isnan(given)
    given = given[measured]
    if not len(given):
        return UNKNOWN_INTERVAL
    sums, sizes = _clustered(given, None if clusters is None else np.asarray(clusters)[measured])
    at = rng.integers(0, len(sums), size=(draws, len(sums)))
    means = sums[at].sum(axis=1) / sizes[at].sum(axis=1)
    return _interval(float(given.mean()), means)


def paired_difference(
    ours: npt.ArrayLike,
    theirs: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: npt.ArrayLike | None = None,
    draws: int = DRAWS,
) -> Interval:
    """Return the mean of ours - theirs on the same units, with its bootstrap interval.

    >>> paired_difference([0.5, 0.7], [0.4, 0.6], rng=np.random.default_rng(1)).value > 0.0999
    True
    """
    difference = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    return bootstrap_mean(difference, rng=rng, clusters=clusters, draws=draws)


def bootstrap_ratio(
    ours: npt.ArrayLike, theirs: npt.ArrayLike, *, rng: np.random.Generator, draws: int = DRAWS
) -> Interval:
    """Return mean(ours) / mean(theirs) on the same units, with its bootstrap interval.

    >>> bootstrap_ratio([0.2, 0.4], [0.1, 0.2], rng=np.random.default_rng(1))
    Interval(value=2.0, low=2.0, high=2.0)
    """
    top, bottom = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    measured = ~(np.isnan(top) | np.isnan(bottom))
    top, bottom = top[measured], bottom[measured]
    if not len(top) or bottom.sum() == 0:
        return UNKNOWN_INTERVAL
    at = rng.integers(0, len(top), size=(draws, len(top)))
    sums = bottom[at].sum(axis=1)
    ratios = top[at].sum(axis=1)[sums > 0] / sums[sums > 0]
    return _interval(float(top.sum() / bottom.sum()), ratios)


def _clustered(values: Floats, clusters: npt.NDArray[np.generic] | None) -> tuple[Floats, Floats]:
    """Return the sum and the size of each cluster."""
    if clusters is None:
        return values, np.ones(len(values))
    _, at = np.unique(clusters, return_inverse=True)
    sums: Floats = np.bincount(at, weights=values).astype(np.float64)
    return sums, np.bincount(at).astype(np.float64)


def _interval(value: float, drawn: Floats) -> Interval:
    low, high = np.percentile(drawn, _BOUNDS)
    return Interval(value, float(low), float(high))


@dataclass(frozen=True)
class ResidualIntervals:
    """Residual quantiles of one target, by the size of the prediction.

    One width for all predictions covers 80 % overall and under half where a feature is hard to
    predict. So the residuals of artists that were not learned from are grouped by the deciles of
    the prediction, and each group has its own 10 % and 90 % quantiles. Example: if residuals
    (actual - predicted) in the lowest decile have the quantiles -0.02 and 0.10, a prediction of
    0.05 there gets the interval 0.03 to 0.15.

    In the lowest decile, most residuals are below 0, so that the very lowest predictions would get
    hardly any room above them. A prediction beyond the median of an outermost decile therefore gets
    the interval of that median.

    Attributes:
        edges: (bins - 1,) boundaries between the bins, ascending.
        low: (bins,) residual (actual - predicted) that 10 % fall below.
        high: (bins,) residual that 10 % exceed.
        middles: (2,) medians of the predictions in the lowest and in the highest bin.
    """

    edges: Floats
    low: Floats
    high: Floats
    middles: Floats

    @classmethod
    def fit(cls, predicted: Floats, actual: Floats) -> Self:
        """Learn from predictions and actual values of held-out rows, both (n,).

        Fewer rows make fewer bins.

        Raises:
            ValueError: without rows.
        """
        if not len(predicted):
            raise ValueError("there are no held-out rows")
        bins = max(1, min(BINS, len(predicted) // MIN_ROWS_PER_BIN))
        # Many equal predictions can make deciles coincide; each bin keeps some rows.
        edges = np.unique(np.quantile(predicted, np.arange(1, bins) / bins))
        edges = edges[edges > predicted.min()]
        # Nor may a boundary fall between two of a few distinct predictions beside another one.
        occupied = np.unique(np.searchsorted(edges, predicted, side="right"))
        edges = edges[occupied[1:] - 1]
        residuals = actual - predicted
        at = np.searchsorted(edges, predicted, side="right")
        tails = (1 - COVERAGE) / 2, (1 + COVERAGE) / 2
        quantiles = np.array(
            [np.quantile(residuals[at == b], tails) for b in range(len(edges) + 1)]
        )
        middles = np.array([np.median(predicted[at == b]) for b in (0, len(edges))])
        return cls(edges, quantiles[:, 0], quantiles[:, 1], middles)

    def bounds_of(self, predicted: Floats) -> tuple[Floats, Floats]:
        """Return lower and upper ends for predictions (n,), within 0-1 and around them."""
        at = np.searchsorted(self.edges, predicted, side="right")
        within = np.clip(predicted, *self.middles)
        low = np.clip(np.minimum(within + self.low[at], predicted), 0.0, 1.0)
        high = np.clip(np.maximum(within + self.high[at], predicted), 0.0, 1.0)
        return low, high

    def to_json(self) -> dict[str, list[float]]:
        """Return the quantiles as plain lists."""
        return {
            "edges": self.edges.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "middles": self.middles.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Sequence[float]]) -> Self:
        """Read back the result of `to_json`."""
        names = ("edges", "low", "high", "middles")
        return cls(*(np.asarray(stored[name], dtype=float) for name in names))


MIN_UNITS = 20
# Loss that is accepted, in units of the figure (AUC): a smaller one changes no playlist.
TOLERANCE = 0.02


@dataclass(frozen=True)
class GateDecision:
    """The gate's decision.

    Attributes:
        promote: True if the new model goes into use.
        why: The reason, in a sentence.
        difference: New minus in use, with its interval; None when there was nothing to compare.
        n: Number of units that it rests on.
    """

    promote: bool
    why: str
    difference: Interval | None
    n: int


def decide_promotion(
    ours: npt.ArrayLike,
    in_use: npt.ArrayLike | None,
    *,
    rng: np.random.Generator,
    clusters: npt.ArrayLike | None = None,
) -> GateDecision:
    """Compare a new model with the one in use.

    Args:
        ours: (n,) of `metrics.placements`, whose mean is the AUC: one per held-out unit.
        in_use: (n,) the same for the model in use; None when there is none.
        rng: Random generator of the bootstrap.
        clusters: (n,) units that are not independent, such as tracks of one artist.

    >>> rng = np.random.default_rng(1)
    >>> decide_promotion([0.9] * 30, None, rng=rng).why
    'nothing was in use before'
    >>> decide_promotion([0.5] * 30, [0.9] * 30, rng=rng).promote
    False
    """
    new = np.asarray(ours, dtype=float)
    if in_use is None:
        return GateDecision(True, "nothing was in use before", None, len(new))
    old = np.asarray(in_use, dtype=float)
    n = int((~(np.isnan(new) | np.isnan(old))).sum())
    if n < MIN_UNITS:
        why = f"{n} held-out adoptions are too few to compare on ({MIN_UNITS} are the least)"
        return GateDecision(True, f"{why}: the default goes into use unjudged", None, n)
    found = paired_difference(new, old, rng=rng, clusters=clusters)
    figures = (
        f"AUC {np.nanmean(new):.3f} against {np.nanmean(old):.3f} of the one in use, "
        f"difference {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}] on {n} adoptions"
    )
    worse = found.value < -TOLERANCE or (found.high < 0 and found.value < -TOLERANCE / 4)
    if worse:
        return GateDecision(False, f"worse than the one in use: {figures}", found, n)
    better = "better than" if found.low > 0 else "not worse than"
    return GateDecision(True, f"{better} the one in use: {figures}", found, n)
