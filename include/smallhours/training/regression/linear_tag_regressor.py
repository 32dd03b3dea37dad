"""The linear regressor of audio features, the default for small data and small machines.

Ridge regression on the two TF-IDF blocks and the artist's factors. It takes seconds and little
memory, its coefficients explain a prediction completely, and it is better than both tabular models
of the paper (docs/benchmarks.md).

A light penalty suits few tracks with clear tags, a heavy one many tracks with noisy tags, and each
feature has its own optimum. So there are ridges with several penalties, each an expert; their blend
is Breiman's first example of stacked regressions (1996).
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from smallhours.training.regression.folded_regressor import FoldedRegressor
from smallhours.training.regression.tag_encoder import Encoded, TagEncoder

TOLERANCE = 1e-4
Floats = npt.NDArray[np.float64]


class TagRidge(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Ridge regressions over both TF-IDF blocks and the artist's factors.

    Args:
        track_columns: Number of leading columns with the track's own tags.
        alphas, factors, factor_scale: As in `LinearTagRegressor`.

    Attributes:
        encoder_: The fitted encoder.
        coef_: (penalties, targets, encoded tags + factors), in 32 bits.
        intercept_: (penalties, targets) prediction of each without tags.
    """

    def __init__(
        self,
        track_columns: int = 0,
        alphas: Sequence[float] = (8.0,),
        factors: int = 50,
        factor_scale: float = 0.5,
    ) -> None:
        self.track_columns = track_columns
        self.alphas = alphas
        self.factors = factors
        self.factor_scale = factor_scale

    def fit(self, X: sparse.csr_matrix, y: Floats, groups: npt.NDArray[Any]) -> Self:  # noqa: N803
        """Fit to X (n, columns) counts and y (n, targets) within 0-1.

        Raises:
            ValueError: when no row has a tag.
        """
        self.encoder_ = TagEncoder(self.track_columns, factors=self.factors).fit(X, groups)
        columns = self._columns(self.encoder_.transform(X))
        ridges = [
            Ridge(alpha, solver="lsqr", tol=TOLERANCE).fit(columns, y) for alpha in self.alphas
        ]
        coef = np.stack([np.reshape(ridge.coef_, (y.shape[1], -1)) for ridge in ridges])
        self.coef_ = coef.astype(np.float32)
        self.intercept_ = np.stack([np.reshape(ridge.intercept_, -1) for ridge in ridges])
        return self

    def predict(self, X: sparse.csr_matrix) -> Floats:  # noqa: N803
        """Predict (n, penalties, targets): each penalty is an expert."""
        check_is_fitted(self)
        columns = self._columns(self.encoder_.transform(X))
        return np.stack(
            [
                columns @ coef.T + intercept
                for coef, intercept in zip(self.coef_, self.intercept_, strict=True)
            ],
            axis=1,
        )

    def contributions(self, X: sparse.csr_matrix, weights: Floats) -> Floats:  # noqa: N803
        """Return each column's contribution to a weighted sum of a single row's predictions.

        A tag counts by its own coefficient. An artist's tag also counts by its share of the
        factors, which are linear in the artist's tags but for the common length.

        Args:
            X: (1, columns) counts.
            weights: (penalties, targets).

        Returns:
            (columns, targets); with the weighted intercepts they add up to the weighted prediction.
        """
        check_is_fitted(self)
        coef = np.einsum("at,atc->ct", weights, self.coef_)
        encoder, tags = self.encoder_, self.encoder_.transform(X).tags.toarray()[0]
        own = len(encoder.track_kept_)
        direct = tags[:, None] * coef[: len(tags)]
        towards = (tags[own:, None] / encoder.artist_scale) * encoder.directions_
        length = np.linalg.norm(towards.sum(axis=0))
        if length > 0:
            direct[own:] += self.factor_scale * towards / length @ coef[len(tags) :]
        added = np.zeros((X.shape[1], weights.shape[1]))
        added[encoder.track_kept_] += direct[:own]
        added[self.track_columns + encoder.artist_kept_] += direct[own:]
        return added

    def _columns(self, inputs: Encoded) -> sparse.csr_matrix:
        factors = sparse.csr_matrix(self.factor_scale * inputs.factors)
        return sparse.hstack([inputs.tags, factors]).tocsr()


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
