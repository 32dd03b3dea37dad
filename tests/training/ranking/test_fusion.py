"""Fusion: from many signals to one score, and to each signal's contribution."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.ranking.fusion import (
    DEFAULT,
    P_LIKE,
    RECEPTION,
    Fusion,
    default_fusion,
)

KEYS = pd.Index(["a · 1", "b · 2", "c · 3"])
EVERYONE = pd.Series(True, index=KEYS)


def test_the_best_by_every_signal_scores_one_by_default() -> None:
    signals = pd.DataFrame({"p_like": [0.9, 0.1, 0.2], "near_tracks": [0.8, 0.2, 0]}, index=KEYS)
    assert DEFAULT.score(signals, EVERYONE)["a · 1"] == pytest.approx(1.0)


def test_by_default_the_same_votes_counted_in_three_ways_weigh_about_as_one_witness() -> None:
    weight = {name: sum(pair) for name, pair in DEFAULT.weights.items()}
    counts = weight["near_artists"] + weight["seed_support"] + weight["list_places"]
    assert counts <= 1.5 * weight["near_tracks"]
    assert all(each >= 0.25 for each in weight.values())


def test_by_default_only_ranks_matter_not_how_far_apart_the_values_are() -> None:
    near = pd.DataFrame({"p_like": [0.3, 0.2, 0.1]}, index=KEYS)
    far = pd.DataFrame({"p_like": [0.99, 0.2, 0.0001]}, index=KEYS)
    assert DEFAULT.score(near, EVERYONE).equals(DEFAULT.score(far, EVERYONE))


@given(st.lists(st.floats(-5, 5), min_size=8, max_size=8), st.integers(0, 99))
def test_contributions_sum_to_a_score_between_zero_and_one(weights: list[float], seed: int) -> None:
    names = ["p_like", "near_tracks", "popularity", "freshness"]
    pairs = zip(weights[0::2], weights[1::2], strict=True)
    fusion = Fusion(dict(zip(names, pairs, strict=True)))
    values = np.random.default_rng(seed).normal(size=(3, 4))
    signals = pd.DataFrame(values, index=KEYS, columns=names)
    added = fusion.contributions(signals, EVERYONE)
    score = fusion.score(signals, EVERYONE)
    assert added.sum(axis=1).to_numpy() == pytest.approx(score.to_numpy())
    assert score.between(-1e-9, 1 + 1e-9).all()
    assert (added >= -1e-9).all(axis=None)


def test_a_signal_that_nobody_weighs_is_ignored() -> None:
    signals = pd.DataFrame({"p_like": [0.9, 0.1, 0.2], "moon": [0.0, 1.0, 0.0]}, index=KEYS)
    assert list(DEFAULT.contributions(signals, EVERYONE)) == ["p_like"]


def test_no_signals_give_no_score() -> None:
    assert DEFAULT.score(pd.DataFrame(index=KEYS), EVERYONE).tolist() == [0.0, 0.0, 0.0]


def test_few_tags_take_weight_from_what_is_learned_of_tags_and_from_nothing_else() -> None:
    many, some, few = (default_fusion(tags).weights for tags in (25.0, 4.5, 1.0))
    assert many == DEFAULT.weights
    assert few[P_LIKE][0] == DEFAULT.weights[P_LIKE][0] / 2
    assert few[P_LIKE] < some[P_LIKE] < many[P_LIKE]
    assert {name for name in few if few[name] != many[name]} == {P_LIKE}


def test_many_picks_give_weight_to_how_picks_were_received_and_to_nothing_else() -> None:
    none, few, some, many = (default_fusion(25.0, n).weights for n in (0, 60, 90, 5_000))
    assert none == few == DEFAULT.weights
    assert many[RECEPTION][0] == 2 * few[RECEPTION][0]
    assert few[RECEPTION] < some[RECEPTION] < many[RECEPTION]
    assert {name for name in many if few[name] != many[name]} == {RECEPTION}
