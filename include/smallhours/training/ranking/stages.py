"""The stage that learns the weights of the ranking's signals for a listener."""

import math

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training.model_card import Metric, ModelCard, store_metrics
from smallhours.training.ranking.fusion import FILE, NAME, load_fusion
from smallhours.training.ranking.impressions import read_propensities
from smallhours.training.ranking.learn_weights import (
    HELD_OUT_MONTHS,
    HIDDEN_LISTS,
    MONTHS,
    WeightLearningResult,
    learn_weights,
)
from smallhours.training.ranking.listwise import DEFAULT_STRENGTH, L2
from smallhours.training.ranking.past_lists import LEARNED_SIGNALS, read_past_tables
from smallhours.training.registry import Registry
from smallhours.training.tags import unlearned_sources
from smallhours.training.taste.training_rows import read_history

# Minimum number of adopted tracks for the figure `candidate_recall`.
MIN_ADOPTED_FOR_RECALL = 20
LIMITS = (
    "candidates that came by other routes than tonight's, and explaining a listener: signals that "
    "say nearly the same share their weight by chance."
)


def train_ranking(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Learn the weights of the ranking's signals, and put them in use if they beat the default.

    With too little to learn from or to compare on, the weights in use stay; at first these are the
    default, and the summary says so.
    """
    past = read_history(lake, listener, night=night, without=unlearned_sources(settings))
    past_tables = read_past_tables(lake, past, settings=settings)
    try:
        propensities = read_propensities(lake, listener, night=night)
        result = learn_weights(past_tables, listener, night=night, propensities=propensities)
    except NotEnoughData as error:
        return {"skipped": str(error), "in_use": _in_use(lake, listener)}
    _note(lake, result, listener, night)
    if result.verdict is None:
        return {
            **_counts(result),
            "verdict": f"{result.adoptions} adoptions and {result.picks} welcome picks are "
            "too few to judge by: nothing changes",
            "in_use": _in_use(lake, listener),
        }
    saved = Registry.of(lake).save(_card(result, listener, night), {FILE: result.fusion.to_json()})
    return {
        **_counts(result),
        "verdict": result.verdict.why,
        "in_use": "learned weights" if result.verdict.promote else "the default",
        "model": saved.version,
    }


def _in_use(lake: Lake, listener: str) -> str:
    return load_fusion(lake, listener).version or "the default"


def _counts(result: WeightLearningResult) -> Summary:
    learned, default = result.ndcg
    found: Summary = {
        "lists": result.lists,
        "welcome_picks": result.picks,
        "artists": result.artists,
        "held_out_adoptions": result.adoptions,
        "held_out_not_among_candidates": result.missed,
    }
    if not math.isnan(learned):
        found |= {"ndcg50": round(learned, 4), "ndcg50_default": round(default, 4)}
    return found


def _note(lake: Lake, result: WeightLearningResult, listener: str, night: Night) -> None:
    learned, default = result.ndcg
    found = result.adoptions + result.missed
    noted = []
    if not math.isnan(learned):
        noted.append(Metric(NAME, "ndcg50", learned, result.adoptions, default))
    if found >= MIN_ADOPTED_FOR_RECALL:
        noted.append(Metric(NAME, "candidate_recall", result.adoptions / found, found))
    if result.parts is not None:
        noted += result.parts.metrics()
    store_metrics(lake, noted, listener=listener, night=night)


def _card(result: WeightLearningResult, listener: str, night: Night) -> ModelCard:
    learned, default = result.ndcg
    assert result.verdict is not None  # noqa: S101
    return ModelCard(
        name=NAME,
        owner=listener,
        night=night.date.isoformat(),
        purpose="How much each signal counts when tonight's candidates are ranked.",
        limits=LIMITS,
        features=[f"{name}: its rank column and its z column" for name in LEARNED_SIGNALS],
        data={
            "lists": result.lists,
            "welcome_picks": result.picks,
            "artists_adopted": result.artists,
            "held_out_adoptions": result.adoptions,
            "held_out_not_among_candidates": result.missed,
        },
        settings={
            "promoted": "yes" if result.verdict.promote else "no",
            "why": result.verdict.why,
            "by_picks": result.by_picks.why if result.by_picks else "too few welcome picks",
            "l2": L2,
            "default_is_worth": DEFAULT_STRENGTH,
            "share": result.fusion.share,
            "hides": HIDDEN_LISTS,
            "months": MONTHS,
            "months_held_out": HELD_OUT_MONTHS,
            **{f"weight_{name}_rank": rank for name, (rank, _) in result.fusion.weights.items()},
            **{f"weight_{name}_z": z for name, (_, z) in result.fusion.weights.items()},
        },
        seeds={"lists": str(night.seed(listener, "ranking"))},
        metrics={}
        if math.isnan(learned)
        else {"ndcg50_learned": learned, "ndcg50_default": default},
    )
