"""Ablation of the ranking: what each signal is worth on lists of the past.

An adopted track is worth 1 / log2(1 + rank), as in NDCG. Each list is ranked by all signals, by the
rank column of one signal, and by the weights without it. Nothing is fitted: it measures what the
present weights gain from a signal, not what other weights could reach without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallhours.identity import artist_key_in
from smallhours.training.evaluation.metrics import Metric
from smallhours.training.evaluation.uncertainty import Interval, bootstrap_mean, paired_difference
from smallhours.training.ranking.fusion import Floats, Fusion, columns_of
from smallhours.training.ranking.past_lists import PAST_SIGNALS, PastList

# The subject of the figures in `metrics`, and how they are named there.
SUBJECT = "ranking_parts"
FUSED, ALONE, ADDS = "fused", "alone_", "adds_"


@dataclass(frozen=True)
class Ablation:
    """The mean gain of an adopted track, 0-1, with intervals over artists.

    Attributes:
        fused: Gain of all signals.
        alone: Gain of each signal alone.
        adds: By signal, `fused` minus the gain of all others, on the same tracks.
        adoptions: Number of adopted tracks.
    """

    fused: Interval
    alone: Mapping[str, Interval]
    adds: Mapping[str, Interval]
    adoptions: int

    def metrics(self) -> Iterator[Metric]:
        """Yield the figures for `metrics`; the baseline of a signal alone is all of them."""
        n, whole = self.adoptions, self.fused.value
        yield Metric.of(SUBJECT, FUSED, self.fused, n)
        for name, found in self.alone.items():
            yield Metric.of(SUBJECT, f"{ALONE}{name}", found, n, whole)
        for name, found in self.adds.items():
            yield Metric.of(SUBJECT, f"{ADDS}{name}", found, n)


def ablate(fusion: Fusion, lists: Sequence[PastList], rng: np.random.Generator) -> Ablation:
    """Measure each signal alone, and all signals without each.

    Args:
        fusion: The weights.
        lists: Lists of the past, of which something was adopted.
        rng: Random generator of the bootstrap.
    """
    clusters = np.array(
        [artist_key_in(key) for past in lists for key in past.signals.index[past.adopted]]
    )
    columns = [columns_of(past.signals, past.eligible) for past in lists]

    def gains_of(weights: Floats) -> Floats:
        each = zip(columns, lists, strict=True)
        return np.concatenate([gains(seen @ weights, past) for seen, past in each])

    weights = fusion.vector(PAST_SIGNALS)
    fused = gains_of(weights)
    alone, adds = {}, {}
    for at, name in enumerate(PAST_SIGNALS):
        only, without = np.zeros_like(weights), weights.copy()
        only[2 * at] = 1.0
        without[2 * at : 2 * at + 2] = 0.0
        alone[name] = bootstrap_mean(gains_of(only), rng=rng, clusters=clusters)
        adds[name] = paired_difference(fused, gains_of(without), rng=rng, clusters=clusters)
    whole = bootstrap_mean(fused, rng=rng, clusters=clusters)
    return Ablation(whole, alone, adds, len(clusters))


def gains(scores: Floats, past: PastList) -> Floats:
    """Return 1 / log2(1 + rank) of every adopted track, in key order.

    Tracks of equal score share their mean rank: a signal that knows nothing of most tracks leaves
    them equal, and must not gain by the order of their names.

    Args:
        scores: (tracks,), higher is better.
        past: The list; ranks are counted among its eligible tracks.
    """
    field = np.sort(scores[past.eligible])
    mine = scores[past.adopted]
    above = len(field) - np.searchsorted(field, mine, side="right")
    equal = len(field) - above - np.searchsorted(field, mine, side="left")
    rank = above + (equal + 1) / 2
    gain: Floats = 1 / np.log2(1 + rank)
    return gain
