"""Scale-free columns of signals."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.ranking.fusion import rank_column, z_column

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


@given(VALUES)
def test_ranks_lie_between_zero_and_one_and_follow_the_values(values: list[float]) -> None:
    given = np.array(values)
    column = rank_column(given, np.ones(len(given), bool))
    assert column.min() >= 0
    assert column.max() <= 1
    order = np.argsort(given, kind="stable")
    assert (np.diff(column[order]) >= -1e-12).all()


@given(VALUES)
def test_neither_column_knows_the_unit(values: list[float]) -> None:
    given = np.array(values).round()
    everyone = np.ones(len(given), bool)
    moved = given * 8 + 16  # exact in binary: no tie comes or goes
    assert np.array_equal(rank_column(given, everyone), rank_column(moved, everyone))
    assert np.allclose(z_column(given, everyone), z_column(moved, everyone), atol=1e-6)


def test_what_is_unknown_is_in_the_middle() -> None:
    given = np.array([3.0, np.nan, 1.0])
    everyone = np.ones(3, bool)
    assert rank_column(given, everyone).tolist() == [1.0, 0.5, 0.0]
    assert z_column(given, everyone)[1] == 0


def test_equal_values_say_nothing() -> None:
    same = np.full(5, 0.1 + 0.2)
    assert np.unique(rank_column(same, np.ones(5, bool))).size == 1
    assert not z_column(same, np.ones(5, bool)).any()


def test_what_the_listener_knows_takes_no_rank_away() -> None:
    given = np.array([9.0, 5.0, 1.0])
    assert rank_column(given, np.array([False, True, True]))[1] == 1.0


def test_one_outlier_does_not_drown_the_rest() -> None:
    given = np.array([1e9, *np.linspace(0, 1, 200)])
    assert z_column(given, np.ones(len(given), bool)).max() == 2.0


def test_nothing_known_of_anyone_is_zero() -> None:
    nothing = np.full(3, np.nan)
    assert not rank_column(nothing, np.ones(3, bool)).any()
    assert not z_column(nothing, np.ones(3, bool)).any()
