"""Calibration of the taste model's probabilities, fitted on one year and tested on the next.

The mixture is the model's own: three artists that were not adopted, drawn at random, for each that
was. Platt scaling and an isotonic curve are fitted on the year before; no data of the test year are
used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from smallhours.training.evaluation.classification import (
    ReliabilityBin,
    brier,
    calibration_error,
    log_loss,
    reliability,
)
from smallhours.training.taste.backtest_fold import OTHERS_PER_LIKE
from smallhours.training.taste.classifier import UNCALIBRATED, Calibration

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Year:
    """Log-odds of one year's artists, and flags of the adopted, in the model's mixture."""

    log_odds: Floats
    y: npt.NDArray[np.intp]

    @classmethod
    def of(cls, log_odds: Floats, truth: npt.NDArray[np.intp], rng: np.random.Generator) -> "Year":
        """Keep all adopted artists, and three others for each."""
        adopted, others = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
        drawn = rng.choice(others, min(len(others), OTHERS_PER_LIKE * len(adopted)), False)
        at = np.concatenate([adopted, drawn])
        return cls(log_odds[at], truth[at])


def calibrated(
    years: Sequence[Year],
) -> tuple[Mapping[str, Mapping[str, float]], list[ReliabilityBin]]:
    """Return figures of each calibration over all years but the first, and Platt's curve."""
    y = np.concatenate([each.y for each in years[1:]])
    said: dict[str, Floats] = {
        "as trained": _over(years, lambda _, now: UNCALIBRATED(now.log_odds)),
        "Platt": _over(years, lambda b, now: Calibration.fit(b.log_odds, b.y)(now.log_odds)),
        "isotonic": _over(years, lambda b, now: _isotonic(b)(now.log_odds)),
        "the base rate": np.full(len(y), 1 / (1 + OTHERS_PER_LIKE)),
    }
    figures = {
        name: {
            "log_loss": log_loss(y, p),
            "brier": brier(y, p),
            "calibration_error": calibration_error(y, p),
        }
        for name, p in said.items()
    }
    return figures, reliability(y, said["Platt"])


def _over(years: Sequence[Year], answer: Callable[[Year, Year], Floats]) -> Floats:
    return np.concatenate([answer(before, now) for before, now in pairwise(years)])


def _isotonic(before: Year) -> Callable[[Floats], Floats]:
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    curve.fit(before.log_odds, before.y)
    return lambda log_odds: np.asarray(curve.predict(log_odds), dtype=np.float64)
