"""Scaling of targets: models work within 0-1, callers in the targets' own unit."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float64]


class TargetRange(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Scale targets to 0-1 and back.

    Args:
        bounds: (low, high) of all targets; None uses the range of each in the training rows.

    Attributes:
        low_, width_: (targets,); the width of a constant target is 1.
        flat_: True if y was (n,), so that predictions must be, too.
    """

    def __init__(self, bounds: tuple[float, float] | None = (0.0, 1.0)) -> None:
        self.bounds = bounds

    def fit(self, y: Any) -> Self:
        """Learn the range of y, (n,) or (n, targets).

        Raises:
            ValueError: when a target is out of bounds.
        """
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        self.flat_ = np.ndim(y) == 1
        if self.bounds is None:
            self.low_ = columns.min(axis=0)
            width = columns.max(axis=0) - self.low_
            self.width_ = np.where(width > 0, width, 1.0)
            return self
        low, high = self.bounds
        if columns.min() < low or columns.max() > high:
            raise ValueError(
                f"targets go from {columns.min():g} to {columns.max():g}, outside of the bounds "
                f"{low:g} to {high:g}: leave these rows out or give other bounds"
            )
        self.low_ = np.full(columns.shape[1], float(low))
        self.width_ = np.full(columns.shape[1], float(high - low))
        return self

    def to_unit(self, y: Any) -> Floats:
        """Scale to 0-1, (n, targets)."""
        columns = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        return np.asarray((columns - self.low_) / self.width_)

    def from_unit(self, unit: Floats) -> Floats:
        """Scale back from 0-1, (n,) or (n, targets) as y was."""
        y = np.asarray(self.low_ + self.width_ * unit)
        return y[:, 0] if self.flat_ else y
