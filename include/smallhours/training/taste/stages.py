"""The stage that trains the listener's taste model from tags; `training.audio` predicts sound."""

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import first_seed
from smallhours.training.labels import label_tracks
from smallhours.training.model_card import Metric, store_metrics
from smallhours.training.persistence import dump_model
from smallhours.training.registry import Registry
from smallhours.training.taste import model as taste
from smallhours.training.taste.backtest import HOLDOUT_PREFIX
from smallhours.training.taste.card import first_seed_card, taste_card, taste_metrics
from smallhours.training.taste.train import TasteTrainingResult, train_and_evaluate
from smallhours.training.taste.training_rows import ListeningHistory, read_history


def train_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train the listener's taste model, backtest it, and put it in use if it is not worse.

    The first seed's classifier is trained beside it. With too little to learn from, `skipped` says
    what is missing, and the model in use stays; without any, ranking works without.
    """
    past = read_history(lake, listener, night=night)
    seed = _train_first_seed(listener, lake, past, night)
    weights = settings.training.evidence
    try:
        trained = train_and_evaluate(listener, lake, past, night=night, weights=weights)
    except NotEnoughData as error:
        return {"skipped": str(error), **seed}
    card = taste_card(trained, listener=listener, night=night, weights=weights)
    files = trained.model.files()
    if trained.holdout_model is not None:
        files |= trained.holdout_model.files(HOLDOUT_PREFIX)
    saved = Registry.of(lake).save(card, files, use=trained.verdict.promote)
    store_metrics(lake, taste_metrics(trained), listener=listener, night=night)
    return {**_summary_of(trained), "model": saved.version, **seed}


def _train_first_seed(listener: str, lake: Lake, past: ListeningHistory, night: Night) -> Summary:
    """Train the first seed's classifier, and store it with its figures."""
    try:
        labelled = label_tracks(past, listener, night=night)
        result = first_seed.train(labelled.frame)
    except NotEnoughData as error:
        return {"first_seed": f"skipped: {error}"}
    card = first_seed_card(result, labelled, listener=listener, night=night)
    saved = Registry.of(lake).save(card, {taste.FILE: dump_model(result.model)})
    noted = [
        Metric(taste.FIRST_SEED, name, value, n=result.counts["test"])
        for name, value in result.metrics.items()
    ]
    store_metrics(lake, noted, listener=listener, night=night)
    return {
        "first_seed": saved.version,
        "first_seed_f1_on_its_own_task": round(result.metrics["f1"], 4),
    }


def _summary_of(trained: TasteTrainingResult) -> Summary:
    """Return the summary of a training for people."""
    told: Summary = {
        "likes": int(trained.rows.y.sum()),
        "rejected": int(((trained.rows.y == 0) & ~trained.rows.is_background).sum()),
        "background": int(trained.rows.is_background.sum()),
        "adopted_in_four_weeks": trained.adoptions,
        "promoted": f"{'yes' if trained.verdict.promote else 'no'}: {trained.verdict.why}",
        "calibrated_on": trained.calibrated_on,
    }
    for model, figures in trained.by_model.items():
        told[f"auc_{model}"] = round(figures["auc"].value, 4)
    if trained.gained is not None:
        name, gap = trained.gained
        told["against_best_baseline"] = (
            f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] AUC over {name}"
        )
    if trained.missing:
        told["missing"] = trained.missing
    return told
