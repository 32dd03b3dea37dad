"""Results of the simulated nights: the curves of each ranker, their trends and differences.

The intervals are bootstrap intervals. Nights of one week are correlated: the same models ranked
them, and tracks liked in one are not recommended in the next. So the bootstrap draws whole weeks of
listeners, not single nights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from smallhours.training.evaluation.uncertainty import (
    DRAWS,
    Interval,
    paired_difference,
)
from smallhours.web.charts.lines import LineSeries, lines
from smallhours_sandbox.simulation.listener import DailyOutcome
from smallhours_sandbox.simulation.rankers import OURS, RANKERS

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


SimulationResults = Mapping[tuple[str, str], Sequence[DailyOutcome]]

# Number of first and of last nights that are compared.
EDGE_NIGHTS = 10


@dataclass(frozen=True)
class LearningCurve:
    """The learning curve of one ranker; each array is (listeners, nights).

    Attributes:
        name: Name of the ranker.
        acceptance: Acceptance of the list.
        diversity: Diversity of the list.
        best: Acceptance of the best possible list; NaN without candidates.
        chance: Acceptance of a random list; NaN without candidates.
    """

    name: str
    acceptance: Floats
    diversity: Floats
    best: Floats
    chance: Floats

    @property
    def mean(self) -> float:
        """Return the mean acceptance over all nights and listeners."""
        return float(self.acceptance.mean())

    @property
    def oracle_share(self) -> Floats:
        """Return each list's position between chance (0) and the best (1), (listeners, nights)."""
        return (self.acceptance - self.chance) / (self.best - self.chance)

    def trend(self, rng: np.random.Generator) -> Interval:
        """Return the change of acceptance in ten nights."""
        return slope(self.acceptance, rng=rng)


def curves(results: SimulationResults) -> dict[str, LearningCurve]:
    """Return the learning curve of each ranker.

    Args:
        results: The mornings by (ranker, listener). Mornings before a first list are missing at the
            start; so the curves are aligned at the last night.
    """
    nights = min(len(mornings) for mornings in results.values())
    found = {}
    for name in dict.fromkeys(way for way, _ in results):
        mine = [mornings[-nights:] for (way, _), mornings in results.items() if way == name]
        truths = [[each.quality for each in mornings] for mornings in mine]
        offers = [[each.oracle for each in mornings] for mornings in mine]
        found[name] = LearningCurve(
            name,
            np.array([[each.acceptance for each in row] for row in truths]),
            np.array([[each.diversity for each in row] for row in truths]),
            np.array([[np.nan if each is None else each.best for each in row] for row in offers]),
            np.array([[np.nan if each is None else each.chance for each in row] for row in offers]),
        )
    return found


def figures(found: Mapping[str, LearningCurve], rng: np.random.Generator) -> dict[str, Any]:
    """Return all results as plain rounded values; differences and trends with their intervals."""
    ours = found[OURS]
    rivals = [curve for name, curve in found.items() if RANKERS[name].signal is not None]
    return {
        **(_over_best(ours, max(rivals, key=lambda each: each.mean), rng) if rivals else {}),
        "of_possible_last_ten": round(edge_means(ours.oracle_share)[1], 4),
        "acceptance_by_night": _by_night(ours.acceptance),
        "baselines": {
            name: {
                "mean": round(curve.mean, 4),
                "ours_minus": _interval(
                    mean_difference(ours.acceptance, curve.acceptance, rng=rng)
                ),
                "change_in_ten_nights": _interval(curve.trend(rng)),
                "acceptance_by_night": _by_night(curve.acceptance),
            }
            for name, curve in found.items()
            if name != OURS
        },
        "diversity_by_night": _by_night(ours.diversity),
        "mean": round(ours.mean, 4),
        "change_in_ten_nights": _interval(ours.trend(rng)),
        "diversity_change_in_ten_nights": _interval(slope(ours.diversity, rng=rng)),
        "best_by_night": _by_night(ours.best),
        "chance_by_night": _by_night(ours.chance),
    }


def _over_best(
    ours: LearningCurve, best: LearningCurve, rng: np.random.Generator
) -> dict[str, Any]:
    """Return how far ours is ahead of the best rival: over all nights, and in the first ten."""
    first = edge_means(ours.acceptance)[0] - edge_means(best.acceptance)[0]
    return {
        "best_rival": best.name,
        "over_best_rival": _interval(mean_difference(ours.acceptance, best.acceptance, rng=rng)),
        "first_ten_over_best_rival": round(first, 4),
    }


def picture(found: Mapping[str, LearningCurve]) -> str:
    """Return the learning curves as SVG, one point per week."""
    return lines(
        "How much of the playlist is heard to the end",
        [
            LineSeries(name, *_weekly(curve.acceptance.mean(axis=0)))
            for name, curve in sorted(found.items(), key=lambda item: -item[1].mean)
        ],
        desc="Mean probability over the list's tracks, averaged over listeners and weeks.",
        x_label="night",
        y_label="acceptance",
        digits=2,
        width=760,
    )


def edge_means(values: Floats) -> tuple[float, float]:
    """Return the means of the first and of the last nights of (listeners, nights)."""
    return float(np.nanmean(values[:, :EDGE_NIGHTS])), float(np.nanmean(values[:, -EDGE_NIGHTS:]))


def _weekly(values: Floats) -> tuple[list[float], list[float]]:
    xs, ys = [], []
    for start in range(0, len(values), WEEK):
        part = values[start : start + WEEK]
        xs.append(start + (len(part) + 1) / 2)
        ys.append(float(part.mean()))
    return xs, ys


def _by_night(values: Floats) -> list[float]:
    return [round(float(value), 4) for value in np.nanmean(values, axis=0)]


def _interval(found: Interval) -> list[float]:
    return [round(each, 4) for each in (found.value, found.low, found.high)]
