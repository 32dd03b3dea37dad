"""Learning of a listener's ranking weights, and the comparison with the default.

Weights are learned from lists of the past that end before two held-out months, and both they and
the default rank the candidates of those months. An adopted track is worth 1 / log2(1 + rank), as
in NDCG. Weights are also learned from our own past lists: each week is ranked by weights that were
learned before it, and a welcome pick is worth the share of the week's unwelcome ones that it is
ranked above. Learned weights go into use only when they earn more by whichever of the two there is
enough data for, and are then fitted again with the held-out data.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.nights import Night
from smallhours.training.evaluation.folds import Fold, weekly_folds
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
from smallhours.training.ranking.shown import PICK_IS_WORTH, ShownWeek, shown_weeks

HIDES, MONTHS, HELD_OUT = 4, 4, 2
WEEKS = 4
TOP = 50
# With fewer adoptions in the held-out months, nothing is decided.
FEWEST_ADOPTIONS = 20
# With fewer artists, differences between signals are chance.
FEWEST_ARTISTS = 5
_NONE = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []]))


@dataclass(frozen=True)
class Study:
    """The result of a night's learning.

    Attributes:
        fusion: The weights for use: learned ones, or the default.
        verdict: The gate's decision; None when nothing could be compared.
        by_picks: The decision on our own lists alone; None likewise.
        lists: Number of past lists that were learned from.
        picks: Number of welcome picks.
        artists: Number of different artists of those picks and the adopted tracks.
        adoptions: Number of adoptions in the held-out months, among the candidates.
        missed: Number of adoptions in the held-out months that were not among the candidates.
        ndcg: Mean NDCG@50 over the held-out months: of the learned weights, of the default.
        parts: The ablation on these months; None where there were too few adoptions.
    """

    fusion: Fusion
    verdict: Verdict | None
    by_picks: Verdict | None
    lists: int
    picks: int
    artists: int
    adoptions: int
    missed: int
    ndcg: tuple[float, float]
    parts: Ablation | None = None


def study_weights(
    memory: Memory, listener: str, *, night: Night, chances: pd.Series | None = None
) -> Study:
    """Learn weights, and compare them on the last two months and on our own lists.

    Args:
        memory: The listener's history and the catalog.
        listener: The listener's name.
        night: Tonight.
        chances: Propensities of explored picks: the result of `read_chances`.

    Raises:
        NotEnoughData: when hardly anything was adopted that can be learned from.
    """
    rng = night.rng(listener, "ranking")
    held_out = weekly_folds(night.as_of, HELD_OUT, step_weeks=WEEKS)
    until = held_out[0].cut
    months = _after(memory, weekly_folds(until, MONTHS, step_weeks=WEEKS))
    earlier = [
        *(hidden_list(memory, until, rng) for _ in range(HIDES if _began(memory) < until else 0)),
        *(week_list(memory, fold, rng) for fold in months),
    ]
    taught = [each for each in earlier if each.adopted.any()]
    shown = shown_weeks(
        memory, _NONE if chances is None else chances, night.rng(listener, "shown"), night=night
    )
    artists = _artists(taught, shown)
    if artists < FEWEST_ARTISTS:
        raise NotEnoughData(
            f"{listener} adopted tracks of {artists} artists among the candidates of the past; "
            f"{FEWEST_ARTISTS} are the least to learn from.",
            remedy="The default weights rank until there is more; more listening and more "
            "nights of refresh_catalog bring it.",
        )
    lessons = [_lesson(each, rng) for each in taught]
    learned = _fitted(lessons, _artists(taught))
    weeks = [week_list(memory, fold, rng) for fold in _after(memory, held_out)]
    held = [each for each in weeks if each.adopted.any()]
    by_months = _judged(learned, held, night.rng(listener, "ranking gate"))
    by_picks = _foreseen(lessons, taught, shown, night.rng(listener, "picks gate"))
    verdict = _both(by_months, by_picks)
    # All figures are of weights that have not seen the held-out months yet.
    ndcg = _ndcg(learned, held), _ndcg(DEFAULT, held)
    parts = None
    if by_months is not None:
        winner = learned if by_months.promote else DEFAULT
        parts = ablate(winner, held, night.rng(listener, "ranking parts"))
    fusion = DEFAULT
    if verdict is not None and verdict.promote:
        lessons += [*(_lesson(each, rng) for each in held), *_told(shown)]
        fusion = _fitted(lessons, _worth([*taught, *held], shown))
    return Study(
        fusion,
        verdict,
        by_picks,
        len(taught),
        sum(int(each.welcome.sum()) for each in shown),
        artists,
        sum(int(each.adopted.sum()) for each in held),
        sum(each.missed for each in weeks),
        ndcg,
        parts,
    )


def _began(memory: Memory) -> pd.Timestamp:
    """Return the first known play or save of the listener; the year 2262 if there is none.

    Nothing could have been recommended before.
    """
    past = memory.past
    first = [
        past.plays["played_at"].min(),
        pd.to_datetime(past.library["added_at"], utc=True).min(),
    ]
    return min((at for at in first if not pd.isna(at)), default=pd.Timestamp.max.tz_localize("UTC"))


def _after(memory: Memory, folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds before whose cuts something was known."""
    began = _began(memory)
    return [fold for fold in folds if began < fold.cut]


def _told(weeks: Sequence[ShownWeek]) -> list[Lesson]:
    return [lesson for each in weeks for lesson in each.lessons()]


def _fitted(lessons: Sequence[Lesson], artists: float) -> Fusion:
    if not lessons:
        return DEFAULT
    share = share_of(artists)
    weights = fit_weights(Lessons.of(lessons), DEFAULT.vector(LEARNED), share=share)
    learned = Fusion.of(LEARNED, weights, share=share)
    return Fusion({**DEFAULT_WEIGHTS, **learned.weights}, share)


def _lesson(past: PastList, rng: np.random.Generator) -> Lesson:
    columns = columns_of(past.signals, past.eligible)
    return sample_list(columns, past.adopted, past.eligible, rng=rng)


def _judged(learned: Fusion, held: Sequence[PastList], rng: np.random.Generator) -> Verdict | None:
    """Compare the learned weights with the default; None with too few adoptions."""
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


def _foreseen(
    lessons: Sequence[Lesson],
    taught: Sequence[PastList],
    weeks: Sequence[ShownWeek],
    rng: np.random.Generator,
) -> Verdict | None:
    """Compare on our own lists: each week but the first, by weights learned before it.

    None with too few welcome picks in them.
    """
    judged = weeks[1:]
    artists = [artist for each in judged for artist in each.artists]
    if len(artists) < FEWEST_ADOPTIONS:
        return None
    before = [weeks[: at + 1] for at in range(len(judged))]
    ours = [
        week.earned(_fitted([*lessons, *_told(known)], _worth(taught, known)))
        for week, known in zip(judged, before, strict=True)
    ]
    return decide(
        np.concatenate(ours),
        np.concatenate([week.earned(DEFAULT) for week in judged]),
        rng=rng,
        tolerance=0.0,
        clusters=np.array(artists),
        fewest=FEWEST_ADOPTIONS,
        what="share of the unwelcome picks ranked below",
    )


def _worth(lists: Sequence[PastList], weeks: Sequence[ShownWeek]) -> float:
    """Return the number of adopted artists that past lists and our own lists count as together.

    Of a week's picks, the smaller of the two groups, welcome and unwelcome, limits what can be
    learned. Example: past lists with adoptions of 8 artists, and a week with 20 welcome and 5
    unwelcome picks, count as 8 + 0.1 x min(20, 5) = 8.5 artists.
    """
    told = sum(min(int(each.welcome.sum()), int((~each.welcome).sum())) for each in weeks)
    return _artists(lists) + PICK_IS_WORTH * told


def _both(*verdicts: Verdict | None) -> Verdict | None:
    """Return the decision against promotion, if there is one; else the one with more data."""
    told = [each for each in verdicts if each is not None]
    return min(told, key=lambda each: (each.promote, -each.n)) if told else None


def _ranks(fusion: Fusion, past: PastList) -> npt.NDArray[np.intp]:
    """Return the positions of all eligible tracks, best first; ties in key order."""
    scores = fusion.score(past.signals, _among(past)).to_numpy()
    order = np.argsort(-scores, kind="stable")
    return order[past.eligible[order]]


def _earned(fusion: Fusion, past: PastList) -> Floats:
    """Return 1 / log2(1 + rank) of every adopted track, in key order."""
    order = _ranks(fusion, past)
    rank = np.empty(len(past.adopted))
    rank[order] = np.arange(1, len(order) + 1)
    gain: Floats = 1 / np.log2(1 + rank[past.adopted])
    return gain


def _ndcg(fusion: Fusion, held: Sequence[PastList]) -> float:
    """Return the mean NDCG@50 over lists; NaN without any."""
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


def _artists(lists: Sequence[PastList], weeks: Sequence[ShownWeek] = ()) -> int:
    adopted = {artist_key_in(key) for each in lists for key in each.signals.index[each.adopted]}
    return len(adopted.union(*(each.artists for each in weeks)))
