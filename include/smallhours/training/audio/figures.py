"""Figures of audio models on artists that were not learned from, and the gate that compares them.

Everything is measured on held-out predictions: each track is predicted by a member that has not
seen its artist. R² compares with the mean of the tracks that the member learned from, never with
the paper's random draw. Its lower end comes from a bootstrap over artists (Efron and Tibshirani
1993), so that the tracks of one artist stay together.

The gate compares tonight's model with the one in use on the same tracks by the same artists, with
tonight's measured values. An artist's fold is a hash of its name, so in either model there is a
member that has not seen the artist, and that member's prediction is used. So no model is evaluated
on artists that it learned from, and every artist counts, whichever tags either model knows.

The old model stays if the new one is worse by more than chance: by more than the standard error of
the difference over artists, and by more than another seed changes. An equal or slightly worse new
model replaces it, since it has learned from artists that were measured since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from smallhours.training.audio.measured_tracks import AudioRows
from smallhours.training.evaluation.uncertainty import ResidualIntervals
from smallhours.training.regression import FoldedRegressor
from smallhours.training.regression.artist_folds import hashed_folds
from smallhours.training.regression.bayesian_ridge import SparseBayesianRidge
from smallhours.training.top_tags import TopTags

if TYPE_CHECKING:
    from smallhours.training.audio.model import AudioModel

Floats = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]

RESAMPLES = 400
SEED = 1983
# Quantile of the lower end of a 95 % interval.
LOWER_END = 0.025
# The paper's tabular format, at the size where its decomposition takes a fraction of a second.
BASELINE_TAGS = 1000

# Two trainings on the same public tracks with different seeds differ by less than this in mean R²
# (docs/benchmarks.md).
TOLERANCE = 0.002


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


@dataclass(frozen=True)
class AudioGateDecision:
    """The gate's decision on a new model.

    Attributes:
        promoted: True if the new model goes into use.
        why: The reason, for people.
        new_r2, old_r2: Mean R² over the five features on artists that neither had seen; None for
            a first model.
    """

    promoted: bool
    why: str
    new_r2: float | None = None
    old_r2: float | None = None


def compare_with_current(
    new: "AudioModel", old: "AudioModel", rows: AudioRows
) -> AudioGateDecision:
    """Compare tonight's model with the one in use.

    Args:
        new: Tonight's model.
        old: The model that it would replace.
        rows: Measured tracks, by 20 artists at least (fewer are not held out by name).
    """
    comparison = compare_models(new, old, rows)
    tolerance = max(TOLERANCE, comparison.error)
    promoted = comparison.difference >= -tolerance
    said = "not worse" if promoted else "worse"
    return comparison.verdict(promoted, f"{said} than the one in use", f"tolerance {tolerance:.4f}")


def compare_with_shared(
    own: "AudioModel", shared: "AudioModel", rows: AudioRows
) -> AudioGateDecision:
    """Compare a listener's own model with the shared one, on the listener's tracks.

    The shared model has learned from these tracks, too, so the own model must be better.
    """
    comparison = compare_models(own, shared, rows)
    promoted = comparison.difference > 0
    said = "better" if promoted else "no better"
    return comparison.verdict(
        promoted, f"{said} than the model of all listeners", "on their tracks"
    )


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the same held-out artists.

    Attributes:
        new_r2, old_r2: Mean R² over the five features.
        error: Standard error of their difference over artists.
        tracks, artists: Number of tracks and of artists.
    """

    new_r2: float
    old_r2: float
    error: float
    tracks: int
    artists: int

    @property
    def difference(self) -> float:
        """New minus old R²."""
        return self.new_r2 - self.old_r2

    def verdict(self, promoted: bool, said: str, note: str) -> AudioGateDecision:
        """Return a verdict whose reason holds these figures."""
        why = (
            f"{said}: mean R² {self.new_r2:.4f} against {self.old_r2:.4f} on {self.tracks:,} "
            f"tracks by {self.artists:,} artists that were held out ({note})"
        )
        return AudioGateDecision(promoted, why, self.new_r2, self.old_r2)


def compare_models(new: "AudioModel", old: "AudioModel", rows: AudioRows) -> ModelComparison:
    """Measure both models on each artist's tracks by the members that have not seen the artist."""
    names, artist = np.unique(np.asarray(rows.artist_keys), return_inverse=True)
    fold = hashed_folds(np.asarray(rows.artist_keys), new.models[0].regressor.folds)
    base = ((rows.targets - mean_of_other_folds(rows.targets, fold)) ** 2).sum(axis=0)
    # A track's part in 1 - R², averaged over the features; a feature that is constant has none.
    weight = np.where(base > 0, 1 / np.where(base > 0, base, 1.0), 0.0) / len(base)
    lost = [((model.predict_unseen(rows) - rows.targets) ** 2) @ weight for model in (new, old)]
    by_artist = np.zeros(len(names))
    np.add.at(by_artist, artist, lost[1] - lost[0])
    error = float(np.sqrt(len(names)) * by_artist.std(ddof=1))
    new_r2, old_r2 = (1 - float(each.sum()) for each in lost)
    return ModelComparison(new_r2, old_r2, error, len(rows), len(names))
