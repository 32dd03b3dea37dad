"""Fitting and calibrating the taste model."""

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from smallhours.errors import NotEnoughData
from smallhours.training.taste.backtest_fold import OTHERS_PER_LIKE, BacktestFold
from smallhours.training.taste.classifier import UNCALIBRATED, Calibration, TasteClassifier
from smallhours.training.taste.columns import TagColumns
from smallhours.training.taste.model import TasteModel
from smallhours.training.taste.training_rows import ListeningHistory, TrainingRows

Floats = npt.NDArray[np.float64]

MIN_LIKES = 10
MIN_NEGATIVES = 20
# Platt's two parameters can be learned from this many adoptions; with fewer, from training rows.
MIN_TO_CALIBRATE = 30
CROSS_FOLDS = 5


def fit_taste_model(past: ListeningHistory, rows: TrainingRows) -> TasteModel:
    """Fit a model to some rows, without calibration.

    Raises:
        NotEnoughData: with fewer than ten likes or twenty others.
    """
    likes = int(rows.y.sum())
    if likes < MIN_LIKES:
        raise NotEnoughData(
            f"{likes} liked tracks have tags; {MIN_LIKES} are the least to learn a taste from.",
            remedy="Let sync_listening and refresh_catalog run to their ends; if they have, play "
            "or save some more music first.",
        )
    if len(rows.y) - likes < MIN_NEGATIVES:
        raise NotEnoughData(
            f"{len(rows.y) - likes} tracks that are not liked have tags; {MIN_NEGATIVES} are "
            "the least to tell likes from.",
            remedy="Run refresh_catalog: it brings tracks that were not heard yet.",
        )
    columns = TagColumns.of(past.tags, rows.tracks)
    classifier = TasteClassifier(track_columns=len(columns.own))
    counts = columns.counts(past.tags, rows.tracks)
    classifier.fit(counts, rows.y, sample_weight=rows.weight, groups=_artist_numbers(rows))
    return TasteModel(columns, classifier)


def calibrate_on_fold(backtest_fold: BacktestFold, log_odds: Floats) -> Calibration:
    """Calibrate on a fold: on tracks that were adopted later, and tracks that were not."""
    return Calibration.fit(log_odds, backtest_fold.y, _mixture(backtest_fold.y))


def calibrate_by_artist_folds(past: ListeningHistory, rows: TrainingRows) -> Calibration:
    """Calibrate on the training rows, each predicted by a model without its artist."""
    groups = _artist_numbers(rows)
    if len(np.unique(groups)) < CROSS_FOLDS:
        return UNCALIBRATED
    held_out = np.full(len(rows.y), np.nan)
    for train, test in GroupKFold(CROSS_FOLDS).split(rows.y, rows.y, groups):
        try:
            model = fit_taste_model(past, rows.subset(train))
        except NotEnoughData:
            return UNCALIBRATED
        held_out[test] = model.log_odds(past.tags, [rows.tracks[at] for at in test])
    return Calibration.fit(held_out, rows.y, _mixture(rows.y))


def _mixture(y: npt.NDArray[np.intp]) -> Floats:
    """Return weights that make the others count three to each like, however many they are.

    Example: with 10 likes and 600 others, a like weighs 1 and an other 3 x 10 / 600 = 0.05.
    """
    likes, others = int((y == 1).sum()), int((y == 0).sum())
    return np.where(y == 1, 1.0, OTHERS_PER_LIKE * likes / others)


def _artist_numbers(rows: TrainingRows) -> npt.NDArray[np.intp]:
    """Return the artist of each row, as a number."""
    _, numbers = np.unique(np.array(rows.artists, dtype=str), return_inverse=True)
    return numbers.astype(np.intp)
