"""The linear regressor of audio features, the default for small data and small machines.

Ridge regression on the two TF-IDF blocks and the artist's factors. It takes seconds and little
memory, its coefficients explain a prediction completely, and it is better than both tabular models
of the paper (docs/benchmarks.md).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.training.regression.folded_regressor import FoldedRegressor
from smallhours.training.regression.tag_ridge import TagRidge

Floats = npt.NDArray[np.float64]


class LinearTagRegressor(FoldedRegressor):
    """Ridge regression on TF-IDF blocks over folds of artists, for several targets at once.

    Args:
        track_columns: Number of leading columns of X that count the track's own tags; the
            others count its artist's.
        bounds: Bounds of the targets; None uses the range of the training targets.
        folds: Number of folds of artists, and of members.
        alphas: Weights of the penalty, blended by the held-out error.
        factors: Number of factors of the artist's tags.
        factor_scale: Their length next to the track's tags, which have length 1.
        n_jobs: Folds trained at a time, each on one thread. Results do not depend on it.

    Attributes: see `FoldedRegressor`.

    >>> import numpy as np
    >>> tags = np.random.default_rng(0).integers(0, 2, (60, 6)) * 50
    >>> LinearTagRegressor().fit(tags, 0.2 + 0.6 * (tags[:, 0] > 0)).predict(tags).shape
    (60,)
    """

    def __init__(
        self,
        track_columns: int = 0,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        folds: int = 5,
        alphas: Sequence[float] = (0.5, 8.0, 64.0),
        factors: int = 50,
        factor_scale: float = 0.5,
        n_jobs: int = 1,
    ) -> None:
        self.track_columns = track_columns
        self.bounds = bounds
        self.folds = folds
        self.alphas = alphas
        self.factors = factors
        self.factor_scale = factor_scale
        self.n_jobs = n_jobs

    def _member(self, X: sparse.csr_matrix, unit: Floats, names: Any, k: int) -> TagRidge:  # noqa: ARG002, N803
        return TagRidge(self.track_columns, self.alphas, self.factors, self.factor_scale).fit(
            X, unit, names
        )
