"""Listwise learning of the ranking's weights from what the listener adopted.

A lesson is one list of the past: its candidates, their signals at that time, and which of them the
listener went on to adopt. The weights minimise the listwise softmax loss (Cao et al., ICML 2007):
each adopted track should have been picked from the whole list,

    loss(w) = mean over adopted a of  log( sum over i of  exp(w·x_i) / q_i ) - w·x_a

    w = argmin  share · loss(w) + L2 / 2 · |w - default|²,    share = adopted / (adopted + 10)

A list is long and most of it was not adopted, so it is sampled; q_i is the probability with which a
track came into the sample (see the example at `sample_list`). Without q_i, learning fails: adopted
tracks are always in the sample, so that being sampled itself would look like a sign of them.

Both terms shrink the weights to the default: with nothing adopted they are the default, with ten
tracks the lists have half of their full influence (10 / (10 + 10)), and L2 always limits it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from smallhours.training.ranking.columns import Flags, Floats

# Of .01 to 1, .3 was best within single listeners, and .01 was harmful.
L2 = 0.3
# Number of adopted tracks at which lists and default have equal influence.
DEFAULT_IS_WORTH = 10.0
MOST_STEPS = 200


@dataclass(frozen=True)
class Lesson:
    """One list of the past, or a sample of it.

    Attributes:
        columns: (tracks, 2 × signals), of `columns_of`.
        adopted: (tracks,), True for adopted tracks.
        stands_for: (tracks,), number of tracks of the list that each represents: 1/q_i.
        worth: Weight of each adoption in the loss.
    """

    columns: Floats
    adopted: Flags
    stands_for: Floats
    worth: float = 1.0


@dataclass(frozen=True)
class Lessons:
    """Many lists, stacked.

    Attributes:
        columns: (rows, 2 × signals).
        adopted: (rows,).
        stands_for: (rows,).
        starts: (lists,), the first row of each.
        worth: (lists,), weight of each adoption of a list; or one weight for all.
    """

    columns: Floats
    adopted: Flags
    stands_for: Floats
    starts: npt.NDArray[np.intp]
    worth: Floats | float = 1.0

    @classmethod
    def of(cls, lessons: Sequence[Lesson]) -> "Lessons":
        """Stack lists, leaving out those without adoptions."""
        told = [lesson for lesson in lessons if lesson.adopted.any()]
        if not told:
            raise ValueError("no list of which anything was adopted")
        lengths = [len(lesson.adopted) for lesson in told]
        return cls(
            np.concatenate([lesson.columns for lesson in told]).astype(float),
            np.concatenate([lesson.adopted for lesson in told]),
            np.concatenate([lesson.stands_for for lesson in told]),
            np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.intp),
            np.array([lesson.worth for lesson in told], dtype=float),
        )

    @property
    def lists(self) -> npt.NDArray[np.intp]:
        """(rows,), number of the list of each row."""
        lengths = np.diff(self.starts, append=len(self.adopted))
        return np.repeat(np.arange(len(self.starts)), lengths)

    @property
    def adopted_of(self) -> Floats:
        """(lists,), number of adoptions of each list times their weight."""
        return self.worth * np.add.reduceat(self.adopted.astype(float), self.starts)


def softmax(scores: Floats, lessons: Lessons) -> tuple[Floats, Floats]:
    """Return P(picked) of each row in its list, (rows,), and the log of list sums, (lists,)."""
    lists = lessons.lists
    highest = np.maximum.reduceat(scores, lessons.starts)
    each = lessons.stands_for * np.exp(scores - highest[lists])
    total = np.add.reduceat(each, lessons.starts)
    return each / total[lists], highest + np.log(total)


def share_of(adopted: float) -> float:
    """Return the influence of n adopted tracks on the weights, 0-1: n / (n + 10)."""
    return adopted / (adopted + DEFAULT_IS_WORTH)


def fit_weights(lessons: Lessons, default: Floats, *, l2: float = L2, share: float = 1.0) -> Floats:
    """Fit the weights of the columns, (2 × signals,); see the module's formula. Deterministic.

    Args:
        lessons: The lists.
        default: (2 × signals,), the start, and the target of the penalty.
        l2: Strength of the penalty.
        share: Influence of the lists, 0-1; see `share_of`.
    """
    of_list = lessons.adopted_of
    lists, total = lessons.lists, float(of_list.sum())
    adopted = lessons.adopted * np.broadcast_to(lessons.worth, of_list.shape)[lists]

    def objective(weights: Floats) -> tuple[float, Floats]:
        scores = lessons.columns @ weights
        picked, log_sum = softmax(scores, lessons)
        loss = float(of_list @ log_sum - adopted @ scores) / total
        slope = lessons.columns.T @ (of_list[lists] * picked - adopted) / total
        away = weights - default
        return share * loss + l2 / 2 * float(away @ away), share * slope + l2 * away

    found = minimize(
        objective, default, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS}
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
) -> Lesson:
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
    stands_for = np.concatenate([np.ones(int(certain.sum())), np.full(len(drawn), weight)])
    return Lesson(columns[rows], adopted[rows], stands_for)
