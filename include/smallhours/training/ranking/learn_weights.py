"""Learning of a listener's ranking weights, the comparison with the default, and the ablation.

Weights are learned from lists of the past that end before two held-out months, and both they and
the default rank the candidates of those months. An adopted track is worth 1 / log2(1 + rank), as
in NDCG. Weights are also learned from our own past lists: each week is ranked by weights that were
learned before it, and a welcome pick is worth the share of the week's unwelcome ones that it is
ranked above. Learned weights go into use only when they earn more by whichever of the two there is
enough data for, and are then fitted again with the held-out data.

In the ablation, the held-out months are ranked again: by the rank column of one signal, and by the
weights without it. Nothing is learned again: it measures what the present weights gain from a
signal, not what other weights could reach without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.nights import Night
from smallhours.training.evaluation.folds import Fold, weekly_folds
from smallhours.training.evaluation.metrics import ndcg_at
from smallhours.training.evaluation.uncertainty import (
    GateDecision,
    Interval,
    bootstrap_mean,
    decide_promotion,
    paired_difference,
)
from smallhours.training.model_card import Metric
from smallhours.training.ranking.fusion import DEFAULT, Floats, Fusion, columns_of, default_fusion
from smallhours.training.ranking.impressions import PICK_WEIGHT, ImpressionWeek, impression_weeks
from smallhours.training.ranking.listwise import (
    StackedLists,
    TrainingList,
    fit_weights,
    influence_of,
    sample_list,
)
from smallhours.training.ranking.past_lists import (
    LEARNED_SIGNALS,
    PastList,
    PastTables,
    hidden_list,
    week_list,
)

# The subject of the figures in `metrics`, and how they are named there.
SUBJECT = "ranking_parts"
FUSED, FUSED_DEFAULT, ALONE, ADDS = "fused", "default", "alone_", "adds_"


@dataclass(frozen=True)
class Ablation:
    """The mean gain of an adopted track, 0-1, with intervals over artists.

    Attributes:
        fused: Gain of all signals by the given weights.
        default: Gain of all signals by the default weights.
        alone: Gain of each signal alone.
        adds: By signal, `fused` minus the gain of all others, on the same tracks.
        adoptions: Number of adopted tracks.
    """

    fused: Interval
    default: Interval
    alone: Mapping[str, Interval]
    adds: Mapping[str, Interval]
    adoptions: int

    def metrics(self) -> Iterator[Metric]:
        """Yield the figures for `metrics`; the baseline of a signal alone is all of them."""
        n, whole = self.adoptions, self.fused.value
        yield Metric.of(SUBJECT, FUSED, self.fused, n, self.default.value)
        yield Metric.of(SUBJECT, FUSED_DEFAULT, self.default, n)
        for name, found in self.alone.items():
            yield Metric.of(SUBJECT, f"{ALONE}{name}", found, n, whole)
        for name, found in self.adds.items():
            yield Metric.of(SUBJECT, f"{ADDS}{name}", found, n)


def ablate(
    fusion: Fusion, held: Sequence[PastList], rng: np.random.Generator, default: Fusion = DEFAULT
) -> Ablation | None:
    """Measure each signal alone, and all signals without each.

    Args:
        fusion: The weights, which were not fitted to these lists.
        held: The held-out months of which anything was adopted.
        rng: Random generator of the bootstrap.
        default: The default weights.

    Returns:
        None where nothing was adopted.
    """
    artists = [artist_key_in(key) for past in held for key in past.signals.index[past.adopted]]
    if not artists:
        return None
    clusters = np.array(artists)
    columns = [columns_of(past.signals, past.eligible) for past in held]

    def gains_of(weights: Floats) -> Floats:
        each = zip(columns, held, strict=True)
        return np.concatenate([gains(seen @ weights, past) for seen, past in each])

    weights = fusion.vector(LEARNED_SIGNALS)
    fused = gains_of(weights)
    alone, adds = {}, {}
    for at, name in enumerate(LEARNED_SIGNALS):
        only, without = np.zeros_like(weights), weights.copy()
        only[2 * at] = 1.0
        without[2 * at : 2 * at + 2] = 0.0
        alone[name] = bootstrap_mean(gains_of(only), rng=rng, clusters=clusters)
        adds[name] = paired_difference(fused, gains_of(without), rng=rng, clusters=clusters)
    return Ablation(
        bootstrap_mean(fused, rng=rng, clusters=clusters),
        bootstrap_mean(gains_of(default.vector(LEARNED_SIGNALS)), rng=rng, clusters=clusters),
        alone,
        adds,
        len(artists),
    )


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


HIDDEN_LISTS, MONTHS, HELD_OUT_MONTHS = 4, 4, 2
WEEKS = 4
TOP = 50
# With fewer adoptions in the held-out months, nothing is decided.
MIN_ADOPTIONS = 20
# With fewer artists, differences between signals are chance.
MIN_ARTISTS = 5
_NONE = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []]))


@dataclass(frozen=True)
class WeightLearningResult:
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
    verdict: GateDecision | None
    by_picks: GateDecision | None
    lists: int
    picks: int
    artists: int
    adoptions: int
    missed: int
    ndcg: tuple[float, float]
    parts: Ablation | None = None


def learn_weights(
    past_tables: PastTables, listener: str, *, night: Night, propensities: pd.Series | None = None
) -> WeightLearningResult:
    """Learn weights, and compare them on the last two months and on our own lists.

    Args:
        past_tables: The listener's history and the catalog.
        listener: The listener's name.
        night: Tonight.
        propensities: Propensities of explored picks: the result of `read_propensities`.

    Raises:
        NotEnoughData: when hardly anything was adopted that can be learned from.
    """
    rng = night.rng(listener, "ranking")
    default = default_fusion(past_tables.vectors.tags_per_track)
    held_out = weekly_folds(night.as_of, HELD_OUT_MONTHS, step_weeks=WEEKS)
    until = held_out[0].cut
    months = _folds_with_history(past_tables, weekly_folds(until, MONTHS, step_weeks=WEEKS))
    earlier = [
        *(
            hidden_list(past_tables, until, rng)
            for _ in range(HIDDEN_LISTS if _first_activity(past_tables) < until else 0)
        ),
        *(week_list(past_tables, fold, rng) for fold in months),
    ]
    taught = [each for each in earlier if each.adopted.any()]
    shown = impression_weeks(
        past_tables,
        _NONE if propensities is None else propensities,
        night.rng(listener, "shown"),
        night=night,
    )
    artists = _artists(taught, shown)
    if artists < MIN_ARTISTS:
        raise NotEnoughData(
            f"{listener} adopted tracks of {artists} artists among the candidates of the past; "
            f"{MIN_ARTISTS} are the least to learn from.",
            remedy="The default weights rank until there is more; more listening and more "
            "nights of refresh_catalog bring it.",
        )
    training_lists = [_sampled(each, rng) for each in taught]
    learned = _fit(training_lists, _artists(taught), default)
    folds = _folds_with_history(past_tables, held_out)
    weeks = [week_list(past_tables, fold, rng) for fold in folds]
    held = [each for each in weeks if each.adopted.any()]
    by_months = _compare_on_months(learned, default, held, night.rng(listener, "ranking gate"))
    picks_rng = night.rng(listener, "picks gate")
    by_picks = _compare_on_picks(training_lists, taught, shown, default, picks_rng)
    verdict = _combined(by_months, by_picks)
    # All figures are of weights that have not seen the held-out months yet.
    ndcg = _ndcg(learned, held), _ndcg(default, held)
    parts = None
    if by_months is not None:
        winner = learned if by_months.promote else default
        parts = ablate(winner, held, night.rng(listener, "ranking parts"), default)
    fusion = default
    if verdict is not None and verdict.promote:
        training_lists += [*(_sampled(each, rng) for each in held), *_pick_lists(shown)]
        effective = _effective_artists([*taught, *held], shown)
        fusion = _fit(training_lists, effective, default)
    return WeightLearningResult(
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


def _first_activity(past_tables: PastTables) -> pd.Timestamp:
    """Return the first known play or save of the listener; the year 2262 if there is none.

    Nothing could have been recommended before.
    """
    past = past_tables.past
    first = past.plays["played_at"].min(), pd.to_datetime(past.library["added_at"], utc=True).min()
    return min((at for at in first if not pd.isna(at)), default=pd.Timestamp.max.tz_localize("UTC"))


def _folds_with_history(past_tables: PastTables, folds: Sequence[Fold]) -> list[Fold]:
    """Return the folds before whose cuts something was known."""
    began = _first_activity(past_tables)
    return [fold for fold in folds if began < fold.cut]


def _pick_lists(weeks: Sequence[ImpressionWeek]) -> list[TrainingList]:
    return [one_list for each in weeks for one_list in each.training_lists()]


def _fit(training_lists: Sequence[TrainingList], artists: float, default: Fusion) -> Fusion:
    if not training_lists:
        return default
    share = influence_of(artists)
    stacked = StackedLists.of(training_lists)
    weights = fit_weights(stacked, default.vector(LEARNED_SIGNALS), share=share)
    learned = Fusion.of(LEARNED_SIGNALS, weights, share=share)
    return Fusion({**default.weights, **learned.weights}, share)


def _sampled(past: PastList, rng: np.random.Generator) -> TrainingList:
    columns = columns_of(past.signals, past.eligible)
    return sample_list(columns, past.adopted, past.eligible, rng=rng)


def _compare_on_months(
    learned: Fusion, default: Fusion, held: Sequence[PastList], rng: np.random.Generator
) -> GateDecision | None:
    """Compare the learned weights with the default; None with too few adoptions."""
    if sum(int(each.adopted.sum()) for each in held) < MIN_ADOPTIONS:
        return None
    ours = np.concatenate([_discounted_gains(learned, each) for each in held])
    theirs = np.concatenate([_discounted_gains(default, each) for each in held])
    artists = [artist_key_in(key) for each in held for key in each.signals.index[each.adopted]]
    return decide_promotion(
        ours,
        theirs,
        rng=rng,
        tolerance=0.0,
        clusters=np.array(artists),
        min_units=MIN_ADOPTIONS,
        figure_name="discounted gain",
    )


def _compare_on_picks(
    training_lists: Sequence[TrainingList],
    taught: Sequence[PastList],
    weeks: Sequence[ImpressionWeek],
    default: Fusion,
    rng: np.random.Generator,
) -> GateDecision | None:
    """Compare on our own lists: each week but the first, by weights learned before it.

    None with too few welcome picks in them.
    """
    judged = weeks[1:]
    artists = [artist for each in judged for artist in each.artists]
    if len(artists) < MIN_ADOPTIONS:
        return None
    before = [weeks[: at + 1] for at in range(len(judged))]
    ours = [
        week.win_rates(
            _fit([*training_lists, *_pick_lists(known)], _effective_artists(taught, known), default)
        )
        for week, known in zip(judged, before, strict=True)
    ]
    return decide_promotion(
        np.concatenate(ours),
        np.concatenate([week.win_rates(default) for week in judged]),
        rng=rng,
        tolerance=0.0,
        clusters=np.array(artists),
        min_units=MIN_ADOPTIONS,
        figure_name="share of the unwelcome picks ranked below",
    )


def _effective_artists(lists: Sequence[PastList], weeks: Sequence[ImpressionWeek]) -> float:
    """Return the number of adopted artists that past lists and our own lists count as together.

    Of a week's picks, the smaller of the two groups, welcome and unwelcome, limits what can be
    learned. Example: past lists with adoptions of 8 artists, and a week with 20 welcome and 5
    unwelcome picks, count as 8 + 0.1 x min(20, 5) = 8.5 artists.
    """
    told = sum(min(int(each.welcome.sum()), int((~each.welcome).sum())) for each in weeks)
    return _artists(lists) + PICK_WEIGHT * told


def _combined(*verdicts: GateDecision | None) -> GateDecision | None:
    """Return the decision against promotion, if there is one; else the one with more data."""
    told = [each for each in verdicts if each is not None]
    return min(told, key=lambda each: (each.promote, -each.n)) if told else None


def _ranks(fusion: Fusion, past: PastList) -> npt.NDArray[np.intp]:
    """Return the positions of all eligible tracks, best first; ties in key order."""
    order = np.argsort(-fusion.score(past.signals, _eligible(past)).to_numpy(), kind="stable")
    return order[past.eligible[order]]


def _discounted_gains(fusion: Fusion, past: PastList) -> Floats:
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


def _eligible(past: PastList) -> "pd.Series[bool]":
    return pd.Series(past.eligible, index=past.signals.index)


def _artists(lists: Sequence[PastList], weeks: Sequence[ImpressionWeek] = ()) -> int:
    adopted = {artist_key_in(key) for each in lists for key in each.signals.index[each.adopted]}
    return len(adopted.union(*(each.artists for each in weeks)))
