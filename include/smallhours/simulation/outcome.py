"""What came of the simulated nights: who was accepted more, did it rise, did variety suffer?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smallhours.charts.lines import Line, lines
from smallhours.simulation.rivals import OURS
from smallhours.simulation.world import Truth

# Nights that are averaged into one point of a curve.
WEEK = 7
# The two ends that are compared: did it rise?
ENDS = 10


@dataclass(frozen=True)
class Curve:
    """One way to rank, over the nights, averaged over the listeners.

    Attributes:
        name: Of the way.
        acceptance: By night.
        diversity: By night.
    """

    name: str
    acceptance: Sequence[float]
    diversity: Sequence[float]

    @property
    def mean(self) -> float:
        """Acceptance over all nights."""
        return float(np.mean(self.acceptance))

    def ends(self, values: Sequence[float]) -> tuple[float, float]:
        """Means of the first and of the last nights."""
        return float(np.mean(values[:ENDS])), float(np.mean(values[-ENDS:]))


def curves(lives: Mapping[tuple[str, str], Sequence[Truth]]) -> dict[str, Curve]:
    """Average the listeners of each way to rank.

    Args:
        lives: By (way, listener): the truth of each morning; all equally long but for mornings
            before a first list, which are missing at the front.
    """
    found = {}
    for name in dict.fromkeys(way for way, _ in lives):
        mine = [truths for (way, _), truths in lives.items() if way == name]
        nights = min(len(truths) for truths in mine)
        found[name] = Curve(
            name,
            _mean([[each.acceptance for each in truths[-nights:]] for truths in mine]),
            _mean([[each.diversity for each in truths[-nights:]] for truths in mine]),
        )
    return found


def figures(found: Mapping[str, Curve]) -> dict[str, Any]:
    """The figures as plain values, rounded."""
    ours = found[OURS]
    return {
        "acceptance_by_night": _rounded(ours.acceptance),
        "baselines": {
            name: {"mean": round(curve.mean, 4), "acceptance_by_night": _rounded(curve.acceptance)}
            for name, curve in found.items()
            if name != OURS
        },
        "diversity_by_night": _rounded(ours.diversity),
        "mean": round(ours.mean, 4),
    }


def picture(found: Mapping[str, Curve]) -> str:
    """The learning curves, a point a week."""
    return lines(
        "How much of the playlist is heard to the end",
        [
            Line(name, *_weekly(curve.acceptance))
            for name, curve in sorted(found.items(), key=lambda item: -item[1].mean)
        ],
        desc="Mean probability over the list's tracks, averaged over listeners and weeks.",
        x_label="night",
        y_label="acceptance",
        digits=2,
        width=760,
    )


def _weekly(values: Sequence[float]) -> tuple[list[float], list[float]]:
    xs, ys = [], []
    for start in range(0, len(values), WEEK):
        part = values[start : start + WEEK]
        xs.append(start + (len(part) + 1) / 2)
        ys.append(float(np.mean(part)))
    return xs, ys


def _mean(rows: Sequence[Sequence[float]]) -> list[float]:
    means: list[float] = np.nanmean(np.asarray(rows, dtype=float), axis=0).tolist()
    return means


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]
