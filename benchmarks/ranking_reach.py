"""Data derived from the lists of similar artists: reversed lists, co-mentions and lent tags.

A list is cut at 100, so that a well known artist names few of those that name it. Read both ways,
lists reach further; artists that the same lists name are similar though neither names the other;
and most artists have too few tags of their own, so that tags of similar artists are added.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from smallhours.training.ranking.pagerank import personalised_pagerank, transitions

Floats = npt.NDArray[np.float64]
TAG_FACTORS = 48


@dataclass(frozen=True)
class Reach:
    """Data derived from the lists and tags, the same for all listeners.

    Attributes:
        steps: The result of `transitions` on the lists read both ways.
        usual: (artists,), the random walk from the artists that everyone plays.
        named_by: CSR (artists, artists), artists that name each one, with their similarity, rows
            of length one.
        tags: CSR (artists, tags), an artist's own and those of similar artists, rows of length one.
        tag_factors: (artists, TAG_FACTORS or fewer), their main directions, likewise.
    """

    steps: sparse.csr_matrix
    usual: Floats
    named_by: sparse.csr_matrix
    tags: sparse.csr_matrix
    tag_factors: Floats

    @classmethod
    def of(cls, near: sparse.csr_matrix, known: Floats, tags: sparse.csr_matrix) -> Self:
        """Derive the data from the lists.

        Args:
            near: CSR (artists, artists), similarity of the artists in each artist's list.
            known: (artists,), number of listeners of each.
            tags: CSR (artists, tags), vectors of length one.
        """
        either = near.maximum(near.T).tocsr()
        steps = transitions(either)
        spread = unit_rows(sparse.csr_matrix(tags + steps.T @ tags))
        return cls(
            steps,
            personalised_pagerank(steps, known),
            unit_rows(near.T.tocsr()),
            spread,
            _factors(spread),
        )


def unit_rows(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return each row divided by its length; an empty one stays empty."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ rows)


def _factors(rows: sparse.csr_matrix) -> Floats:
    """Return rows along the directions of largest variation (of XᵀX), as unit vectors."""
    inner = (rows.T @ rows).toarray()
    last = len(inner) - 1
    first = max(0, last - TAG_FACTORS + 1)
    _, directions = linalg.eigh(inner, subset_by_index=(first, last))
    found = rows @ directions
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 0, length, 1.0))
