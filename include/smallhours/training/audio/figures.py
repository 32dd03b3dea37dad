"""Figures of audio models on artists that were not learned from.

Everything is measured on held-out predictions: each track is predicted by a member that has not
seen its artist. R² compares with the mean of the tracks that the member learned from, never with
the paper's random draw. Its lower end comes from a bootstrap over artists (Efron and Tibshirani
1993), so that the tracks of one artist stay together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.measured_tracks import AudioRows
from smallhours.training.formats.top_tags import TopTags
from smallhours.training.intervals import ResidualIntervals
from smallhours.training.regression import FoldedRegressor
from smallhours.training.regression.bayesian_ridge import SparseBayesianRidge

Floats = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]

RESAMPLES = 400
SEED = 1983
# Quantile of the lower end of a 95 % interval.
LOWER_END = 0.025
# The paper's tabular format, at the size where its decomposition takes a fraction of a second.
BASELINE_TAGS = 1000


@dataclass(frozen=True)
class FeatureFigures:
    """The figures of one feature.

    Attributes:
        rmse: Root of the mean squared error on new artists, in the feature's unit.
        rmse_of_mean: The same when the mean of the training rows is predicted.
        r2_low: Lower end of the 95 % interval of R².
        n: Number of tracks.
        coverage: Share of tracks within their 80 % interval, each interval made without them.
        r2_known: R² where the artist's other tracks were learned from; None without such tracks.
    """

    rmse: float
    rmse_of_mean: float
    r2_low: float
    n: int
    coverage: float
    r2_known: float | None

    @property
    def r2(self) -> float:
        """1 - (rmse / rmse_of_mean)²; 0 where the mean is already exact."""
        if self.rmse_of_mean == 0:
            return 0.0
        return 1 - (self.rmse / self.rmse_of_mean) ** 2


def figures_of(
    regressor: FoldedRegressor, actual: Floats, artists: Sequence[str]
) -> list[FeatureFigures]:
    """Return the figures of each target of a fitted regressor.

    Args:
        regressor: Fitted to these rows.
        actual: (n, targets) the values that it was fitted to.
        artists: (n,) their artists.
    """
    mean = mean_of_other_folds(actual, regressor.fold_)
    gained = (actual - mean) ** 2 - (actual - regressor.held_out_) ** 2
    base = (actual - mean) ** 2
    lows = _lower_end(gained, base, artists)
    inside = _covered(regressor, actual)
    known = ~np.isnan(regressor.held_out_known_).any(axis=1)
    error = (actual[known] - regressor.held_out_known_[known]) ** 2
    return [
        FeatureFigures(
            rmse=float(np.sqrt((base[:, t] - gained[:, t]).mean())),
            rmse_of_mean=float(np.sqrt(base[:, t].mean())),
            r2_low=float(lows[t]),
            n=len(actual),
            coverage=float(inside[:, t].mean()),
            r2_known=_r2(error[:, t].sum(), base[known, t].sum()) if known.any() else None,
        )
        for t in range(actual.shape[1])
    ]


def mean_of_other_folds(actual: Floats, fold: Folds) -> Floats:
    """Return the mean of the tracks that each row's member learned from, (n, targets)."""
    mean = np.empty_like(actual)
    for k in np.unique(fold):
        others = fold != k
        mean[~others] = actual[others].mean(axis=0) if others.any() else actual.mean(axis=0)
    return mean


def mean_r2(predicted: Floats, actual: Floats, fold: Folds) -> float:
    """Return the mean over the targets of R² against the mean of the other folds."""
    base = ((actual - mean_of_other_folds(actual, fold)) ** 2).sum(axis=0)
    error = ((actual - predicted) ** 2).sum(axis=0)
    return float(np.mean([_r2(e, b) for e, b in zip(error, base, strict=True)]))


def bayesian_ridge_r2(rows: AudioRows, fold: Folds, top_tags: int) -> float:
    """Return the mean R² on new artists of the paper's Bayesian ridge on the strongest tags."""
    merged = [{**artist, **own} for own, artist in zip(rows.own, rows.artist, strict=True)]
    tags = TopTags(min(top_tags, BASELINE_TAGS)).fit(merged).transform(merged)
    predicted = np.empty_like(rows.targets)
    for k in np.unique(fold):
        learned = fold != k
        model = SparseBayesianRidge().fit(tags[learned], rows.targets[learned])
        predicted[~learned] = np.clip(model.predict(tags[~learned]), 0.0, 1.0)
    return mean_r2(predicted, rows.targets, fold)


def _covered(regressor: FoldedRegressor, actual: Floats) -> npt.NDArray[np.bool_]:
    """Flag values within their interval, each made from the residuals of other folds."""
    unit = regressor.range_.to_unit(actual)
    predicted = regressor.range_.to_unit(regressor.held_out_)
    inside = np.zeros(actual.shape, dtype=bool)
    for k in np.unique(regressor.fold_):
        held = regressor.fold_ == k
        if held.all():
            continue
        for t in range(actual.shape[1]):
            ends = ResidualIntervals.fit(predicted[~held, t], unit[~held, t])
            low, high = ends.bounds_of(predicted[held, t])
            inside[held, t] = (low <= unit[held, t]) & (unit[held, t] <= high)
    return inside


def _lower_end(gained: Floats, base: Floats, artists: Sequence[str]) -> Floats:
    names, at = np.unique(np.asarray(artists), return_inverse=True)
    sums = np.zeros((2, len(names), base.shape[1]))
    np.add.at(sums[0], at, gained)
    np.add.at(sums[1], at, base)
    rng = np.random.default_rng(SEED)
    chance = np.full(len(names), 1 / len(names))
    drawn = np.empty((RESAMPLES, base.shape[1]))
    for resample in range(RESAMPLES):
        times = rng.multinomial(len(names), chance)
        total = times @ sums[1]
        drawn[resample] = np.divide(
            times @ sums[0], total, out=np.zeros_like(total), where=total > 0
        )
    return np.quantile(drawn, LOWER_END, axis=0)


def _r2(error: float, base: float) -> float:
    return 1 - float(error) / float(base) if base > 0 else 0.0
