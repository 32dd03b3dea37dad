import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.evaluation.folds import (
    Fold,
    adopted,
    known_at,
    library_before,
    weekly_folds,
)
from smallhours.training.evaluation.uncertainty import MIN_UNITS, TOLERANCE, decide_promotion

END = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
FOLD = Fold(END - dt.timedelta(weeks=4), END)


def plays(*days_ago: tuple[str, float]) -> pd.DataFrame:
    """Return one play of each track, the given number of days before the end."""
    return pd.DataFrame(
        {
            "track_key": [key for key, _ in days_ago],
            "played_at": pd.to_datetime(
                [END - dt.timedelta(days=days) for _, days in days_ago], utc=True
            ),
            "ms_played": pd.Series(pd.NA, range(len(days_ago)), dtype="Int64"),
        }
    )


def library(*signals: tuple[str, str, int]) -> pd.DataFrame:
    """Return signals, each with the days since it was first seen."""
    rows = [
        {
            "track_key": key,
            "signal": signal,
            "first_seen": (END - dt.timedelta(days=days)).date(),
            "last_seen": END.date(),
            "added_at": pd.NaT,
        }
        for key, signal, days in signals
    ]
    columns = ["track_key", "signal", "first_seen", "last_seen", "added_at"]
    return pd.DataFrame(rows, columns=columns)


@given(st.integers(1, 12))
def test_folds_are_a_week_apart_and_none_reaches_past_now(count: int) -> None:
    folds = weekly_folds(END, count)
    assert len(folds) == count
    assert folds[-1].until == END
    assert all(fold.until - fold.cut == dt.timedelta(weeks=4) for fold in folds)
    for one, next_one in pairwise(folds):
        assert next_one.cut - one.cut == dt.timedelta(weeks=1)


def test_two_plays_of_a_new_track_adopt_it_and_one_does_not() -> None:
    found = adopted(plays(("a", 20), ("a", 2), ("b", 3)), library(), FOLD)
    assert found == {"a"}


def test_a_play_that_two_players_report_is_no_second_one() -> None:
    seconds = 12 / 86_400
    assert adopted(plays(("a", 20), ("a", 20 - seconds)), library(), FOLD) == set()


def test_what_was_played_before_the_cut_is_not_new() -> None:
    assert adopted(plays(("a", 40), ("a", 20), ("a", 2)), library(), FOLD) == set()


@pytest.mark.parametrize("signal", ["saved", "loved"])
def test_saving_or_loving_adopts_without_a_play(signal: str) -> None:
    assert adopted(plays(), library(("a", signal, 5)), FOLD) == {"a"}


@pytest.mark.parametrize("signal", ["top", "disliked"])
def test_other_signals_do_not(signal: str) -> None:
    assert adopted(plays(), library(("a", signal, 5)), FOLD) == set()


def test_what_happened_after_the_fold_is_not_its_truth() -> None:
    early = Fold(FOLD.cut - dt.timedelta(weeks=1), FOLD.until - dt.timedelta(weeks=1))
    assert adopted(plays(("a", 2), ("a", 3)), library(("b", "saved", 1)), early) == set()


def test_when_the_service_says_when_it_was_saved_that_counts() -> None:
    rows = library(("a", "saved", 5))
    rows["added_at"] = pd.to_datetime([END - dt.timedelta(days=90)], utc=True)
    assert adopted(plays(), rows, FOLD) == set()
    assert known_at(plays(), rows, FOLD.cut) == {"a"}


def test_a_signal_that_was_withdrawn_later_stood_at_the_cut() -> None:
    rows = library(("a", "saved", 60), ("b", "saved", 60))
    rows.loc[0, "last_seen"] = (END - dt.timedelta(days=10)).date()
    then = library_before(rows, FOLD.cut)
    assert then["last_seen"].nunique() == 1


RNG = 5


def test_a_model_that_is_clearly_worse_is_kept_out() -> None:
    verdict = decide_promotion([0.6] * 40, [0.9] * 40, rng=np.random.default_rng(RNG))
    assert not verdict.promote
    assert "worse than the one in use" in verdict.why
    assert verdict.n == 40


def test_an_equal_model_takes_its_place() -> None:
    verdict = decide_promotion([0.9] * 40, [0.9] * 40, rng=np.random.default_rng(RNG))
    assert verdict.promote
    assert "not worse" in verdict.why


def test_a_better_model_is_said_to_be_better() -> None:
    verdict = decide_promotion([0.95] * 40, [0.9] * 40, rng=np.random.default_rng(RNG))
    assert verdict.why.startswith("better than the one in use: AUC 0.950 against 0.900")


@given(st.floats(0, TOLERANCE / 5))
def test_a_loss_that_changes_no_playlist_is_tolerated(loss: float) -> None:
    verdict = decide_promotion([0.9 - loss] * 40, [0.9] * 40, rng=np.random.default_rng(RNG))
    assert verdict.promote


def test_with_too_few_adoptions_there_is_no_verdict_and_it_says_so() -> None:
    few = MIN_UNITS - 1
    verdict = decide_promotion([0.1] * few, [0.9] * few, rng=np.random.default_rng(RNG))
    assert verdict.promote
    assert verdict.difference is None
    assert f"{few} held-out adoptions are too few" in verdict.why
