"""Scores, comparisons and printed tables of audio feature predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness import Cost
from benchmarks.set_b import DEFAULT, SEED, TARGETS, SetB

Floats = npt.NDArray[np.float64]
Rows = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]

RESAMPLES = 2000
FIFTHS = 5
PUBLISHED = "the paper's own data"


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


@dataclass(frozen=True)
class Paired:
    """Difference of two models' mean R², with its 95 % interval."""

    difference: float
    low: float
    high: float


def paired(data: SetB, folds: Sequence[Rows], ours: Pooled, theirs: Pooled) -> Paired:
    """Bootstrap the difference over artists (Efron and Tibshirani 1993), tracks kept together."""
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
    return Paired(float((whole[0] / whole[1]).mean()), float(low), float(high))


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
    path = DEFAULT[0].parents[1] / "paper" / "table9_rmse.csv"
    if not path.exists():
        return {}
    import pandas as pd

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
