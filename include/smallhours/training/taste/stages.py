"""The stage that trains the listener's taste model from tags; `training.audio` predicts sound."""

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import first_seed
from smallhours.training.labels import label_tracks
from smallhours.training.metrics import Metric, note_metrics
from smallhours.training.persistence import dump_model
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste
from smallhours.training.taste.card import first_seed_card, taste_card, taste_metrics
from smallhours.training.taste.judging import HELD_BACK
from smallhours.training.taste.lesson import Lesson, study
from smallhours.training.taste.rows import read_past


def train_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train the listener's taste model, backtest it, and put it in use if it is not worse.

    The first seed's classifier is trained beside it. With too little to learn from, `skipped` says
    what is missing, and the model in use stays; without any, ranking works without.
    """
    seed = _train_first_seed(listener, lake, night)
    weights = settings.training.evidence
    past = read_past(lake, listener, night=night)
    try:
        lesson = study(listener, lake, past, night=night, weights=weights)
    except NotEnoughData as error:
        return {"skipped": str(error), **seed}
    card = taste_card(lesson, listener=listener, night=night, weights=weights)
    files = lesson.model.files()
    if lesson.held_back is not None:
        files |= lesson.held_back.files(HELD_BACK)
    saved = Registry.of(lake).save(card, files, use=lesson.verdict.promote)
    note_metrics(lake, taste_metrics(lesson), listener=listener, night=night)
    return {**_told(lesson), "model": saved.version, **seed}


def _train_first_seed(listener: str, lake: Lake, night: Night) -> Summary:
    """Train the first seed's classifier, and store it with its figures."""
    try:
        labelled = label_tracks(listener, lake, night=night)
        result = first_seed.train(labelled.frame)
    except NotEnoughData as error:
        return {"first_seed": f"skipped: {error}"}
    card = first_seed_card(result, labelled, listener=listener, night=night)
    saved = Registry.of(lake).save(card, {taste.FILE: dump_model(result.model)})
    noted = [
        Metric(taste.FIRST_SEED, name, value, n=result.counts["test"])
        for name, value in result.metrics.items()
    ]
    note_metrics(lake, noted, listener=listener, night=night)
    return {
        "first_seed": saved.version,
        "first_seed_f1_on_its_own_task": round(result.metrics["f1"], 4),
    }


def _told(lesson: Lesson) -> Summary:
    """Return the summary of a training for people."""
    told: Summary = {
        "likes": int(lesson.rows.y.sum()),
        "rejected": int(((lesson.rows.y == 0) & ~lesson.rows.is_background).sum()),
        "background": int(lesson.rows.is_background.sum()),
        "adopted_in_four_weeks": lesson.adoptions,
        "promoted": f"{'yes' if lesson.verdict.promote else 'no'}: {lesson.verdict.why}",
        "calibrated_on": lesson.calibrated_on,
    }
    for model, figures in lesson.by_model.items():
        told[f"auc_{model}"] = round(figures["auc"].value, 4)
    if lesson.gained is not None:
        name, gap = lesson.gained
        told["against_best_baseline"] = (
            f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] AUC over {name}"
        )
    if lesson.missing:
        told["missing"] = lesson.missing
    return told
