"""Which weights would have put what the listener adopted above what they passed by?

A lesson is one list of the past: what could have been recommended, as the signals saw it then, and
which of it the listener went on to adopt. The weights minimise the listwise softmax loss (Cao et
al., ICML 2007): each adopted track should have been picked from the whole list,

    loss(w) = mean over adopted a of  log( sum over i of  exp(w·x_i) / q_i ) - w·x_a
    w = argmin  share · loss(w) + L2 / 2 · |w - default|²,    share = adopted / (adopted + 10)

A list is long and nearly all of it was passed by, so it is sampled; q_i is the probability with
which a track came into the sample (without it, learning fails: it finds that to be in no list at
all is the mark of the adopted). Both terms shrink the weights to the default: with nothing adopted
they are the default, with ten tracks half as free as with very many, and never without L2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from smallhours.training.ranking.columns import Flags, Floats

# Among .01 to 1, .3 was best within single listeners, and .01 harmful.
L2 = 0.3
# As many adopted tracks as the default is worth.
DEFAULT_IS_WORTH = 10.0
MOST_STEPS = 200


@dataclass(frozen=True)
class Lesson:
    """One list of the past, or a sample of it.

    Attributes:
        columns: (tracks, 2 × signals), of `columns_of`.
        adopted: (tracks,), what the listener went on to adopt.
        stands_for: (tracks,), how many of the list each track stands for: 1/q_i.
        worth: How many adoptions each of the list's counts as.
    """

    columns: Floats
    adopted: Flags
    stands_for: Floats
    worth: float = 1.0


@dataclass(frozen=True)
class Lessons:
    """Many lists under one another.

    Attributes:
        columns: (rows, 2 × signals).
        adopted: (rows,).
        stands_for: (rows,).
        starts: (lists,), the first row of each.
        worth: (lists,), how many adoptions each of a list's counts as; or the same of all.
    """

    columns: Floats
    adopted: Flags
    stands_for: Floats
    starts: npt.NDArray[np.intp]
    worth: Floats | float = 1.0

    @classmethod
    def of(cls, lessons: Sequence[Lesson]) -> "Lessons":
        """Stack lists; one of which nothing was adopted teaches nothing and is left out."""
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
        """(rows,), the list that each row belongs to."""
        lengths = np.diff(self.starts, append=len(self.adopted))
        return np.repeat(np.arange(len(self.starts)), lengths)

    @property
    def adopted_of(self) -> Floats:
        """(lists,), how many were adopted of each, by their worth."""
        return self.worth * np.add.reduceat(self.adopted.astype(float), self.starts)


def softmax(scores: Floats, lessons: Lessons) -> tuple[Floats, Floats]:
    """P(picked) of each row within its list, (rows,), and log of each list's sum, (lists,)."""
    lists = lessons.lists
    highest = np.maximum.reduceat(scores, lessons.starts)
    each = lessons.stands_for * np.exp(scores - highest[lists])
    total = np.add.reduceat(each, lessons.starts)
    return each / total[lists], highest + np.log(total)


def share_of(adopted: float) -> float:
    """How freely so many adopted tracks may move the weights, 0-1: n / (n + 10)."""
    return adopted / (adopted + DEFAULT_IS_WORTH)


def fit_weights(lessons: Lessons, default: Floats, *, l2: float = L2, share: float = 1.0) -> Floats:
    """The weights of the columns, (2 × signals,); see above. Deterministic.

    Args:
        lessons: The lists.
        default: (2 × signals,), where the weights start and are drawn to.
        l2: How strongly they are drawn there.
        share: How much the lists count beside the default, 0-1; see `share_of`.
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
    """A lesson from a long list: all adopted tracks, the likeliest, and some of the rest.

    Args:
        columns: (tracks, 2 × signals).
        adopted: (tracks,).
        eligible: (tracks,), False for what could not have been recommended.
        rng: Draws the rest.
        first: How many of those with the highest mean rank column come in for certain.
        others: How many of the rest are drawn, each as likely.
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
