"""The fusions that are compared, and their fitting.

Across listeners: a linear fusion, and boosted trees on top of it that can use interactions between
signals. Within: the linear one, fitted to the listener's own past alone with a penalty towards an
unlearned default. The default: three roughly independent signals with equal weights.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xgboost

from benchmarks.ranking_data import SEED, Floats, Indices
from benchmarks.ranking_lessons import WITHIN, Columns, SampledLists
from benchmarks.ranking_signals import CONTEXT_COLUMNS
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.listwise import (
    StackedLists,
    TrainingList,
    fit_weights,
    influence_of,
    softmax,
)

# Seed support, the random walk from the seeds, and a model of their tags.
DEFAULT = Fusion({"seeds": (3.0, 0.0), "walk": (3.0, 0.0), "tag_model": (3.0, 0.0)})

ACROSS_L2 = 0.01
# Number of lists for the linear fusion: all of them give the same weights.
LISTS_OF_LINE = 600
TREES, BAGS = 100, 3
# With fewer lists, fewer trees are grown: they would mostly learn chance.
LISTS_FOR_ALL_TREES = 2000
BINS = 64
TREE_SETTINGS = {
    "max_depth": 6,
    "eta": 0.1,
    "min_child_weight": 5.0,
    "reg_lambda": 5.0,
    "subsample": 0.7,
    "colsample_bytree": 0.5,
    "tree_method": "hist",
    "max_bin": BINS,
    "base_score": 0.0,
    "disable_default_eval_metric": 1,
}


@dataclass(frozen=True)
class Across:
    """A fusion learned from many listeners.

    Attributes:
        places: Indices of the signals' columns that it uses.
        linear: (places,), weights.
        bags: Trees on top, each fitted to other draws of rows and columns; they use the
            context columns as well.
    """

    places: Indices
    linear: npt.NDArray[np.float32]
    bags: Sequence[xgboost.Booster]

    def by_line(self, columns: Columns) -> Floats:
        """Return the scores of the linear fusion alone, (rows,)."""
        return np.asarray(columns[:, self.places] @ self.linear, dtype=float)

    def score(self, columns: Columns) -> Floats:
        """Return the scores of trees and linear fusion together, (rows,): the mean of the bags."""
        rows = xgboost.DMatrix(_seen(columns, self.places), base_margin=self.by_line(columns))
        scores = [bag.predict(rows, output_margin=True) for bag in self.bags]
        return np.asarray(np.mean(scores, axis=0), dtype=float)


class _Parts(xgboost.DataIter):
    """The training lists part by part, so that they are never copied as a whole."""

    def __init__(self, parts: Sequence[SampledLists], places: Indices) -> None:
        super().__init__()
        self._parts, self._places, self._next = parts, places, 0

    def next(self, input_data: Callable[..., object]) -> bool:
        """Pass on the next part; return False after the last."""
        if self._next == len(self._parts):
            return False
        input_data(data=_seen(self._parts[self._next].columns, self._places))
        self._next += 1
        return True

    def reset(self) -> None:
        """Start again from the first part."""
        self._next = 0


def learn_across(parts: Sequence[SampledLists], wanted: Sequence[str], *, threads: int) -> Across:
    """Fit weights and trees to many listeners' lists.

    Args:
        parts: The lists.
        wanted: The signals that it may use.
        threads: Number of threads for the trees.
    """
    places = places_of(parts[0].names, wanted)
    linear = _line(parts, places).astype(np.float32)
    lists = _without_columns(parts)
    margin = np.concatenate([part.columns[:, places] @ linear for part in parts])
    rows = xgboost.QuantileDMatrix(_Parts(parts, places), max_bin=BINS)
    rows.set_base_margin(margin)
    bags = [_trees(rows, lists, bag, threads) for bag in range(BAGS)]
    return Across(places, linear, bags)


def _seen(columns: Columns, places: Indices) -> Columns:
    """Return the columns for the trees: the wanted signals, and the context."""
    setting = np.arange(columns.shape[1] - CONTEXT_COLUMNS, columns.shape[1])
    return columns[:, np.concatenate([places, setting])]


def _line(parts: Sequence[SampledLists], places: Indices) -> Floats:
    """Fit the linear fusion to LISTS_OF_LINE lists spread evenly over the parts."""
    each = -(-LISTS_OF_LINE // len(parts))
    stacked = [one_list for part in parts for one_list in _as_lists(part, places, each)]
    return fit_weights(StackedLists.of(stacked), np.zeros(len(places)), l2=ACROSS_L2)


def _as_lists(part: SampledLists, places: Indices, most: int) -> list[TrainingList]:
    ends = np.cumsum(part.lengths)
    chosen = np.unique(np.linspace(0, len(ends) - 1, min(most, len(ends))).astype(int))
    spans = [slice(ends[at] - part.lengths[at], ends[at]) for at in chosen]
    return [
        TrainingList(
            part.columns[span][:, places].astype(float), part.adopted[span], part.importance[span]
        )
        for span in spans
    ]


def _without_columns(parts: Sequence[SampledLists]) -> StackedLists:
    """Return the adoptions of each list, without columns, which the trees have."""
    adopted = np.concatenate([part.adopted for part in parts])
    lengths = np.concatenate([part.lengths for part in parts])
    return StackedLists(
        np.empty((len(adopted), 0)),
        adopted,
        np.concatenate([part.importance for part in parts]),
        (np.cumsum(lengths) - lengths).astype(np.intp),
    )


def _trees(rows: xgboost.DMatrix, stacked: StackedLists, bag: int, threads: int) -> xgboost.Booster:
    """Boost the listwise softmax loss, starting from the linear scores.

    The gradient for a row is n·p - adopted, the second derivative n·p·(1 - p), with p the row's
    probability of being picked within its list and n the number of adopted rows in it.
    """
    of_row = stacked.adoptions_per_list[stacked.lists]

    def objective(scores: Floats, _: xgboost.DMatrix) -> tuple[Floats, Floats]:
        picked, _sums = softmax(scores.astype(float), stacked)
        expected = of_row * picked
        return expected - stacked.adopted, np.maximum(expected * (1 - picked), 1e-6)

    settings = {**TREE_SETTINGS, "nthread": threads, "seed": SEED + bag}
    rounds = max(1, round(TREES * min(1.0, len(stacked.starts) / LISTS_FOR_ALL_TREES)))
    return xgboost.train(settings, rows, num_boost_round=rounds, obj=objective)


def learn_within(inner: Sequence[TrainingList], known: int) -> Floats:
    """Fit the weights of the columns of WITHIN to one listener's own past.

    Args:
        inner: Lists of the listener's past.
        known: Number of different artists that could be hidden in them.
    """
    default = DEFAULT.vector(WITHIN)
    return fit_weights(StackedLists.of(inner), default, share=influence_of(known))


def places_of(names: Sequence[str], wanted: Sequence[str]) -> Indices:
    """Return the indices of the columns of some signals: two each."""
    at = np.array([list(names).index(name) for name in wanted], dtype=np.intp)
    return np.stack([2 * at, 2 * at + 1], axis=1).ravel()
