"""Figures of models and lists: of probabilities and scores, of rankings, and of a list itself.

A figure is kept as a row of the lake's `metrics`.

Figures of a like / dislike model are functions over n rows: `y` holds 1 for a like and 0 for none,
`scores` any number that is higher for a likelier like, `p` a probability.

Figures of a ranking compare it with the tracks that the listener adopted. A ranking is item keys,
the best first and none twice; the truth is a set of keys. Every figure is NaN where the truth is
empty: a week without adoptions says nothing.

Novelty, diversity, calibration and concentration do not show that a list is good. Together they
show a list that grows stale, narrow or merely popular while its accuracy rises.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.training.evaluation.uncertainty import Interval

Floats = npt.NDArray[np.float64]

NAN = float("nan")
# Probabilities stay this far from 0 and 1: otherwise a single error costs infinitely much.
PROBABILITY_MARGIN = 1e-6


def _of_scikit_learn() -> Any:
    """Return scikit-learn's figures; a night's list is measured without them."""
    from sklearn import metrics

    return metrics


def placements(y: npt.ArrayLike, scores: npt.ArrayLike) -> Floats:
    """Return, for each like, the share of the others that score below it; ties count half.

    Their mean is the AUC (DeLong, DeLong and Clarke-Pearson, Biometrics 1988, call them placement
    values), so that two models are compared on each like.

    >>> placements([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1]).tolist()
    [1.0, 0.75]
    """
    found, values = _arrays(y, scores)
    others = np.sort(values[found == 0])
    likes = values[found == 1]
    if not len(others):
        return np.full(len(likes), np.nan)
    below = np.searchsorted(others, likes, side="left")
    up_to = np.searchsorted(others, likes, side="right")
    shares: Floats = (below + up_to) / (2 * len(others))
    return shares


def auc(y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return P(a like scores above another row), ties counting half; NaN without both kinds.

    >>> auc([1, 1, 0, 0], [0.9, 0.4, 0.4, 0.1])
    0.875
    """
    found, values = _arrays(y, scores)
    return (
        float(_of_scikit_learn().roc_auc_score(found, values))
        if 0 < found.sum() < len(found)
        else NAN
    )


def average_precision(y: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area under precision over recall; NaN without likes.

    >>> round(average_precision([1, 0, 1], [0.9, 0.8, 0.7]), 4)
    0.8333
    """
    found, values = _arrays(y, scores)
    return float(_of_scikit_learn().average_precision_score(found, values)) if found.any() else NAN


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean of -ln of the probability given to the outcome.

    >>> round(log_loss([1, 0], [0.8, 0.4]), 4)
    0.367
    """
    found, values = _arrays(y, p)
    sure = np.clip(values, PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN)
    return float(_of_scikit_learn().log_loss(found, sure, labels=[0, 1]))


def brier(y: npt.ArrayLike, p: npt.ArrayLike) -> float:
    """Return the mean squared distance between probability and outcome (Brier, 1950).

    >>> round(brier([1, 0], [0.8, 0.4]), 4)
    0.1
    """
    return float(_of_scikit_learn().brier_score_loss(*_arrays(y, p), labels=[0, 1], pos_label=1))


@dataclass(frozen=True)
class ReliabilityBin:
    """One point of a reliability curve.

    Attributes:
        low, high: Bounds of the probabilities in the bin.
        mean_p: Mean of the probabilities in the bin.
        share: Share of likes among its rows.
        n: Number of its rows.
    """

    low: float
    high: float
    mean_p: float
    share: float
    n: int


def reliability(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = 10) -> list[ReliabilityBin]:
    """Return the reliability curve: the share of likes among rows of similar probability.

    Bins are equally wide, each with its lower end; empty ones are left out. scikit-learn's
    `calibration_curve` does not say how many rows a point rests on.

    >>> [(each.mean_p, each.share, each.n) for each in reliability([0, 1, 1], [0.2, 0.8, 0.8], 2)]
    [(0.2, 0.0, 1), (0.8, 1.0, 2)]
    """
    found, values = _arrays(y, p)
    edges = np.linspace(0, 1, bins + 1)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    curve = []
    for each in range(bins):
        mine = at == each
        if mine.any():
            low, high = float(edges[each]), float(edges[each + 1])
            # Rounding takes a mean of six times 0.1 below 0.1.
            mean_p = float(np.clip(values[mine].mean(), low, high))
            share = float(found[mine].mean())
            curve.append(ReliabilityBin(low, high, mean_p, share, int(mine.sum())))
    return curve


def calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, bins: int = 10) -> float:
    """Return the expected calibration error: the curve's mean distance from the diagonal.

    >>> round(calibration_error([0, 1, 1], [0.2, 0.8, 0.8], 2), 4)
    0.2
    """
    curve = reliability(y, p, bins)
    rows = sum(each.n for each in curve)
    return sum(each.n * abs(each.mean_p - each.share) for each in curve) / rows if rows else 0.0


def _arrays(y: npt.ArrayLike, values: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both as arrays of one length.

    Raises:
        ValueError: when they differ in length.
    """
    found, given = np.asarray(y, dtype=float), np.asarray(values, dtype=float)
    if found.shape != given.shape:
        raise ValueError(f"{found.shape} outcomes for {given.shape} values")
    return found, given


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


def novelty(popularity: npt.ArrayLike) -> float:
    """Return the mean self-information -log2(share) of a list (Castells, Vargas and Wang, 2011).

    Args:
        popularity: (tracks,) share of all listeners that know each track, in (0, 1].

    >>> novelty([0.5, 0.125])
    2.0
    """
    shares = np.asarray(popularity, dtype=float)
    return float(np.log2(1 / shares).mean()) if len(shares) else NAN


def intra_list_diversity(vectors: sparse.csr_matrix) -> float:
    """Return the mean distance 1 - cosine over all pairs of a list (Smyth and McClave, 2001).

    Args:
        vectors: (tracks, tags), rows of length 1. A track without tags is a row of zeros, which
            has the distance 1 to every other.

    >>> intra_list_diversity(sparse.csr_matrix([[1.0, 0], [0, 1.0], [0, 1.0]]))
    0.6666666666666667
    """
    n = int(vectors.shape[0])
    if n < 2:
        return NAN
    together = np.asarray(vectors.sum(axis=0)).ravel()
    own = float(vectors.multiply(vectors).sum())
    similar = (float(together @ together) - own) / (n * (n - 1))
    return 1 - similar


def calibration_kl(
    wanted: Mapping[str, float], got: Mapping[str, float], alpha: float = 0.01
) -> float:
    """Return how far a list's tags are from the listener's: KL(p || (1 - α) q + α p), in nats.

    Steck, "Calibrated recommendations", RecSys 2018, with his α of .01, which keeps a tag that
    the list lacks from costing infinitely much. 0 means that list and listener have the same
    shares.

    Args:
        wanted: The listener's weight of each tag; scaled to sum to 1.
        got: The list's weight of each tag; scaled likewise.
        alpha: Share of `wanted` that is mixed into `got`.

    >>> round(calibration_kl({"jazz": 3, "rock": 1}, {"jazz": 6, "rock": 2}), 6)
    0.0
    >>> round(calibration_kl({"jazz": 1, "rock": 1}, {"jazz": 1}), 3)
    1.959
    """
    total, listed = sum(wanted.values()), sum(got.values())
    if total <= 0 or listed <= 0:
        return NAN
    distance = 0.0
    for tag, weight in wanted.items():
        if weight > 0:
            p = weight / total
            q = (1 - alpha) * got.get(tag, 0.0) / listed + alpha * p
            distance += p * float(np.log(p / q))
    return distance


def gini(counts: npt.ArrayLike) -> float:
    """Return the Gini coefficient of counts, such as tracks per artist: 0 if all are equal.

    Near 1, one has all. sum_i (2 i - n - 1) x_i / (n sum x), the x ascending.

    >>> gini([1, 1, 1]), gini([0, 0, 3])
    (0.0, 0.6666666666666666)
    """
    ordered = np.sort(np.asarray(counts, dtype=float))
    n, total = len(ordered), float(ordered.sum())
    if not n or total <= 0:
        return NAN
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float(weights @ ordered / (n * total))


def popularity_lift(listed: npt.ArrayLike, history: npt.ArrayLike) -> float:
    """Return mean popularity of a list over that of the history, minus 1.

    Abdollahpouri et al., 2019.

    >>> popularity_lift([0.6, 0.6], [0.5])
    0.19999999999999996
    """
    new, known = np.asarray(listed, dtype=float), np.asarray(history, dtype=float)
    if not len(new) or not len(known) or known.mean() == 0:
        return NAN
    return float(new.mean() / known.mean() - 1)


def overlap(tracks: Collection[str], earlier: Sequence[Collection[str]]) -> float:
    """Return the share of a list that stood in any of some earlier lists.

    >>> overlap(["a", "b"], [["b"], ["c"]])
    0.5
    """
    if not tracks or not earlier:
        return NAN
    seen = set().union(*earlier)
    return sum(key in seen for key in tracks) / len(tracks)


@dataclass(frozen=True)
class Metric:
    """One figure of a model or of a list.

    Attributes:
        subject: The model, or `playlist`.
        name: Name of the figure.
        value: The figure.
        n: Number of rows that it is computed from.
        baseline: The same figure for the baseline, where there is one.
        low: Lower end of its 95 % interval, where it has one.
        high: Upper end, likewise.
    """

    subject: str
    name: str
    value: float
    n: int
    baseline: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(
        cls, subject: str, name: str, found: Interval, n: int, baseline: float | None = None
    ) -> Self:
        """Return a figure that has an interval."""
        return cls(subject, name, found.value, n, baseline, found.low, found.high)


def store_metrics(lake: Lake, metrics: Iterable[Metric], *, listener: str, night: Night) -> None:
    """Store a night's figures in `metrics`, replacing those of an earlier run of the night.

    Args:
        lake: The lake.
        metrics: The figures.
        listener: The listener whose model it is; empty for a shared model.
        night: The night.
    """
    rows = [{"night": night.date, "listener": listener, **asdict(metric)} for metric in metrics]
    figures = pd.DataFrame(rows).rename(columns={"name": "metric"})
    lake.merge(METRICS, figures, partition={"month": f"{night.date:%Y-%m}"})
