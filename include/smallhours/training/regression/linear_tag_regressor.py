"""What does a plain linear model make of the tags? The default of a small machine.

Ridge regression on the two TF-IDF blocks and the artist's factors. It takes seconds and little
memory, its coefficients are the whole explanation of a prediction, and it beats both tabular
models of the paper (docs/benchmarks.md).
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from smallhours.training.regression.artists import artist_names
from smallhours.training.regression.tag_encoder import TagEncoder, tag_counts
from smallhours.training.regression.targets import TargetRange

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-4


class LinearTagRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression on TF-IDF blocks, for several targets at once.

    Args:
        track_columns: How many leading columns of X are counts of the track's own tags; the
            others count its artist's.
        bounds: What targets lie between; None takes the training targets' own range.
        alpha: Weight of the penalty.
        factors: Of the artist's tags.
        factor_scale: Their length next to the track's tags, which have length 1.

    Attributes:
        ridge_: The fitted ridge over the encoded tags and factors.
        mean_: (targets,) of the training rows: the answer for a track of which no tag is given.
    """

    def __init__(
        self,
        track_columns: int = 0,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        alpha: float = 8.0,
        factors: int = 50,
        factor_scale: float = 0.5,
    ) -> None:
        self.track_columns = track_columns
        self.bounds = bounds
        self.alpha = alpha
        self.factors = factors
        self.factor_scale = factor_scale

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803
        """Learn from tracks with measured features.

        Args:
            X: (n, columns) counts, sparse or dense, not negative.
            y: (n,) or (n, targets), within the bounds.
            groups: (n,) the artist of each track, so that an artist's tags are counted once;
                without it each track counts as an artist of its own.

        Raises:
            ValueError: for fewer than two rows, negative counts, NaN, targets out of bounds, or
                a row without its artist.
        """
        X, y = validate_data(  # noqa: N806
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float64,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2,
        )
        X = tag_counts(X, self.track_columns)  # noqa: N806
        self.range_ = TargetRange(self.bounds).fit(y)
        self.mean_ = self.range_.to_unit(y).mean(axis=0)
        names = artist_names(groups, X.shape[0])
        with threadpool_limits(limits=1):
            self.encoder_ = TagEncoder(self.track_columns, factors=self.factors).fit(X, names)
            self.ridge_ = Ridge(self.alpha, solver="lsqr", tol=TOLERANCE)
            self.ridge_.fit(self._columns(X), self.range_.to_unit(y))
        return self

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """(n,) or (n, targets) as y was, within the bounds; the mean for a track without tags."""
        check_is_fitted(self)
        X = validate_data(  # noqa: N806
            self, X, accept_sparse="csr", dtype=np.float64, reset=False
        )
        X = tag_counts(X, self.track_columns)  # noqa: N806
        predicted = np.asarray(self.ridge_.predict(self._columns(X))).reshape(X.shape[0], -1)
        predicted[np.diff(X.indptr) == 0] = self.mean_
        return self.range_.from_unit(np.clip(predicted, 0.0, 1.0))

    def _columns(self, X: sparse.csr_matrix) -> sparse.csr_matrix:  # noqa: N803
        inputs = self.encoder_.transform(X)
        factors = sparse.csr_matrix(self.factor_scale * inputs.factors)
        return sparse.hstack([inputs.tags, factors]).tocsr()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags
