"""Benchmark of the taste model on a real log, with an ablation of its parts.

    python -m benchmarks.taste [--scrobbles FILE] [--tags FILE] [--others FILE] [--features FILE]

Cuts one listener's log into years. At each cut everything learns from the plays before it, and
ranks the artists of the catalog that were new then; the truth is the artists that were adopted in
the year after: played twice or more. "Ours" is the installed fusion with its default weights.

The probabilities of the taste model are calibrated on one year and tested on the next, in the
model's own mixture: three artists that were not adopted, drawn at random, for each that was.

The same is measured with nothing but genres for tags, as ListenBrainz has them: the default weights
follow how many tags there are.

Prints all figures of docs/benchmarks.md, "Taste", in one run, and ends with one line of JSON.
Without FILEs the tables are read from ../shared if they exist.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logit
from sklearn.isotonic import IsotonicRegression

from benchmarks.harness import SHARED, command_line, peak_mb, print_figures
from benchmarks.support.taste_ablation import Inputs, variants
from benchmarks.support.taste_data import (
    ADOPTED_MEANS,
    MIN_ADOPTED,
    OTHERS,
    SCROBBLES,
    SINGLES,
    TAGS,
    TASTE,
    Floats,
    PastDay,
    TasteWorld,
    day_of,
    load_world,
    ours,
    singles,
    tag_space,
)
from smallhours.errors import NotEnoughData
from smallhours.training import first_seed
from smallhours.training.evaluation.metrics import (
    ReliabilityBin,
    auc,
    brier,
    calibration_error,
    candidate_recall,
    log_loss,
    ndcg_at,
    recall_at,
    reliability,
)
from smallhours.training.evaluation.uncertainty import Interval, bootstrap_ratio, paired_difference
from smallhours.training.taste.backtest import OTHERS_PER_LIKE
from smallhours.training.taste.model import UNCALIBRATED, Calibration

SEED = 1983
TOP = 50
FEATURES = SHARED / "tags-and-features" / "tracks.csv.gz"
OWN_FILE = SHARED / "first-seed" / "labeled_tracks.csv"
MIN_FOLDS = 2


@dataclass(frozen=True)
class Year:
    """Log-odds of one year's artists, and flags of the adopted, in the model's mixture."""

    log_odds: Floats
    y: npt.NDArray[np.intp]

    @classmethod
    def of(cls, log_odds: Floats, truth: npt.NDArray[np.intp], rng: np.random.Generator) -> "Year":
        """Keep all adopted artists, and three others for each."""
        adopted, others = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
        drawn = rng.choice(others, min(len(others), OTHERS_PER_LIKE * len(adopted)), False)
        at = np.concatenate([adopted, drawn])
        return cls(log_odds[at], truth[at])


def calibrated(
    years: Sequence[Year],
) -> tuple[Mapping[str, Mapping[str, float]], list[ReliabilityBin]]:
    """Return figures of each calibration over all years but the first, and Platt's curve."""
    y = np.concatenate([each.y for each in years[1:]])
    said: dict[str, Floats] = {
        "as trained": _over(years, lambda _, now: UNCALIBRATED(now.log_odds)),
        "Platt": _over(years, lambda b, now: Calibration.fit(b.log_odds, b.y)(now.log_odds)),
        "isotonic": _over(years, lambda b, now: _isotonic(b)(now.log_odds)),
        "the base rate": np.full(len(y), 1 / (1 + OTHERS_PER_LIKE)),
    }
    figures = {
        name: {
            "log_loss": log_loss(y, p),
            "brier": brier(y, p),
            "calibration_error": calibration_error(y, p),
        }
        for name, p in said.items()
    }
    return figures, reliability(y, said["Platt"])


def _over(years: Sequence[Year], answer: Callable[[Year, Year], Floats]) -> Floats:
    return np.concatenate([answer(before, now) for before, now in pairwise(years)])


def _isotonic(before: Year) -> Callable[[Floats], Floats]:
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    curve.fit(before.log_odds, before.y)
    return lambda log_odds: np.asarray(curve.predict(log_odds), dtype=np.float64)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 2 when a table cannot be used."""
    parser = command_line(__doc__)
    parser.add_argument("--scrobbles", type=Path, default=SCROBBLES, metavar="FILE")
    parser.add_argument("--tags", type=Path, default=TAGS, metavar="FILE")
    parser.add_argument("--others", type=Path, default=OTHERS, metavar="FILE")
    parser.add_argument("--features", type=Path, default=FEATURES, metavar="FILE")
    options = parser.parse_args(arguments)
    tables = (options.scrobbles, options.tags, options.others)
    if absent := [path.name for path in tables if not path.exists()]:
        print(
            f"Skipped: {', '.join(absent)} not there. Name a log with --scrobbles FILE (played_at, "
            "artist), artists' tags with --tags FILE (artist, tag, count), and what other "
            "listeners play with --others FILE (listener, artist, plays)."
        )
        return 0
    start = time.perf_counter()
    try:
        world = load_world(*tables)
    except (OSError, ValueError) as error:
        print(f"These tables cannot be measured on: {error}", file=sys.stderr)
        return 2
    days, signals = learnable_years(world)
    if len(days) < MIN_FOLDS:
        print(
            f"{len(days)} years of this log hold {MIN_ADOPTED} adoptions of tagged artists, and "
            f"enough before them to learn from; {MIN_FOLDS} are the least to measure on.",
            file=sys.stderr,
        )
        return 2
    features = options.features if options.features.exists() else None
    found = measure(world, days, signals, features)
    found["weights"] = weights_by_tags(world, found["ours"]["ndcg50_ratio"])
    found |= {"wall_s": round(time.perf_counter() - start, 1), "peak_mb": round(peak_mb())}
    print(f"\n{found['wall_s']} s, {found['peak_mb']} MB at most.")
    print_figures(_rounded(found))
    return 0


def learnable_years(world: TasteWorld) -> tuple[list[PastDay], list[pd.DataFrame]]:
    """Return the years with their single signals; one with too little before it is left out."""
    days, signals = [], []
    for fold in world.yearly_folds():
        day = day_of(world, fold, seed=SEED)
        try:
            signals.append(singles(world, day, seed=SEED))
        except NotEnoughData as error:
            print(f"The year from {fold.cut:%d %B %Y} on is left out: {error.what}")
        else:
            days.append(day)
    return days, signals


def measure(
    world: TasteWorld,
    days: Sequence[PastDay],
    signals: Sequence[pd.DataFrame],
    features: Path | None,
) -> dict[str, Any]:
    """Print all tables, and return the line of JSON."""
    answers = {name: [each[name].to_numpy(dtype=float) for each in signals] for name in SINGLES}
    answers["ours"] = [ours(world, each, day) for each, day in zip(signals, days, strict=True)]
    figures = {
        name: pd.DataFrame([judged(day, scores) for day, scores in zip(days, each, strict=True)])
        for name, each in answers.items()
    }
    _describe(world, days)
    head = _headline(figures)
    years = [
        Year.of(
            logit(each[TASTE].to_numpy(dtype=float)[day.new]),
            day.truth[day.new],
            np.random.default_rng([SEED, at]),
        )
        for at, (each, day) in enumerate(zip(signals, days, strict=True))
    ]
    calibration, curve = calibrated(years)
    _print_calibration(calibration, curve)
    return {
        "folds": len(days),
        "ours": head,
        "baselines": {name: _means(figures[name]) for name in SINGLES},
        "ablation": _ablation(world, days, features),
        "calibration": calibration,
        "reliability": [asdict(each) for each in curve],
        "first_seed_own_file": _own_file(),
    }


def weights_by_tags(world: TasteWorld, all_tags_ratio: float) -> dict[str, float]:
    """Return the ratio of NDCG@50 to the best single signal: with all tags, with genres alone."""
    genres = world.with_genres_only()
    tags = tag_space(genres).tags_per_track
    days, signals = learnable_years(genres)
    if len(days) < MIN_FOLDS:
        print("With genres alone there are too few years to learn from.\n")
        return {"all_tags_ratio": all_tags_ratio}
    ratio = ratio_to_best_single(genres, days, signals)
    print(
        f"With genres alone, {tags:.1f} an artist that has any: NDCG@50 of ours over the best "
        f"single {ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}].\n"
    )
    return {
        "all_tags_ratio": all_tags_ratio,
        "genres_ratio": ratio.value,
        "genres_low": ratio.low,
    }


def ratio_to_best_single(
    world: TasteWorld, days: Sequence[PastDay], signals: Sequence[pd.DataFrame]
) -> Interval:
    """Return NDCG@50 of ours over that of the best single signal, both means over the years."""
    pairs = list(zip(days, signals, strict=True))

    mine = pd.Series([judged(day, ours(world, each, day))["ndcg50"] for day, each in pairs])
    single = pd.DataFrame(
        [
            {name: judged(day, each[name].to_numpy(dtype=float))["ndcg50"] for name in SINGLES}
            for day, each in pairs
        ]
    )
    best = single[single.mean().idxmax()]
    return bootstrap_ratio(mine, best, rng=np.random.default_rng(SEED))


def judged(day: PastDay, scores: Floats) -> dict[str, float]:
    """Return the figures of one ranking of the artists that were new."""
    y, mine = day.truth[day.new], scores[day.new]
    keys = np.array(day.catalog, dtype=object)[day.new]
    order = np.argsort(-mine, kind="stable")  # equal ones in key order
    ranked, truth = keys[order[:TOP]].tolist(), set(keys[y == 1])
    return {
        "auc": auc(y, mine),
        "ndcg50": ndcg_at(ranked, truth, TOP),
        "recall50": recall_at(ranked, truth, TOP),
    }


def _describe(world: TasteWorld, days: Sequence[PastDay]) -> None:
    truth = [int(day.truth.sum()) for day in days]
    ceiling = np.mean(
        [candidate_recall(world.catalog, world.all_adopted(day.fold)) for day in days]
    )
    print(
        f"{len(world.plays):,} plays; {len(world.catalog):,} artists with tags; "
        f"{world.fans.shape[0]:,} other listeners.\n"
        f"{len(days)} years, {days[0].fold.cut:%Y} to {days[-1].fold.until:%Y}, with "
        f"{min(truth)}-{max(truth)} adopted artists each ({ADOPTED_MEANS}).\n"
        f"The catalog holds {ceiling:.0%} of all that was adopted: no ranking can find the rest.\n"
    )


def _headline(figures: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Compare ours with the best single signal: at each cut by AUC, over the cuts by NDCG."""
    singles_auc = pd.DataFrame({name: figures[name]["auc"] for name in SINGLES})
    least = singles_auc.max(axis=1)
    best = max(SINGLES, key=lambda name: float(figures[name]["ndcg50"].mean()))
    print("| | AUC | NDCG@50 | recall@50 | AUC over the best single, least of all cuts |")
    print("|---|---|---|---|---|")
    for name, each in figures.items():
        mean = each.mean()
        print(
            f"| {name} | {mean['auc']:.4f} | {mean['ndcg50']:.4f} | {mean['recall50']:.4f} | "
            f"{(each['auc'] / least).min():.3f} |"
        )
    rng = np.random.default_rng(SEED)
    ratio = bootstrap_ratio(figures["ours"]["ndcg50"], figures[best]["ndcg50"], rng=rng)
    gained = paired_difference(figures["ours"]["auc"], least, rng=rng)
    print(
        f"\nNDCG@50 of ours over {best}, the best single in hindsight: {ratio.value:.3f} "
        f"[{ratio.low:.3f}, {ratio.high:.3f}] (95 %, bootstrap over {len(least)} years).\n"
        f"AUC of ours less the best single of each cut: {gained.value:+.4f} [{gained.low:+.4f}, "
        f"{gained.high:+.4f}].\nOne listener: this is how sure the mean over these years is, and "
        "says nothing of anybody else.\n"
    )
    return {
        **_means(figures["ours"]),
        "best_single": best,
        "ndcg50_ratio": ratio.value,
        "ndcg50_ratio_low": ratio.low,
        "ndcg50_ratio_high": ratio.high,
        "auc_ratio_min": float((figures["ours"]["auc"] / least).min()),
        "auc_ratios": (figures["ours"]["auc"] / least).tolist(),
    }


def _ablation(
    world: TasteWorld, days: Sequence[PastDay], features: Path | None
) -> dict[str, dict[str, float]]:
    inputs = Inputs.of(world, features, seed=SEED)
    print(
        "| taste model alone | AUC | NDCG@50 | AUC - ours | NDCG@50 - ours |\n|---|---|---|---|---|"
    )
    found: dict[str, dict[str, float]] = {}
    reference: pd.DataFrame | None = None
    for name, variant in variants(inputs).items():
        each = pd.DataFrame([judged(day, variant(day)) for day in days])
        reference = each if reference is None else reference
        rng = np.random.default_rng(SEED)
        gaps = {
            figure: paired_difference(each[figure], reference[figure], rng=rng)
            for figure in ("auc", "ndcg50")
        }
        mean = each.mean()
        told = " | ".join(_told(gap) for gap in gaps.values())
        print(f"| {name} | {mean['auc']:.4f} | {mean['ndcg50']:.4f} | {told} |", flush=True)
        found[name] = {**_means(each), **{f"{k}_gap": gap.value for k, gap in gaps.items()}}
    return found


def _print_calibration(figures: Any, curve: Any) -> None:
    print("| P(like) | log-loss | Brier | calibration error |\n|---|---|---|---|")
    for name, each in figures.items():
        print(
            f"| {name} | {each['log_loss']:.4f} | {each['brier']:.4f} | "
            f"{each['calibration_error']:.4f} |"
        )
    print("\n| said | came true | of |\n|---|---|---|")
    for each in curve:
        print(f"| {each.mean_p:.2f} | {each.share:.2f} | {each.n} |")
    print()


def _own_file() -> dict[str, float]:
    """Return the first seed's figures on its own labelled file, if it exists."""
    if not OWN_FILE.exists():
        return {}
    result = first_seed.train(pd.read_csv(OWN_FILE))
    print(
        f"\nThe first seed on its own file: F1 {result.metrics['f1']:.3f}, AUC "
        f"{result.metrics['auc']:.3f}. Its likes and dislikes share no tag, so that any rule that "
        "knows one from the other is right: this says nothing of music that is new."
    )
    return {name: result.metrics[name] for name in ("f1", "auc")}


def _means(each: pd.DataFrame) -> dict[str, float]:
    return {str(name): float(value) for name, value in each.mean().items()}


def _told(gap: Interval) -> str:
    return f"{gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
