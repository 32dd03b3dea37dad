"""Figures of a ranking against the tracks that the listener adopted.

A ranking is item keys, the best first and none twice; the truth is a set of keys. Every figure is
NaN where the truth is empty: a week without adoptions says nothing.
"""

from collections.abc import Collection, Sequence

import numpy as np

NAN = float("nan")


def recall_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the share of the truth among the first k: |top k ∩ truth| / |truth|.

    >>> recall_at(["a", "b", "c"], {"a", "c", "d"}, 2)
    0.3333333333333333
    """
    if not relevant:
        return NAN
    return _hits(ranked, relevant, k) / len(set(relevant))


def hit_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return 1 when any of the truth is among the first k, else 0.

    >>> hit_at(["a", "b", "c"], {"c"}, 2), hit_at(["a", "b", "c"], {"c"}, 3)
    (0.0, 1.0)
    """
    return float(_hits(ranked, relevant, k) > 0) if relevant else NAN


def ndcg_at(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Return the normalised discounted cumulative gain with binary gains.

    Järvelin and Kekäläinen, 2002. DCG sums 1 / log2(rank + 1) over the truth among the first k; it
    is divided by the DCG of a ranking with min(k, |truth|) of the truth on top.

    >>> round(ndcg_at(["a", "b", "c"], {"b"}, 3), 3)  # 1 / log2(3)
    0.631
    >>> ndcg_at(["a", "b"], {"a", "b", "c"}, 2)
    1.0
    """
    if not relevant:
        return NAN
    truth = set(relevant)
    discount = 1 / np.log2(np.arange(2, k + 2))
    found = np.array([key in truth for key in ranked[:k]], dtype=float)
    return float(found @ discount[: len(found)] / discount[: len(truth)].sum())


def candidate_recall(candidates: Collection[str], relevant: Collection[str]) -> float:
    """Return the share of the truth that is among the candidates, the ceiling of any ranking.

    >>> candidate_recall({"a", "b"}, {"a", "c"})
    0.5
    """
    truth = set(relevant)
    return len(truth & set(candidates)) / len(truth) if truth else NAN


def _hits(ranked: Sequence[str], relevant: Collection[str], k: int) -> int:
    truth = set(relevant)
    return sum(key in truth for key in ranked[:k])
