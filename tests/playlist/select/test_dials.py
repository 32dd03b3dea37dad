"""Tests of the listener's dials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.select.relevance import REACH, apply_dials, relevance


@given(st.lists(st.floats(0, 1, allow_nan=False), max_size=50))
def test_relevance_follows_the_scores_whatever_their_scale(scores: list[float]) -> None:
    places = relevance(np.asarray(scores, dtype=float))
    order = np.argsort(scores, kind="stable")
    assert (np.diff(places[order]) >= -1e-12).all()
    assert ((places > 0) & (places <= 1)).all()


def test_equal_scores_are_equally_relevant() -> None:
    assert len(set(relevance(np.full(7, 0.5)).tolist())) == 1


@pytest.mark.parametrize("dial", ["familiarity", "popular"])
def test_a_dial_sets_its_ends_apart_and_turns_both_ways(dial: str) -> None:
    dials = {"familiarity": 0.0, "popular": 0.0}
    known, popular = np.array([True, False]), np.array([1.0, 0.0])

    def moved(to: float) -> float:
        first, second = apply_dials(
            np.zeros(2), known_artist=known, popularity=popular, **{**dials, dial: to}
        )
        return float(first - second)

    assert [moved(to) for to in (-1, 0, 0.5, 1)] == pytest.approx([-REACH, 0, REACH / 2, REACH])
