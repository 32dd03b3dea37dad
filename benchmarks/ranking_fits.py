"""Which fusions are compared, and how is each learned?

Across listeners: a linear fusion, and boosted trees on top of it that may see that two signals say
more together than each alone. Within: the linear one, from the listener's own past alone, drawn to
an unlearned default. The default: three witnesses that know little of each other count alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost

from benchmarks.ranking_data import SEED, Floats, Indices
from benchmarks.ranking_lessons import WITHIN
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.listwise import Lesson, Lessons, fit_weights, share_of, softmax

# How many seeds name the artist, where a walk from them leads, and what their tags say.
DEFAULT = Fusion({"seeds": (3.0, 0.0), "walk": (3.0, 0.0), "tag_model": (3.0, 0.0)})

ACROSS_L2 = 0.01
TREES, BAGS = 200, 3
# From fewer lists, fewer trees: what they learn beside the line is then mostly chance.
LISTS_FOR_ALL_TREES = 1000
TREE_SETTINGS = {
    "max_depth": 6,
    "eta": 0.05,
    "min_child_weight": 5.0,
    "reg_lambda": 5.0,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "tree_method": "hist",
    "max_bin": 64,
    "base_score": 0.0,
    "disable_default_eval_metric": 1,
}


@dataclass(frozen=True)
class Across:
    """A fusion learned from many listeners.

    Attributes:
        places: Which columns it sees, of all.
        linear: (places,), weights.
        bags: Trees on top, each learned from other draws of rows and columns.
    """

    places: Indices
    linear: Floats
    bags: Sequence[xgboost.Booster]

    def by_line(self, columns: npt.NDArray[np.float32]) -> Floats:
        """Scores of the linear fusion alone, (rows,)."""
        return columns[:, self.places].astype(float) @ self.linear

    def score(self, columns: npt.NDArray[np.float32]) -> Floats:
        """Scores of trees and line together, (rows,): the mean of the bags."""
        seen = xgboost.DMatrix(columns[:, self.places], base_margin=self.by_line(columns))
        scores = [bag.predict(seen, output_margin=True) for bag in self.bags]
        return np.asarray(np.mean(scores, axis=0), dtype=float)


def learn_across(
    lessons: Lessons, names: Sequence[str], wanted: Sequence[str], *, threads: int
) -> Across:
    """Learn weights and trees from many listeners' lists.

    Args:
        lessons: Lists with the columns of all `names`.
        names: Of the signals, in order.
        wanted: The signals that it may see.
        threads: For the trees.
    """
    places = places_of(names, wanted)
    seen = Lessons(lessons.columns[:, places], lessons.adopted, lessons.stands_for, lessons.starts)
    linear = fit_weights(seen, np.zeros(len(places)), l2=ACROSS_L2)
    bags = [_trees(seen, seen.columns @ linear, bag, threads) for bag in range(BAGS)]
    return Across(places, linear, bags)


def _trees(lessons: Lessons, margin: Floats, bag: int, threads: int) -> xgboost.Booster:
    """Boost the listwise softmax loss, starting from the linear scores.

    Its slope for a row is n·p - adopted, its curvature n·p·(1 - p), with p the row's probability
    of being picked within its list and n how many were adopted of it.
    """
    of_row = lessons.adopted_of[lessons.lists]

    def objective(scores: Floats, _: xgboost.DMatrix) -> tuple[Floats, Floats]:
        picked, _sums = softmax(scores.astype(float), lessons)
        expected = of_row * picked
        return expected - lessons.adopted, np.maximum(expected * (1 - picked), 1e-6)

    rows = xgboost.DMatrix(lessons.columns.astype(np.float32), base_margin=margin)
    settings = {**TREE_SETTINGS, "nthread": threads, "seed": SEED + bag}
    rounds = max(1, round(TREES * min(1.0, len(lessons.starts) / LISTS_FOR_ALL_TREES)))
    return xgboost.train(settings, rows, num_boost_round=rounds, obj=objective)


def learn_within(inner: Sequence[Lesson], known: int) -> Floats:
    """Weights of the columns of WITHIN, from one listener's own past.

    Args:
        inner: Lists of the listener's past.
        known: How many different artists could be hidden in them.
    """
    default = DEFAULT.vector(WITHIN)
    return fit_weights(Lessons.of(inner), default, share=share_of(known))


def places_of(names: Sequence[str], wanted: Sequence[str]) -> Indices:
    """Which columns belong to some signals: two each."""
    at = np.array([list(names).index(name) for name in wanted], dtype=np.intp)
    return np.stack([2 * at, 2 * at + 1], axis=1).ravel()
