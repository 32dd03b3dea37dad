"""Diversity: the similarity of two tracks of a list by tags, artist, and the seeds behind them.

Similar tracks are kept out while the list is filled, by maximal marginal relevance (Carbonell and
Goldstein, SIGIR 1998).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.training.evaluation.metrics import intra_list_diversity

Floats = npt.NDArray[np.float64]

# The weights of the parts of similarity; they sum to 1.
TAG_WEIGHT = 0.5
SEED_WEIGHT = 0.3
ARTIST_WEIGHT = 0.2


def similarity(
    one: int, vectors: sparse.csr_matrix, seeds: sparse.csr_matrix, artists: Sequence[str]
) -> Floats:
    """Return the similarity of every track to one of them, (n,), 0-1.

    Two tracks of one artist (0.2) with a tag cosine of 0.8 and no common seed have a similarity of
    0.5 * 0.8 + 0.3 * 0 + 0.2 = 0.6.

    Args:
        one: Its place.
        vectors: (n, tags), rows of length 1 (or 0).
        seeds: (n, seeds), likewise.
        artists: (n,).
    """
    of_tags = np.asarray((vectors @ vectors[[one]].T).todense()).ravel()
    of_seeds = np.asarray((seeds @ seeds[[one]].T).todense()).ravel()
    same = np.fromiter((each == artists[one] for each in artists), float, len(artists))
    alike: Floats = TAG_WEIGHT * of_tags + SEED_WEIGHT * of_seeds + ARTIST_WEIGHT * same
    return alike.clip(0.0, 1.0)


def mean_distance(vectors: sparse.csr_matrix) -> float:
    """Return the mean of 1 - cosine over all pairs (intra-list diversity); NaN for fewer than two.

    Args:
        vectors: (n, tags), rows of length 1; tracks without tags have rows of 0 and are left out.

    >>> mean_distance(sparse.csr_matrix([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).__round__(3)
    0.667
    """
    tagged = vectors[np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel() > 0]
    return intra_list_diversity(tagged)
