"""Backtest of the taste model: models of earlier weeks, evaluated on the four weeks after each.

Five times, a week apart, a model is trained on data before a cut and asked to predict the four
weeks after it, beside the baselines. The newest of these models is the *held-back* twin of
tonight's. When a later night wants to replace tonight's model, the held-back twins of both are
evaluated on weeks that neither has seen. So new and old are compared on the same tracks, and
without a leak.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.classification import placements
from smallhours.training.evaluation.folds import weekly_folds
from smallhours.training.evaluation.gate import Verdict, decide
from smallhours.training.evaluation.uncertainty import Interval, paired_difference
from smallhours.training.registry import Registry, SavedModel
from smallhours.training.taste.baselines import Baselines
from smallhours.training.taste.exam import Exam, averaged, exam_of, figures
from smallhours.training.taste.learning import learn
from smallhours.training.taste.model import COLUMNS_FILE, NAME, TasteModel
from smallhours.training.taste.rows import Past, Rows, rows_at

Floats = npt.NDArray[np.float64]
# Model -> folds with its scores of their tracks.
Answers = Mapping[str, Sequence[tuple[Exam, Floats]]]

# Number of folds. The oldest one's four weeks end where the newest one's begin.
EXAMS = 5
HELD_BACK = "held_back_"
LAST_WEEK = "last_week"
A_WEEK = dt.timedelta(days=7)


@dataclass(frozen=True)
class Sitting:
    """One fold with the model that was trained for it, and its predictions.

    Attributes:
        exam: The fold's tracks.
        rows: The rows that the model learned from.
        model: The model.
        log_odds: (n,) its predictions for the fold's tracks.
    """

    exam: Exam
    rows: Rows
    model: TasteModel
    log_odds: Floats


def hold_exams(past: Past, listener: str, night: Night, weights: EvidenceWeights) -> list[Sitting]:
    """Run the folds, oldest first; one without adoptions or enough likes is left out."""
    found = []
    for fold in weekly_folds(night.as_of, EXAMS):
        # The seed is named after the cut, so that the same weeks always draw the same tracks.
        day = fold.cut.date().isoformat()
        exam = exam_of(past, fold, night.rng(listener, f"exam {day}"))
        if not exam.adopted or len(exam.tracks) == len(exam.adopted):
            continue
        rows = rows_at(past, fold.cut, weights=weights, rng=night.rng(listener, f"then {day}"))
        try:
            model = learn(past, rows)
        except NotEnoughData:
            continue
        found.append(Sitting(exam, rows, model, model.log_odds(past.tags, exam.tracks)))
    return found


def judge(
    newest: Sitting, past: Past, in_use: SavedModel | None, rng: np.random.Generator
) -> Verdict:
    """Compare the held-back twins of the new model and of the one in use, on the newest fold."""
    ours = placements(newest.exam.y, newest.log_odds)
    if in_use is None:
        return decide(ours, None, rng=rng)
    twin = twin_of(in_use)
    if twin is None:
        why = "the one in use is from when there was too little of a past to judge by"
        return Verdict(True, why, None, len(ours))
    theirs = placements(newest.exam.y, twin.log_odds(past.tags, newest.exam.tracks))
    return decide(ours, theirs, rng=rng, clusters=newest.exam.artists)


def twin_of(saved: SavedModel) -> TasteModel | None:
    """Return a saved model's held-back twin, where it has one."""
    has = HELD_BACK + COLUMNS_FILE in saved.card.files
    return TasteModel.of(saved, HELD_BACK) if has else None


def compare(
    sittings: Sequence[Sitting], past: Past, lake: Lake, listener: str, *, night: Night
) -> Answers:
    """Score the same folds by the taste model (`taste`), the baselines and last week's model."""
    baselines = Baselines(lake, listener, past, night=night)
    found: dict[str, list[tuple[Exam, Floats]]] = {}
    for each in sittings:
        answers = {NAME: each.log_odds, **baselines.scores(each.exam, each.rows)}
        for name, scores in answers.items():
            found.setdefault(name, []).append((each.exam, scores))
    newest = sittings[-1].exam
    if (twin := _last_weeks(lake, listener, night)) is not None:
        found[LAST_WEEK] = [(newest, twin.log_odds(past.tags, newest.tracks))]
    return found


def figures_of(answers: Answers, rng: np.random.Generator) -> dict[str, dict[str, Interval]]:
    """Return each model's figures, averaged over its folds, with intervals."""
    return {
        name: averaged([figures(exam, scores) for exam, scores in each], rng)
        for name, each in answers.items()
    }


def best_baseline(answers: Answers, rng: np.random.Generator) -> tuple[str, Interval] | None:
    """Return the baseline with the best AUC on the newest fold, and the taste model's gain over it.

    The baseline is chosen in hindsight, so that the comparison is with the strongest one.
    """
    exam, ours = answers[NAME][-1]
    theirs = {
        name: placements(exam.y, scores)
        for name, ((*_, (_, scores))) in answers.items()
        if name not in (NAME, LAST_WEEK)
    }
    if not theirs:
        return None
    best = max(sorted(theirs), key=lambda name: float(theirs[name].mean()))
    gained = paired_difference(
        placements(exam.y, ours), theirs[best], rng=rng, clusters=exam.artists
    )
    return best, gained


def _last_weeks(lake: Lake, listener: str, night: Night) -> TasteModel | None:
    """Return the held-back twin of the newest model that is a week old or older."""
    registry = Registry.of(lake)
    latest = (night.date - A_WEEK).isoformat()
    # A version begins with its night, and sorts by it.
    old = [each for each in registry.versions(listener, NAME) if each[: len(latest)] <= latest]
    return twin_of(registry.open(listener, NAME, old[-1])) if old else None
