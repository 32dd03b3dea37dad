"""The stage `train_taste`: the model, its figures, and the promotion verdict.

The calibration is fitted on the newest fold. Its reported figures must not be: for them, a
calibration is fitted on the oldest fold, whose truth ended before the newest one's cut.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import GroupKFold

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights, Settings
from smallhours.summary import Summary
from smallhours.training.evaluation.metrics import Metric, ReliabilityBin, store_metrics
from smallhours.training.evaluation.uncertainty import MIN_UNITS, GateDecision, Interval, wilson
from smallhours.training.listening_history import ListeningHistory, read_history
from smallhours.training.model_card import ModelCard, Value
from smallhours.training.registry import Registry
from smallhours.training.tags import unlearned_sources
from smallhours.training.taste.backtest import (
    HOLDOUT_PREFIX,
    MAX_OTHERS,
    OTHERS_PER_LIKE,
    Backtest,
    BacktestFold,
    average_by_model,
    best_baseline,
    calibration_figures,
    compare_holdout_models,
    reliability_of,
    run_backtests,
    score_folds,
)
from smallhours.training.taste.baselines import train_first_seed
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.model import (
    FIRST_SEED,
    NAME,
    UNCALIBRATED,
    Calibration,
    TasteModel,
    fit_taste_model,
)
from smallhours.training.taste.training_rows import (
    BACKGROUND_PER_LIKE,
    TrainingRows,
    training_rows_at,
)

Floats = npt.NDArray[np.float64]

ON_TRAINING_ROWS = "training rows of artists held out in turn"
ON_FUTURE = "what was adopted in the last four weeks, by a model that had not seen them"
NOT_EVALUATED = "there is too little of a past to judge by: the default goes into use unjudged"
MIN_TO_CALIBRATE = 30  # adoptions for Platt's two parameters; with fewer, from training rows
CROSS_FOLDS = 5


@dataclass(frozen=True)
class TasteTrainingResult:
    """The result of a night's training.

    Attributes:
        model: Trained on everything up to tonight, calibrated.
        holdout_model: Its twin, trained without the last four weeks; None without enough history.
        rows: The rows that the model learned from.
        verdict: Whether it goes into use, and why.
        calibrated_on: The rows that its probabilities were calibrated on, in words.
        adoptions: Number of adopted tracks in the newest fold.
        untagged: Number of adoptions without tags, which are left out.
        by_model: Figures averaged over the folds, of the taste model and of each baseline.
        calibration: `log_loss`, `brier` and `calibration_error` on the newest fold.
        reliability: Its reliability curve.
        gained: The best baseline, and the gain in mean AUC over it on the same folds; None where
            there are too few adoptions to say.
        missing: A sentence about data that there was too little of; empty for none.
    """

    model: TasteModel
    holdout_model: TasteModel | None
    rows: TrainingRows
    verdict: GateDecision
    calibrated_on: str
    adoptions: int = 0
    untagged: int = 0
    by_model: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    calibration: Mapping[str, float] = field(default_factory=dict)
    reliability: tuple[ReliabilityBin, ...] = ()
    gained: tuple[str, Interval] | None = None
    missing: str = ""


def train_and_evaluate(
    listener: str, lake: Lake, past: ListeningHistory, *, night: Night, weights: EvidenceWeights
) -> TasteTrainingResult:
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
    rows = training_rows_at(
        past, night.as_of, weights=weights, rng=night.rng(listener, "negatives")
    )
    model = fit_taste_model(past, rows)
    backtests = run_backtests(past, listener, night, weights)
    if not backtests:
        calibrated = replace(model, calibration=calibrate_by_artist_folds(past, rows))
        verdict = GateDecision(True, NOT_EVALUATED, None, 0)
        return TasteTrainingResult(
            calibrated, None, rows, verdict, ON_TRAINING_ROWS, missing=_missing(backtests)
        )
    newest = backtests[-1]
    calibration, on = _calibrated(past, rows, newest)
    answers = score_folds(backtests, past, lake, listener, night=night)
    p = _calibration_without_newest(past, backtests)(newest.log_odds)
    return TasteTrainingResult(
        model=replace(model, calibration=calibration),
        holdout_model=newest.model,
        rows=rows,
        verdict=compare_holdout_models(
            newest, past, lake, listener, night.rng(listener, "taste gate")
        ),
        calibrated_on=on,
        adoptions=len(newest.backtest_fold.adopted),
        untagged=newest.backtest_fold.untagged,
        by_model=average_by_model(answers, night.rng(listener, "taste figures")),
        calibration=calibration_figures(newest.backtest_fold, p),
        reliability=tuple(reliability_of(newest.backtest_fold, p)),
        gained=best_baseline(answers, night.rng(listener, "taste gained")),
        missing=_missing(backtests),
    )


def _calibrated(
    past: ListeningHistory, rows: TrainingRows, newest: Backtest
) -> tuple[Calibration, str]:
    if len(newest.backtest_fold.adopted) < MIN_TO_CALIBRATE:
        return calibrate_by_artist_folds(past, rows), ON_TRAINING_ROWS
    return calibrate_on_fold(newest.backtest_fold, newest.log_odds), ON_FUTURE


def _calibration_without_newest(
    past: ListeningHistory, backtests: Sequence[Backtest]
) -> Calibration:
    """Return a calibration that has seen nothing of the newest fold's weeks."""
    oldest, newest = backtests[0], backtests[-1]
    over = oldest.backtest_fold.fold.until <= newest.backtest_fold.fold.cut
    if over and len(oldest.backtest_fold.adopted) >= MIN_TO_CALIBRATE:
        return calibrate_on_fold(oldest.backtest_fold, oldest.log_odds)
    return calibrate_by_artist_folds(past, newest.rows)


def calibrate_on_fold(backtest_fold: BacktestFold, log_odds: Floats) -> Calibration:
    """Calibrate on a fold: on tracks that were adopted later, and tracks that were not."""
    return Calibration.fit(log_odds, backtest_fold.y, _mixture(backtest_fold.y))


def calibrate_by_artist_folds(past: ListeningHistory, rows: TrainingRows) -> Calibration:
    """Calibrate on the training rows, each predicted by a model without its artist."""
    groups = rows.artist_numbers
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


def _missing(backtests: Sequence[Backtest]) -> str:
    if not backtests:
        return (
            "nothing new was adopted in the last eight weeks after ten likes were known, so that "
            "the model could not be judged by them"
        )
    adopted = len(backtests[-1].backtest_fold.adopted)
    rough = f"{adopted} tracks were adopted in the last four weeks: the figures are rough"
    return rough if adopted < MIN_UNITS else ""


def train_taste(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Train the listener's taste model, backtest it, and put it in use if it is not worse.

    The first seed's classifier is trained beside it. With too little to learn from, `skipped` says
    what is missing, and the model in use stays; without any, ranking works without.
    """
    past = read_history(lake, listener, night=night, without=unlearned_sources(settings))
    seed = train_first_seed(listener, lake, past, night)
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
    if trained.gained is not None:
        name, gap = trained.gained
        for model, figures in trained.by_model.items():
            told[f"auc_{model}"] = round(figures["auc"].value, 4)
        for artists in ("known_artists", "new_artists"):
            aucs = {each: trained.by_model[each][f"auc_{artists}"] for each in (NAME, name)}
            found = [f"{each} {auc.value:.3f}" for each, auc in aucs.items() if _known(auc)]
            told[artists] = ", ".join(found) or "no adoptions"
        between = f"[{gap.low:+.3f}, {gap.high:+.3f}]"
        told["against_best_baseline"] = f"{gap.value:+.3f} {between} mean AUC over {name}"
    elif trained.by_model:
        told["against_best_baseline"] = "too few adoptions to say"
    if trained.missing:
        told["missing"] = trained.missing
    return told


# The subject of the reliability curve's points in `metrics`: ten at most. `said_30` is the share of
# adopted tracks among those with a predicted probability of .3 to .4.
RELIABILITY = f"{NAME}_reliability"


def taste_card(
    trained: "TasteTrainingResult", *, listener: str, night: Night, weights: EvidenceWeights
) -> ModelCard:
    """Return the taste model's card."""
    ours = trained.by_model.get(NAME, {})
    metrics = {name: found.value for name, found in ours.items() if _known(found)}
    for model, figures in trained.by_model.items():
        if model != NAME and _known(figures["auc"]):
            metrics[f"{model}_auc"] = figures["auc"].value
            metrics[f"{model}_ndcg50"] = figures["ndcg50"].value
    metrics |= trained.calibration
    return ModelCard(
        name=NAME,
        owner=listener,
        night=night.date.isoformat(),
        purpose="P(like) of a track from its tags, learned from graded evidence on both sides and "
        "judged by what the listener went on to adopt.",
        limits="tracks without tags; and P(like) is that of a mixture in which one track in "
        f"{OTHERS_PER_LIKE + 1} is liked, not of a list that was chosen for being liked.",
        features=[
            "whether the track carries each tag, in lower case, rare tags louder",
            "whether its artist does, likewise, in columns of their own",
        ],
        data={
            "likes": int(trained.rows.y.sum()),
            "others": int((trained.rows.y == 0).sum()),
            **{f"rows_{name}": n for name, n in trained.rows.counts().items()},
            "adoptions_in_the_newest_fold": trained.adoptions,
            "adoptions_without_tags": trained.untagged,
            "others_in_a_fold": MAX_OTHERS,
        },
        settings={
            "C": TasteClassifier().C,
            "background_per_like": BACKGROUND_PER_LIKE,
            "calibrated_on": trained.calibrated_on,
            "promoted": "yes" if trained.verdict.promote else "no",
            "why": trained.verdict.why,
            **_gained(trained),
            **{f"evidence_{name}": value for name, value in weights.model_dump().items()},
            **{
                f"reliability_{each.low:.1f}_{each.high:.1f}": f"said {each.mean_p:.2f}, "
                f"came true {each.share:.2f} of {each.n}"
                for each in trained.reliability
            },
        },
        seeds={"negatives": str(night.seed(listener, "negatives"))},
        metrics=metrics,
    )


def taste_metrics(trained: "TasteTrainingResult") -> Iterator[Metric]:
    """Yield the night's figures of the taste model, and of each baseline.

    A figure of the taste model has the first seed's beside it. The baselines' figures have the
    subject `taste_<baseline>`: `first_seed` itself is measured on the first seed's own test rows,
    which is another question.
    """
    seed = trained.by_model.get(FIRST_SEED, {})
    for model, figures in trained.by_model.items():
        subject = NAME if model == NAME else f"{NAME}_{model}"
        for name, found in figures.items():
            if not _known(found):
                continue
            beside = seed.get(name)
            baseline = beside.value if model == NAME and beside and _known(beside) else None
            yield Metric.of(subject, name, found, trained.adoptions, baseline)
    for name, value in trained.calibration.items():
        yield Metric(NAME, name, value, n=trained.adoptions)
    # The observed share in each bin of the curve, with the mean prediction as baseline.
    for each in trained.reliability:
        share = wilson(round(each.share * each.n), each.n)
        name = f"said_{round(100 * each.low):02d}"
        yield Metric.of(RELIABILITY, name, share, each.n, each.mean_p)
    if trained.verdict.difference is not None:
        gap = trained.verdict.difference
        yield Metric.of(NAME, "auc_over_in_use", gap, trained.verdict.n)


def _gained(trained: "TasteTrainingResult") -> dict[str, Value]:
    if trained.gained is None:
        return {}
    name, gap = trained.gained
    return {
        "against_best_baseline": f"AUC {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}] over "
        f"{name}, means of the same weeks"
    }


def _known(found: Interval) -> bool:
    return not math.isnan(found.value)
