"""Token counts: how often each of the K most frequent GPT-2 tokens occurs in a text.

Not in the paper, whose token columns hold ids by position (`TokenPositions`). A tabular model can
read this format, so that the study can separate the value of the tokens from that of their layout.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from smallhours.training.tag_counts import count_matrix
from smallhours_study.formats import bpe
from smallhours_study.formats.bpe import text_rows


class TokenCounts(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Turn texts into a sparse matrix of token counts.

    Args:
        k: Number of tokens; fewer when the texts hold fewer.

    Attributes:
        tokens_: Ids of the chosen tokens, most frequent first; equal ones by id.

    >>> counts = TokenCounts(k=2).fit(["rock rock rock", "rock pop"])
    >>> counts.get_feature_names_out().tolist()
    ['Ġrock', 'rock']
    >>> counts.transform(["rock rock rock", "pop"]).toarray().tolist()
    [[2.0, 1.0], [0.0, 0.0]]
    """

    def __init__(self, k: int = 1000) -> None:
        self.k = k

    def fit(self, X: Sequence[str], y: Any = None) -> Self:  # noqa: ARG002, N803
        """Choose the tokens.

        Raises:
            ValueError: when k is not positive, or all texts are empty.
            TypeError: when a row is not a text.
        """
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        totals: Counter[int] = Counter()
        for text in text_rows(X):
            totals.update(bpe.count(text))
        if not totals:
            raise ValueError("no text has a token")
        ranked = sorted(totals, key=lambda token: (-totals[token], token))
        self.tokens_ = np.array(ranked[: self.k], dtype=np.int32)
        return self

    def transform(self, X: Sequence[str]) -> sparse.csr_matrix:  # noqa: N803
        """Count the chosen tokens, float64, (texts, tokens); other tokens are left out."""
        check_is_fitted(self)
        column = {token: at for at, token in enumerate(self.tokens_.tolist())}
        return count_matrix((bpe.count(text) for text in text_rows(X)), column)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the chosen tokens as GPT-2 spells them, one per column."""
        check_is_fitted(self)
        names = bpe.names()
        return np.array([names[token] for token in self.tokens_], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
