"""What is there to learn fusions from, and what are they asked? Lists of many listeners.

The lists of the training listeners are made as those of the test listeners are: a fifth of them at
a time is taken out of the crowd, 30 % of their artists are hidden, and the rest of the crowd says
what it knows; twice over, with other artists hidden. Nothing of a test listener is in any crowd.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.ranking_collaborative import Collaborative, learn
from benchmarks.ranking_data import SEED, Case, Crowd, Floats, Indices, Tables, crowd_of, hide
from benchmarks.ranking_signals import setting_of, signals_a, signals_b
from smallhours.training.ranking.columns import columns_of
from smallhours.training.ranking.listwise import Lesson, sample_list

FOLDS = 5
PROCESSES = 2
HIDES = 2
# Of a training list: so many of the likeliest artists, and so many of the others.
LIKELIEST, OTHERS = 300, 150
# Within one listener: so many times is 30 % of what is left of their artists hidden again.
INNER_HIDES = 8
# What a single listener's past can tell apart: one or two signals of each kind.
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
# The tables, whom to learn from, and whom to ask about.
Job = tuple[Tables, npt.NDArray[np.int64], npt.NDArray[np.int64]]
Columns = npt.NDArray[np.float32]
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Asked:
    """One test listener before the whole catalog.

    Attributes:
        case: The listener.
        listeners: (artists,), how many of the crowd play each artist.
        names: Of the signals, in order.
        columns: (artists, 2 × signals), then those of the setting.
        inner: Lists of the listener's own past, of the signals WITHIN.
    """

    case: Case
    listeners: Floats
    names: Sequence[str]
    columns: Columns
    inner: list[Lesson]


@dataclass(frozen=True)
class Taught:
    """Sampled lists of the training listeners.

    Attributes:
        names: Of the signals, in order.
        columns: (rows, 2 × signals), then those of the setting.
        adopted: (rows,).
        stands_for: (rows,), how many of its list each row stands for.
        lengths: (lists,), rows of each.
    """

    names: Sequence[str]
    columns: Columns
    adopted: npt.NDArray[np.bool_]
    stands_for: Floats
    lengths: Indices


def at_once(work: Callable[[T], R], jobs: Sequence[T], processes: int) -> list[R]:
    """Do jobs in so many processes, or in this one; results in the order of the jobs."""
    if processes == 1:
        return [work(job) for job in jobs]
    # Begun afresh: a fork of a process in which trees were grown by threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(work, jobs))


def training_lists(
    tables: Tables, listeners: npt.NDArray[np.int64], *, processes: int = PROCESSES
) -> list[Taught]:
    """HIDES sampled lists per training listener, of all signals; one part a fold."""
    jobs = [(tables, listeners, listeners[fold::FOLDS]) for fold in range(FOLDS)]
    return at_once(_fold, jobs, processes)


def ask(tables: Tables, crowd: Crowd, tested: Sequence[int]) -> Iterator[Asked]:
    """Ask about test listeners, one at a time; the crowd holds none of them."""
    learned = learn(crowd, rng=np.random.default_rng(SEED))
    for listener in tested:
        case = hide(tables.plays, listener, crowd.artists)
        if case is not None:
            rng = np.random.default_rng([SEED, listener])
            names, columns = _columns(crowd, learned, case, rng)
            inner = [_inner(crowd, case, rng) for _ in range(INNER_HIDES)]
            yield Asked(case, crowd.listeners, names, columns, inner)


def _fold(job: Job) -> Taught:
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
    return Taught(
        names,
        np.concatenate([each.columns for each in lists]).astype(np.float32),
        np.concatenate([each.adopted for each in lists]),
        np.concatenate([each.stands_for for each in lists]),
        np.array([len(each.adopted) for each in lists], dtype=np.intp),
    )


def _columns(
    crowd: Crowd, learned: Collaborative, case: Case, rng: np.random.Generator
) -> tuple[list[str], Columns]:
    """Both columns of every signal of the whole catalog, then those of the setting."""
    own = signals_a(crowd, case.seeds, case.plays, rng)
    signals = own.join(signals_b(crowd, learned, case.seeds, case.plays))
    columns = columns_of(signals, _flags(len(signals), case.seeds, value=False))
    setting = setting_of(crowd, case.seeds, own)
    return list(signals.columns), np.hstack([columns.astype(np.float32), setting])


def _sampled(columns: Columns, of_signals: int, case: Case, rng: np.random.Generator) -> Lesson:
    """A sampled list: its rows are chosen by the signals, and hold the setting as well."""
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
    return Lesson(rows, chosen.adopted, chosen.stands_for)


def _inner(crowd: Crowd, case: Case, rng: np.random.Generator) -> Lesson:
    """Hide some of the known artists again, as if they were still to be found."""
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
