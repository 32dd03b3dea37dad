"""Tests of the signals, and of the score that they become."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from smallhours.playlist.rank.scores import more_signals, score_candidates
from smallhours.training.ranking.fusion import Fusion
from smallhours.training.ranking.signals import consensus, popularity

KEYS = pd.Index(["a · 1", "b · 2", "c · 3"])


def votes(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["track_key", "route", "strength"])


def scored(
    ballots: pd.DataFrame, p_like: list[float] | None = None, eligible: list[bool] | None = None
) -> pd.DataFrame:
    return score_candidates(
        ballots,
        pd.Series([10, None, 1000], index=KEYS, dtype="Int64"),
        tag_affinity=pd.Series([0.0, 0.0, 0.0], index=KEYS),
        p_like=None if p_like is None else pd.Series(p_like, index=KEYS),
        eligible=pd.Series(eligible or [True] * 3, index=KEYS),
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
    nothing_known = score_candidates(
        votes(("c · 3", "tag", 0.5)).iloc[:0],
        pd.Series([None] * 3, index=KEYS[::-1], dtype="Int64"),
        tag_affinity=pd.Series([0.0] * 3, index=KEYS),
        p_like=pd.Series([0.5] * 3, index=KEYS),
        eligible=pd.Series([True] * 3, index=KEYS),
    )
    assert nothing_known["score"].nunique() == 1
    assert nothing_known["rank"].reindex(KEYS).tolist() == [1, 2, 3]


def test_without_a_model_the_other_signals_decide() -> None:
    ranked = scored(votes(("b · 2", "similar_track", 0.9)))
    assert ranked["p_like"].isna().all()
    assert ranked.loc["b · 2", "rank"] == 1


def test_a_model_moves_what_it_likes_up() -> None:
    ballots = votes(("b · 2", "similar_track", 0.9), ("a · 1", "similar_track", 0.8))
    assert scored(ballots, p_like=[0.9, 0.1, 0.2]).loc["a · 1", "rank"] == 1


def test_no_candidates_give_no_scores() -> None:
    none = pd.Index([], dtype="str")
    empty = pd.Series([], index=none, dtype=float)
    ranked = score_candidates(
        votes().astype({"route": "str", "strength": float}),
        empty,
        tag_affinity=empty,
        p_like=None,
        eligible=pd.Series([], index=none, dtype=bool),
    )
    assert ranked.empty


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_scores_stay_between_zero_and_one_and_ranks_are_a_numbering(
    p_like: list[float], eligible: list[bool]
) -> None:
    ranked = scored(votes(("a · 1", "known_artist", 1.0)), p_like, eligible)
    assert ranked["score"].between(0, 1).all()
    assert sorted(ranked["rank"]) == [1, 2, 3]
    assert not np.isnan(ranked["score"]).any()


def test_what_the_signals_added_sums_to_the_score() -> None:
    ranked = scored(votes(("b · 2", "similar_track", 0.9)), p_like=[0.9, 0.1, 0.2])
    added = ranked.filter(like="by_")
    assert added.sum(axis=1).tolist() == pytest.approx(ranked["score"].tolist())


def test_a_listeners_own_weights_decide() -> None:
    ballots = votes(("b · 2", "similar_track", 0.9))
    loves_hits = Fusion({"popularity": (1.0, 0.0)})
    ranked = score_candidates(
        ballots,
        pd.Series([10, None, 1000], index=KEYS, dtype="Int64"),
        tag_affinity=pd.Series([0.0] * 3, index=KEYS),
        p_like=None,
        eligible=pd.Series([True] * 3, index=KEYS),
        fusion=loves_hits,
    )
    assert ranked.loc["c · 3", "rank"] == 1


def test_more_than_one_taste_is_seen() -> None:
    """A track between jazz and metal is far from both, although it is near to their mean."""
    played = [f"jazz {n} · x" for n in range(10)] + [f"metal {n} · x" for n in range(10)]
    new = ["new jazz · x", "new metal · x", "new both · x"]
    directions = [[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10 + [[1.0, 0.0], [0.0, 1.0], [0.707, 0.707]]
    found = more_signals(
        pd.Index(new),
        vectors=sparse.csr_matrix(np.array(directions)),
        vector_tracks=pd.Index([*played, *new]),
        weights=pd.Series(1.0, index=played),
        rng=np.random.default_rng(1),
    )
    assert found["tag_affinity"].round(2).tolist() == [1.0, 1.0, 0.71]


def test_what_was_recommended_lately_is_near_to_itself() -> None:
    tracks = pd.Index(["a · 1", "b · 2"])
    found = more_signals(
        tracks,
        vectors=sparse.csr_matrix(np.eye(3)),
        vector_tracks=pd.Index(["a · 1", "b · 2", "lately · 3"]),
        recent=["a · 1"],
    )
    assert found["distance_from_recent"].tolist() == [0.0, 1.0]


def test_a_signal_without_its_evidence_is_left_out() -> None:
    assert more_signals(pd.Index(["a · 1"])).columns.empty
