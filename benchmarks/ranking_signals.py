"""What does each single signal say about every artist of the catalog, for one listener?

Each is a number an artist, (artists,), higher is better. Those of A need the lists of similar
artists, popularity and tags; those of B the plays of other listeners as well.
"""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from benchmarks.ranking_collaborative import Collaborative
from benchmarks.ranking_data import LONGEST_LIST, Crowd, Floats, Indices
from smallhours.training.ranking.walk import walk

BACKGROUND = 1000
NEAREST = 5
# Of signals_b, in order. The best of these is what a fusion with others' plays must beat.
COLLABORATIVE = (
    "als",
    "ease",
    "item_knn",
    "item_knn_mild",
    "als_neighbours",
    "directions",
    "near_listeners",
)


def signals_a(
    crowd: Crowd, seeds: Indices, plays: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    """Similar artists, popularity and tags: what a lone installation can ask a service for."""
    loud = np.log1p(plays) / np.log1p(plays).mean()
    found = {
        **_by_lists(crowd, seeds, loud),
        **_by_the_other_lists(crowd, seeds, loud),
        **_by_tags(crowd, seeds, loud, rng),
        "popularity": np.log1p(crowd.listeners),
        "popularity_fit": _popularity_fit(crowd.listeners, seeds),
    }
    return pd.DataFrame(found)


def signals_b(crowd: Crowd, learned: Collaborative, seeds: Indices, plays: Floats) -> pd.DataFrame:
    """What the other listeners' plays add."""
    together = np.asarray(
        crowd.together[seeds].multiply(1 / np.sqrt(crowd.listeners[seeds])[:, None]).sum(axis=0)
    ).ravel()
    return pd.DataFrame(
        {
            "als": learned.als(seeds, plays),
            "ease": learned.by_ease(seeds),
            "item_knn": together / np.sqrt(crowd.listeners),
            "item_knn_mild": together / crowd.listeners**0.2,
            "als_neighbours": learned.als_neighbours(seeds),
            "directions": learned.by_directions(seeds),
            "near_listeners": learned.near_listeners(seeds),
        }
    )


def _by_lists(crowd: Crowd, seeds: Indices, loud: Floats) -> dict[str, Floats]:
    """From the seeds' own lists: how many hold the artist, how high up, how near."""
    near, rank = crowd.near[seeds], crowd.rank[seeds]
    listed = near.sign()
    place, log_place = rank.copy(), rank.copy()
    place.data = 1 - (place.data - 1) / LONGEST_LIST
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
    """From the lists of artists that are not the listener's: those that name the seeds."""
    own = np.zeros(len(crowd.listeners))
    own[seeds] = 1.0
    home = np.zeros(len(own))
    home[seeds] = loud
    return {
        "names_seeds": crowd.near.sign() @ own,
        "names_seeds_match": crowd.near @ own,
        "two_steps": crowd.near.T @ (crowd.near.T @ own),
        "walk": walk(crowd.steps, own),
        "walk_by_plays": walk(crowd.steps, home),
    }


def _by_tags(
    crowd: Crowd, seeds: Indices, loud: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    vectors = crowd.tag_vectors
    alike = np.sort((vectors @ vectors[seeds].T).toarray(), axis=1)
    return {
        "tag_profile": vectors @ (vectors[seeds].T @ loud),
        "tag_nearest": alike[:, -NEAREST:].sum(axis=1),
        "tag_model": _tag_model(crowd.tags, seeds, 1.0, rng),
        "tag_model_weighted": _tag_model(vectors, seeds, 10.0, rng),
        "tag_count": np.log1p(np.asarray(crowd.tags.sum(axis=1)).ravel()),
    }


def _popularity_fit(listeners: Floats, seeds: Indices) -> Floats:
    """How near an artist is to how well known the listener's own are, on a log scale."""
    known = np.log1p(listeners)
    usual = known[seeds]
    return np.asarray(-np.abs(known - usual.mean()) / max(float(usual.std()), 0.5))


def _tag_model(
    tags: sparse.csr_matrix, seeds: Indices, c: float, rng: np.random.Generator
) -> Floats:
    """Log-odds of a logistic regression of the seeds against random artists."""
    others = np.setdiff1d(np.arange(tags.shape[0]), seeds)
    drawn = rng.choice(others, min(BACKGROUND, len(others)), replace=False)
    label = np.concatenate([np.ones(len(seeds)), np.zeros(len(drawn))])
    model = LogisticRegression(C=c, solver="liblinear", random_state=0)
    model.fit(tags[np.concatenate([seeds, drawn])], label)
    return np.asarray(tags @ model.coef_.ravel()).ravel()
