"""Benchmark of the ranking: a fusion of all signals against the best single signal.

    python -m benchmarks.ranking [--plays FILE --tags FILE] [--listeners N] [--develop]

Test listeners are drawn by a fixed seed and excluded from everything that is learned; 30 % of each
one's artists are hidden and searched for in the whole catalog (see `support.ranking_data`).
Three comparisons, each against the best single signal of the same run, picked in hindsight:

- A: similar artists, popularity and tags, fused by weights learned from other listeners;
- within: the same signals, fused by weights learned from this listener's own past alone;
- B: other listeners' plays as well, against the best collaborative method.

`--develop` tests on as many of the training listeners and leaves the test listeners unseen: that
is how every choice in here was made. Ends with one line of JSON.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.harness import BadTable, command_line, peak_mb, print_figures, print_progress
from benchmarks.support.ranking_data import (
    PLAYS,
    SEED,
    TAGS,
    Floats,
    RankingTables,
    crowd_of,
    eligible_listeners,
    load_tables,
)
from benchmarks.support.ranking_fits import (
    DEFAULT,
    PROCESSES,
    WITHIN,
    Across,
    ListenerSignals,
    ask,
    at_once,
    learn_across,
    learn_within,
    places_of,
    training_lists,
)
from benchmarks.support.ranking_signals import COLLABORATIVE
from smallhours.training.evaluation.metrics import auc
from smallhours.training.evaluation.uncertainty import bootstrap_ratio

TOP = 50
POPULAR = 0.75
# A ratio above this counts as equal: smaller losses are noise.
WORSE = 0.98

NDCG, RECALL, AUC, AUC_POPULAR = "ndcg50", "recall50", "auc", "auc_popular"

# Name of a comparison among the figures -> printed name.
METHODS = {
    "A": "A",
    "within": "within",
    "B": "B",
    "default": "default, nothing learned",
    "A_linear": "A linear",
    "B_linear": "B linear",
}

TEST_LISTENERS = 200
# Maximum share of listeners to test on, so that a small file keeps most to learn from.
MAX_TEST_SHARE = 0.4
THREADS = 2


@dataclass(frozen=True)
class FusionComparison:
    """One of the comparisons: a fusion against its single signals.

    Attributes:
        fusion: Figures of the fusion, a row per listener.
        singles: By signal, the same.
        candidates: Signals that may be the best single by NDCG; for AUC, all may.
    """

    fusion: pd.DataFrame
    singles: Mapping[str, pd.DataFrame]
    candidates: Sequence[str]

    def figures(self) -> dict[str, float | str]:
        """Compare with the best single signal of each figure, picked in hindsight."""
        best = max(self.candidates, key=lambda name: self.singles[name][NDCG].mean())
        theirs = self.singles[best][NDCG]
        ratio = bootstrap_ratio(self.fusion[NDCG], theirs, rng=np.random.default_rng(SEED))
        mean = self.fusion.mean()
        found: dict[str, float | str] = {
            "ndcg50": mean[NDCG],
            "best_single": float(theirs.mean()),
            "best_single_is": best,
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "auc": mean[AUC],
            "auc_ratio": mean[AUC] / self._best(AUC),
            "auc_popular_ratio": mean[AUC_POPULAR] / self._best(AUC_POPULAR),
            "recall50": mean[RECALL],
            "worse_share": float((self.fusion[NDCG] < WORSE * theirs).mean()),
        }
        return {k: v if isinstance(v, str) else round(float(v), 4) for k, v in found.items()}

    def _best(self, figure: str) -> float:
        return max(float(self.singles[name][figure].mean()) for name in self.candidates)


def figures_of(asked: ListenerSignals, scores: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
    """Compute the figures of every method on one listener, by name of the method.

    NDCG@50 and recall@50 count every hidden artist, also those that no one else plays. AUC sets
    the hidden ones against all other artists of the catalog that the listener is not known to
    play, and against the most popular quarter of these alone.
    """
    popular = asked.listeners > np.quantile(asked.listeners, POPULAR)
    return {name: _figures(asked, each, popular) for name, each in scores.items()}


def _figures(
    asked: ListenerSignals, scores: Floats, popular: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> dict[str, float]:
    case = asked.case
    hidden = np.zeros(len(scores), dtype=bool)
    hidden[case.hidden] = True
    open_ = np.ones(len(scores), dtype=bool)
    open_[case.seeds] = False
    order = np.argsort(-np.where(open_, scores, -np.inf), kind="stable")[:TOP]
    hits = hidden[order].astype(float)
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    famous = open_ & (popular | hidden)
    return {
        NDCG: float(hits @ discount[: len(hits)] / discount[: case.hidden_count].sum()),
        RECALL: float(hits.sum() / case.hidden_count),
        AUC: auc(hidden[open_], scores[open_]),
        AUC_POPULAR: auc(hidden[famous], scores[famous]),
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


@dataclass(frozen=True)
class ListenerSplit:
    """The listeners to test on, and those to learn from."""

    tested: npt.NDArray[np.int64]
    learned: npt.NDArray[np.int64]


def main() -> None:
    """Run the benchmark; see the module's docstring."""
    options = _options()
    start = time.perf_counter()
    try:
        tables = load_tables(options.plays, options.tags)
    except BadTable as error:
        sys.exit(str(error))
    roles = split_listeners(tables, options.listeners, develop=options.develop)
    print(f"{len(roles.tested)} listeners are asked about, {len(roles.learned)} learned from")
    found = compare(tables, roles)
    figures = {
        **found,
        "wall_s": round(time.perf_counter() - start, 1),
        "peak_mb": round(peak_mb()),
    }
    print(f"\nThe whole run: {figures['wall_s']} s, {figures['peak_mb']} MB in the main process")
    print_figures(figures)


def split_listeners(
    tables: RankingTables, listeners: int, *, develop: bool = False
) -> ListenerSplit:
    """Draw the test listeners, the same in every run on the same file.

    Args:
        tables: The data.
        listeners: Number to test on; 40 % of them all at most.
        develop: Test on as many of the others, and leave the test listeners out altogether.
    """
    known = np.random.default_rng(SEED).permutation(eligible_listeners(tables.plays))
    count = min(listeners, int(MAX_TEST_SHARE * len(known)))
    if develop:
        known = known[count:]
        count = min(count, int(MAX_TEST_SHARE * len(known)))
    return ListenerSplit(known[:count], known[count:])


def compare(tables: RankingTables, roles: ListenerSplit) -> dict[str, object]:
    """Run all three comparisons, print them, and return their figures."""
    print_progress("learning from the training listeners")
    parts = training_lists(tables, roles.learned)
    names = list(parts[0].names)
    own = [name for name in names if name not in COLLABORATIVE]
    print_progress("fusing")
    across = learn_across(parts, own, threads=THREADS)
    wider = learn_across(parts, names, threads=THREADS)
    del parts
    print_progress("asking about the test listeners")
    judge = MethodScorer(own, across, wider)
    answered = answers(tables, roles.learned, roles.tested, judge)
    tables_of = {
        method: pd.DataFrame([each.figures[method] for each in answered])
        for method in answered[0].figures
    }
    settings = {
        name: FusionComparison(
            tables_of[method], tables_of, COLLABORATIVE if name[0] == "B" else own
        )
        for name, method in METHODS.items()
    }
    figures = {name: setting.figures() for name, setting in settings.items()}
    ceiling = sum(each.findable for each in answered) / sum(each.hidden for each in answered)
    print(f"{len(answered)} listeners had something to find")
    print(f"{ceiling:.1%} of what was hidden is in the catalog")
    _report(tables_of, figures)
    return {**figures, "ceiling": round(ceiling, 4), "listeners": len(answered)}


def _report(
    tables: Mapping[str, pd.DataFrame], figures: Mapping[str, Mapping[str, float | str]]
) -> None:
    print(f"\n{'method':28} NDCG@50 recall@50    AUC  AUC vs popular")
    for name, rows in sorted(tables.items(), key=lambda each: each[1][NDCG].mean()):
        mean = rows.mean()
        print(
            f"{name:28} {mean[NDCG]:7.4f} {mean[RECALL]:9.4f} {mean[AUC]:6.4f} "
            f"{mean[AUC_POPULAR]:8.4f}"
        )
    print(f"\n{'setting':10} ratio [95 % interval]    best single          AUC ratios   worse for")
    for name, found in figures.items():
        print(
            f"{name:10} {found['ratio']:.3f} [{found['ratio_low']:.3f}, {found['ratio_high']:.3f}]"
            f"  {found['best_single_is']:20} {found['auc_ratio']:.3f} "
            f"{found['auc_popular_ratio']:.3f}   {found['worse_share']:.0%}"
        )


def _options() -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument("--plays", type=Path, default=PLAYS, help="listener, artist, plays")
    parser.add_argument("--tags", type=Path, default=TAGS, help="artist, tag, taggers, count")
    parser.add_argument(
        "--listeners", type=int, default=TEST_LISTENERS, help="how many are asked about"
    )
    parser.add_argument(
        "--develop", action="store_true", help="ask about training listeners instead"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
