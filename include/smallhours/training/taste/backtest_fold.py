"""One fold of the backtest: how well a model predicts the tracks that the listener adopted.

A model that is trained on data before a cut has to separate the tracks that were adopted in the
four weeks after it from tracks of the catalog that were new at the cut, too, and were not adopted.
The catalog and its tags are tonight's: earlier states of them are not stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.identity import artist_key_in
from smallhours.training.evaluation import classification, ranking_metrics
from smallhours.training.evaluation.folds import Fold, adopted, known_at
from smallhours.training.evaluation.uncertainty import Interval, bootstrap_mean
from smallhours.training.taste.training_rows import ListeningHistory, sample_keys

Floats = npt.NDArray[np.float64]

# Number of other tracks that the adopted ones are ranked among.
MAX_OTHERS = 2000
TOP = 50
# P(like) depends on the share of likes among the rows. It is calibrated to this mixture, one like
# to three others, so that a number means the same every night.
OTHERS_PER_LIKE = 3


@dataclass(frozen=True)
class BacktestFold:
    """The tracks of one fold, and which of them were adopted.

    Attributes:
        fold: The cut, and the end of its truth.
        tracks: Adopted ones first, then others, each in key order.
        y: (n,) 1 for adopted.
        known_artist: (n,) True where the artist was known at the cut.
        untagged: Number of adopted tracks that are left out, since neither they nor their artists
            have tags.
    """

    fold: Fold
    tracks: tuple[str, ...]
    y: npt.NDArray[np.intp]
    known_artist: npt.NDArray[np.bool_]
    untagged: int

    @property
    def adopted(self) -> list[str]:
        """The adopted tracks."""
        return [key for key, liked in zip(self.tracks, self.y, strict=True) if liked]

    @property
    def artists(self) -> list[str]:
        """The artist of each adopted track: the clusters of a bootstrap."""
        return [artist_key_in(key) for key in self.adopted]


def make_backtest_fold(
    past: ListeningHistory, fold: Fold, rng: np.random.Generator
) -> BacktestFold:
    """Return the tracks of a fold, with the others drawn at random."""
    known = known_at(past.plays, past.library, fold.cut)
    found = adopted(past.plays, past.library, fold, known=known)
    truth = past.tagged(found)
    barred = known | found
    others = sample_keys([key for key in past.pool if key not in barred], MAX_OTHERS, rng)
    artists = {artist_key_in(key) for key in known}
    tracks = (*truth, *others)
    return BacktestFold(
        fold,
        tracks,
        np.r_[np.ones(len(truth), np.intp), np.zeros(len(others), np.intp)],
        np.array([artist_key_in(key) in artists for key in tracks], dtype=bool),
        untagged=len(found) - len(truth),
    )


def figures(backtest_fold: BacktestFold, scores: Floats) -> dict[str, float]:
    """Compute the figures of scores, higher is likelier, on one fold.

    They are `auc`, `pr_auc`, `recall50`, `ndcg50` and `hit50`; and `auc_new_artists` and
    `auc_known_artists` over the tracks of such artists alone. NaN where one cannot be computed.
    """
    order = np.lexsort((np.array(backtest_fold.tracks, dtype=object).astype(str), -scores))
    ranked = [backtest_fold.tracks[at] for at in order[:TOP]]
    truth = set(backtest_fold.adopted)
    return {
        "auc": classification.auc(backtest_fold.y, scores),
        "pr_auc": classification.average_precision(backtest_fold.y, scores),
        "recall50": ranking_metrics.recall_at(ranked, truth, TOP),
        "ndcg50": ranking_metrics.ndcg_at(ranked, truth, TOP),
        "hit50": ranking_metrics.hit_at(ranked, truth, TOP),
        "auc_known_artists": classification.auc(
            backtest_fold.y[backtest_fold.known_artist], scores[backtest_fold.known_artist]
        ),
        "auc_new_artists": classification.auc(
            backtest_fold.y[~backtest_fold.known_artist], scores[~backtest_fold.known_artist]
        ),
    }


def calibration_figures(backtest_fold: BacktestFold, p: Floats) -> dict[str, float]:
    """Compute `log_loss`, `brier` and `calibration_error` with three others for each adopted track.

    The fold holds more others than that; they are thinned evenly to the mixture that P(like) is
    calibrated to.
    """
    at = _expected_mixture(backtest_fold)
    if not backtest_fold.y[at].any():
        return {}
    return {
        "log_loss": classification.log_loss(backtest_fold.y[at], p[at]),
        "brier": classification.brier(backtest_fold.y[at], p[at]),
        "calibration_error": classification.calibration_error(backtest_fold.y[at], p[at]),
    }


def reliability_of(backtest_fold: BacktestFold, p: Floats) -> list[classification.ReliabilityBin]:
    """Return the reliability curve on the same mixture."""
    at = _expected_mixture(backtest_fold)
    return classification.reliability(backtest_fold.y[at], p[at])


def average_figures(
    by_exam: Sequence[Mapping[str, float]], rng: np.random.Generator
) -> dict[str, Interval]:
    """Return the mean of each figure over the folds, with an interval over them."""
    names = dict.fromkeys(name for each in by_exam for name in each)
    return {
        name: bootstrap_mean([each.get(name, np.nan) for each in by_exam], rng=rng)
        for name in names
    }


def _expected_mixture(backtest_fold: BacktestFold) -> npt.NDArray[np.intp]:
    likes, others = np.flatnonzero(backtest_fold.y == 1), np.flatnonzero(backtest_fold.y == 0)
    most = min(len(others), OTHERS_PER_LIKE * len(likes))
    # Others are in key order, so that every k-th is a fair sample of artists. With 10 adopted
    # tracks and 300 others, every tenth of the others is kept: 30.
    spread = np.linspace(0, len(others), most, endpoint=False).astype(np.intp)
    return np.concatenate([likes, others[spread]])
