"""Training lists and test lists of many listeners for the fusions.

The lists of the training listeners are made as those of the test listeners are: a fifth of them at
a time is removed from the crowd, 30 % of their artists are hidden, and the signals come from the
rest of the crowd; twice over, with other artists hidden. No test listener is in any crowd.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.ranking_collaborative import Collaborative, learn
from benchmarks.ranking_data import (
    SEED,
    Crowd,
    Floats,
    Indices,
    ListenerCase,
    RankingTables,
    crowd_of,
    hide,
)
from benchmarks.ranking_signals import context_of, signals_a, signals_b
from smallhours.training.ranking.columns import columns_of
from smallhours.training.ranking.listwise import TrainingList, sample_list

FOLDS = 5
PROCESSES = 2
HIDES = 2
# Sample of a training list: number of the likeliest artists, and number of the others.
LIKELIEST, OTHERS = 300, 150
# Lists within one listener: number of times that 30 % of their known artists are hidden again.
INNER_HIDES = 8
# Signals that can be weighted from a single listener's past: one or two of each kind.
WITHIN = (
    "seeds",
    "seeds_by_plays",
    "log_places",
    "match_by_plays",
    "walk",
    "two_steps",
    "popularity",
    "tag_profile",
    "tag_nearest",
    "tag_model",
    "tag_model_weighted",
    "named_together",
    "walk_either",
    "walk_surprise",
    "lent_tag_nearest",
    "lent_tag_model",
    "lent_tag_model_famous",
)
# The tables, the listeners of the crowd, and the listeners to make lists for.
Job = tuple[RankingTables, npt.NDArray[np.int64], npt.NDArray[np.int64]]
Columns = npt.NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")


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
