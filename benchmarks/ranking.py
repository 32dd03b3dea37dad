"""Benchmark of the ranking: the product's signals and shipped weights on other people's listening.

    python -m benchmarks.ranking [--plays FILE --tags FILE] [--listeners N] [--quick] [--develop]
    python -m benchmarks.ranking --protocol recbole [--plays FILE --tags FILE] [--quick]

Test listeners are drawn by a fixed seed; 30 % of each one's artists are hidden and searched for in
the whole catalog of the others' artists (see `support.ranking_data`). What is measured is what runs
at night: `support.installation` calls the product's own functions.

- `lone`: what one installation knows, by the weights that ship, against the best of its signals
  alone, picked in hindsight, and against `implicit`'s ALS on everyone's plays;
- `others`: that score fused with what others' plays would add, against the best rival;
- `candidate_recall`: the share of what was hidden that becomes a candidate, with the number of
  questions to the services, and beside it what 7924c24 would have found with as many.

`--develop` asks about as many of the other listeners and leaves the test listeners unseen;
`--quick` asks about a quarter. `--protocol recbole` is a table that others publish in
(`support.recbole`). Ends with one line of JSON.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from benchmarks.harness import BadTable, command_line, peak_mb, print_figures, print_progress
from benchmarks.support.installation import (
    SINGLES,
    Installation,
    gather,
    gather_before,
    history_of,
    own_artists,
    score,
    signals_of,
)
from benchmarks.support.ranking_data import (
    PLAYS,
    SEED,
    TAGS,
    Floats,
    ListenerCase,
    RankingTables,
    crowd_of,
    eligible_listeners,
    hide,
    load_tables,
)
from benchmarks.support.recbole import recbole_figures
from benchmarks.support.rivals import ALS, ALS_ONCE, Rival, fit_rivals
from smallhours.training.evaluation.metrics import auc
from smallhours.training.evaluation.uncertainty import bootstrap_ratio
from smallhours.training.ranking.fusion import rank_column

TOP = 50
POPULAR = 0.75
NDCG, RECALL, AUC, AUC_POPULAR = "ndcg50", "recall50", "auc", "auc_popular"
OURS, OTHERS = "ours", "ours and others' plays"
# Rivals that are fused with ours, where they are there.
FUSED = ("ease", ALS)

TEST_LISTENERS, QUICK_LISTENERS = 200, 50
# Maximum share of listeners to test on, so that a small file keeps most to learn from.
MAX_TEST_SHARE = 0.4


@dataclass(frozen=True)
class Asked:
    """What became of one test listener.

    Attributes:
        figures: By method, then by figure.
        hidden: Number of hidden artists.
        found: Number of them among the candidates, now and by 7924c24.
        calls: Number of questions, likewise.
    """

    figures: dict[str, dict[str, float]]
    hidden: int
    found: tuple[int, int]
    calls: tuple[int, int]


def ask(shared: Installation, rivals: Mapping[str, Rival], case: ListenerCase) -> Asked:
    """Rank the whole catalog for one listener, by every signal, the shipped weights, and rivals."""
    signals = signals_of(shared, case)
    own = sparse.csr_matrix(
        (case.plays, (np.zeros(len(case.seeds), int), case.seeds)), shape=(1, len(signals))
    )
    among = np.ones(len(signals), dtype=bool)
    among[case.seeds] = False
    scores = {
        name: rank_column(signals[name].to_numpy(dtype=float, na_value=np.nan), among)
        for name in SINGLES
    }
    scores[OURS] = score(shared, case, signals)
    scores |= {name: rival(own) for name, rival in rivals.items()}
    fused = [OURS, *(name for name in FUSED if name in rivals)]
    scores[OTHERS] = np.mean([rank_column(scores[name], among) for name in fused], axis=0)
    hidden = set(shared.crowd.artists[case.hidden])
    artists = own_artists(history_of(shared, case))
    now, before = gather(shared, artists), gather_before(shared, artists)
    return Asked(
        {name: figures_of(shared.crowd.listeners, case, each) for name, each in scores.items()},
        case.hidden_count,
        (len(hidden & now.artists), len(hidden & before.artists)),
        (now.calls, before.calls),
    )


def figures_of(listeners: Floats, case: ListenerCase, scores: Floats) -> dict[str, float]:
    """Compute the figures of one method on one listener.

    NDCG@50 and recall@50 count every hidden artist, also those that no one else plays. AUC sets
    the hidden ones against all other artists of the catalog that the listener is not known to
    play, and against the most popular quarter of these alone.
    """
    hidden = np.zeros(len(scores), dtype=bool)
    hidden[case.hidden] = True
    open_ = np.ones(len(scores), dtype=bool)
    open_[case.seeds] = False
    order = np.argsort(-np.where(open_, scores, -np.inf), kind="stable")[:TOP]
    hits = hidden[order].astype(float)
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    famous = open_ & ((listeners > np.quantile(listeners, POPULAR)) | hidden)
    return {
        NDCG: float(hits @ discount[: len(hits)] / discount[: case.hidden_count].sum()),
        RECALL: float(hits.sum() / case.hidden_count),
        AUC: auc(hidden[open_], scores[open_]),
        AUC_POPULAR: auc(hidden[famous], scores[famous]),
    }


@dataclass(frozen=True)
class ListenerSplit:
    """The listeners to test on, and the others, whose plays stand for the services."""

    tested: npt.NDArray[np.int64]
    others: npt.NDArray[np.int64]


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


def hidden_figures(tables: RankingTables, roles: ListenerSplit) -> dict[str, object]:
    """Ask about the test listeners, print, and return the figures."""
    print(f"{len(roles.tested)} listeners are asked about, {len(roles.others)} are the others")
    shared = Installation.of(crowd_of(tables, roles.others))
    rivals = fit_rivals(shared.crowd.plays)
    asked = []
    for at, listener in enumerate(roles.tested.tolist()):
        case = hide(tables.plays, listener, shared.crowd.artists)
        if case is not None:
            asked.append(ask(shared, rivals, case))
        if at % 25 == 0:
            print_progress(f"asking about listener {at + 1}")
    return summed_up(asked, list(rivals))


def summed_up(asked: Sequence[Asked], rivals: Sequence[str]) -> dict[str, object]:
    """Print the table, and return the figures of all listeners."""
    methods = list(asked[0].figures)
    of = {name: pd.DataFrame([each.figures[name] for each in asked]) for name in methods}
    print(f"\n{'method':24} NDCG@50 recall@50    AUC  AUC vs popular")
    for name, rows in sorted(of.items(), key=lambda each: each[1][NDCG].mean()):
        mean = rows.mean()
        print(
            f"{name:24} {mean[NDCG]:7.4f} {mean[RECALL]:9.4f} {mean[AUC]:6.4f} "
            f"{mean[AUC_POPULAR]:8.4f}"
        )
    best_als = max(
        (name for name in (ALS, ALS_ONCE) if name in rivals),
        key=lambda name: of[name][NDCG].mean(),
        default=None,
    )
    lone = _against(of, OURS, SINGLES)
    for key, figure in (("over_als", NDCG), ("auc_over_als", AUC)):
        over = None if best_als is None else of[OURS][figure].mean() / of[best_als][figure].mean()
        lone[key] = None if over is None else round(float(over), 4)
    hidden = sum(each.hidden for each in asked)
    recall = [sum(each.found[at] for each in asked) / hidden for at in (0, 1)]
    calls = [float(np.mean([each.calls[at] for each in asked])) for at in (0, 1)]
    others = _against(of, OTHERS, rivals)
    print(
        f"\nours over {lone['best_single_is']}, the best single signal: {lone['ratio']:.3f} "
        f"[{lone['ratio_low']:.3f}, {lone['ratio_high']:.3f}]\n"
        f"with others' plays over {others['best_single_is']}, the best rival: "
        f"{others['ratio']:.3f} [{others['ratio_low']:.3f}, {others['ratio_high']:.3f}]\n"
        f"{recall[0]:.1%} of what was hidden is a candidate at {calls[0]:.0f} calls a listener; "
        f"by 7924c24 {recall[1]:.1%} at {calls[1]:.0f}"
    )
    return {
        "lone": lone,
        "others": others,
        "candidate_recall": round(recall[0], 4),
        "candidate_recall_before": round(recall[1], 4),
        "calls": round(calls[0], 1),
        "listeners": len(asked),
    }


def _against(
    of: Mapping[str, pd.DataFrame], ours: str, theirs: Sequence[str]
) -> dict[str, float | str | None]:
    """Compare with the best single of each figure, picked in hindsight."""
    best = {
        figure: max(theirs, key=lambda name: float(of[name][figure].mean()))
        for figure in (NDCG, AUC, AUC_POPULAR)
    }
    rng = np.random.default_rng(SEED)
    ratio = bootstrap_ratio(of[ours][NDCG], of[best[NDCG]][NDCG], rng=rng)
    mean = of[ours].mean()
    found = {
        "ndcg50": mean[NDCG],
        "ratio": ratio.value,
        "ratio_low": ratio.low,
        "ratio_high": ratio.high,
        "auc": mean[AUC],
        "auc_ratio": mean[AUC] / of[best[AUC]][AUC].mean(),
        "auc_popular_ratio": mean[AUC_POPULAR] / of[best[AUC_POPULAR]][AUC_POPULAR].mean(),
    }
    rounded = {name: round(float(value), 4) for name, value in found.items()}
    return {"best_single_is": best[NDCG], **rounded}


def main() -> None:
    """Run the benchmark; see the module's docstring."""
    options = _options()
    start = time.perf_counter()
    try:
        tables = load_tables(options.plays, options.tags)
    except BadTable as error:
        sys.exit(str(error))
    count = options.listeners or (QUICK_LISTENERS if options.quick else None)
    if options.protocol == "recbole":
        found = recbole_figures(tables, listeners=count)
    else:
        roles = split_listeners(tables, count or TEST_LISTENERS, develop=options.develop)
        found = hidden_figures(tables, roles)
    print_figures(
        {**found, "wall_s": round(time.perf_counter() - start, 1), "peak_mb": round(peak_mb())}
    )


def _options() -> argparse.Namespace:
    parser = command_line(__doc__)
    parser.add_argument("--plays", type=Path, default=PLAYS, help="listener, artist, plays")
    parser.add_argument("--tags", type=Path, default=TAGS, help="artist, tag, taggers, count")
    parser.add_argument("--listeners", type=int, help="how many are asked about")
    parser.add_argument("--quick", action="store_true", help="ask about a quarter of them")
    parser.add_argument("--protocol", choices=("hidden", "recbole"), default="hidden")
    parser.add_argument(
        "--develop", action="store_true", help="ask about other listeners than the test's"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
