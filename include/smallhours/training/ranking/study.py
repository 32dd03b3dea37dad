"""Do weights learned from the listener's own past rank better than the default?

Weights are learned from lists of the past that end before two held-out months, and both they and
the default rank the candidates of those months. What was adopted is worth 1 / log2(1 + rank), as
in NDCG. Only when the learned weights earn more do they go into use, and then learn from the two
months as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.nights import Night
from smallhours.training.evaluation.folds import weekly_folds
from smallhours.training.evaluation.gate import Verdict, decide
from smallhours.training.evaluation.ranking import ndcg_at
from smallhours.training.ranking.ablation import Ablation, ablate
from smallhours.training.ranking.columns import Floats, columns_of
from smallhours.training.ranking.fusion import DEFAULT, DEFAULT_WEIGHTS, Fusion
from smallhours.training.ranking.lists import LEARNED, Memory, PastList, hidden_list, week_list
from smallhours.training.ranking.listwise import (
    Lesson,
    Lessons,
    fit_weights,
    sample_list,
    share_of,
)

HIDES, MONTHS, HELD_OUT = 4, 4, 2
WEEKS = 4
TOP = 50
# Fewer adoptions in the held-out months than this decide nothing.
FEWEST_ADOPTIONS = 20
# Fewer artists than this to learn from are told apart by chance.
FEWEST_ARTISTS = 5


@dataclass(frozen=True)
class Study:
    """What came of a night's learning.

    Attributes:
        fusion: What goes into use: learned weights, or the default.
        verdict: Who won, and why; None when nothing could be compared.
        lists: How many lists of the past were learned from.
        artists: By how many different artists the adopted tracks of those are.
        adoptions: In the held-out months, among the candidates.
        missed: Adoptions in the held-out months that no candidate was.
        ndcg: Mean NDCG@50 over the held-out months: of the learned weights, of the default.
        parts: What each signal brings there; None where the verdict is.
    """

    fusion: Fusion
    verdict: Verdict | None
    lists: int
    artists: int
    adoptions: int
    missed: int
    ndcg: tuple[float, float]
    parts: Ablation | None = None


def study_weights(memory: Memory, listener: str, *, night: Night) -> Study:
    """Learn weights, and judge them by the last two months.

    Raises:
        NotEnoughData: when hardly anything was adopted that can be learned from.
    """
    rng = night.rng(listener, "ranking")
    held_out = weekly_folds(night.as_of, HELD_OUT, step_weeks=WEEKS)
    until = held_out[0].cut
    earlier = [
        *(hidden_list(memory, until, rng) for _ in range(HIDES)),
        *(week_list(memory, fold, rng) for fold in weekly_folds(until, MONTHS, step_weeks=WEEKS)),
    ]
    taught = [each for each in earlier if each.adopted.any()]
    artists = _artists(taught)
    if artists < FEWEST_ARTISTS:
        raise NotEnoughData(
            f"{listener} adopted tracks of {artists} artists among the candidates of the past; "
            f"{FEWEST_ARTISTS} are the least to learn from.",
            remedy="The default weights rank until there is more; more listening and more "
            "nights of refresh_catalog bring it.",
        )
    lessons = [_lesson(each, rng) for each in taught]
    learned = _fitted(lessons, artists)
    weeks = [week_list(memory, fold, rng) for fold in held_out]
    held = [each for each in weeks if each.adopted.any()]
    verdict = _judged(learned, held, night.rng(listener, "ranking gate"))
    # All figures are of weights that have not seen the held-out months yet.
    ndcg = _ndcg(learned, held), _ndcg(DEFAULT, held)
    parts = None
    if verdict is not None:
        winner = learned if verdict.promote else DEFAULT
        parts = ablate(winner, held, night.rng(listener, "ranking parts"))
    if verdict is not None and verdict.promote:
        everything = [*taught, *held]
        learned = _fitted([*lessons, *(_lesson(each, rng) for each in held)], _artists(everything))
    return Study(
        learned if verdict is not None and verdict.promote else DEFAULT,
        verdict,
        len(taught),
        artists,
        sum(int(each.adopted.sum()) for each in held),
        sum(each.missed for each in weeks),
        ndcg,
        parts,
    )


def _fitted(lessons: Sequence[Lesson], artists: int) -> Fusion:
    share = share_of(artists)
    weights = fit_weights(Lessons.of(lessons), DEFAULT.vector(LEARNED), share=share)
    learned = Fusion.of(LEARNED, weights, share=share)
    return Fusion({**DEFAULT_WEIGHTS, **learned.weights}, share)


def _lesson(past: PastList, rng: np.random.Generator) -> Lesson:
    columns = columns_of(past.signals, past.eligible)
    return sample_list(columns, past.adopted, past.eligible, rng=rng)


def _judged(learned: Fusion, held: Sequence[PastList], rng: np.random.Generator) -> Verdict | None:
    """Whether the learned weights earn more than the default; None with too few adoptions."""
    if sum(int(each.adopted.sum()) for each in held) < FEWEST_ADOPTIONS:
        return None
    ours = np.concatenate([_earned(learned, each) for each in held])
    theirs = np.concatenate([_earned(DEFAULT, each) for each in held])
    artists = [artist_key_in(key) for each in held for key in each.signals.index[each.adopted]]
    return decide(
        ours,
        theirs,
        rng=rng,
        tolerance=0.0,
        clusters=np.array(artists),
        fewest=FEWEST_ADOPTIONS,
        what="discounted gain",
    )


def _ranks(fusion: Fusion, past: PastList) -> npt.NDArray[np.intp]:
    """The place of every eligible track, best first, as positions; ties in key order."""
    scores = fusion.score(past.signals, _among(past)).to_numpy()
    order = np.argsort(-scores, kind="stable")
    return order[past.eligible[order]]


def _earned(fusion: Fusion, past: PastList) -> Floats:
    """1 / log2(1 + rank) of every adopted track, in key order."""
    order = _ranks(fusion, past)
    rank = np.empty(len(past.adopted))
    rank[order] = np.arange(1, len(order) + 1)
    gain: Floats = 1 / np.log2(1 + rank[past.adopted])
    return gain


def _ndcg(fusion: Fusion, held: Sequence[PastList]) -> float:
    """Mean over lists, those without adoptions aside; NaN without any."""
    found = [
        ndcg_at(
            list(past.signals.index[_ranks(fusion, past)[:TOP]]),
            set(past.signals.index[past.adopted]),
            TOP,
        )
        for past in held
    ]
    return float(np.mean(found)) if found else float("nan")


def _among(past: PastList) -> "pd.Series[bool]":
    return pd.Series(past.eligible, index=past.signals.index)


def _artists(lists: Sequence[PastList]) -> int:
    return len({artist_key_in(key) for each in lists for key in each.signals.index[each.adopted]})
