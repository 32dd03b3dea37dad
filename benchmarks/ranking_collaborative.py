"""Collaborative methods on other listeners' plays alone, which a fusion must beat.

ALS and EASE learn from everyone; the neighbours need no learning. Each takes a listener's known
artists and scores the catalog.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from benchmarks.ranking_data import Crowd, Floats, Indices
from benchmarks.ranking_reach import unit_rows

# Chosen on training listeners alone.
ROUNDS, CONFIDENCE, ALS_L2 = 8, 1.0, 4.0
FACTORS, FEW_FACTORS = 64, 24
# EASE variants: exponent by which well known artists are damped, and L2.
EASES = {
    "ease": (0.0, 100.0),
    "ease_loose": (0.0, 30.0),
    "ease_strict": (0.0, 300.0),
    "ease_damped": (0.25, 30.0),
    "ease_damped_loose": (0.25, 10.0),
}


@dataclass(frozen=True)
class Ease:
    """EASE (Steck, WWW 2019) on plays X of which well known artists' columns are damped.

    Its weights are B = I - P diag(1 / diag P), P = (XᵀX + L2)⁻¹. There are fewer listeners than
    artists, and by Woodbury's identity L2·P = I - Xᵀ(XXᵀ + L2)⁻¹X, so no matrix of artists by
    artists is ever made, and no artist is left out.

    Attributes:
        plays: CSR (listeners, artists), 1 × damping.
        damping: (artists,).
        inverse: (listeners, listeners), (XXᵀ + L2)⁻¹.
        others: (artists,), diagonal of L2·P.
    """

    plays: sparse.csr_matrix
    damping: Floats
    inverse: Floats
    others: Floats

    @classmethod
    def of(cls, once: sparse.csr_matrix, damp: float, l2: float) -> "Ease":
        """Fit EASE to plays."""
        known = np.asarray(once.sum(axis=0)).ravel()
        damping = np.maximum(known, 1.0) ** -damp
        plays = sparse.csr_matrix(once @ sparse.diags_array(damping))
        kernel = (plays @ plays.T).toarray()
        kernel[np.diag_indices_from(kernel)] += l2
        inverse = linalg.inv(kernel, overwrite_a=True, check_finite=False)
        half = plays.T @ inverse
        own = np.asarray(plays.T.multiply(half).sum(axis=1)).ravel()
        return cls(plays, damping, inverse, 1 - own)

    def scores(self, own: Floats) -> Floats:
        """Score the catalog, (artists,), for one listener's artists, (artists,) of 0 and 1."""
        told = self.plays.T @ (self.inverse @ (self.plays @ (own * self.damping)))
        return np.asarray(told / self.others / self.damping)


@dataclass(frozen=True)
class Collaborative:
    """The collaborative methods, fitted to the crowd.

    Attributes:
        factors: (artists, FACTORS) of ALS.
        few_factors: (artists, FEW_FACTORS) of another.
        eases: By name.
        unit: CSR (listeners, artists), each listener's artists as a vector of length one.
        rare_unit: The same, rare artists counting more.
        once: CSR (listeners, artists), 1 for every artist that a listener plays.
        rarity: (artists,), log(listeners / those who play the artist).
    """

    factors: Floats
    few_factors: Floats
    eases: Mapping[str, Ease]
    unit: sparse.csr_matrix
    rare_unit: sparse.csr_matrix
    once: sparse.csr_matrix
    rarity: Floats


def learn(crowd: Crowd, *, rng: np.random.Generator) -> Collaborative:
    """Fit all methods to everyone's plays."""
    once = crowd.plays.copy()
    once.data[:] = 1.0
    rarity = np.log(once.shape[0] / crowd.listeners)
    return Collaborative(
        als_factors(crowd.plays, FACTORS, rng),
        als_factors(crowd.plays, FEW_FACTORS, rng),
        {name: Ease.of(once, damp, l2) for name, (damp, l2) in EASES.items()},
        unit_rows(once),
        unit_rows(sparse.csr_matrix(once @ sparse.diags_array(rarity))),
        once,
        rarity,
    )


def als_factors(plays: sparse.csr_matrix, factors: int, rng: np.random.Generator) -> Floats:
    """Fit alternating least squares for implicit feedback (Hu, Koren, Volinsky, 2008).

    Confidence is 1 + log(1 + plays); returns the artists' factors, (artists, factors).
    """
    artists = rng.normal(0, 0.1, (plays.shape[1], factors))
    by_artist = plays.T.tocsr()
    for _ in range(ROUNDS):
        people = _half(plays, artists)
        artists = _half(by_artist, people)
    return artists


def als_scores(factors: Floats, seeds: Indices, plays: Floats) -> Floats:
    """Score the catalog by the listener's factors that fit these plays best."""
    weight = CONFIDENCE * np.log1p(plays)
    return np.asarray(factors @ _solve(factors[seeds], weight, factors.T @ factors))


def _half(known: sparse.csr_matrix, others: Floats) -> Floats:
    """Return the factors of every row, given those of the columns."""
    base = others.T @ others
    found = np.empty((known.shape[0], others.shape[1]))
    for row in range(len(found)):
        span = slice(known.indptr[row], known.indptr[row + 1])
        found[row] = _solve(others[known.indices[span]], CONFIDENCE * known.data[span], base)
    return found


def _solve(known: Floats, confidence: Floats, base: Floats) -> Floats:
    """Solve for x: (VᵀV + Vₖᵀ C Vₖ + L2) x = Vₖᵀ (1 + C), with Vₖ the known rows."""
    left = base + (known.T * confidence) @ known
    left.flat[:: len(left) + 1] += ALS_L2
    # LAPACK's solver without the checks of linalg.solve, which take as long as solving.
    _, solved, trouble = linalg.lapack.dposv(left, known.T @ (1 + confidence))
    if trouble:
        raise np.linalg.LinAlgError("ALS met a matrix that is not positive definite")
    return np.asarray(solved)
