"""How well did a model foresee what the listener adopted? One exam per week of the past.

An exam asks a model, trained on what was known at a cut, to tell the tracks that were adopted in
the four weeks after it from tracks of the catalog that were new at the cut, too, and were not.
The catalog is tonight's, and so are its tags: what was in reach back then is not on record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.identity import artist_key_in
from smallhours.training.evaluation import classification, ranking
from smallhours.training.evaluation.folds import Fold, adopted, known_at
from smallhours.training.evaluation.uncertainty import Interval, bootstrap_mean
from smallhours.training.taste.rows import Past, drawn

Floats = npt.NDArray[np.float64]

# Against so many other tracks the adopted ones have to stand out.
MOST_OTHERS = 2000
TOP = 50
# P(like) is said of a mixture; this one, so that a number means the same every night.
OTHERS_PER_LIKE = 3


@dataclass(frozen=True)
class Exam:
    """One fold's questions.

    Attributes:
        fold: The cut, and where its truth ends.
        tracks: Adopted ones first, then others, each in key order.
        y: (n,) 1 for adopted.
        met: (n,) whether the artist was known at the cut.
        untagged: Adopted tracks that could not be asked about: neither they nor their artists
            have tags.
    """

    fold: Fold
    tracks: tuple[str, ...]
    y: npt.NDArray[np.intp]
    met: npt.NDArray[np.bool_]
    untagged: int

    @property
    def adopted(self) -> list[str]:
        """The truth."""
        return [key for key, liked in zip(self.tracks, self.y, strict=True) if liked]

    @property
    def artists(self) -> list[str]:
        """Artist of each adopted track: they are adopted together, or not."""
        return [artist_key_in(key) for key in self.adopted]


def exam_of(past: Past, fold: Fold, rng: np.random.Generator) -> Exam:
    """The questions of a fold."""
    known = known_at(past.plays, past.library, fold.cut)
    found = adopted(past.plays, past.library, fold, known=known)
    truth = past.tagged(found)
    barred = known | found
    others = drawn([key for key in past.pool if key not in barred], MOST_OTHERS, rng)
    artists = {artist_key_in(key) for key in known}
    tracks = (*truth, *others)
    return Exam(
        fold,
        tracks,
        np.r_[np.ones(len(truth), np.intp), np.zeros(len(others), np.intp)],
        np.array([artist_key_in(key) in artists for key in tracks], dtype=bool),
        untagged=len(found) - len(truth),
    )


def figures(exam: Exam, scores: Floats) -> dict[str, float]:
    """What scores, higher is likelier, are worth: `auc`, `pr_auc`, `recall50`, `ndcg50`, `hit50`.

    And `auc_new_artists`, `auc_known_artists`: adopted tracks and others of such artists alone.
    NaN where there is nothing to tell.
    """
    order = np.lexsort((np.array(exam.tracks, dtype=object).astype(str), -scores))
    ranked = [exam.tracks[at] for at in order[:TOP]]
    truth = set(exam.adopted)
    return {
        "auc": classification.auc(exam.y, scores),
        "pr_auc": classification.average_precision(exam.y, scores),
        "recall50": ranking.recall_at(ranked, truth, TOP),
        "ndcg50": ranking.ndcg_at(ranked, truth, TOP),
        "hit50": ranking.hit_at(ranked, truth, TOP),
        "auc_known_artists": classification.auc(exam.y[exam.met], scores[exam.met]),
        "auc_new_artists": classification.auc(exam.y[~exam.met], scores[~exam.met]),
    }


def calibration_figures(exam: Exam, p: Floats) -> dict[str, float]:
    """`log_loss`, `brier` and `calibration_error`, with three others for each adopted track.

    The others are thinned evenly: P(like) is said of that mixture, and an exam holds another.
    """
    at = _expected_mixture(exam)
    if not exam.y[at].any():
        return {}
    return {
        "log_loss": classification.log_loss(exam.y[at], p[at]),
        "brier": classification.brier(exam.y[at], p[at]),
        "calibration_error": classification.calibration_error(exam.y[at], p[at]),
    }


def reliability_of(exam: Exam, p: Floats) -> list[classification.Bin]:
    """The reliability curve on that mixture."""
    at = _expected_mixture(exam)
    return classification.reliability(exam.y[at], p[at])


def averaged(
    by_exam: Sequence[Mapping[str, float]], rng: np.random.Generator
) -> dict[str, Interval]:
    """Mean of each figure over the exams, with an interval over them."""
    names = dict.fromkeys(name for each in by_exam for name in each)
    return {
        name: bootstrap_mean([each.get(name, np.nan) for each in by_exam], rng=rng)
        for name in names
    }


def _expected_mixture(exam: Exam) -> npt.NDArray[np.intp]:
    likes, others = np.flatnonzero(exam.y == 1), np.flatnonzero(exam.y == 0)
    most = min(len(others), OTHERS_PER_LIKE * len(likes))
    # Others are in key order, so that every so-manieth is a fair sample of artists.
    spread = np.linspace(0, len(others), most, endpoint=False).astype(np.intp)
    return np.concatenate([likes, others[spread]])
