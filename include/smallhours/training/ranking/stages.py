"""The stage that learns the weights of the ranking's signals for a listener."""

import math

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.metrics import Metric, note_metrics
from smallhours.training.model_card import ModelCard
from smallhours.training.ranking.lists import LEARNED, read_memory
from smallhours.training.ranking.listwise import DEFAULT_IS_WORTH, L2
from smallhours.training.ranking.saved import FILE, NAME
from smallhours.training.ranking.shown import read_chances
from smallhours.training.ranking.study import HELD_OUT, HIDES, MONTHS, Study, study_weights
from smallhours.training.registry import Registry
from smallhours.training.taste.rows import read_past

# Minimum number of adopted tracks for the figure `candidate_recall`.
FEWEST_FOUND = 20
LIMITS = (
    "candidates that came by other routes than tonight's, and explaining a listener: signals that "
    "say nearly the same share their weight by chance."
)


def train_ranking(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Learn the weights of the ranking's signals, and put them in use if they beat the default.

    With too little to learn from or to compare on, the weights in use stay; at first these are the
    default, and the summary says so.
    """
    past = read_past(lake, listener, night=night)
    memory = read_memory(lake, past, settings=settings)
    try:
        chances = read_chances(lake, listener, night=night)
        study = study_weights(memory, listener, night=night, chances=chances)
    except NotEnoughData as error:
        return {"skipped": str(error), "in_use": _in_use(lake, listener)}
    _note(lake, study, listener, night)
    if study.verdict is None:
        return {
            **_counts(study),
            "verdict": f"{study.adoptions} adoptions and {study.picks} welcome picks are "
            "too few to judge by: nothing changes",
            "in_use": _in_use(lake, listener),
        }
    saved = Registry.of(lake).save(_card(study, listener, night), {FILE: study.fusion.to_json()})
    return {
        **_counts(study),
        "verdict": study.verdict.why,
        "in_use": "learned weights" if study.verdict.promote else "the default",
        "model": saved.version,
    }


def _in_use(lake: Lake, listener: str) -> str:
    saved = Registry.of(lake).current(listener, NAME)
    return "the default" if saved is None else saved.version


def _counts(study: Study) -> Summary:
    learned, default = study.ndcg
    found: Summary = {
        "lists": study.lists,
        "welcome_picks": study.picks,
        "artists": study.artists,
        "held_out_adoptions": study.adoptions,
        "held_out_not_among_candidates": study.missed,
    }
    if not math.isnan(learned):
        found |= {"ndcg50": round(learned, 4), "ndcg50_default": round(default, 4)}
    return found


def _note(lake: Lake, study: Study, listener: str, night: Night) -> None:
    learned, default = study.ndcg
    found = study.adoptions + study.missed
    noted = []
    if not math.isnan(learned):
        noted.append(Metric(NAME, "ndcg50", learned, study.adoptions, default))
    if found >= FEWEST_FOUND:
        noted.append(Metric(NAME, "candidate_recall", study.adoptions / found, found))
    if study.parts is not None:
        noted += study.parts.metrics()
    note_metrics(lake, noted, listener=listener, night=night)


def _card(study: Study, listener: str, night: Night) -> ModelCard:
    learned, default = study.ndcg
    assert study.verdict is not None  # noqa: S101
    return ModelCard(
        name=NAME,
        owner=listener,
        night=night.date.isoformat(),
        purpose="How much each signal counts when tonight's candidates are ranked.",
        limits=LIMITS,
        features=[f"{name}: its rank column and its z column" for name in LEARNED],
        data={
            "lists": study.lists,
            "welcome_picks": study.picks,
            "artists_adopted": study.artists,
            "held_out_adoptions": study.adoptions,
            "held_out_not_among_candidates": study.missed,
        },
        settings={
            "promoted": "yes" if study.verdict.promote else "no",
            "why": study.verdict.why,
            "by_picks": study.by_picks.why if study.by_picks else "too few welcome picks",
            "l2": L2,
            "default_is_worth": DEFAULT_IS_WORTH,
            "share": study.fusion.share,
            "hides": HIDES,
            "months": MONTHS,
            "months_held_out": HELD_OUT,
            **{f"weight_{name}_rank": rank for name, (rank, _) in study.fusion.weights.items()},
            **{f"weight_{name}_z": z for name, (_, z) in study.fusion.weights.items()},
        },
        seeds={"lists": str(night.seed(listener, "ranking"))},
        metrics={}
        if math.isnan(learned)
        else {"ndcg50_learned": learned, "ndcg50_default": default},
    )
