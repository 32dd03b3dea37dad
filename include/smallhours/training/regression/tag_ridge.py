"""Ridge regressions with several penalties on the encoded tags, one member of the linear regressor.

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

from smallhours.training.regression.tag_encoder import Encoded, TagEncoder

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-4


class TagRidge(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Ridge regressions over both TF-IDF blocks and the artist's factors.

    Args:
        track_columns: Number of leading columns with the track's own tags.
        alphas, factors, factor_scale: As in `LinearTagRegressor`.

    Attributes:
        encoder_: The fitted encoder.
        coef_: (penalties, targets, encoded tags + factors).
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
        self.coef_ = np.stack([np.reshape(ridge.coef_, (y.shape[1], -1)) for ridge in ridges])
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
