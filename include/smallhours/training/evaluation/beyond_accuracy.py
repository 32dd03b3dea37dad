"""Figures of a list itself: novelty, diversity, calibration, concentration.

None of these shows that a list is good. Together they show a list that grows stale, narrow or
merely popular while its accuracy rises.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

NAN = float("nan")


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
