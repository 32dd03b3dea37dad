"""Backtest of the taste model: models of earlier weeks, evaluated on the four weeks after each.

Five times, a week apart, a model is trained on data before a cut and asked to predict the four
weeks after it, beside baselines that know the same. The newest of these models is the *held-back*
twin of tonight's. When a later night wants to replace tonight's model, the held-back twins of both
are evaluated on weeks that neither has seen. So new and old are compared on the same tracks, and
without a leak.

A model that is trained on data before a cut has to separate the tracks that were adopted in the
four weeks after it from tracks of the catalog that were new at the cut, too, and were not adopted.
The catalog and its tags are tonight's: earlier states of them are not stored.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation import metrics
from smallhours.training.evaluation.folds import (
    Fold,
    adopted,
    known_at,
    weekly_folds,
)
from smallhours.training.evaluation.metrics import ReliabilityBin, placements
from smallhours.training.evaluation.uncertainty import (
    GateDecision,
    Interval,
    bootstrap_mean,
    decide_promotion,
)
from smallhours.training.listening_history import ListeningHistory
from smallhours.training.registry import Registry, SavedModel
from smallhours.training.taste.baselines import Baselines
from smallhours.training.taste.model import (
    NAME,
    TasteModel,
    fit_taste_model,
)
from smallhours.training.taste.training_rows import (
    TrainingRows,
    sample_keys,
    training_rows_at,
)

Floats = npt.NDArray[np.float64]


# Number of other tracks that the adopted ones are ranked among.
MAX_OTHERS = 2000
TOP = 50
# P(like) depends on the share of likes among the rows. It is calibrated to this mixture, one like
# to three others, so that a number means the same every night.
OTHERS_PER_LIKE = 3
# Number of folds. The oldest one's four weeks end where the newest one's begin.
FOLDS = 5
HOLDOUT_PREFIX = "held_back_"
LAST_WEEK = "last_week"
# With fewer adoptions in all folds nobody is ranked: one of them more would turn the order round.
MIN_TO_RANK = 10
WEEK = dt.timedelta(days=7)


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
        "auc": metrics.auc(backtest_fold.y, scores),
        "pr_auc": metrics.average_precision(backtest_fold.y, scores),
        "recall50": metrics.recall_at(ranked, truth, TOP),
        "ndcg50": metrics.ndcg_at(ranked, truth, TOP),
        "hit50": metrics.hit_at(ranked, truth, TOP),
        "auc_known_artists": metrics.auc(
            backtest_fold.y[backtest_fold.known_artist], scores[backtest_fold.known_artist]
        ),
        "auc_new_artists": metrics.auc(
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
        "log_loss": metrics.log_loss(backtest_fold.y[at], p[at]),
        "brier": metrics.brier(backtest_fold.y[at], p[at]),
        "calibration_error": metrics.calibration_error(backtest_fold.y[at], p[at]),
    }


def reliability_of(backtest_fold: BacktestFold, p: Floats) -> list[ReliabilityBin]:
    """Return the reliability curve on the same mixture."""
    at = _expected_mixture(backtest_fold)
    return metrics.reliability(backtest_fold.y[at], p[at])


def average_figures(
    by_fold: Sequence[Mapping[str, float]], rng: np.random.Generator
) -> dict[str, Interval]:
    """Return the mean of each figure over the folds, with an interval over them."""
    names = dict.fromkeys(name for each in by_fold for name in each)
    return {
        name: bootstrap_mean([each.get(name, np.nan) for each in by_fold], rng=rng)
        for name in names
    }


def _expected_mixture(backtest_fold: BacktestFold) -> npt.NDArray[np.intp]:
    likes, others = np.flatnonzero(backtest_fold.y == 1), np.flatnonzero(backtest_fold.y == 0)
    most = min(len(others), OTHERS_PER_LIKE * len(likes))
    # Others are in key order, so that every k-th is a fair sample of artists. With 10 adopted
    # tracks and 300 others, every tenth of the others is kept: 30.
    spread = np.linspace(0, len(others), most, endpoint=False).astype(np.intp)
    return np.concatenate([likes, others[spread]])


# Model -> folds with its scores of their tracks.
ScoresByModel = Mapping[str, Sequence[tuple[BacktestFold, Floats]]]


@dataclass(frozen=True)
class Backtest:
    """One fold with the model that was trained for it, and its predictions.

    Attributes:
        backtest_fold: The fold's tracks.
        rows: The rows that the model learned from.
        model: The model.
        log_odds: (n,) its predictions for the fold's tracks.
    """

    backtest_fold: BacktestFold
    rows: TrainingRows
    model: TasteModel
    log_odds: Floats


def run_backtests(
    past: ListeningHistory, listener: str, night: Night, weights: EvidenceWeights
) -> list[Backtest]:
    """Run the folds, oldest first; one without adoptions or enough likes is left out."""
    found = []
    for fold in weekly_folds(night.as_of, FOLDS):
        # The seed is named after the cut, so that the same weeks always draw the same tracks.
        day = fold.cut.date().isoformat()
        backtest_fold = make_backtest_fold(past, fold, night.rng(listener, f"exam {day}"))
        if not backtest_fold.adopted or len(backtest_fold.tracks) == len(backtest_fold.adopted):
            continue
        rows = training_rows_at(
            past, fold.cut, weights=weights, rng=night.rng(listener, f"then {day}")
        )
        try:
            model = fit_taste_model(past, rows)
        except NotEnoughData:
            continue
        found.append(
            Backtest(backtest_fold, rows, model, model.log_odds(past.tags, backtest_fold.tracks))
        )
    return found


def compare_holdout_models(
    newest: Backtest, past: ListeningHistory, lake: Lake, listener: str, rng: np.random.Generator
) -> GateDecision:
    """Compare the held-back twins of the new model and of the one in use, on the newest fold.

    A model in use that cannot be read is none.
    """
    ours = placements(newest.backtest_fold.y, newest.log_odds)
    in_use = Registry.of(lake).load(
        listener, NAME, lambda saved: (TasteModel.of(saved), holdout_model_of(saved))
    )
    if in_use is None:
        return decide_promotion(ours, None, rng=rng)
    _, holdout_model = in_use
    if holdout_model is None:
        why = "the one in use is from when there was too little of a past to judge by"
        return GateDecision(True, why, None, len(ours))
    theirs = placements(
        newest.backtest_fold.y, holdout_model.log_odds(past.tags, newest.backtest_fold.tracks)
    )
    return decide_promotion(ours, theirs, rng=rng, clusters=newest.backtest_fold.artists)


def holdout_model_of(saved: SavedModel) -> TasteModel | None:
    """Return a saved model's held-back twin, where it has one."""
    has = any(name.startswith(HOLDOUT_PREFIX) for name in saved.card.files)
    return TasteModel.of(saved, HOLDOUT_PREFIX) if has else None


def score_folds(
    backtests: Sequence[Backtest],
    past: ListeningHistory,
    lake: Lake,
    listener: str,
    *,
    night: Night,
) -> ScoresByModel:
    """Score the same folds by the taste model (`taste`), the baselines and last week's model."""
    baselines = Baselines(lake, listener, past)
    found: dict[str, list[tuple[BacktestFold, Floats]]] = {}
    for each in backtests:
        answers = {NAME: each.log_odds, **baselines.scores(each.backtest_fold, each.rows)}
        for name, scores in answers.items():
            found.setdefault(name, []).append((each.backtest_fold, scores))
    newest = backtests[-1].backtest_fold
    if (holdout_model := _model_of_last_week(lake, listener, night)) is not None:
        found[LAST_WEEK] = [(newest, holdout_model.log_odds(past.tags, newest.tracks))]
    return found


def average_by_model(
    answers: ScoresByModel, rng: np.random.Generator
) -> dict[str, dict[str, Interval]]:
    """Return each model's figures, averaged over its folds, with intervals."""
    return {
        name: average_figures(
            [figures(backtest_fold, scores) for backtest_fold, scores in each], rng
        )
        for name, each in answers.items()
    }


def best_baseline(answers: ScoresByModel, rng: np.random.Generator) -> tuple[str, Interval] | None:
    """Return the strongest baseline, and the taste model's gain in mean AUC over it.

    Both means are over the same folds. The baseline is chosen in hindsight, so that the comparison
    is with the strongest one. None without baselines, or with too few adoptions to rank anybody.
    """
    ours = {each.fold: (each, scores) for each, scores in answers[NAME]}
    if len({key for each, _ in answers[NAME] for key in each.adopted}) < MIN_TO_RANK:
        return None
    gains = {
        name: _gain([(*ours[each.fold], scores) for each, scores in theirs], rng)
        for name, theirs in sorted(answers.items())
        if name not in (NAME, LAST_WEEK)
    }
    return min(gains.items(), key=lambda gain: gain[1].value) if gains else None


def _gain(
    folds: Sequence[tuple[BacktestFold, Floats, Floats]], rng: np.random.Generator
) -> Interval:
    """Return the mean over folds of the difference in AUC, bootstrapped over artists.

    A fold counts the same whatever its number of adoptions: with folds of 10 and 30, each of the
    ten weighs 40 / (2 x 10) = 2, each of the thirty 40 / (2 x 30) = 2/3.
    """
    differences = [
        placements(each.y, one) - placements(each.y, other) for each, one, other in folds
    ]
    total = sum(map(len, differences))
    weighted = [found * total / (len(folds) * len(found)) for found in differences]
    artists = [artist for each, _, _ in folds for artist in each.artists]
    return bootstrap_mean(np.concatenate(weighted), rng=rng, clusters=artists)


def _model_of_last_week(lake: Lake, listener: str, night: Night) -> TasteModel | None:
    """Return the held-back twin of the newest model that is a week old or older."""
    registry = Registry.of(lake)
    latest = (night.date - WEEK).isoformat()
    # A version begins with its night, and sorts by it.
    old = [each for each in registry.versions(listener, NAME) if each[: len(latest)] <= latest]
    return registry.load(listener, NAME, holdout_model_of, version=old[-1]) if old else None
