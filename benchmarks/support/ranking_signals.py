"""The single signals of every artist of the catalog, for one listener.

Each is a number per artist, (artists,), higher is better. Those of A need the lists of similar
artists, popularity and tags; those of B the plays of other listeners as well. Trees also use
context columns: how broad this listener's taste is and how an artist relates to it, unscaled.

Of the collaborative methods, on other listeners' plays alone, ALS and EASE learn from everyone;
the neighbours need no learning. A fusion must beat them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, sparse
from sklearn.linear_model import LogisticRegression

from benchmarks.support.ranking_data import (
    MAX_LIST_LENGTH,
    Crowd,
    Floats,
    Indices,
    personalised_pagerank,
    unit_rows,
)

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

BACKGROUND = 1000
NEAREST = 5
# Exponent of an artist's audience, by which well known artists are drawn as negatives.
FAMOUS = 0.75
MIN_USUAL = 1e-7
# The signals of `signals_b`, in order. A fusion with others' plays must beat the best of these.
COLLABORATIVE = (
    "als", "als_few", "als_neighbours", *EASES, "item_knn", "item_knn_flat", "item_knn_by_plays",
    "item_knn_lift", "near_listeners", "many_listeners",
)  # fmt: skip
# Number of near listeners, of many listeners, and the damping of popular artists among the many.
NEIGHBOURS, MANY_NEIGHBOURS, MANY_DAMPED = 50, 200, 0.4
# Smoothing of the lift: with few common listeners it is drawn to 1.
LIFT_PRIOR = 0.05
CONTEXT_COLUMNS = 12


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


def signals_a(
    crowd: Crowd, seeds: Indices, plays: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """Compute similar artists, popularity and tags: signals that any single installation has."""
    loud = np.log1p(plays) / np.log1p(plays).mean()
    found = {
        **_by_lists(crowd, seeds, loud),
        **_by_the_other_lists(crowd, seeds, loud),
        **_by_tags(crowd, seeds, loud, rng),
        "popularity": np.log1p(crowd.listeners),
        **_by_reach(crowd, seeds, rng),
    }
    return pd.DataFrame(found)


def signals_b(crowd: Crowd, learned: Collaborative, seeds: Indices, plays: Floats) -> pd.DataFrame:
    """Compute the signals of other listeners' plays."""
    own = np.zeros(len(crowd.listeners))
    own[seeds] = 1.0
    found = {
        "als": als_scores(learned.factors, seeds, plays),
        "als_few": als_scores(learned.few_factors, seeds, plays),
        "als_neighbours": _factor_neighbours(learned.factors, seeds),
        **{name: ease.scores(own) for name, ease in learned.eases.items()},
        **_by_common_listeners(crowd, seeds, plays),
        **_by_near_listeners(crowd, learned, own),
    }
    return pd.DataFrame(found)[list(COLLABORATIVE)]


def context_of(crowd: Crowd, seeds: Indices, signals: pd.DataFrame) -> npt.NDArray[np.float32]:
    """Return the context columns, (artists, SETTING), which scale-free columns leave out.

    The number of known artists, their popularity and how similar they are; the popularity of each
    artist beside them, and its strongest evidence in its own unit.
    """
    known, n = np.log1p(crowd.listeners), len(seeds)
    usual = known[seeds]
    mean, spread = float(usual.mean()), max(float(usual.std()), 0.3)
    support = signals["seeds"].to_numpy()
    ones = np.ones(len(known))
    columns = [
        n * ones,
        mean * ones,
        spread * ones,
        support[seeds].mean() / n * ones,
        (known - mean) / spread,
        known - np.quantile(usual, 0.1),
        support / n,
        support / max(float(support[seeds].max()), 1.0),
        signals["best_match"].to_numpy(),
        signals["match"].to_numpy() / n,
        signals["tag_nearest"].to_numpy(),
        np.bincount(crowd.near.indices, minlength=len(known)),
    ]
    return np.column_stack(columns).astype(np.float32)


def _factor_neighbours(factors: Floats, seeds: Indices) -> Floats:
    """Return the sum of the cosines between an artist's factors and those of each seed."""
    length = np.linalg.norm(factors, axis=1, keepdims=True)
    unit = factors / np.where(length > 0, length, 1.0)
    return np.asarray(unit @ unit[seeds].sum(axis=0))


def _by_common_listeners(crowd: Crowd, seeds: Indices, plays: Floats) -> dict[str, Floats]:
    """Return signals from the number of listeners in common with each seed; no list is cut."""
    both = crowd.together[seeds]
    at, artists = np.repeat(np.arange(len(seeds)), np.diff(both.indptr)), both.indices
    apart = crowd.listeners[seeds][at] * crowd.listeners[artists]
    cosine = both.data / np.sqrt(apart)
    loud = (np.log1p(plays) / np.log1p(plays).mean())[at]
    people = crowd.plays.shape[0]
    lift = np.log1p(both.data * people / (apart + LIFT_PRIOR * people))

    def summed(each: Floats) -> Floats:
        return np.bincount(artists, each, minlength=len(crowd.listeners)).astype(float)

    return {
        "item_knn": summed(cosine),
        "item_knn_flat": summed(np.sqrt(cosine)),
        "item_knn_by_plays": summed(cosine * loud),
        "item_knn_lift": summed(lift),
    }


def _by_near_listeners(crowd: Crowd, learned: Collaborative, own: Floats) -> dict[str, Floats]:
    """Return signals from the listeners with the most artists in common, by cosine."""
    few = _nearest(learned.rare_unit @ (own * learned.rarity), NEIGHBOURS)
    many = _nearest(learned.unit @ own, MANY_NEIGHBOURS)
    return {
        "near_listeners": np.asarray(learned.once.T @ few**2),
        "many_listeners": (learned.once.T @ many**2) / crowd.listeners**MANY_DAMPED,
    }


def _nearest(close: Floats, count: int) -> Floats:
    """Return the nearest values, the others set to 0."""
    kept = close.copy()
    kept[np.argsort(-close, kind="stable")[count:]] = 0.0
    return kept


def _by_lists(crowd: Crowd, seeds: Indices, loud: Floats) -> dict[str, Floats]:
    """Return signals from the seeds' own lists: number of mentions, rank and similarity."""
    near, rank = crowd.near[seeds], crowd.rank[seeds]
    listed = near.sign()
    place, log_place = rank.copy(), rank.copy()
    place.data = 1 - (place.data - 1) / MAX_LIST_LENGTH
    log_place.data = 1 / np.log2(1 + log_place.data)
    ones = np.ones(len(seeds))
    return {
        "seeds": listed.T @ ones,
        "seeds_by_plays": listed.T @ loud,
        "rare_seeds": listed.T @ (1 / np.sqrt(crowd.listeners[seeds])),
        "places": place.T @ ones,
        "log_places": log_place.T @ ones,
        "match": near.T @ ones,
        "match_by_plays": near.T @ loud,
        "best_match": near.max(axis=0).toarray().ravel(),
    }


def _by_the_other_lists(crowd: Crowd, seeds: Indices, loud: Floats) -> dict[str, Floats]:
    """Return signals from other artists' lists that name the seeds."""
    own = np.zeros(len(crowd.listeners))
    own[seeds] = 1.0
    home = np.zeros(len(own))
    home[seeds] = loud
    return {
        "names_seeds": crowd.near.sign() @ own,
        "names_seeds_match": crowd.near @ own,
        "two_steps": crowd.near.T @ (crowd.near.T @ own),
        "walk": personalised_pagerank(crowd.steps, own),
        "walk_by_plays": personalised_pagerank(crowd.steps, home),
    }


def _by_reach(crowd: Crowd, seeds: Indices, rng: np.random.Generator) -> dict[str, Floats]:
    """Return signals from the lists read both ways, and from tags of similar artists."""
    reach, own = crowd.reach, np.zeros(len(crowd.listeners))
    own[seeds] = 1.0
    at = personalised_pagerank(reach.steps, own)
    alike = np.sort(reach.tag_factors @ reach.tag_factors[seeds].T, axis=1)
    fame = crowd.listeners**FAMOUS
    return {
        "named_together": reach.named_by @ (reach.named_by.T @ own),
        "walk_either": at,
        # Relative to the walk from everyone's artists: otherwise famous artists are near to all.
        "walk_surprise": at / np.sqrt(reach.usual + MIN_USUAL),
        "lent_tag_nearest": alike[:, -NEAREST:].sum(axis=1),
        "lent_tag_model": _model(reach.tag_factors, seeds, 10.0, rng),
        "lent_tag_model_famous": _model(reach.tags, seeds, 10.0, rng, fame),
    }


def _by_tags(
    crowd: Crowd, seeds: Indices, loud: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    vectors = crowd.tag_vectors
    alike = np.sort((vectors @ vectors[seeds].T).toarray(), axis=1)
    return {
        "tag_profile": vectors @ (vectors[seeds].T @ loud),
        "tag_nearest": alike[:, -NEAREST:].sum(axis=1),
        "tag_model": _model(crowd.tags, seeds, 1.0, rng),
        "tag_model_weighted": _model(vectors, seeds, 10.0, rng),
        "tag_count": np.log1p(np.asarray(crowd.tags.sum(axis=1)).ravel()),
    }


def _model(
    tags: sparse.csr_matrix | Floats,
    seeds: Indices,
    c: float,
    rng: np.random.Generator,
    likely: Floats | None = None,
) -> Floats:
    """Return log-odds of a logistic regression of the seeds against random artists.

    Args:
        tags: (artists, columns).
        seeds: The listener's artists.
        c: Inverse strength of the L2 penalty.
        rng: Random generator that draws the others.
        likely: (artists,), probability of drawing each; None draws all alike.
    """
    others = np.delete(np.arange(tags.shape[0]), seeds)
    chance = None if likely is None else likely[others] / likely[others].sum()
    drawn = rng.choice(others, min(BACKGROUND, len(others)), replace=False, p=chance)
    label = np.concatenate([np.ones(len(seeds)), np.zeros(len(drawn))])
    model = LogisticRegression(C=c, solver="liblinear", random_state=0)
    model.fit(tags[np.concatenate([seeds, drawn])], label)
    return np.asarray(tags @ model.coef_.ravel()).ravel()
