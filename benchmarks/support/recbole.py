"""The ranking in RecBole's protocol, in which others publish.

The artists of each listener are split 8 : 1 : 1 at random, five times over. Everything is made of
the first part: the others' is what the services answer from. All artists but those of the first two
parts are ranked, and NDCG@10 counts those of the third. No listener and no artist is filtered.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.harness import print_progress
from benchmarks.support.installation import Installation, score, signals_of
from benchmarks.support.ranking_data import SEED, Floats, ListenerCase, RankingTables, crowd_of
from benchmarks.support.rivals import fit_rivals
from smallhours.training.evaluation.uncertainty import bootstrap_ratio

SPLITS, TOP = 5, 10
TRAIN, VALID = 0.8, 0.9
OURS = "ours"
# NDCG@10 as published with RecBole-GNN, of all 1,892 listeners of the data set; not of these.
PUBLISHED: Mapping[str, float] = MappingProxyType(
    {"BPR": 0.1674, "NGCF": 0.1898, "LightGCN": 0.1972, "SEPT": 0.2057, "MHCN": 0.2068}
)


def recbole_figures(tables: RankingTables, *, listeners: int | None) -> dict[str, object]:
    """Run all splits, print the table, and return the figures.

    Args:
        tables: The data.
        listeners: Number of listeners that are ranked for in each split; None for all. All of them
            are learned from.
    """
    parts = [_split(tables, number, listeners) for number in range(SPLITS)]
    means = pd.concat(parts, ignore_index=True).mean()
    rivals = means.drop(OURS)
    best = str(rivals.idxmax())
    everyone = pd.concat(parts, ignore_index=True)
    over = bootstrap_ratio(everyone[OURS], everyone[best], rng=np.random.default_rng(SEED))
    print(f"\n{'method':12} NDCG@10, mean of {SPLITS} splits of {len(parts[0])} listeners")
    for name, value in means.sort_values().items():
        print(f"{name:12} {value:.4f}")
    for name, value in PUBLISHED.items():
        print(f"{name:12} {value:.4f}   published, of all 1,892 listeners")
    print(f"ours over {best}: {over.value:.3f} [{over.low:.3f}, {over.high:.3f}]")
    return {
        "ndcg10": round(float(means[OURS]), 4),
        "over_best": round(over.value, 4),
        "over_best_low": round(over.low, 4),
        "splits": [round(float(part[OURS].mean()), 4) for part in parts],
        "rivals": {str(name): round(float(value), 4) for name, value in rivals.items()},
    }


def _split(tables: RankingTables, number: int, listeners: int | None) -> pd.DataFrame:
    """Return the NDCG@10 of each method, a row a listener."""
    print_progress(f"split {number + 1} of {SPLITS}")
    rng = np.random.default_rng([SEED, number])
    plays = tables.plays.sort_values(["listener", "artist"], ignore_index=True)
    draw = pd.Series(rng.random(len(plays)))
    place = draw.groupby(plays["listener"]).rank(method="first") - 0.5
    share = place / plays.groupby("listener")["artist"].transform("size")
    train, valid = plays[share < TRAIN], plays[(share >= TRAIN) & (share < VALID)]
    truth = plays[share >= VALID]
    everyone = truth["listener"].unique()
    chosen = rng.permutation(everyone)[:listeners]
    crowd = crowd_of(RankingTables(train, tables.tags), everyone)
    shared, rivals = Installation.of(crowd), fit_rivals(crowd.plays)
    rows = []
    for listener in chosen.tolist():
        own = train[train["listener"] == listener]
        seeds = crowd.artists.get_indexer(pd.Index(own["artist"]))
        wanted = truth.loc[truth["listener"] == listener, "artist"]
        if not len(seeds) or wanted.empty:
            continue
        hidden = crowd.artists.get_indexer(pd.Index(wanted))
        times = own["plays"].to_numpy(dtype=float)
        case = ListenerCase(listener, seeds, times, hidden[hidden >= 0], len(hidden))
        left_out = valid.loc[valid["listener"] == listener, "artist"]
        closed = [*seeds, *crowd.artists.get_indexer(pd.Index(left_out))]
        row = sparse.csr_matrix(
            (times, (np.zeros(len(seeds), int), seeds)), shape=(1, len(crowd.artists))
        )
        scores = {OURS: score(shared, case, signals_of(shared, case))}
        scores |= {name: rival(row) for name, rival in rivals.items()}
        rows.append({name: _ndcg(each, closed, case) for name, each in scores.items()})
    return pd.DataFrame(rows)


def _ndcg(scores: Floats, closed: list[int], case: ListenerCase) -> float:
    """Return NDCG@10; artists that nobody else plays count as not found."""
    left = scores.astype(float).copy()
    left[[at for at in closed if at >= 0]] = -np.inf
    first = np.argsort(-left, kind="stable")[:TOP]
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    hits = np.isin(first, case.hidden).astype(float)
    return float(hits @ discount / discount[: min(case.hidden_count, TOP)].sum())
