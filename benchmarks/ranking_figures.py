"""Figures of rankings of the catalog, listener by listener, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.ranking_data import SEED, Floats
from benchmarks.ranking_lessons import ListenerSignals
from smallhours.training.evaluation.classification import auc
from smallhours.training.evaluation.uncertainty import bootstrap_ratio

TOP = 50
POPULAR = 0.75
# A ratio above this counts as equal: smaller losses are noise.
WORSE = 0.98

NDCG, RECALL, AUC, AUC_POPULAR = "ndcg50", "recall50", "auc", "auc_popular"


@dataclass(frozen=True)
class FusionComparison:
    """One of the comparisons: a fusion against its single signals.

    Attributes:
        fusion: Figures of the fusion, a row per listener.
        singles: By signal, the same.
        candidates: Signals that may be the best single by NDCG; for AUC, all may.
    """

    fusion: pd.DataFrame
    singles: Mapping[str, pd.DataFrame]
    candidates: Sequence[str]

    def figures(self) -> dict[str, float | str]:
        """Compare with the best single signal of each figure, picked in hindsight."""
        best = max(self.candidates, key=lambda name: self.singles[name][NDCG].mean())
        theirs = self.singles[best][NDCG]
        ratio = bootstrap_ratio(self.fusion[NDCG], theirs, rng=np.random.default_rng(SEED))
        mean = self.fusion.mean()
        found: dict[str, float | str] = {
            "ndcg50": mean[NDCG],
            "best_single": float(theirs.mean()),
            "best_single_is": best,
            "ratio": ratio.value,
            "ratio_low": ratio.low,
            "ratio_high": ratio.high,
            "auc": mean[AUC],
            "auc_ratio": mean[AUC] / self._best(AUC),
            "auc_popular_ratio": mean[AUC_POPULAR] / self._best(AUC_POPULAR),
            "recall50": mean[RECALL],
            "worse_share": float((self.fusion[NDCG] < WORSE * theirs).mean()),
        }
        return {k: v if isinstance(v, str) else round(float(v), 4) for k, v in found.items()}

    def _best(self, figure: str) -> float:
        return max(float(self.singles[name][figure].mean()) for name in self.candidates)


def figures_of(asked: ListenerSignals, scores: Mapping[str, Floats]) -> dict[str, dict[str, float]]:
    """Compute the figures of every method on one listener, by name of the method.

    NDCG@50 and recall@50 count every hidden artist, also those that no one else plays. AUC sets
    the hidden ones against all other artists of the catalog that the listener is not known to
    play, and against the most popular quarter of these alone.
    """
    popular = asked.listeners > np.quantile(asked.listeners, POPULAR)
    return {name: _figures(asked, each, popular) for name, each in scores.items()}


def _figures(
    asked: ListenerSignals, scores: Floats, popular: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> dict[str, float]:
    case = asked.case
    hidden = np.zeros(len(scores), dtype=bool)
    hidden[case.hidden] = True
    open_ = np.ones(len(scores), dtype=bool)
    open_[case.seeds] = False
    order = np.argsort(-np.where(open_, scores, -np.inf), kind="stable")[:TOP]
    hits = hidden[order].astype(float)
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    famous = open_ & (popular | hidden)
    return {
        NDCG: float(hits @ discount[: len(hits)] / discount[: case.hidden_count].sum()),
        RECALL: float(hits.sum() / case.hidden_count),
        AUC: auc(hidden[open_], scores[open_]),
        AUC_POPULAR: auc(hidden[famous], scores[famous]),
    }
