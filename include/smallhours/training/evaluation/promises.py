"""The promise of a list: how many of its picks will be heard out, with an interval of 90 %.

It is an adaptive conformal interval (Gibbs and Candès, NeurIPS 2021) over the past lists. Each past
list is predicted from those before it: their mean share of picks that were heard out, recent lists
counting most, times the list's size. A list's residual is its distance from the prediction, in
standard deviations of a binomial. Tonight's interval reaches as far from tonight's prediction as
all but a part of the past residuals did. That part is a tenth in the long run: after a list that
the interval missed it shrinks, so that the interval widens, and after one that it held it grows. So
the interval also follows a taste that changes. Its ends are whole numbers within it, which exclude
nothing that it holds.

Where the lists are found to be received worse from one on (`find_drop`), only those since then
predict tonight's.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.playlist_settings import MAIN
from smallhours.training.evaluation.metrics import Floats
from smallhours.training.evaluation.receptions import Reception, find_drop
from smallhours.training.model_card import Metric

# The figure in `metrics`.
HEARD_OUT = "heard_out"
# After fewer lists nothing is promised.
MIN_LISTS = 5
# Share of the lists that the interval may miss, in the long run and at the beginning: the first
# lists get better quickly.
MISSES, FIRST_MISSES = 0.1, 0.07
MIN_MISSES, MAX_MISSES = 0.005, 0.5
# How far one list moves that share.
STEP = 0.07
# A list counts half as much as one that is so many lists newer.
HALF_LIFE = 8
# Residuals of a normal distribution, which count as well until there are enough real ones.
PRIOR = np.array([NormalDist().inv_cdf(0.5 + (at + 0.5) / 40) for at in range(20)])


@dataclass(frozen=True)
class Promise:
    """At least `low` and at most `high` picks will be heard out; `expected` in the mean."""

    low: int
    high: int
    expected: float


def promise(past: Sequence[Reception], size: int) -> Promise | None:
    """Return the promise for a list of some size; None after too few lists.

    Args:
        past: The lists before it, oldest first.
        size: Number of its tracks.

    >>> night = dt.date(2026, 11, 1)
    >>> found = promise([Reception(night, 10, heard) for heard in (6, 7, 5, 6, 8, 6, 6)], 10)
    >>> found.low, found.high
    (4, 8)
    """
    misses = FIRST_MISSES
    shares = np.array([each.heard_out / each.size for each in past])
    residuals = np.array([])
    for at, each in enumerate(past):
        expected, deviation = _expect(shares[:at], each.size)
        residual = abs(each.heard_out - expected) / deviation
        missed = residual > _reach(residuals, misses)
        misses = min(max(misses + STEP * (MISSES - missed), MIN_MISSES), MAX_MISSES)
        residuals = np.append(residuals, residual)
    if len(past) < MIN_LISTS or not size:
        return None
    drop = find_drop(past)
    expected, deviation = _expect(shares[-drop.since :] if drop else shares, size)
    reach = _reach(residuals, misses) * deviation
    low, high = math.ceil(expected - reach), math.floor(expected + reach)
    if low > high:
        low = high = round(expected)
    return Promise(max(low, 0), min(high, size), expected)


def _expect(shares: Floats, size: int) -> tuple[float, float]:
    """Return the expected number of picks that are heard out, and its standard deviation."""
    weights = 0.5 ** (np.arange(len(shares))[::-1] / HALF_LIFE)
    # One list of which half was heard out is added, so that no share is 0 or 1.
    known = float(weights.sum()) + 1
    share = (float(weights @ shares) + 0.5) / known
    return size * share, math.sqrt(size * share * (1 - share) * (1 + 1 / known))


def _reach(residuals: Floats, misses: float) -> float:
    """Return the residual that all but a share of the past ones do not exceed."""
    known = np.sort(np.append(residuals, PRIOR))
    return float(known[math.ceil((1 - misses) * (len(known) - 1))])


def promise_metric(found: Promise, size: int, *, intent: str) -> Metric:
    """Return a promise as a row of `metrics`."""
    low, high = float(found.low), float(found.high)
    return Metric(_subject(intent), HEARD_OUT, found.expected, size, low=low, high=high)


def promises_by_night(
    lake: Lake, listener: str, nights: Iterable[dt.date], *, intent: str = MAIN
) -> dict[dt.date, Promise]:
    """Return what was promised for the lists of some nights."""
    months = sorted({f"{night:%Y-%m}" for night in nights})
    rows = lake.frame(METRICS, where={"month": months})
    mine = (rows["listener"] == listener) & (rows["subject"] == _subject(intent))
    rows = rows[mine & (rows["metric"] == HEARD_OUT)]
    columns = (rows[name] for name in ("night", "low", "high", "value"))
    return {
        night: Promise(int(low), int(high), float(value))
        for night, low, high, value in zip(*columns, strict=True)
    }


def _subject(intent: str) -> str:
    return "playlist" if intent == MAIN else f"playlist_{intent}"
