"""Intervals of 95 %: bootstrap over listeners, weeks or tracks, and Wilson's for shares.

A bootstrap draws whole clusters: tracks of one artist are adopted together, and resampling them one
by one would give intervals that are too narrow.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DRAWS = 2000
# The normal distribution's 97.5 % point.
Z95 = 1.959963984540054
_BOUNDS = (2.5, 97.5)


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
