"""How well do tags tell what a track sounds like, and which of the paper's models tells it best?

The paper's two tabular models on its tabular format: Bayesian ridge (its Table 8 is scikit-learn's
defaults) and XGBoost (200 trees, the library's defaults otherwise; the `subsample` of 2 in its
Table 7 is outside the library's range and is read as the default, 1), on the top K tags with
their counts.

Both are measured on a split by track, where the artist of a test track was learned from, and on
a split by artist, where it was not. The second is the honest one and decides. R² compares with
the mean of the training rows, never with the paper's random draw.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xgboost
from scipy import sparse

from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.training.audio_rows import AudioRows
from smallhours.training.bayesian_ridge import SparseBayesianRidge
from smallhours.training.intervals import ResidualIntervals
from smallhours.training.splits import Split, split_by
from smallhours.training.tag_matrix import TopTags

BAYESIAN_RIDGE = "bayesian_ridge"
XGBOOST = "xgboost"
MODELS = (BAYESIAN_RIDGE, XGBOOST)
TREES = 200

KNOWN_ARTISTS = "known_artists"
NEW_ARTISTS = "new_artists"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """How well one model predicts one feature on the test rows of one split.

    Attributes:
        rmse: Root of the mean squared error.
        rmse_of_mean: The same for the mean of the training rows.
        n: Test rows.
    """

    rmse: float
    rmse_of_mean: float
    n: int

    @property
    def r2(self) -> float:
        """1 - (rmse / rmse_of_mean)²; 0 where the mean is already right."""
        if self.rmse_of_mean == 0:
            return 0.0
        return 1 - (self.rmse / self.rmse_of_mean) ** 2


@dataclass(frozen=True)
class Study:
    """Both models, measured.

    Attributes:
        figures: By (model, split, feature).
        chosen: The model with the better mean R² on validation artists.
        validation_r2: That mean, by model.
        intervals: By feature, of the chosen model, from artists that it was not fitted to.
    """

    figures: Mapping[tuple[str, str, str], Figures]
    chosen: str
    validation_r2: Mapping[str, float]
    intervals: Mapping[str, ResidualIntervals]

    def mean_r2(self, model: str, split: str) -> float:
        """Mean over the features."""
        return float(np.mean([self.figures[model, split, f].r2 for f in PREDICTED_FEATURES]))


def new_regressor(name: str, *, threads: int) -> Any:
    """An unfitted model for sparse X and y of shape (n, 5)."""
    if name == BAYESIAN_RIDGE:
        return SparseBayesianRidge()
    # A tag that is not there is a missing value to XGBoost: each split learns where such rows go.
    return xgboost.XGBRegressor(n_estimators=TREES, n_jobs=threads)


def predict_within(model: Any, matrix: sparse.csr_matrix) -> Floats:
    """Predictions (n, 5), kept within 0-1."""
    return np.clip(np.asarray(model.predict(matrix), dtype=np.float64), 0.0, 1.0)


def study(rows: AudioRows, *, top_tags: int, threads: int) -> Study:
    """Fit and measure both models on both splits.

    Args:
        rows: All measured tracks.
        top_tags: K; the tags are chosen anew from the training part of each split.
        threads: For XGBoost.
    """
    by_artist = split_by(rows.artist_keys)
    figures: dict[tuple[str, str, str], Figures] = {}
    predictions: dict[str, Floats] = {}
    for name, split in (
        (KNOWN_ARTISTS, split_by(list(rows.track_keys))),
        (NEW_ARTISTS, by_artist),
    ):
        mean = rows.targets[split.train].mean(axis=0)
        for model, predicted in _fit_both(rows, split, top_tags, threads).items():
            figures |= {
                (model, name, feature): _figures(
                    predicted[split.test, at], rows.targets[split.test, at], mean[at]
                )
                for at, feature in enumerate(PREDICTED_FEATURES)
            }
            predictions[model] = predicted  # the honest split comes last and stays
    mean = rows.targets[by_artist.train].mean(axis=0)
    part = by_artist.validation
    validation = {
        model: float(
            np.mean(
                [
                    _figures(predicted[part, at], rows.targets[part, at], mean[at]).r2
                    for at in range(len(PREDICTED_FEATURES))
                ]
            )
        )
        for model, predicted in predictions.items()
    }
    chosen = max(MODELS, key=lambda model: validation[model])
    unseen = by_artist.held_out
    intervals = {
        feature: ResidualIntervals.fit(predictions[chosen][unseen, at], rows.targets[unseen, at])
        for at, feature in enumerate(PREDICTED_FEATURES)
    }
    return Study(figures, chosen, validation, intervals)


def fit_on_everything(
    rows: AudioRows, *, top_tags: int, threads: int
) -> tuple[TopTags, dict[str, Any]]:
    """The tags and both models that go into use, fitted to all rows."""
    vocabulary = TopTags(top_tags).fit(rows.tags)
    matrix = vocabulary.transform(rows.tags)
    return vocabulary, {
        name: new_regressor(name, threads=threads).fit(matrix, rows.targets) for name in MODELS
    }


def _fit_both(rows: AudioRows, split: Split, top_tags: int, threads: int) -> dict[str, Floats]:
    """Predictions for all rows by models that were fitted to the training part."""
    vocabulary = TopTags(top_tags).fit([rows.tags[at] for at in split.train])
    matrix = vocabulary.transform(rows.tags)
    learned, targets = matrix[split.train], rows.targets[split.train]
    return {
        name: predict_within(new_regressor(name, threads=threads).fit(learned, targets), matrix)
        for name in MODELS
    }


def _figures(predicted: Floats, actual: Floats, mean: float) -> Figures:
    return Figures(
        rmse=float(np.sqrt(np.mean((actual - predicted) ** 2))),
        rmse_of_mean=float(np.sqrt(np.mean((actual - mean) ** 2))),
        n=len(actual),
    )
