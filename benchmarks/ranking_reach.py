"""What do the lists of similar artists say beyond their own rows?

A list is cut at 100, so that a well known artist names few of those that name it. Read both ways,
lists reach further; artists that the same lists name are alike though neither names the other; and
most artists have too few tags of their own, which the tags of similar artists make up for.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

from smallhours.training.ranking.walk import transitions, walk

Floats = npt.NDArray[np.float64]
TAG_FACTORS = 48


@dataclass(frozen=True)
class Reach:
    """What follows from the lists, and from the lists and tags, for all listeners alike.

    Attributes:
        steps: Of `transitions`, of the lists read both ways.
        usual: (artists,), where a walk from the artists that everyone plays leads.
        named_by: CSR (artists, artists), who names each artist and how near, rows of length one.
        tags: CSR (artists, tags), an artist's own and those of similar artists, rows of length one.
        tag_factors: (artists, TAG_FACTORS or fewer), the main directions of these, likewise.
    """

    steps: sparse.csr_matrix
    usual: Floats
    named_by: sparse.csr_matrix
    tags: sparse.csr_matrix
    tag_factors: Floats

    @classmethod
    def of(cls, near: sparse.csr_matrix, known: Floats, tags: sparse.csr_matrix) -> Self:
        """Follow the lists.

        Args:
            near: CSR (artists, artists), how near those are that each artist's list names.
            known: (artists,), how well known each is.
            tags: CSR (artists, tags), vectors of length one.
        """
        either = near.maximum(near.T).tocsr()
        steps = transitions(either)
        spread = unit_rows(sparse.csr_matrix(tags + steps.T @ tags))
        return cls(
            steps,
            walk(steps, known),
            unit_rows(near.T.tocsr()),
            spread,
            _factors(spread),
        )


def unit_rows(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Each row divided by its length; an empty one stays empty."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ rows)


def _factors(rows: sparse.csr_matrix) -> Floats:
    """Rows along the directions in which they differ most (of XᵀX), as unit vectors."""
    inner = (rows.T @ rows).toarray()
    last = len(inner) - 1
    first = max(0, last - TAG_FACTORS + 1)
    _, directions = linalg.eigh(inner, subset_by_index=(first, last))
    found = rows @ directions
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 0, length, 1.0))
