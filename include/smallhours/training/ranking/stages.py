"""The stage that measures the ranking: on what the listener adopted in the last two months."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import RANKING
from smallhours.training.evaluation.folds import Fold, known_at, weekly_folds
from smallhours.training.evaluation.metrics import Metric, ndcg_at, store_metrics
from smallhours.training.listening_history import ListeningHistory, read_history
from smallhours.training.ranking.ablation import ablate
from smallhours.training.ranking.fusion import Fusion, default_fusion
from smallhours.training.ranking.past_lists import (
    PastList,
    own_adoptions,
    past_list,
    read_past_tables,
)
from smallhours.training.tags import unlearned_sources

# A list of the past for each of so many months, of four weeks each.
MONTHS, WEEKS = 2, 4
# With fewer known artists, most of what a listener adopts can't be near them yet: what such a list
# missed says nothing of tonight's.
MIN_ARTISTS = 20
# With fewer adopted tracks, a figure is chance.
MIN_ADOPTED = 20
TOP = 50


def evaluate_ranking(listener: str, lake: Lake, *, settings: Settings, night: Night) -> Summary:
    """Measure the candidates and the ranking by what the listener adopted: `metrics`.

    Returns:
        How many tracks were `adopted`. From 20 on, how many of them were `among_candidates`, and
        `candidate_recall`, the share of these; from 20 of these on, `ndcg50`, the mean NDCG@50 of
        the months.
    """
    past = read_history(lake, listener, night=night, without=unlearned_sources(settings))
    tables = read_past_tables(lake, past, settings=settings)
    folds = _folds(tables.past, night)
    adopted = sum(len(own_adoptions(tables.past, fold)) for fold in folds)
    if adopted < MIN_ADOPTED:
        few = f"{adopted} adopted tracks are too few to measure by; {MIN_ADOPTED} are the least"
        return {"adopted": adopted, "skipped": few}
    rng = night.rng(listener, "ranking")
    lists = [past_list(tables, fold, rng) for fold in folds]
    found = sum(int(each.adopted.sum()) for each in lists)
    figures = [Metric(RANKING, "candidate_recall", found / adopted, adopted)]
    if found >= MIN_ADOPTED:
        fusion = default_fusion(tables.vectors.tags_per_track)
        held = [each for each in lists if each.adopted.any()]
        figures.append(Metric(RANKING, "ndcg50", _ndcg(fusion, held), found))
        parts = ablate(fusion, held, night.rng(listener, "ranking parts"))
        store_metrics(lake, parts.metrics(), listener=listener, night=night)
    store_metrics(lake, figures, listener=listener, night=night)
    rounded = {each.name: round(each.value, 4) for each in figures}
    return {"adopted": adopted, "among_candidates": found, **rounded}


def _folds(past: ListeningHistory, night: Night) -> list[Fold]:
    """Return those of the last months before which enough artists were known."""
    return [
        fold
        for fold in weekly_folds(night.as_of, MONTHS, step_weeks=WEEKS)
        if len(set(map(artist_key_in, known_at(past.plays, past.library, fold.cut)))) >= MIN_ARTISTS
    ]


def _ndcg(fusion: Fusion, lists: Sequence[PastList]) -> float:
    """Return the mean NDCG@50 over lists."""
    found = []
    for past in lists:
        eligible = pd.Series(past.eligible, index=past.signals.index)
        score = fusion.score(past.signals, eligible)[eligible]
        ranked = score.sort_values(ascending=False, kind="stable").index[:TOP]
        found.append(ndcg_at(list(ranked), set(past.signals.index[past.adopted]), TOP))
    return float(np.mean(found))
