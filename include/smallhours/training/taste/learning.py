"""Fitting and calibrating the taste model."""

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from smallhours.errors import NotEnoughData
from smallhours.training.taste.classifier import AS_TRAINED, Calibration, TasteClassifier
from smallhours.training.taste.columns import TagColumns
from smallhours.training.taste.exam import OTHERS_PER_LIKE, Exam
from smallhours.training.taste.model import TasteModel
from smallhours.training.taste.rows import Past, Rows

Floats = npt.NDArray[np.float64]

FEWEST_LIKES = 10
FEWEST_NEGATIVES = 20
# Platt's two parameters can be learned from this many adoptions; with fewer, from training rows.
FEWEST_TO_CALIBRATE = 30
CROSS_FOLDS = 5


def learn(past: Past, rows: Rows) -> TasteModel:
    """Fit a model to some rows, without calibration.

    Raises:
        NotEnoughData: with fewer than ten likes or twenty others.
    """
    likes = int(rows.y.sum())
    if likes < FEWEST_LIKES:
        raise NotEnoughData(
            f"{likes} liked tracks have tags; {FEWEST_LIKES} are the least to learn a taste from.",
            remedy="Let sync_listening and refresh_catalog run to their ends; if they have, play "
            "or save some more music first.",
        )
    if len(rows.y) - likes < FEWEST_NEGATIVES:
        raise NotEnoughData(
            f"{len(rows.y) - likes} tracks that are not liked have tags; {FEWEST_NEGATIVES} are "
            "the least to tell likes from.",
            remedy="Run refresh_catalog: it brings tracks that were not heard yet.",
        )
    columns = TagColumns.of(past.tags, rows.tracks)
    classifier = TasteClassifier(track_columns=len(columns.own))
    counts = columns.counts(past.tags, rows.tracks)
    classifier.fit(counts, rows.y, sample_weight=rows.weight, groups=_numbered(rows))
    return TasteModel(columns, classifier)


def calibrated_by_exam(exam: Exam, log_odds: Floats) -> Calibration:
    """Calibrate on a fold: on tracks that were adopted later, and tracks that were not."""
    return Calibration.fit(log_odds, exam.y, _mixture(exam.y))


def calibrated_by_artists(past: Past, rows: Rows) -> Calibration:
    """Calibrate on the training rows, each predicted by a model without its artist."""
    groups = _numbered(rows)
    if len(np.unique(groups)) < CROSS_FOLDS:
        return AS_TRAINED
    held_out = np.full(len(rows.y), np.nan)
    for train, test in GroupKFold(CROSS_FOLDS).split(rows.y, rows.y, groups):
        try:
            model = learn(past, rows.some(train))
        except NotEnoughData:
            return AS_TRAINED
        held_out[test] = model.log_odds(past.tags, [rows.tracks[at] for at in test])
    return Calibration.fit(held_out, rows.y, _mixture(rows.y))


def _mixture(y: npt.NDArray[np.intp]) -> Floats:
    """Return weights that make the others count three to each like, however many they are.

    Example: with 10 likes and 600 others, a like weighs 1 and an other 3 x 10 / 600 = 0.05.
    """
    likes, others = int((y == 1).sum()), int((y == 0).sum())
    return np.where(y == 1, 1.0, OTHERS_PER_LIKE * likes / others)


def _numbered(rows: Rows) -> npt.NDArray[np.intp]:
    """Return the artist of each row, as a number."""
    _, numbers = np.unique(np.array(rows.artists, dtype=str), return_inverse=True)
    return numbers.astype(np.intp)
