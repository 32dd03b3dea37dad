"""What is there to learn fusions from, and what to judge them on? Lists of many listeners.

The lists of the training listeners are made as those of the test listeners are: a fifth of them at
a time is taken out of the crowd, 30 % of their artists are hidden, and the rest of the crowd says
what it knows. Nothing of a test listener is in any crowd.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.ranking_collaborative import Collaborative, learn
from benchmarks.ranking_data import SEED, Case, Crowd, Floats, Indices, Tables, crowd_of, hide
from benchmarks.ranking_signals import signals_a, signals_b
from smallhours.training.ranking.columns import columns_of
from smallhours.training.ranking.listwise import Lesson, sample_list

FOLDS = 5
PROCESSES = 2
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
)
# The tables, whom to learn from, and whom to ask about.
Job = tuple[Tables, npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Asked:
    """One test listener: the columns of the whole catalog, and what was hidden.

    Attributes:
        case: The listener.
        columns: (artists, 2 × signals), float32: of A's signals, then of B's.
        inner: Lists of the listener's own past, of the signals WITHIN.
    """

    case: Case
    columns: npt.NDArray[np.float32]
    inner: list[Lesson]


@dataclass(frozen=True)
class Exam:
    """The test listeners, before one crowd.

    Attributes:
        names: Of the signals, in order.
        asked: One each.
        listeners: (artists,), how many of the crowd play each artist.
        left_out: Test listeners of whom nothing that was hidden is in the catalog.
    """

    names: list[str]
    asked: list[Asked]
    listeners: Floats
    left_out: int


def training_lessons(tables: Tables, listeners: npt.NDArray[np.int64]) -> list[Lesson]:
    """One sampled list per training listener, of all signals."""
    jobs = [(tables, listeners, listeners[fold::FOLDS]) for fold in range(FOLDS)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        return [lesson for fold in pool.map(_fold, jobs) for lesson in fold]


def exam_of(tables: Tables, crowd: npt.NDArray[np.int64], tested: npt.NDArray[np.int64]) -> Exam:
    """Ask about the test listeners; the crowd holds none of them."""
    jobs = [(tables, crowd, tested[part::PROCESSES]) for part in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        parts = list(pool.map(_part, jobs))
    asked = [each for part in parts for each in part.asked]
    return replace(parts[0], asked=asked, left_out=len(tested) - len(asked))


def _part(job: Job) -> Exam:
    tables, people, tested = job
    crowd = crowd_of(tables, people)
    learned = learn(crowd, rng=np.random.default_rng(SEED))
    names: list[str] = []
    asked: list[Asked] = []
    for listener in tested.tolist():
        case = hide(tables.plays, listener, crowd.artists)
        if case is not None:
            names, each = _asked(crowd, learned, case)
            asked.append(each)
    return Exam(names, asked, crowd.listeners, len(tested) - len(asked))


def _fold(job: Job) -> list[Lesson]:
    tables, listeners, asked = job
    crowd = crowd_of(tables, np.setdiff1d(listeners, asked))
    learned = learn(crowd, rng=np.random.default_rng(SEED))
    return list(_lessons(tables, crowd, learned, asked))


def _lessons(
    tables: Tables, crowd: Crowd, learned: Collaborative, asked: npt.NDArray[np.int64]
) -> Iterator[Lesson]:
    for listener in asked.tolist():
        case = hide(tables.plays, listener, crowd.artists)
        if case is None:
            continue
        rng = np.random.default_rng([SEED, listener])
        signals = _all_signals(crowd, learned, case, rng)
        yield _lesson(signals, case.seeds, case.hidden, rng)


def _lesson(
    signals: pd.DataFrame, known: Indices, adopted: Indices, rng: np.random.Generator
) -> Lesson:
    open_ = _flags(len(signals), known, value=False)
    columns = columns_of(signals, open_)
    found = _flags(len(signals), adopted, value=True)
    lesson = sample_list(columns, found, open_, rng=rng)
    return Lesson(lesson.columns.astype(np.float32), lesson.adopted, lesson.stands_for)


def _asked(crowd: Crowd, learned: Collaborative, case: Case) -> tuple[list[str], Asked]:
    rng = np.random.default_rng([SEED, case.listener])
    signals = _all_signals(crowd, learned, case, rng)
    columns = columns_of(signals, _flags(len(signals), case.seeds, value=False))
    inner = [_inner(crowd, case, rng) for _ in range(INNER_HIDES)]
    return list(signals.columns), Asked(case, columns.astype(np.float32), inner)


def _all_signals(
    crowd: Crowd, learned: Collaborative, case: Case, rng: np.random.Generator
) -> pd.DataFrame:
    a = signals_a(crowd, case.seeds, case.plays, rng)
    return a.join(signals_b(crowd, learned, case.seeds, case.plays))


def _inner(crowd: Crowd, case: Case, rng: np.random.Generator) -> Lesson:
    """Hide some of the known artists again, as if they were still to be found."""
    order = rng.permutation(len(case.seeds))
    hidden = max(1, round(0.3 * len(order)))
    away, kept = order[:hidden], order[hidden:]
    signals = signals_a(crowd, case.seeds[kept], case.plays[kept], rng)[list(WITHIN)]
    return _lesson(signals, case.seeds[kept], case.seeds[away], rng)


def _flags(n: int, places: Indices, *, value: bool) -> npt.NDArray[np.bool_]:
    flags = np.full(n, not value)
    flags[places] = value
    return flags
