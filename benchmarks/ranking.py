"""How much better than its best signal is a fusion of all, and what does ranking cost?

    python -m benchmarks.ranking [--plays FILE --tags FILE] [--listeners N] [--develop]

Test listeners are drawn by a fixed seed and taken out of all that is learned from; 30 % of each
one's artists are hidden and looked for in the whole catalog (see benchmarks/ranking_data.py). Three
comparisons, each against the best single signal of the same run, picked in hindsight:

- A: similar artists, popularity and tags, fused by what other listeners' pasts taught;
- within: the same signals, fused by what this listener's own past taught, and nothing else;
- B: other listeners' plays as well, against the best collaborative method.

`--develop` judges on as many of the training listeners and leaves the test listeners unseen: that
is how every choice in here was made. Ends with one line of JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.measure import peak_mb, run_apart
from benchmarks.ranking_data import (
    PLAYS,
    SEED,
    TAGS,
    BadTable,
    Floats,
    Tables,
    askable,
    load_tables,
)
from benchmarks.ranking_figures import AUC, AUC_POPULAR, NDCG, RECALL, Setting, ceiling, judged
from benchmarks.ranking_fits import DEFAULT, learn_across, learn_within, places_of
from benchmarks.ranking_lessons import WITHIN, Asked, Exam, exam_of, training_lessons
from benchmarks.ranking_signals import COLLABORATIVE
from smallhours.training.ranking.listwise import Lessons

TEST_LISTENERS = 200
# A small file keeps most of its listeners to learn from.
MOST_TESTED = 0.4
THREADS = 2


@dataclass(frozen=True)
class Roles:
    """Who is asked about, and who is learned from."""

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
    roles = roles_of(tables, options.listeners, develop=options.develop)
    print(f"{len(roles.tested)} listeners are asked about, {len(roles.learned)} learned from")
    found = compare(tables, roles)
    cost = cost_of_ranking()
    figures = {
        **found,
        **cost,
        "wall_s": round(time.perf_counter() - start, 1),
        "peak_mb": round(peak_mb()),
    }
    print(f"\nRanking 50,000 candidates: {cost['rank_50k_s']} s, {cost['rank_50k_mb']} MB more")
    print(f"The whole run: {figures['wall_s']} s, {figures['peak_mb']} MB in the main process")
    print(json.dumps(figures))


def roles_of(tables: Tables, listeners: int, *, develop: bool = False) -> Roles:
    """Draw the test listeners, the same in every run on the same file.

    Args:
        tables: The data.
        listeners: How many to ask about; 40 % of them all at most.
        develop: Ask about as many of the others, and leave the test listeners out altogether.
    """
    known = np.random.default_rng(SEED).permutation(askable(tables.plays))
    count = min(listeners, int(MOST_TESTED * len(known)))
    if develop:
        known = known[count:]
        count = min(count, int(MOST_TESTED * len(known)))
    return Roles(known[:count], known[count:])


def compare(tables: Tables, roles: Roles) -> dict[str, object]:
    """All three comparisons; prints them, and returns their figures."""
    _say("learning from the training listeners")
    lessons = Lessons.of(training_lessons(tables, roles.learned))
    _say("asking about the test listeners")
    exam = exam_of(tables, roles.learned, roles.tested)
    names = exam.names
    own = [name for name in names if name not in COLLABORATIVE]
    singles = {name: judged(exam, partial(_single, at=at)) for at, name in enumerate(names)}
    _say("fusing")
    across = learn_across(lessons, names, own, threads=THREADS)
    wider = learn_across(lessons, names, names, threads=THREADS)
    inner = places_of(names, WITHIN)
    default = DEFAULT.vector(names)
    fusions = {
        "default, nothing learned": judged(exam, lambda a: a.columns.astype(float) @ default),
        "within": judged(
            exam,
            lambda a: a.columns[:, inner] @ learn_within(a.inner, len(a.case.seeds)),
        ),
        "A linear": judged(exam, lambda a: across.by_line(a.columns)),
        "A": judged(exam, lambda a: across.score(a.columns)),
        "B linear": judged(exam, lambda a: wider.by_line(a.columns)),
        "B": judged(exam, lambda a: wider.score(a.columns)),
    }
    settings = {
        "A": Setting(fusions["A"], singles, own),
        "within": Setting(fusions["within"], singles, own),
        "B": Setting(fusions["B"], singles, COLLABORATIVE),
        "default": Setting(fusions["default, nothing learned"], singles, own),
        "A_linear": Setting(fusions["A linear"], singles, own),
        "B_linear": Setting(fusions["B linear"], singles, COLLABORATIVE),
    }
    figures = {name: setting.figures() for name, setting in settings.items()}
    _report(exam, {**singles, **fusions}, figures)
    return {**figures, "ceiling": round(ceiling(exam), 4), "listeners": len(exam.asked)}


def _single(asked: Asked, at: int) -> Floats:
    """One signal alone: its rank column puts the catalog in the same order."""
    return asked.columns[:, 2 * at].astype(float)


def cost_of_ranking() -> dict[str, float]:
    """Seconds and MB of ranking 50,000 candidates, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cost = run_apart("benchmarks.ranking_cost", [], Path(folder) / "cost.json")
    return {"rank_50k_s": round(cost.wall_s, 2), "rank_50k_mb": round(cost.peak_mb)}


def _report(
    exam: Exam,
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Mapping[str, float | str]],
) -> None:
    print(f"{len(exam.asked)} listeners had something to find ({exam.left_out} had nothing)")
    print(f"{ceiling(exam):.1%} of what was hidden is in the catalog of {len(exam.listeners):,}")
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
