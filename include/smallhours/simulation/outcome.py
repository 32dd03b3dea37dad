"""What came of the simulated nights: who was accepted more, and did variety suffer?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from smallhours.charts.lines import Line, lines
from smallhours.simulation.nights import Morning
from smallhours.simulation.rivals import OURS
from smallhours.simulation.trend import WEEK, ahead, slope
from smallhours.training.evaluation.uncertainty import Interval

Floats = npt.NDArray[np.float64]
Lives = Mapping[tuple[str, str], Sequence[Morning]]

# The two ends that are compared at a glance.
ENDS = 10


@dataclass(frozen=True)
class Curve:
    """One way to rank: each listener's mornings, (listeners, nights) each.

    Attributes:
        name: Of the way.
        acceptance: Of the list.
        diversity: Of the list.
        best: What the acceptance could have been; NaN where nothing could be chosen.
        chance: What it would have been by chance; likewise.
    """

    name: str
    acceptance: Floats
    diversity: Floats
    best: Floats
    chance: Floats

    @property
    def mean(self) -> float:
        """Acceptance over all nights and listeners."""
        return float(self.acceptance.mean())

    @property
    def share(self) -> Floats:
        """How far from chance to the best the lists came, (listeners, nights); 1 is the best."""
        return (self.acceptance - self.chance) / (self.best - self.chance)

    def trend(self, rng: np.random.Generator) -> Interval:
        """How much acceptance changes in ten nights."""
        return slope(self.acceptance, rng=rng)


def curves(lives: Lives) -> dict[str, Curve]:
    """The mornings of each way to rank.

    Args:
        lives: By (way, listener): each morning; all equally long but for mornings before a first
            list, which are missing at the front.
    """
    nights = min(len(mornings) for mornings in lives.values())
    found = {}
    for name in dict.fromkeys(way for way, _ in lives):
        mine = [mornings[-nights:] for (way, _), mornings in lives.items() if way == name]
        truths = [[each.truth for each in mornings] for mornings in mine]
        offers = [[each.offer for each in mornings] for mornings in mine]
        found[name] = Curve(
            name,
            np.array([[each.acceptance for each in row] for row in truths]),
            np.array([[each.diversity for each in row] for row in truths]),
            np.array([[np.nan if each is None else each.best for each in row] for row in offers]),
            np.array([[np.nan if each is None else each.chance for each in row] for row in offers]),
        )
    return found


def figures(found: Mapping[str, Curve], rng: np.random.Generator) -> dict[str, Any]:
    """The figures as plain values, rounded; differences and trends with their intervals."""
    ours = found[OURS]
    return {
        "acceptance_by_night": _by_night(ours.acceptance),
        "baselines": {
            name: {
                "mean": round(curve.mean, 4),
                "ours_minus": _interval(ahead(ours.acceptance, curve.acceptance, rng=rng)),
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


def picture(found: Mapping[str, Curve]) -> str:
    """The learning curves, a point a week."""
    return lines(
        "How much of the playlist is heard to the end",
        [
            Line(name, *_weekly(curve.acceptance.mean(axis=0)))
            for name, curve in sorted(found.items(), key=lambda item: -item[1].mean)
        ],
        desc="Mean probability over the list's tracks, averaged over listeners and weeks.",
        x_label="night",
        y_label="acceptance",
        digits=2,
        width=760,
    )


def ends(values: Floats) -> tuple[float, float]:
    """Means of the first and of the last nights, (listeners, nights)."""
    return float(np.nanmean(values[:, :ENDS])), float(np.nanmean(values[:, -ENDS:]))


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
