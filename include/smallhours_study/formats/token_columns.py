"""GPT-2's tokens of a text as columns: their ids by position, or their counts.

`TokenPositions` is the paper's Table 9, "100 / 1,000 / 10,000 tokens": a text is encoded, cut to K
tokens and padded to K, and the ids themselves are the columns. That is what the authors' published
preparation does, and only so can "1,000 tokens" and "10,000 tokens" of Ordered texts have identical
errors in Table 9: no such text is 1,000 tokens long, so the other 9,000 columns are padding. An id
is a name, not an amount, but a linear model reads it as one: most of these rows in Table 9 are no
better than the mean.

`TokenCounts` is not in the paper: how often each of the K most frequent tokens occurs in a text. A
tabular model can read this format, so that the study can separate the value of the tokens from
that of their layout.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from smallhours.training.tags import count_matrix
from smallhours_study.formats import bpe
from smallhours_study.formats.bpe import encode, text_rows


class TokenPositions(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # no stubs
    """Turn texts into a sparse matrix of GPT-2's token ids by position.

    A value is the id plus 1, so that 0 is left for "the text has ended". Nothing is learned.

    Args:
        k: Number of tokens of each text.

    >>> TokenPositions(k=3).fit_transform(["rock, pop", ""]).toarray().tolist()
    [[10824.0, 12.0, 1462.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, k: int = 1000) -> None:
        self.k = k

    def fit(self, X: Sequence[str], y: Any = None) -> Self:  # noqa: ARG002, N803
        """Check k.

        Raises:
            ValueError: when k is not positive.
        """
        if self.k < 1:
            raise ValueError(f"k must be at least 1, not {self.k}")
        return self

    def transform(self, X: Sequence[str]) -> sparse.csr_matrix:  # noqa: N803
        """Return ids plus 1, float32 (exact for whole numbers to 16 million), (texts, k).

        Raises:
            TypeError: when a row is not a text.
        """
        self.fit(X)
        ids: array[int] = array("i")
        ends = [0]
        for text in text_rows(X):
            ids.extend(encode(text, limit=self.k))
            ends.append(len(ids))
        starts = np.array(ends, dtype=np.int32)
        lengths = np.diff(starts)
        columns = np.arange(len(ids), dtype=np.int32) - np.repeat(starts[:-1], lengths)
        values = np.frombuffer(ids, dtype=np.int32).astype(np.float32) + 1
        return sparse.csr_matrix((values, columns, starts), shape=(len(lengths), self.k))

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return the names `token_0` to the last."""
        return np.array([f"token_{at}" for at in range(self.k)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags


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
