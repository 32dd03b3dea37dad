"""Taste centres of a listener: spherical k-means over the tags of the tracks that they play.

A mean of jazz and metal is neither; a listener of both has two centres.
"""

import numpy as np
from scipy import sparse

from smallhours.training.ranking.columns import Floats

MAX_CENTRES = 5
# One centre per this many tracks.
TRACKS_PER_CENTRE = 10
MAX_ITERATIONS = 20


def taste_centres(vectors: sparse.csr_matrix, weights: Floats, rng: np.random.Generator) -> Floats:
    """Return directions that tracks gather around (Dhillon and Modha, 2001), weighted and seeded.

    Args:
        vectors: (tracks, tags), rows of length one; empty rows are ignored.
        weights: (tracks,), weight of each track, >= 0.
        rng: Random generator that draws the first centres, each by its distance to those before
            (k-means++).

    Returns:
        (centres, tags), rows of length one; one centre per ten tracks, five at most, and none
        if no track has a weight.
    """
    has_tags = np.diff(vectors.indptr) > 0
    counts = np.flatnonzero((weights > 0) & has_tags)
    if not len(counts):
        return np.zeros((0, vectors.shape[1]))
    rows, weight = vectors[counts], weights[counts]
    wanted = int(np.clip(len(counts) // TRACKS_PER_CENTRE, 1, MAX_CENTRES))
    centres = _first(rows, weight, wanted, rng)
    nearest = np.full(len(counts), -1)
    for _ in range(MAX_ITERATIONS):
        closest = np.asarray(rows @ centres.T).argmax(axis=1)
        if (closest == nearest).all():
            break
        nearest = closest
        centres = _means(rows, weight, nearest, centres)
    return centres


def _first(
    rows: sparse.csr_matrix, weight: Floats, wanted: int, rng: np.random.Generator
) -> Floats:
    chosen = [int(rng.choice(len(weight), p=weight / weight.sum()))]
    while len(chosen) < wanted:
        near = (rows @ rows[chosen].T).toarray().max(axis=1)
        away = weight * np.clip(1 - near, 0.0, None)
        if not away.sum() > 1e-9:
            break
        chosen.append(int(rng.choice(len(weight), p=away / away.sum())))
    return np.asarray(rows[chosen].toarray())


def _means(rows: sparse.csr_matrix, weight: Floats, nearest: np.ndarray, before: Floats) -> Floats:
    """Return the direction of each group's weighted sum; a group that emptied keeps its centre."""
    member = sparse.csr_matrix(
        (weight, (nearest, np.arange(len(weight)))), shape=(len(before), len(weight))
    )
    total = np.asarray((member @ rows).toarray())
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1.0), before)
