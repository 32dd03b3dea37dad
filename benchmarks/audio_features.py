"""Benchmark of audio features: our models and the paper's, their accuracy and cost.

    python -m benchmarks.audio_features [--data FILE …] [--quick]

Prints all figures of docs/benchmarks.md, "Audio features", in one run, and ends with one line of
JSON. Each fit runs in a process of its own, so that time and memory are its own. FILEs are tables
of tracks and of artists' tags (see benchmarks/support/set_b.py), recognised by their columns;
without them, set B is read from ../shared if it exists. `--quick` runs one split of the artists in
place of five folds, and K = 1,000 only.
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from benchmarks.harness import (
    SHARED,
    BadTable,
    Cost,
    command_line,
    print_figures,
    print_progress,
    run_apart,
)
from benchmarks.support.audio_fits import LINEAR, OURS, SCIKIT, SHARED_BASIS, XGBOOST
from benchmarks.support.set_b import (
    DEFAULT,
    SEED,
    TARGETS,
    SetB,
    artist_cv,
    grouped_split,
    load_set_b,
    random_split,
)
from smallhours.training.evaluation.uncertainty import Interval

Floats = npt.NDArray[np.float64]
Rows = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

RESAMPLES = 2000
FIFTHS = 5
PUBLISHED = "the paper's own data"

ALL_TAGS = 10_000
K_SPEED = 1000


@dataclass(frozen=True)
class Pooled:
    """The figures of one model over all folds.

    Attributes:
        rmse: (5,) over the test rows of all folds.
        r2_by_target: (5,) mean over folds; against the mean of each fold's training rows.
        r2: Mean over targets.
        spread: Standard deviation of the mean R² over folds.
        cost: Mean time and largest memory of a fit.
        predicted: (test rows, 5) in the order of the folds; low and high likewise.
    """

    rmse: Floats
    r2_by_target: Floats
    r2: float
    spread: float
    cost: Cost
    predicted: Floats
    low: Floats | None
    high: Floats | None


def pool(
    data: SetB, folds: Sequence[Rows], fits: Sequence[tuple[Mapping[str, Any], Cost]]
) -> Pooled:
    """Score one model's fits, one per fold."""
    predicted = np.concatenate([found["predicted"] for found, _ in fits])
    errors = (predicted - tested(data, folds)) ** 2
    scores = []
    for (train, test), (found, _) in zip(folds, fits, strict=True):
        actual = data.targets[test]
        base = ((actual - data.targets[train].mean(axis=0)) ** 2).sum(axis=0)
        scores.append(1 - ((found["predicted"] - actual) ** 2).sum(axis=0) / base)
    ends = [
        np.concatenate([found[end] for found, _ in fits]) if end in fits[0][0] else None
        for end in ("low", "high")
    ]
    costs = [cost for _, cost in fits]
    return Pooled(
        rmse=np.sqrt(errors.mean(axis=0)),
        r2_by_target=np.mean(scores, axis=0),
        r2=float(np.mean(scores)),
        spread=float(np.std(np.mean(scores, axis=1))),
        cost=Cost(
            float(np.mean([cost.wall_s for cost in costs])), max(cost.peak_mb for cost in costs)
        ),
        predicted=predicted,
        low=ends[0],
        high=ends[1],
    )


def tested(data: SetB, folds: Sequence[Rows]) -> Floats:
    """Return the targets of the test rows of all folds."""
    return np.concatenate([data.targets[test] for _, test in folds])


def paired(data: SetB, folds: Sequence[Rows], ours: Pooled, theirs: Pooled) -> Interval:
    """Bootstrap the difference of mean R² over artists, their tracks kept together.

    As Efron and Tibshirani (1993) do.
    """
    actual = tested(data, folds)
    artist = np.concatenate([data.artists[test] for _, test in folds])
    base = np.concatenate(
        [(data.targets[test] - data.targets[train].mean(axis=0)) ** 2 for train, test in folds]
    )
    gain = (theirs.predicted - actual) ** 2 - (ours.predicted - actual) ** 2
    artists, at = np.unique(artist, return_inverse=True)
    sums = np.zeros((2, len(artists), actual.shape[1]))
    for which, values in enumerate((gain, base)):
        np.add.at(sums[which], at, values)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(artists), np.full(len(artists), 1 / len(artists)), RESAMPLES)
    differences = ((drawn @ sums[0]) / (drawn @ sums[1])).mean(axis=1)
    low, high = np.quantile(differences, [0.025, 0.975])
    whole = sums.sum(axis=1)
    return Interval(float((whole[0] / whole[1]).mean()), float(low), float(high))


def coverage(data: SetB, folds: Sequence[Rows], pooled: Pooled) -> tuple[Floats, float]:
    """Return the share of unseen artists' tracks within their 80 % interval, and its minimum.

    Returns:
        (5,) by target, and the minimum over targets and fifths of the predictions.
    """
    if pooled.low is None or pooled.high is None:
        raise ValueError("this model gives no intervals")
    actual = tested(data, folds)
    inside = (pooled.low <= actual) & (actual <= pooled.high)
    print("\n80 % intervals on new artists: coverage, by fifth of the prediction (low to high)")
    worst = 1.0
    for t, target in enumerate(TARGETS):
        order = np.argsort(pooled.predicted[:, t], kind="stable")
        fifths = [float(inside[part, t].mean()) for part in np.array_split(order, FIFTHS)]
        worst = min(worst, *fifths)
        width = float((pooled.high - pooled.low)[:, t].mean())
        shown = "  ".join(f"{share:.3f}" for share in fifths)
        print(f"  {target:17}{inside[:, t].mean():.3f}   {shown}   mean width {width:.2f}")
    return inside.mean(axis=0), worst


def describe(data: SetB) -> None:
    """Print a description of the rows."""
    merged = data.merged()
    print(
        f"{len(data):,} tracks of {data.artists.max() + 1:,} artists, {merged.shape[1]:,} tags, "
        f"{merged.nnz / len(data):.1f} a track."
    )
    print(f"Left out: {', '.join(data.left_out)}.")
    if merged.shape[1] < 10_000:
        print(f"K = 10,000 is more than there are: all {merged.shape[1]:,} are used.")


def table(title: str, models: Mapping[str, Pooled], data: SetB) -> None:
    """Print RMSE by target, mean R², time and memory of some models."""
    head = "".join(f"{target[:12]:>14}" for target in TARGETS)
    print(f"\n{title}: RMSE\n{'':38}{head}{'mean R²':>9}{'± folds':>9}{'s':>8}{'MB':>7}")
    deviation = data.targets.std(axis=0)
    print(f"{'mean (standard deviation)':38}{_numbers(deviation)}{0:9.4f}")
    for name, model in models.items():
        print(
            f"{name:38}{_numbers(model.rmse)}{model.r2:9.4f}{model.spread:9.4f}"
            f"{model.cost.wall_s:8.1f}{model.cost.peak_mb:7.0f}"
        )
    for name, rmse in published().items():
        print(f"{name:38}{_numbers(rmse)}")


def published() -> dict[str, Floats]:
    """Read the paper's own tabular rows (Table 9), if they exist; they are of other tracks."""
    path = SHARED / "paper" / "table9_rmse.csv"
    if not path.exists():
        return {}
    rows = pd.read_csv(path)
    rows = rows[rows["input"].fillna("").str.strip().str.endswith(" tags")]
    return {
        f"{model} {kind.strip()}, {PUBLISHED}": np.array(values)
        for model, kind, *values in rows[["model", "input", *TARGETS]].itertuples(index=False)
    }


def by_target(values: Floats) -> dict[str, float]:
    """Return one figure per target, by name."""
    return dict(zip(TARGETS, map(float, values), strict=True))


def _numbers(values: Floats) -> str:
    return "".join(f"{value:14.4f}" for value in values)


@dataclass
class AudioBench:
    """The data on disk, and every fit so far.

    Attributes:
        data: The rows.
        folder: Folder of inputs and predictions.
        fits: By model and split: the predictions and coefficients, and the cost.
    """

    data: SetB
    folder: Path
    fits: dict[tuple[str, str], tuple[dict[str, Any], Cost]] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write the inputs that every fit reads."""
        np.savez(
            self.folder / "data.npz",
            targets=self.data.targets,
            artists=self.data.artists,
            lengths=self.data.lengths,
            track_columns=np.array(self.data.track.shape[1]),
        )
        sparse.save_npz(self.folder / "blocks.npz", self.data.blocks())
        sparse.save_npz(self.folder / "merged.npz", self.data.merged())

    def fit(self, model: str, name: str, rows: Rows) -> tuple[dict[str, Any], Cost]:
        """Fit a model on a split in a process of its own, once."""
        if (model, name) not in self.fits:
            print_progress(f"{model} on {name}")
            split = self.folder / f"{name}.npz"
            np.savez(split, train=rows[0], test=rows[1])
            out = self.folder / "found.npz"
            inputs = [model, str(self.folder / "data.npz"), str(split), str(out)]
            cost = Cost(**run_apart("benchmarks.support.audio_fits", inputs))
            with np.load(out) as found:
                self.fits[model, name] = {key: found[key] for key in found.files}, cost
        return self.fits[model, name]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 2 when a table cannot be used."""
    parser = command_line(__doc__)
    parser.add_argument("--data", nargs="+", type=Path, default=list(DEFAULT), metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one split, K = 1,000 alone")
    options = parser.parse_args(arguments)
    if options.data == list(DEFAULT) and not all(path.exists() for path in DEFAULT):
        print("Skipped: set B is not there (../shared/data). Name tables with --data FILE …")
        return 0
    try:
        data = load_set_b(options.data)
    except (BadTable, OSError) as error:
        print(f"These tables cannot be measured on: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        bench = AudioBench(data, Path(folder))
        bench.prepare()
        print_figures(measure(bench, quick=options.quick))
    return 0


def measure(bench: AudioBench, *, quick: bool) -> dict[str, Any]:
    """Fit all models on all splits, print the tables, and return the line of JSON."""
    data = bench.data
    describe(data)
    paper = paper_models(quick=quick)
    models = [OURS, LINEAR, *paper]
    folds = [grouped_split(data.artists)] if quick else artist_cv(data.artists)
    names = [f"artists-{at}" for at in range(len(folds))]
    for name, rows in zip(names, folds, strict=True):
        for model in models:
            bench.fit(model, name, rows)
    grouped = {
        model: pool(data, folds, [bench.fits[model, name] for name in names]) for model in models
    }
    title = "one split of the artists" if quick else "five folds of artists"
    table(f"New artists ({title})", grouped, data)
    best = max(paper, key=lambda model: grouped[model].r2)
    difference = paired(data, folds, grouped[OURS], grouped[best])
    print(
        f"\nOurs - {best}: mean R² {difference.value:+.4f}, 95 % [{difference.low:+.4f}, "
        f"{difference.high:+.4f}] (paired bootstrap over artists)"
    )

    rows = random_split(len(data))
    for model in models:
        bench.fit(model, "random", rows)
    by_track = {model: pool(data, [rows], [bench.fits[model, "random"]]) for model in models}
    known = dict(bench.fits[OURS, "random"][0])
    known["predicted"] = known["known"]
    by_track["ours, with the artist's other tracks"] = with_artist = pool(
        data, [rows], [(known, bench.fits[OURS, "random"][1])]
    )
    table("Known artists (random split by track, as in the paper)", by_track, data)

    covered, worst = coverage(data, folds, grouped[OURS])
    speed = bayes_speed(bench)
    # If it was measured: five Bayesian fits by scikit-learn, the paper's own library.
    paper_cost = speed.scikit if best == f"{SHARED_BASIS}:{K_SPEED}" else grouped[best].cost
    return {
        "r2_grouped": grouped[OURS].r2,
        "r2_random": with_artist.r2,
        "r2_random_tags": by_track[OURS].r2,
        "rmse_grouped": by_target(grouped[OURS].rmse),
        "paper_best_rmse_grouped": by_target(
            np.min([grouped[model].rmse for model in paper], axis=0)
        ),
        "wall_s": grouped[OURS].cost.wall_s,
        "peak_mb": grouped[OURS].cost.peak_mb,
        "paper_wall_s": paper_cost.wall_s,
        "paper_peak_mb": paper_cost.peak_mb,
        "coverage80": by_target(covered),
        "worst_quintile_coverage": worst,
        "linear": {
            "r2_grouped": grouped[LINEAR].r2,
            "wall_s": grouped[LINEAR].cost.wall_s,
            "peak_mb": grouped[LINEAR].cost.peak_mb,
        },
        "bayes_speedup_k1000": speed.times,
        "bayes_peak_mb_k10000": speed.peak_mb_all,
    }


def paper_models(*, quick: bool) -> list[str]:
    """Return the names of the paper's tabular models.

    Their Bayesian ridge is computed with one shared decomposition.
    """
    limits = (K_SPEED,) if quick else (100, K_SPEED, ALL_TAGS)
    return [f"{kind}:{k}" for kind in (XGBOOST, SHARED_BASIS) for k in limits]


@dataclass(frozen=True)
class BayesSpeed:
    """Bayesian ridge by scikit-learn, five fits, against one shared decomposition."""

    scikit: Cost
    times: float
    peak_mb_all: float


def bayes_speed(bench: AudioBench) -> BayesSpeed:
    """Compare both on the same rows at K = 1,000, and measure ours with all tags."""
    rows = grouped_split(bench.data.artists)
    theirs, scikit = bench.fit(f"{SCIKIT}:{K_SPEED}", "artists", rows)
    ours, shared = bench.fit(f"{SHARED_BASIS}:{K_SPEED}", "artists", rows)
    _, every = bench.fit(f"{SHARED_BASIS}:{ALL_TAGS}", "artists", rows)
    times = scikit.wall_s / shared.wall_s
    off = {
        name: float(np.max(np.abs(ours[name] / theirs[name] - 1))) for name in ("alpha", "lambda")
    }
    print(
        f"\nBayesian ridge, K = {K_SPEED:,}, five targets: scikit-learn {scikit.wall_s:.1f} s and "
        f"{scikit.peak_mb:.0f} MB, one decomposition {shared.wall_s:.2f} s and "
        f"{shared.peak_mb:.0f} MB ({times:.0f} times as fast).\n"
        f"Largest difference: coefficients {np.abs(ours['coef'] - theirs['coef']).max():.1e}, "
        f"alpha {off['alpha']:.1e} and lambda {off['lambda']:.1e} of their value.\n"
        f"All {min(ALL_TAGS, bench.data.merged().shape[1]):,} tags: {every.wall_s:.1f} s, "
        f"{every.peak_mb:.0f} MB.\n"
    )
    return BayesSpeed(scikit, times, every.peak_mb)


if __name__ == "__main__":
    sys.exit(main())
