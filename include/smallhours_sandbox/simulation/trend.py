"""Trends and differences of simulated results, with bootstrap intervals.

Nights of one week are correlated: the same models ranked them, and tracks liked in one are not
recommended in the next. So the bootstrap draws whole weeks of listeners, not single nights.
"""

import numpy as np
import numpy.typing as npt

from smallhours.training.evaluation.uncertainty import (
    DRAWS,
    Interval,
    paired_difference,
)

Floats = npt.NDArray[np.float64]

WEEK = 7
# Number of nights for which a change is reported.
PER_NIGHTS = 10


def slope(values: Floats, *, rng: np.random.Generator, draws: int = DRAWS) -> Interval:
    """Return the change in ten nights: the common least-squares slope over all listeners.

    b = sum (t - mean t) (y - mean y) / sum (t - mean t)², means within each listener; the interval
    is from a bootstrap over weeks of listeners.

    Args:
        values: (listeners, nights).
        rng: Source of randomness of the bootstrap.
        draws: Number of bootstrap samples.

    >>> rising = np.linspace(0.5, 0.6, 11)[None, :]
    >>> round(slope(rising, rng=np.random.default_rng(1)).value, 3)
    0.1
    """
    nights = np.arange(values.shape[1])
    apart = np.broadcast_to(nights - nights.mean(), values.shape)
    off = values - values.mean(axis=1, keepdims=True)
    weeks = _weeks(values.shape)
    cross = np.bincount(weeks, weights=(apart * off).ravel())
    square = np.bincount(weeks, weights=(apart**2).ravel())
    at = rng.integers(0, len(cross), size=(draws, len(cross)))
    drawn = cross[at].sum(axis=1) / square[at].sum(axis=1)
    low, high = np.percentile(PER_NIGHTS * drawn, (2.5, 97.5))
    return Interval(PER_NIGHTS * float(cross.sum() / square.sum()), float(low), float(high))


def mean_difference(ours: Floats, theirs: Floats, *, rng: np.random.Generator) -> Interval:
    """Return the mean of ours - theirs over the same listeners and nights, (listeners, nights)."""
    return paired_difference(ours.ravel(), theirs.ravel(), rng=rng, clusters=_weeks(ours.shape))


def _weeks(shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Return an index of the (listener, week) of each value, (listeners × nights,)."""
    listeners, nights = shape
    week = np.arange(nights) // WEEK
    each = np.arange(listeners)[:, None] * (week.max(initial=0) + 1) + week
    return np.asarray(each.ravel(), dtype=np.intp)
