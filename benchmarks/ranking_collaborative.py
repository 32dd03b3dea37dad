"""What would others' plays alone recommend? The collaborative methods that a fusion must beat.

ALS and EASE learn from everyone; the neighbours need no learning. Each takes a listener's known
artists and scores the catalog.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse
from scipy.sparse.linalg import svds

from benchmarks.ranking_data import Crowd, Floats, Indices

# Tried on training listeners alone.
FACTORS, ROUNDS, CONFIDENCE, ALS_L2 = 64, 8, 1.0, 4.0
# Fewer listeners than this say nothing about who goes with whom; EASE leaves such artists out.
EASE_FEWEST, EASE_L2 = 3, 100.0
NEIGHBOURS = 50
DIMENSIONS = 64


@dataclass(frozen=True)
class Collaborative:
    """What ALS and EASE learned from the crowd.

    Attributes:
        factors: (artists, FACTORS) of ALS.
        directions: (artists, DIMENSIONS), the strongest directions of the crowd's plays.
        ease_places: The artists that EASE knows.
        ease: (ease_places, ease_places), EASE's weights.
        unit: CSR (listeners, artists), each listener's artists as a vector of length one.
    """

    factors: Floats
    directions: Floats
    ease_places: Indices
    ease: Floats
    unit: sparse.csr_matrix

    def als(self, seeds: Indices, plays: Floats) -> Floats:
        """Scores of the catalog by the factors that fit these plays best."""
        weight = CONFIDENCE * np.log1p(plays)
        return self.factors @ _solve(self.factors[seeds], weight, self.factors.T @ self.factors)

    def als_neighbours(self, seeds: Indices) -> Floats:
        """Sum of the cosines between an artist's factors and those of each seed."""
        length = np.linalg.norm(self.factors, axis=1, keepdims=True)
        unit = self.factors / np.where(length > 0, length, 1.0)
        return np.asarray(unit @ unit[seeds].sum(axis=0))

    def by_directions(self, seeds: Indices) -> Floats:
        """The listener's artists, as far as the strongest directions tell them (PureSVD, 2010)."""
        return np.asarray(self.directions @ self.directions[seeds].sum(axis=0))

    def by_ease(self, seeds: Indices) -> Floats:
        """Scores of the catalog; 0 for artists that EASE leaves out."""
        scores = np.zeros(len(self.factors))
        known = np.isin(self.ease_places, seeds)
        scores[self.ease_places] = self.ease[known].sum(axis=0)
        return scores

    def near_listeners(self, seeds: Indices) -> Floats:
        """Artists of the 50 listeners with the most artists in common, by cosine."""
        own = np.zeros(self.unit.shape[1])
        own[seeds] = 1.0
        close = self.unit @ own
        close[np.argsort(-close, kind="stable")[NEIGHBOURS:]] = 0.0
        return np.asarray(self.unit.T @ close**2)


def learn(crowd: Crowd, *, rng: np.random.Generator) -> Collaborative:
    """Learn from everyone's plays."""
    size = np.diff(crowd.plays.indptr)
    once = crowd.plays.copy()
    once.data[:] = 1.0
    unit = sparse.diags_array(1 / np.sqrt(np.maximum(size, 1))) @ once
    places = np.flatnonzero(crowd.listeners >= EASE_FEWEST)
    factors = _als(crowd.plays, rng)
    damped = unit @ sparse.diags_array(1 / np.sqrt(np.maximum(crowd.listeners, 1)))
    fewer = min(DIMENSIONS, min(damped.shape) - 1)
    _, _, directions = svds(damped, k=fewer, rng=rng)
    ease = _ease(once[:, places])
    return Collaborative(factors, directions.T.copy(), places, ease, sparse.csr_matrix(unit))


def _als(plays: sparse.csr_matrix, rng: np.random.Generator) -> Floats:
    """Alternating least squares for implicit feedback (Hu, Koren, Volinsky, 2008).

    Confidence is 1 + log(1 + plays); returns the artists' factors.
    """
    artists = rng.normal(0, 0.1, (plays.shape[1], FACTORS))
    by_artist = plays.T.tocsr()
    for _ in range(ROUNDS):
        people = _half(plays, artists)
        artists = _half(by_artist, people)
    return artists


def _half(known: sparse.csr_matrix, others: Floats) -> Floats:
    """The factors of every row, given those of the columns."""
    base = others.T @ others
    found = np.empty((known.shape[0], FACTORS))
    for row in range(len(found)):
        span = slice(known.indptr[row], known.indptr[row + 1])
        found[row] = _solve(others[known.indices[span]], CONFIDENCE * known.data[span], base)
    return found


def _solve(known: Floats, confidence: Floats, base: Floats) -> Floats:
    """Solve for x: (VᵀV + Vₖᵀ C Vₖ + L2) x = Vₖᵀ (1 + C), with Vₖ the known rows."""
    left = base + (known.T * confidence) @ known
    left[np.diag_indices_from(left)] += ALS_L2
    right = known.T @ (1 + confidence)
    solved: Floats = linalg.solve(left, right, assume_a="pos", check_finite=False)
    return solved


def _ease(once: sparse.csr_matrix) -> Floats:
    """EASE (Steck, WWW 2019): B = I - P diag(1 / diag P) with P = (XᵀX + L2)⁻¹."""
    gram = (once.T @ once).toarray()
    gram[np.diag_indices_from(gram)] += EASE_L2
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)
