"""The result of a night's taste training: the model, its figures, and the promotion verdict.

The calibration is fitted on the newest fold. Its reported figures must not be: for them, a
calibration is fitted on the oldest fold, whose truth ended before the newest one's cut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.classification import Bin
from smallhours.training.evaluation.gate import FEWEST_UNITS, Verdict
from smallhours.training.evaluation.uncertainty import Interval
from smallhours.training.registry import Registry
from smallhours.training.taste.classifier import Calibration
from smallhours.training.taste.exam import calibration_figures, reliability_of
from smallhours.training.taste.judging import (
    Sitting,
    best_baseline,
    compare,
    figures_of,
    hold_exams,
    judge,
)
from smallhours.training.taste.learning import (
    FEWEST_TO_CALIBRATE,
    calibrated_by_artists,
    calibrated_by_exam,
    learn,
)
from smallhours.training.taste.model import NAME, TasteModel
from smallhours.training.taste.rows import Past, Rows, rows_at

ON_TRAINING = "training rows of artists held out in turn"
ON_FUTURE = "what was adopted in the last four weeks, by a model that had not seen them"
UNJUDGED = "there is too little of a past to judge by: the default goes into use unjudged"


@dataclass(frozen=True)
class Lesson:
    """The result of a night's training.

    Attributes:
        model: Trained on everything up to tonight, calibrated.
        held_back: Its twin, trained without the last four weeks; None without enough history.
        rows: The rows that the model learned from.
        verdict: Whether it goes into use, and why.
        calibrated_on: The rows that its probabilities were calibrated on, in words.
        adoptions: Number of adopted tracks in the newest fold.
        untagged: Number of adoptions without tags, which are left out.
        by_model: Figures averaged over the folds, of the taste model and of each baseline.
        calibration: `log_loss`, `brier` and `calibration_error` on the newest fold.
        reliability: Its reliability curve.
        gained: The best baseline, and the gain in AUC over it on the newest fold.
        missing: A sentence about data that there was too little of; empty for none.
    """

    model: TasteModel
    held_back: TasteModel | None
    rows: Rows
    verdict: Verdict
    calibrated_on: str
    adoptions: int = 0
    untagged: int = 0
    by_model: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    calibration: Mapping[str, float] = field(default_factory=dict)
    reliability: tuple[Bin, ...] = ()
    gained: tuple[str, Interval] | None = None
    missing: str = ""


def study(
    listener: str, lake: Lake, past: Past, *, night: Night, weights: EvidenceWeights
) -> Lesson:
    """Train tonight's taste model, and backtest it.

    Args:
        listener: The listener's name.
        lake: The lake with the baselines' tables and the models in use.
        past: The listener's history.
        night: Tonight.
        weights: Weights of the evidence.

    Raises:
        NotEnoughData: with too little to learn from tonight.
    """
    rows = rows_at(past, night.as_of, weights=weights, rng=night.rng(listener, "negatives"))
    model = learn(past, rows)
    sittings = hold_exams(past, listener, night, weights)
    if not sittings:
        calibrated = replace(model, calibration=calibrated_by_artists(past, rows))
        verdict = Verdict(True, UNJUDGED, None, 0)
        return Lesson(calibrated, None, rows, verdict, ON_TRAINING, missing=_missing(sittings))
    newest = sittings[-1]
    calibration, on = _calibrated(past, rows, newest)
    answers = compare(sittings, past, lake, listener, night=night)
    in_use = Registry.of(lake).current(listener, NAME)
    p = _known_before(past, sittings)(newest.log_odds)
    return Lesson(
        model=replace(model, calibration=calibration),
        held_back=newest.model,
        rows=rows,
        verdict=judge(newest, past, in_use, night.rng(listener, "taste gate")),
        calibrated_on=on,
        adoptions=len(newest.exam.adopted),
        untagged=newest.exam.untagged,
        by_model=figures_of(answers, night.rng(listener, "taste figures")),
        calibration=calibration_figures(newest.exam, p),
        reliability=tuple(reliability_of(newest.exam, p)),
        gained=best_baseline(answers, night.rng(listener, "taste gained")),
        missing=_missing(sittings),
    )


def _calibrated(past: Past, rows: Rows, newest: Sitting) -> tuple[Calibration, str]:
    if len(newest.exam.adopted) < FEWEST_TO_CALIBRATE:
        return calibrated_by_artists(past, rows), ON_TRAINING
    return calibrated_by_exam(newest.exam, newest.log_odds), ON_FUTURE


def _known_before(past: Past, sittings: Sequence[Sitting]) -> Calibration:
    """Return a calibration that has seen nothing of the newest fold's weeks."""
    oldest, newest = sittings[0], sittings[-1]
    over = oldest.exam.fold.until <= newest.exam.fold.cut
    if over and len(oldest.exam.adopted) >= FEWEST_TO_CALIBRATE:
        return calibrated_by_exam(oldest.exam, oldest.log_odds)
    return calibrated_by_artists(past, newest.rows)


def _missing(sittings: Sequence[Sitting]) -> str:
    if not sittings:
        return (
            "nothing new was adopted in the last eight weeks after ten likes were known, so that "
            "the model could not be judged by them"
        )
    adopted = len(sittings[-1].exam.adopted)
    if adopted < FEWEST_UNITS:
        return f"{adopted} tracks were adopted in the last four weeks: the figures are rough"
    return ""
