"""Listwise fitting of the ranking's weights to what listeners adopted.

A training list is the candidates of one listener, their signals, and which of them the listener
adopted. The weights minimise the listwise softmax loss (Cao et al., ICML 2007): each adopted track
should have been picked from the whole list,

    loss(w) = mean over adopted a of  log( sum over i of  exp(w·x_i) / q_i ) - w·x_a

    w = argmin  loss(w) + l2 / 2 · |w - start|²

A list is long and most of it was not adopted, so it is sampled; q_i is the probability with which a
track came into the sample (see the example at `sample_list`). Without q_i, the fit fails: adopted
tracks are always in the sample, so that being sampled itself would look like a sign of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from smallhours.training.ranking.fusion import Flags, Floats

MAX_ITERATIONS = 200


@dataclass(frozen=True)
class TrainingList:
    """One list, or a sample of it.

    Attributes:
        columns: (tracks, 2 × signals), of `columns_of`.
        adopted: (tracks,), True for adopted tracks.
        importance: (tracks,), number of tracks of the list that each represents: 1/q_i.
    """

    columns: Floats
    adopted: Flags
    importance: Floats


@dataclass(frozen=True)
class StackedLists:
    """Many lists, stacked.

    Attributes:
        columns: (rows, 2 × signals).
        adopted: (rows,).
        importance: (rows,).
        starts: (lists,), the first row of each.
    """

    columns: Floats
    adopted: Flags
    importance: Floats
    starts: npt.NDArray[np.intp]

    @classmethod
    def of(cls, stacked: Sequence[TrainingList]) -> "StackedLists":
        """Stack lists, leaving out those without adoptions."""
        told = [one_list for one_list in stacked if one_list.adopted.any()]
        if not told:
            raise ValueError("no list of which anything was adopted")
        lengths = [len(one_list.adopted) for one_list in told]
        return cls(
            np.concatenate([one_list.columns for one_list in told]).astype(float),
            np.concatenate([one_list.adopted for one_list in told]),
            np.concatenate([one_list.importance for one_list in told]),
            np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp),
        )

    @property
    def lists(self) -> npt.NDArray[np.intp]:
        """(rows,), number of the list of each row."""
        lengths = np.diff(self.starts, append=len(self.adopted))
        return np.repeat(np.arange(len(self.starts)), lengths)

    @property
    def adoptions_per_list(self) -> Floats:
        """(lists,), number of adoptions of each list."""
        return np.add.reduceat(self.adopted.astype(float), self.starts)


def softmax(scores: Floats, stacked: StackedLists) -> tuple[Floats, Floats]:
    """Return P(picked) of each row in its list, (rows,), and the log of list sums, (lists,)."""
    lists = stacked.lists
    highest = np.maximum.reduceat(scores, stacked.starts)
    each = stacked.importance * np.exp(scores - highest[lists])
    total = np.add.reduceat(each, stacked.starts)
    return each / total[lists], highest + np.log(total)


def fit_weights(stacked: StackedLists, start: Floats, *, l2: float) -> Floats:
    """Fit the weights of the columns, (2 × signals,); see the module's formula. Deterministic.

    Args:
        stacked: The lists.
        start: (2 × signals,), the first weights, and the target of the penalty.
        l2: Strength of the penalty.
    """
    of_list = stacked.adoptions_per_list
    lists, total = stacked.lists, float(of_list.sum())
    adopted = stacked.adopted.astype(float)

    def objective(weights: Floats) -> tuple[float, Floats]:
        scores = stacked.columns @ weights
        picked, log_sum = softmax(scores, stacked)
        loss = float(of_list @ log_sum - adopted @ scores) / total
        slope = stacked.columns.T @ (of_list[lists] * picked - adopted) / total
        away = weights - start
        return loss + l2 / 2 * float(away @ away), slope + l2 * away

    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_ITERATIONS}
    )
    weights: Floats = found.x
    return weights


def sample_list(
    columns: Floats,
    adopted: Flags,
    eligible: Flags,
    *,
    rng: np.random.Generator,
    first: int = 300,
    others: int = 300,
) -> TrainingList:
    """Sample a long list: all adopted tracks, the likeliest others, and a random part of the rest.

    Example: a list of 20,000 eligible tracks, 5 of them adopted. The 5 and the 300 likeliest
    others are in the sample for certain and stand for themselves (1). Of the remaining 19,695,
    300 are drawn; each has the probability q = 300 / 19,695 and stands for 1/q = 65.65 tracks. So
    the sample's weights sum to 305 + 300 x 65.65 = 20,000.

    Args:
        columns: (tracks, 2 × signals).
        adopted: (tracks,).
        eligible: (tracks,), False for tracks that could not have been recommended.
        rng: Random generator that draws the rest.
        first: Number of tracks with the highest sum of rank columns that are always sampled.
        others: Number of tracks drawn from the rest, with equal probability.
    """
    outlook = np.where(eligible & ~adopted, columns[:, 0::2].sum(axis=1), -np.inf)
    likeliest = np.argsort(-outlook, kind="stable")[:first]
    certain = np.zeros(len(adopted), dtype=bool)
    certain[likeliest] = True
    certain = (certain & eligible) | adopted
    rest = np.flatnonzero(eligible & ~certain)
    drawn = np.sort(rng.choice(rest, min(others, len(rest)), replace=False))
    rows = np.concatenate([np.flatnonzero(certain), drawn])
    weight = len(rest) / len(drawn) if len(drawn) else 1.0
    importance = np.concatenate([np.ones(int(certain.sum())), np.full(len(drawn), weight)])
    return TrainingList(columns[rows], adopted[rows], importance)
