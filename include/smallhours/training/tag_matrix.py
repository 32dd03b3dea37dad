"""How do tags become columns? The K strongest tags of the training tracks, with their counts.

The paper's tabular format: a row per track, a column per tag, the tag's count as its value, and
K tags chosen by their summed count. The matrix is sparse and stays so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

TagCounts = Mapping[str, float]


class TopTags(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Turn mappings of tag to count into a sparse matrix of the strongest tags.

    Args:
        k: How many tags; fewer when the rows hold fewer.

    Attributes:
        tags_: The chosen tags, strongest first; equal ones in alphabetical order.

    >>> top = TopTags(k=2).fit([{"rock": 100, "indie": 50}, {"rock": 80, "sad": 20}])
    >>> top.tags_.tolist()
    ['rock', 'indie']
    >>> top.transform([{"indie": 10, "polka": 90}]).toarray().tolist()
    [[0.0, 10.0]]
    """

    def __init__(self, k: int = 1000) -> None:
        self.k = k

    def fit(self, X: Sequence[TagCounts], y: Any = None) -> Self:  # noqa: ARG002, N803
        """Choose the tags.

        Raises:
            ValueError: when k is not positive, or no row has a tag.
        """
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        totals: Counter[str] = Counter()
        for row in X:
            totals.update(row)
        if not totals:
            raise ValueError("no row has a tag")
        ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        self.tags_ = np.array([tag for tag, _ in ranked[: self.k]], dtype=str)
        return self

    def transform(self, X: Sequence[TagCounts]) -> sparse.csr_matrix:  # noqa: N803
        """Counts of the chosen tags, float64, (rows, tags); other tags are left out."""
        check_is_fitted(self)
        column = {tag: at for at, tag in enumerate(self.tags_.tolist())}
        ends, columns, values = [0], [], []
        for row in X:
            for tag, count in row.items():
                if (at := column.get(tag)) is not None:
                    columns.append(at)
                    values.append(count)
            ends.append(len(columns))
        matrix = sparse.csr_matrix(
            (
                np.asarray(values, dtype=np.float64),
                np.asarray(columns, dtype=np.int32),
                np.asarray(ends, dtype=np.int32),
            ),
            shape=(len(ends) - 1, len(column)),
        )
        matrix.sort_indices()
        return matrix

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """The chosen tags, one per column."""
        check_is_fitted(self)
        return np.asarray(self.tags_, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.input_tags.two_d_array = False
        return tags
