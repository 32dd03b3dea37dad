"""How far off is a prediction, at most, four times out of five?

One width for all predictions covers 80 % overall and under half where a feature is hard to tell.
So the residuals of artists that were not learned from are cut by the deciles of the prediction,
and each tenth has its own 10 % and 90 % quantiles.

In the lowest tenth, most residuals are below 0: the lowest predictions of all would be given hardly
any room above them. What is more extreme than the middle of an outermost tenth therefore gets the
interval of that middle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COVERAGE = 0.8
BINS = 10
# A 10 % quantile of fewer residuals is hardly more than their least.
FEWEST_IN_A_BIN = 30


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
        """Learn from held-out rows, both (n,); fewer rows make fewer bins.

        Raises:
            ValueError: without rows.
        """
        if not len(predicted):
            raise ValueError("there are no held-out rows")
        bins = max(1, min(BINS, len(predicted) // FEWEST_IN_A_BIN))
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

    def around(self, predicted: Floats) -> tuple[Floats, Floats]:
        """Lower and upper ends for predictions (n,), within 0-1 and around the prediction."""
        at = np.searchsorted(self.edges, predicted, side="right")
        within = np.clip(predicted, *self.middles)
        low = np.clip(np.minimum(within + self.low[at], predicted), 0.0, 1.0)
        high = np.clip(np.maximum(within + self.high[at], predicted), 0.0, 1.0)
        return low, high

    def to_json(self) -> dict[str, list[float]]:
        """Plain lists."""
        return {
            "edges": self.edges.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "middles": self.middles.tolist(),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Sequence[float]]) -> Self:
        """Read back what `to_json` gave."""
        names = ("edges", "low", "high", "middles")
        return cls(*(np.asarray(stored[name], dtype=float) for name in names))
