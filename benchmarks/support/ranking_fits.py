"""The fusions that are compared, and the lists of many listeners that they are fitted to.

The lists of the training listeners are made as those of the test listeners are: a fifth of them at
a time is removed from the crowd, 30 % of their artists are hidden, and the signals come from the
rest of the crowd; twice over, with other artists hidden. No test listener is in any crowd.

Across listeners: a linear fusion, and boosted trees on top of it that can use interactions between
signals. Within: the linear one, fitted to the listener's own past alone with a penalty towards an
unlearned default. The default: three roughly independent signals with equal weights.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import xgboost

from benchmarks.support.ranking_data import (
    SEED,
    Crowd,
    Floats,
    Indices,
    ListenerCase,
    RankingTables,
    crowd_of,
    hide,
)
from benchmarks.support.ranking_signals import (
    CONTEXT_COLUMNS,
    Collaborative,
    context_of,
    learn,
    signals_a,
    signals_b,
)
from smallhours.training.ranking.fusion import Fusion, columns_of
from smallhours.training.ranking.listwise import (
    StackedLists,
    TrainingList,
    fit_weights,
    influence_of,
    sample_list,
    softmax,
)

FOLDS = 5
PROCESSES = 2
HIDES = 2
# Sample of a training list: number of the likeliest artists, and number of the others.
LIKELIEST, OTHERS = 300, 150
# Lists within one listener: number of times that 30 % of their known artists are hidden again.
INNER_HIDES = 8
# Signals that can be weighted from a single listener's past: one or two of each kind.
WITHIN = (
    "seeds", "seeds_by_plays", "log_places", "match_by_plays", "walk", "two_steps", "popularity",
    "tag_profile", "tag_nearest", "tag_model", "tag_model_weighted", "named_together",
    "walk_either", "walk_surprise", "lent_tag_nearest", "lent_tag_model",
    "lent_tag_model_famous",
)  # fmt: skip
# The tables, the listeners of the crowd, and the listeners to make lists for.
Job = tuple[RankingTables, npt.NDArray[np.int64], npt.NDArray[np.int64]]
Columns = npt.NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")

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
class ListenerSignals:
    """One test listener, with the signals of the whole catalog.

    Attributes:
        case: The listener.
        listeners: (artists,), number of the crowd's listeners of each artist.
        names: Names of the signals, in order.
        columns: (artists, 2 × signals), then the context columns.
        inner: Lists of the listener's own past, of the signals WITHIN.
    """

    case: ListenerCase
    listeners: Floats
    names: Sequence[str]
    columns: Columns
    inner: list[TrainingList]


@dataclass(frozen=True)
class SampledLists:
    """Sampled lists of the training listeners.

    Attributes:
        names: Names of the signals, in order.
        columns: (rows, 2 × signals), then the context columns.
        adopted: (rows,).
        importance: (rows,), number of artists of the list that each row represents.
        lengths: (lists,), rows of each.
    """

    names: Sequence[str]
    columns: Columns
    adopted: npt.NDArray[np.bool_]
    importance: Floats
    lengths: Indices


def at_once(work: Callable[[T], R], jobs: Sequence[T], processes: int) -> list[R]:
    """Run jobs in this many processes, or in this one; return results in the order of the jobs."""
    if processes == 1:
        return [work(job) for job in jobs]
    # Spawned, not forked: a fork of a process in which threads grew trees may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(work, jobs))


def training_lists(
    tables: RankingTables, listeners: npt.NDArray[np.int64], *, processes: int = PROCESSES
) -> list[SampledLists]:
    """Return HIDES sampled lists per training listener, of all signals; one part per fold."""
    jobs = [(tables, listeners, listeners[fold::FOLDS]) for fold in range(FOLDS)]
    return at_once(_fold, jobs, processes)


def ask(tables: RankingTables, crowd: Crowd, tested: Sequence[int]) -> Iterator[ListenerSignals]:
    """Yield the test listeners, one at a time; the crowd holds none of them."""
    learned = learn(crowd, rng=np.random.default_rng(SEED))
    for listener in tested:
        case = hide(tables.plays, listener, crowd.artists)
        if case is not None:
            rng = np.random.default_rng([SEED, listener])
            names, columns = _columns(crowd, learned, case, rng)
            inner = [_inner(crowd, case, rng) for _ in range(INNER_HIDES)]
            yield ListenerSignals(case, crowd.listeners, names, columns, inner)


def _fold(job: Job) -> SampledLists:
    tables, listeners, asked = job
    crowd = crowd_of(tables, np.setdiff1d(listeners, asked))
    learned = learn(crowd, rng=np.random.default_rng(SEED))
    names: Sequence[str] = ()
    lists = []
    for listener in asked.tolist():
        for again in range(HIDES):
            case = hide(tables.plays, listener, crowd.artists, again)
            if case is None:
                continue
            rng = np.random.default_rng([SEED, listener, again])
            names, columns = _columns(crowd, learned, case, rng)
            lists.append(_sampled(columns, 2 * len(names), case, rng))
    return SampledLists(
        names,
        np.concatenate([each.columns for each in lists]).astype(np.float32),
        np.concatenate([each.adopted for each in lists]),
        np.concatenate([each.importance for each in lists]),
        np.array([len(each.adopted) for each in lists], dtype=np.intp),
    )


def _columns(
    crowd: Crowd, learned: Collaborative, case: ListenerCase, rng: np.random.Generator
) -> tuple[list[str], Columns]:
    """Return both columns of every signal of the whole catalog, then the context columns."""
    own = signals_a(crowd, case.seeds, case.plays, rng)
    signals = own.join(signals_b(crowd, learned, case.seeds, case.plays))
    columns = columns_of(signals, _flags(len(signals), case.seeds, value=False))
    setting = context_of(crowd, case.seeds, own)
    return list(signals.columns), np.hstack([columns.astype(np.float32), setting])


def _sampled(
    columns: Columns, of_signals: int, case: ListenerCase, rng: np.random.Generator
) -> TrainingList:
    """Sample a list: rows are chosen by the signals, and include the context columns."""
    places = np.arange(len(columns), dtype=np.float32)[:, None]
    outlook = columns[:, 0:of_signals:2].sum(axis=1, keepdims=True)
    chosen = sample_list(
        np.hstack([outlook, places]),
        _flags(len(columns), case.hidden, value=True),
        _flags(len(columns), case.seeds, value=False),
        rng=rng,
        first=LIKELIEST,
        others=OTHERS,
    )
    rows = columns[chosen.columns[:, 1].astype(int)]
    return TrainingList(rows, chosen.adopted, chosen.importance)


def _inner(crowd: Crowd, case: ListenerCase, rng: np.random.Generator) -> TrainingList:
    """Hide some of the known artists again, as a list of the listener's own past."""
    order = rng.permutation(len(case.seeds))
    hidden = max(1, round(0.3 * len(order)))
    away, kept = order[:hidden], order[hidden:]
    signals = signals_a(crowd, case.seeds[kept], case.plays[kept], rng)[list(WITHIN)]
    open_ = _flags(len(signals), case.seeds[kept], value=False)
    found = _flags(len(signals), case.seeds[away], value=True)
    return sample_list(columns_of(signals, open_), found, open_, rng=rng)


def _flags(n: int, places: Indices, *, value: bool) -> npt.NDArray[np.bool_]:
    flags = np.full(n, not value)
    flags[places] = value
    return flags


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
