"""The tag encoder: separate model inputs for a track's own tags and for its artist's.

The input is one sparse matrix of counts: first the track's own tags, then its artist's. Each block
has TF-IDF weights on log(1 + count) and is scaled to length 1, so that a long list of artist
tags does not outweigh the track's few. Keeping the blocks apart improves more than any change
of model (docs/benchmarks.md). A truncated SVD of the artist block adds a few dense factors in
which rare tags are close to the common ones that they appear with.

Document frequencies of artist tags are counted over artists, not tracks: an artist with fifty
tracks is one observation of its tags.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Encoded:
    """Encoded tags of n tracks.

    Attributes:
        tags: (n, kept tags) sparse, the track's block then the artist's.
        factors: (n, factors) of length 1 each, or 0 where the artist has no known tag.
    """

    tags: sparse.csr_matrix
    factors: Floats

    def __len__(self) -> int:
        return int(self.tags.shape[0])

    def rows(self, which: Any) -> "Encoded":
        """Return some of the tracks, by row numbers or a slice."""
        return Encoded(self.tags[which], self.factors[which])


class TagEncoder(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Transformer from counts to two TF-IDF blocks and the factors of the artist's block.

    Args:
        track_columns: Number of leading columns with the track's own tags; the others are its
            artist's.
        artist_scale: Length of the artist's block, where the track's has length 1.
        factors: Maximum dimensions of the truncated SVD; 0 leaves it out.
        min_artists: A tag of fewer artists is left out, unless that would leave none.
        random_state: Seed of the SVD.

    Attributes:
        track_idf_, artist_idf_: Inverse document frequencies of the kept columns.
        track_kept_, artist_kept_: The columns of each block that are kept.
        directions_: (kept artist tags, factors), in 16 bits.
    """

    def __init__(
        self,
        track_columns: int = 0,
        artist_scale: float = 0.5,
        factors: int = 50,
        min_artists: int = 3,
        random_state: int = 0,
    ) -> None:
        self.track_columns = track_columns
        self.artist_scale = artist_scale
        self.factors = factors
        self.min_artists = min_artists
        self.random_state = random_state

    def fit(self, X: sparse.csr_matrix, groups: npt.NDArray[Any]) -> Self:  # noqa: N803
        """Learn the tags and their document frequencies.

        Args:
            X: (n, columns) counts, not negative.
            groups: (n,) the artist of each row.

        Raises:
            ValueError: when no row has a tag.
        """
        if not X.count_nonzero():
            raise ValueError("no row has a tag: there is nothing to learn from")
        track, artist = X[:, : self.track_columns], X[:, self.track_columns :]
        # One row per artist: its first. An artist's tags are the same on each of its tracks.
        artist = artist[np.unique(groups, return_index=True)[1]]
        self.track_kept_, self.track_idf_ = _rarity(track, 1)
        self.artist_kept_, self.artist_idf_ = _rarity(artist, self.min_artists)
        weighted = _weighted(artist[:, self.artist_kept_], self.artist_idf_)
        k = min(self.factors, *(side - 1 for side in weighted.shape))
        if k > 0 and weighted.nnz:
            _, _, vectors = randomized_svd(weighted, k, random_state=self.random_state)
            self.directions_ = np.ascontiguousarray(vectors.T, dtype=np.float16)
        else:
            self.directions_ = np.zeros((weighted.shape[1], 0), dtype=np.float16)
        return self

    def transform(self, X: sparse.csr_matrix) -> Encoded:  # noqa: N803
        """Encode rows of the same columns."""
        check_is_fitted(self)
        track = _weighted(X[:, : self.track_columns][:, self.track_kept_], self.track_idf_)
        artist = _weighted(X[:, self.track_columns :][:, self.artist_kept_], self.artist_idf_)
        tags = sparse.hstack([track, self.artist_scale * artist]).tocsr()
        return self.with_factors(tags)

    def with_factors(self, tags: sparse.csr_matrix) -> Encoded:
        """Return encoded tags (n, kept tags) with the factors of their artist's block."""
        artist = tags[:, len(self.track_kept_) :]
        factors = np.asarray(artist @ self.directions_.astype(np.float32))
        length = np.linalg.norm(factors, axis=1, keepdims=True)
        return Encoded(tags, factors / np.where(length > 0, length, 1.0))


def _rarity(counts: sparse.csr_matrix, min_rows: int) -> tuple[Indices, Floats]:
    """Return kept columns and their smoothed idf, ln((1 + n) / (1 + df)) + 1 as in scikit-learn."""
    n, columns = counts.shape
    found = np.bincount(counts.indices[counts.data > 0], minlength=columns)
    kept = np.flatnonzero(found >= min_rows)
    if not len(kept):
        kept = np.flatnonzero(found)
    return kept, np.log((1 + n) / (1 + found[kept])) + 1


def _weighted(counts: sparse.csr_matrix, idf: Floats) -> sparse.csr_matrix:
    """Return log(1 + count) x idf, each row scaled to length 1; rows without tags stay empty."""
    weighted = counts.astype(np.float64, copy=True)
    weighted.data = np.log1p(weighted.data) * idf[weighted.indices]
    squares = np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()
    length = np.sqrt(np.where(squares > 0, squares, 1.0))
    weighted.data /= np.repeat(length, np.diff(weighted.indptr))
    return weighted
