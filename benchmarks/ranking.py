"""Benchmark of the ranking: a fusion of all signals against the best single signal.

    python -m benchmarks.ranking [--plays FILE --tags FILE] [--listeners N] [--develop]

Test listeners are drawn by a fixed seed and excluded from everything that is learned; 30 % of each
one's artists are hidden and searched for in the whole catalog (see benchmarks/ranking_data.py).
Three comparisons, each against the best single signal of the same run, picked in hindsight:

- A: similar artists, popularity and tags, fused by weights learned from other listeners;
- within: the same signals, fused by weights learned from this listener's own past alone;
- B: other listeners' plays as well, against the best collaborative method.

`--develop` tests on as many of the training listeners and leaves the test listeners unseen: that
is how every choice in here was made. Ends with one line of JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.measure import peak_mb
from benchmarks.ranking_asking import METHODS, MethodScorer, answers
from benchmarks.ranking_data import (
    PLAYS,
    SEED,
    TAGS,
    BadRankingTable,
    RankingTables,
    eligible_listeners,
    load_tables,
)
from benchmarks.ranking_figures import AUC, AUC_POPULAR, NDCG, RECALL, FusionComparison
from benchmarks.ranking_fits import learn_across
from benchmarks.ranking_lessons import training_lists
from benchmarks.ranking_signals import COLLABORATIVE

TEST_LISTENERS = 200
# Maximum share of listeners to test on, so that a small file keeps most to learn from.
MAX_TEST_SHARE = 0.4
THREADS = 2


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
    except BadRankingTable as error:
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
    print(json.dumps(figures))


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
    _say("learning from the training listeners")
    parts = training_lists(tables, roles.learned)
    names = list(parts[0].names)
    own = [name for name in names if name not in COLLABORATIVE]
    _say("fusing")
    across = learn_across(parts, own, threads=THREADS)
    wider = learn_across(parts, names, threads=THREADS)
    del parts
    _say("asking about the test listeners")
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
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Mapping[str, float | str]],
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


def _say(what: str) -> None:
    print(f"  {what} …", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
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
