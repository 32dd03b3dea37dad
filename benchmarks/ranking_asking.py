"""Scores of every method for each test listener, one at a time, since the columns are large."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.ranking_data import Floats, RankingTables, crowd_of
from benchmarks.ranking_figures import figures_of
from benchmarks.ranking_fits import DEFAULT, Across, learn_within, places_of
from benchmarks.ranking_lessons import PROCESSES, WITHIN, ListenerSignals, ask, at_once

# Name of a comparison among the figures -> printed name.
METHODS = {
    "A": "A",
    "within": "within",
    "B": "B",
    "default": "default, nothing learned",
    "A_linear": "A linear",
    "B_linear": "B linear",
}


@dataclass(frozen=True)
class MethodScorer:
    """All methods, fitted.

    Attributes:
        own: The signals of A.
        across: The fusion of these, learned across listeners.
        wider: The fusion of all signals.
    """

    own: Sequence[str]
    across: Across
    wider: Across

    def scores(self, asked: ListenerSignals) -> dict[str, Floats]:
        """Score the whole catalog by every single signal, then by the fusions."""
        columns, names = asked.columns, list(asked.names)
        # A signal's rank column has the same order as the signal.
        singles = {name: columns[:, 2 * at].astype(float) for at, name in enumerate(names)}
        inner = columns[:, places_of(names, WITHIN)]
        default = columns[:, : 2 * len(names)].astype(float) @ DEFAULT.vector(names)
        return {
            **singles,
            "default, nothing learned": default,
            "within": inner @ learn_within(asked.inner, len(asked.case.seeds)),
            "A linear": self.across.by_line(columns),
            "A": self.across.score(columns),
            "B linear": self.wider.by_line(columns),
            "B": self.wider.score(columns),
        }


@dataclass(frozen=True)
class ListenerResult:
    """The figures of one test listener.

    Attributes:
        figures: By method, then by figure.
        findable: Number of hidden artists that the catalog has.
        hidden: Number of all hidden artists.
    """

    figures: dict[str, dict[str, float]]
    findable: int
    hidden: int


def answers(
    tables: RankingTables,
    crowd: npt.NDArray[np.int64],
    tested: npt.NDArray[np.int64],
    judge: MethodScorer,
    *,
    processes: int = PROCESSES,
) -> list[ListenerResult]:
    """Score the test listeners; one without any hidden artist in the catalog is left out."""
    parts = [tested[part::processes].tolist() for part in range(processes)]
    found = at_once(partial(_part, tables, crowd, judge), parts, processes)
    return [answer for part in found for answer in part]


def _part(
    tables: RankingTables, people: npt.NDArray[np.int64], judge: MethodScorer, tested: list[int]
) -> list[ListenerResult]:
    found = []
    for asked in ask(tables, crowd_of(tables, people), tested):
        figures = figures_of(asked, judge.scores(asked))
        found.append(ListenerResult(figures, len(asked.case.hidden), asked.case.hidden_count))
    return found
