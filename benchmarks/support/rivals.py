"""Rivals of the ranking benchmark: collaborative methods, fitted to everyone's plays.

One installation could not run them: it has one listener's plays. ALS is `implicit`'s, of the
dependency group `bench`, with its default settings; without that package it is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse

Floats = npt.NDArray[np.float64]
# Scores the catalog for one listener, from their row of plays, CSR (1, artists).
Rival = Callable[[sparse.csr_matrix], Floats]

EASE_L2 = 200.0
NEIGHBOURS = 100
# Exponent of the popularity that RP3beta divides by.
RP3_BETA = 0.5
ALS, ALS_ONCE = "als", "als_once"
MISSING = "implicit is not installed (pip install -r requirements-bench.txt): no ALS."


def fit_rivals(plays: sparse.csr_matrix) -> dict[str, Rival]:
    """Fit all rivals that are installed to plays, CSR (listeners, artists)."""
    once = plays.sign()
    known = np.asarray(once.sum(axis=0)).ravel()
    ease = Ease.of(once, EASE_L2)
    return {
        "popularity": lambda _own: known.astype(float),
        "item_knn": _neighbours(_item_knn(once, known)),
        "rp3beta": _neighbours(_rp3beta(once, known)),
        "ease": lambda own: ease.scores(own.sign().toarray().ravel()),
        **_als(plays),
    }


def _als(plays: sparse.csr_matrix) -> Mapping[str, Rival]:
    """Fit ALS to the logarithm of plays, and to whether there are any: the better one counts."""
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError:
        print(MISSING)
        return {}

    def fitted(change: Callable[[sparse.csr_matrix], sparse.csr_matrix]) -> Rival:
        model = AlternatingLeastSquares(random_state=0)
        model.fit(change(plays).astype(np.float32), show_progress=False)

        def scores(own: sparse.csr_matrix) -> Floats:
            factors = model.recalculate_user(0, change(own).astype(np.float32))
            return np.asarray(model.item_factors @ factors.ravel(), dtype=np.float64)

        return scores

    return {ALS: fitted(lambda each: each.log1p()), ALS_ONCE: fitted(lambda each: each.sign())}


def _neighbours(near: sparse.csr_matrix) -> Rival:
    return lambda own: np.asarray((own.sign() @ near).todense(), dtype=np.float64).ravel()


def _item_knn(once: sparse.csr_matrix, known: Floats) -> sparse.csr_matrix:
    """Return the cosine of the nearest artists of each."""
    unit = once @ sparse.diags_array(1 / np.sqrt(np.maximum(known, 1)))
    return _nearest(sparse.csr_matrix(unit.T @ unit))


def _rp3beta(once: sparse.csr_matrix, known: Floats) -> sparse.csr_matrix:
    """Return the probability of three steps over a listener (Paudel et al., TiiS 2017)."""
    people = np.asarray(once.sum(axis=1)).ravel()
    to_people = sparse.diags_array(1 / np.maximum(known, 1)) @ once.T
    to_artists = sparse.diags_array(1 / np.maximum(people, 1)) @ once
    damped = sparse.diags_array(np.maximum(known, 1) ** -RP3_BETA)
    return _nearest(sparse.csr_matrix(to_people @ to_artists @ damped))


def _nearest(near: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the largest values of each row, without the diagonal."""
    near.setdiag(0)
    near.eliminate_zeros()
    rows = np.repeat(np.arange(near.shape[0]), np.diff(near.indptr))
    order = np.lexsort((-near.data, rows))
    kept = order[np.arange(len(rows)) - near.indptr[rows] < NEIGHBOURS]
    return sparse.csr_matrix((near.data[kept], (rows[kept], near.indices[kept])), shape=near.shape)


@dataclass(frozen=True)
class Ease:
    """EASE (Steck, WWW 2019) on plays X.

    Its weights are B = I - P diag(1 / diag P), P = (XᵀX + L2)⁻¹. There are fewer listeners than
    artists, and by Woodbury's identity L2·P = I - Xᵀ(XXᵀ + L2)⁻¹X, so no matrix of artists by
    artists is ever made, and no artist is left out.

    Attributes:
        plays: CSR (listeners, artists), 1 for every artist that a listener plays.
        inverse: (listeners, listeners), (XXᵀ + L2)⁻¹.
        others: (artists,), diagonal of L2·P.
    """

    plays: sparse.csr_matrix
    inverse: Floats
    others: Floats

    @classmethod
    def of(cls, once: sparse.csr_matrix, l2: float) -> "Ease":
        """Fit EASE to plays."""
        plays = once.astype(float)
        kernel = (plays @ plays.T).toarray()
        kernel[np.diag_indices_from(kernel)] += l2
        inverse = linalg.inv(kernel, overwrite_a=True, check_finite=False)
        half = plays.T @ inverse
        own = np.asarray(plays.T.multiply(half).sum(axis=1)).ravel()
        return cls(plays, inverse, 1 - own)

    def scores(self, own: Floats) -> Floats:
        """Score the catalog, (artists,), for one listener's artists, (artists,) of 0 and 1."""
        told = self.plays.T @ (self.inverse @ (self.plays @ own))
        return np.asarray(told / self.others)
