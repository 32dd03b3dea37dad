"""Benchmark of audio features: our models and the paper's, their accuracy and cost.

    python -m benchmarks.audio_features [--data FILE …] [--quick]

Prints all figures of docs/benchmarks.md, "Audio features", in one run, and ends with one line of
JSON. Each fit runs in a process of its own, so that time and memory are its own. FILEs are tables
of tracks and of artists' tags (see benchmarks/set_b.py), recognised by their columns; without
them, set B is read from ../shared if it exists. `--quick` runs one split of the artists
in place of five folds, and K = 1,000 only.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import audio_report as report
from benchmarks.audio_fits import LINEAR, OURS, SCIKIT, SHARED_BASIS, XGBOOST, arrays
from benchmarks.harness import Cost, run_apart
from benchmarks.set_b import (
    DEFAULT,
    BadAudioTable,
    SetB,
    artist_cv,
    grouped_split,
    load_set_b,
    random_split,
)

ALL_TAGS = 10_000
K_SPEED = 1000

Rows = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


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
            track_columns=np.array(self.data.track.shape[1]),
            **arrays("blocks", self.data.blocks()),
            **arrays("merged", self.data.merged()),
        )

    def fit(self, model: str, name: str, rows: Rows) -> tuple[dict[str, Any], Cost]:
        """Fit a model on a split in a process of its own, once."""
        if (model, name) not in self.fits:
            print(f"  {model} on {name} …", file=sys.stderr, flush=True)
            split = self.folder / f"{name}.npz"
            np.savez(split, train=rows[0], test=rows[1])
            out = self.folder / "found.npz"
            inputs = [model, str(self.folder / "data.npz"), str(split), str(out)]
            cost = Cost(**run_apart("benchmarks.audio_fits", inputs))
            with np.load(out) as found:
                self.fits[model, name] = {key: found[key] for key in found.files}, cost
        return self.fits[model, name]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark; return 0, or 2 when a table cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", nargs="+", type=Path, default=list(DEFAULT), metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one split, K = 1,000 alone")
    options = parser.parse_args(arguments)
    if options.data == list(DEFAULT) and not all(path.exists() for path in DEFAULT):
        print("Skipped: set B is not there (../shared/data). Name tables with --data FILE …")
        return 0
    try:
        data = load_set_b(options.data)
    except (BadAudioTable, OSError) as error:
        print(f"These tables cannot be measured on: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        bench = AudioBench(data, Path(folder))
        bench.prepare()
        print(json.dumps(measure(bench, quick=options.quick)))
    return 0


def measure(bench: AudioBench, *, quick: bool) -> dict[str, Any]:
    """Fit all models on all splits, print the tables, and return the line of JSON."""
    data = bench.data
    report.describe(data)
    paper = paper_models(quick=quick)
    models = [OURS, LINEAR, *paper]
    folds = [grouped_split(data.artists)] if quick else artist_cv(data.artists)
    names = [f"artists-{at}" for at in range(len(folds))]
    for name, rows in zip(names, folds, strict=True):
        for model in models:
            bench.fit(model, name, rows)
    grouped = {
        model: report.pool(data, folds, [bench.fits[model, name] for name in names])
        for model in models
    }
    title = "one split of the artists" if quick else "five folds of artists"
    report.table(f"New artists ({title})", grouped, data)
    best = max(paper, key=lambda model: grouped[model].r2)
    paired = report.paired(data, folds, grouped[OURS], grouped[best])
    print(
        f"\nOurs - {best}: mean R² {paired.difference:+.4f}, 95 % [{paired.low:+.4f}, "
        f"{paired.high:+.4f}] (paired bootstrap over artists)"
    )

    rows = random_split(len(data))
    for model in models:
        bench.fit(model, "random", rows)
    by_track = {model: report.pool(data, [rows], [bench.fits[model, "random"]]) for model in models}
    known = dict(bench.fits[OURS, "random"][0])
    known["predicted"] = known["known"]
    by_track["ours, with the artist's other tracks"] = with_artist = report.pool(
        data, [rows], [(known, bench.fits[OURS, "random"][1])]
    )
    report.table("Known artists (random split by track, as in the paper)", by_track, data)

    coverage, worst = report.coverage(data, folds, grouped[OURS])
    speed = bayes_speed(bench)
    # If it was measured: five Bayesian fits by scikit-learn, the paper's own library.
    paper_cost = speed.scikit if best == f"{SHARED_BASIS}:{K_SPEED}" else grouped[best].cost
    return {
        "r2_grouped": grouped[OURS].r2,
        "r2_random": with_artist.r2,
        "rmse_grouped": report.by_target(grouped[OURS].rmse),
        "paper_best_rmse_grouped": report.by_target(
            np.min([grouped[model].rmse for model in paper], axis=0)
        ),
        "wall_s": grouped[OURS].cost.wall_s,
        "peak_mb": grouped[OURS].cost.peak_mb,
        "paper_wall_s": paper_cost.wall_s,
        "paper_peak_mb": paper_cost.peak_mb,
        "coverage80": report.by_target(coverage),
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
