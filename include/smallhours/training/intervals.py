"""Prediction intervals of 80 % from the residuals of held-out artists.

One width for all predictions covers 80 % overall and under half where a feature is hard to predict.
So the residuals of artists that were not learned from are grouped by the deciles of the prediction,
and each group has its own 10 % and 90 % quantiles. Example: if residuals (actual - predicted) in
the lowest decile have the quantiles -0.02 and 0.10, a prediction of 0.05 there gets the interval
0.03 to 0.15.

In the lowest decile, most residuals are below 0, so that the very lowest predictions would get
hardly any room above them. A prediction beyond the median of an outermost decile therefore gets the
interval of that median.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COVERAGE = 0.8
BINS = 10
# With fewer residuals, a 10 % quantile is hardly more than their minimum.
MIN_ROWS_PER_BIN = 30


@dataclass(frozen=True)
class ResidualIntervals:
    """Residual quantiles of one target, by the size of the prediction.

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
