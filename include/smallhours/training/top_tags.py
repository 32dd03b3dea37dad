"""The paper's tabular format of tags, as a transformer.

A row per track, a column per tag, the tag's count as its value, and K tags chosen by their summed
count. The matrix is sparse and stays so.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from smallhours.training.tags import TagCounts, count_matrix, tag_rows

# Rows are meant to be mappings; matrices are accepted too, but have no types.
Rows = Sequence[TagCounts] | Any


class TopTags(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Turn mappings of tag to count into a sparse matrix of the strongest tags.

    A matrix of (rows, tags), dense or sparse, or a data frame with a column per tag, is taken as
    well; its columns are then the tags.

    Args:
        k: Number of tags; fewer when the rows hold fewer.

    Attributes:
        tags_: The chosen tags, strongest first; equal ones in alphabetical order (of a matrix, in
            the order of its columns).

    >>> top = TopTags(k=2).fit([{"rock": 100, "indie": 50}, {"rock": 80, "sad": 20}])
    >>> top.tags_.tolist()
    ['rock', 'indie']
    >>> top.transform([{"indie": 10, "polka": 90}]).toarray().tolist()
    [[0.0, 10.0]]
    """

    def __init__(self, k: int = 1000) -> None:
        self.k = k

    def fit(self, X: Rows, y: Any = None) -> Self:  # noqa: ARG002, N803
        """Choose the tags.

        Raises:
            ValueError: when k is not positive, no row has a tag, or a count is no number.
        """
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        if _is_matrix(X):
            return self._fit_matrix(X)
        totals: Counter[str] = Counter()
        for row in tag_rows(X):
            totals.update(row)
        if not totals:
            raise ValueError("no row has a tag")
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        self.tags_ = np.array([tag for tag, _ in ranked[: self.k]], dtype=str)
        return self

    def _fit_matrix(self, X: Rows) -> Self:  # noqa: N803
        matrix = validate_data(self, X, accept_sparse="csr", dtype=np.float64)
        strength = np.asarray(matrix.sum(axis=0)).ravel()
        self.columns_ = np.argsort(-strength, kind="stable")[: self.k]
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            names = np.array([f"x{at}" for at in range(matrix.shape[1])])
        self.tags_ = np.asarray(names[self.columns_], dtype=str)
        return self

    def transform(self, X: Rows) -> sparse.csr_matrix:  # noqa: N803
        """Return counts of the chosen tags, float64, (rows, tags); other tags are left out."""
        check_is_fitted(self)
        if _is_matrix(X):
            matrix = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
            return sparse.csr_matrix(matrix)[:, self.columns_]
        column = {tag: at for at, tag in enumerate(self.tags_.tolist())}
        return count_matrix(tag_rows(X), column)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the chosen tags, one per column."""
        check_is_fitted(self)
        return np.asarray(self.tags_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.input_tags.sparse = True
        return tags


def _is_matrix(rows: Any) -> bool:
    """Return True for numbers in columns; a sequence of anything else is read as mappings."""
    if isinstance(rows, Sequence):
        return bool(rows) and isinstance(rows[0], (list, tuple))
    return not (getattr(rows, "ndim", 2) == 1 and rows.dtype == object)
