"""Tests of the signals, and of the score that they become."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.rank.scores import score_candidates
from smallhours.training.ranking.fusion import DEFAULT, Fusion
from smallhours.training.ranking.signals import consensus, popularity

KEYS = pd.Index(["a · 1", "b · 2", "c · 3"])


def votes(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["track_key", "route", "strength"])


def signals(**columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=KEYS)


def scored(
    found: pd.DataFrame, eligible: list[bool] | None = None, fusion: Fusion = DEFAULT
) -> pd.DataFrame:
    return score_candidates(
        found,
        votes=votes(("b · 2", "similar_track", 0.9)),
        eligible=pd.Series(eligible or [True] * 3, index=KEYS),
        fusion=fusion,
    )


def test_seeds_that_agree_count_as_independent_witnesses() -> None:
    ballots = votes(("a · 1", "similar_track", 0.5), ("a · 1", "similar_track", 0.5))
    assert consensus(ballots, KEYS).tolist() == pytest.approx([0.75, 0.0, 0.0])


@given(st.lists(st.floats(0, 1), max_size=50))
def test_no_number_of_votes_makes_more_than_certainty(strengths: list[float]) -> None:
    ballots = votes(*(("a · 1", "tag", strength) for strength in strengths))
    agreed = consensus(ballots, KEYS)
    assert agreed.between(0, 1).all()
    assert agreed["a · 1"] >= min(max(strengths, default=0), 0.99) - 1e-9


def test_popularity_is_a_percentile_and_unknown_is_in_the_middle() -> None:
    listeners = pd.Series([10, None, 1000], index=KEYS, dtype="Int64")
    assert popularity(listeners).tolist() == [0.5, 0.5, 1.0]


def test_ties_are_ranked_in_the_order_of_the_keys() -> None:
    nothing_known = scored(signals(p_like=[0.5] * 3)[::-1])
    assert nothing_known["score"].nunique() == 1
    assert nothing_known["rank"].reindex(KEYS).tolist() == [1, 2, 3]


def test_without_a_model_the_other_signals_decide() -> None:
    ranked = scored(signals(near_tracks=[0.0, 0.9, 0.0]))
    assert ranked["p_like"].isna().all()
    assert ranked.loc["b · 2", "rank"] == 1


def test_a_model_moves_what_it_likes_up() -> None:
    ranked = scored(signals(near_tracks=[0.8, 0.9, 0.0], p_like=[0.9, 0.1, 0.2]))
    assert ranked.loc["a · 1", "rank"] == 1


def test_no_candidates_give_no_scores() -> None:
    ranked = score_candidates(
        pd.DataFrame({"near_tracks": []}, index=pd.Index([], dtype="str"), dtype=float),
        votes=votes().astype({"strength": float}),
        eligible=pd.Series([], index=pd.Index([], dtype="str"), dtype=bool),
    )
    assert ranked.empty


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_scores_stay_between_zero_and_one_and_ranks_are_a_numbering(
    p_like: list[float], eligible: list[bool]
) -> None:
    ranked = scored(signals(near_artists=[1.0, 0.0, 0.0], p_like=p_like), eligible)
    assert ranked["score"].between(0, 1).all()
    assert sorted(ranked["rank"]) == [1, 2, 3]
    assert not np.isnan(ranked["score"]).any()


def test_what_the_signals_added_sums_to_the_score() -> None:
    ranked = scored(signals(near_tracks=[0.0, 0.9, 0.0], p_like=[0.9, 0.1, 0.2]))
    added = ranked.filter(like="by_")
    assert added.sum(axis=1).tolist() == pytest.approx(ranked["score"].tolist())


def test_a_listeners_own_weights_decide() -> None:
    loves_hits = Fusion({"popularity": (1.0, 0.0)})
    found = signals(near_tracks=[0.0, 0.9, 0.0], popularity=[0.1, 0.5, 1.0])
    assert scored(found, fusion=loves_hits).loc["c · 3", "rank"] == 1
