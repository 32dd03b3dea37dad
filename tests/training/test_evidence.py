"""Graded evidence, case by case."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.settings import EvidenceWeights
from smallhours.training.taste.training_rows import (
    COLUMNS,
    grade_tracks,
)

END = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
TODAY = END.date()
WEIGHTS = EvidenceWeights(half_life_days=100)


def ago(days: float) -> pd.Timestamp:
    return pd.Timestamp(END) - pd.Timedelta(days=days)


def plays(*rows: dict[str, object]) -> pd.DataFrame:
    columns = ["track_key", "played_at", "ms_played", "skipped", "reason_end"]
    frame = pd.DataFrame(list(rows), columns=columns)
    # A minute apart: the same track at the same moment is one play that was reported twice.
    apart = pd.to_timedelta(frame.index, unit="min")
    return frame.assign(
        played_at=pd.to_datetime(frame["played_at"], utc=True) - apart,
        ms_played=frame["ms_played"].astype("Int32"),
        skipped=frame["skipped"].astype("boolean"),
    )


def play(days: float = 0, **more: object) -> dict[str, object]:
    return {"track_key": "a", "played_at": ago(days), **more}


def library(*signals: str, last_seen: dt.date = TODAY, key: str = "a") -> pd.DataFrame:
    rows = [(key, signal, dt.date(2026, 1, 1), last_seen) for signal in signals]
    return pd.DataFrame(rows, columns=["track_key", "signal", "first_seen", "last_seen"])


def feedback(*reactions: str, days: float = 0) -> pd.DataFrame:
    frame = pd.DataFrame({"track_key": "a", "reaction": list(reactions)})
    return frame.assign(at=pd.to_datetime([ago(days)] * len(frame), utc=True))


def grade(
    played: pd.DataFrame | None = None,
    signals: pd.DataFrame | None = None,
    told: pd.DataFrame | None = None,
) -> tuple[int, float, str] | None:
    """Return label, weight and evidence of the track `a`; None without any."""
    found = grade_tracks(
        plays() if played is None else played,
        library() if signals is None else signals,
        feedback() if told is None else told,
        as_of=END,
        weights=WEIGHTS,
    )
    assert found.columns.tolist() == COLUMNS
    mine = found[found["track_key"] == "a"]
    if mine.empty:
        return None
    row = mine.iloc[0]
    return int(row["label"]), round(float(row["weight"]), 3), str(row["evidence"])


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ("top", (1, 2.0, "top")),
        ("saved", (1, 1.0, "saved")),
        ("loved", (1, 1.0, "loved")),
        ("disliked", (0, 3.0, "disliked")),
    ],
)
def test_a_standing_signal_counts_in_full(signal: str, expected: tuple[int, float, str]) -> None:
    assert grade(signals=library(signal)) == expected


@pytest.mark.parametrize(
    ("reaction", "expected"),
    [
        ("kept", None),
        ("played", (1, 0.5, "pick_played")),
        ("saved", (1, 2.0, "pick_saved")),
        ("thumbs_up", (1, 3.0, "thumbs_up")),
        ("skipped", (0, 0.5, "pick_skipped")),
        ("passed", (0, 0.5, "pick_passed")),
        ("removed", (0, 2.0, "removed")),
        ("thumbs_down", (0, 3.0, "thumbs_down")),
        ("blocked", (0, 3.0, "blocked")),
        ("artist_blocked", (0, 3.0, "blocked")),
        ("not_now", None),
        ("too_often", None),
        ("unplayed", None),
    ],
)
def test_a_reaction_to_a_pick(reaction: str, expected: tuple[int, float, str] | None) -> None:
    assert grade(told=feedback(reaction)) == expected


def test_a_pick_that_was_played_and_kept_counts_for_both() -> None:
    told = pd.concat([feedback("kept"), feedback("played")], ignore_index=True)

    assert grade(told=told) == (1, 0.75, "pick_played")


def test_a_pick_that_was_passed_over_and_left_in_the_list_was_not_liked() -> None:
    told = pd.concat([feedback("kept"), feedback("passed")], ignore_index=True)

    assert grade(told=told) == (0, 0.5, "pick_passed")


def test_one_play_to_the_end_says_a_little_and_a_habit_says_more() -> None:
    assert grade(plays(play())) == (1, 0.25, "played")
    assert grade(plays(play(), play(), play())) == (1, 1.0, "repeated")
    assert grade(plays(*[play()] * 15)) == (1, 2.0, "repeated")


def test_a_quick_skip_says_little_against() -> None:
    skip = play(ms_played=5_000, skipped=True)
    assert grade(plays(skip)) == (0, 0.2, "quick_skip")
    assert grade(plays(play(ms_played=5_000, reason_end="fwdbtn"))) == (0, 0.2, "quick_skip")


def test_a_skip_does_not_undo_a_habit() -> None:
    found = grade(plays(play(), play(), play(), play(ms_played=5_000, skipped=True)))
    assert found == (1, 0.8, "repeated")


def test_a_glance_that_nobody_ended_by_hand_says_nothing() -> None:
    assert grade(plays(play(ms_played=5_000, skipped=False, reason_end="logout"))) is None


def test_a_late_skip_is_neither_a_play_to_the_end_nor_a_quick_skip() -> None:
    assert grade(plays(play(ms_played=90_000, skipped=True))) is None


def test_what_was_saved_and_is_no_more_speaks_against() -> None:
    gone = library("saved", last_seen=TODAY - dt.timedelta(days=100))
    other = library("saved", key="b")
    found = grade(signals=pd.concat([gone, other], ignore_index=True))
    assert found == (0, 0.5, "unsaved")


def test_a_top_track_that_is_none_any_more_says_nothing() -> None:
    gone = library("top", last_seen=TODAY - dt.timedelta(days=100))
    other = library("top", key="b")
    assert grade(signals=pd.concat([gone, other], ignore_index=True)) is None


def test_a_top_track_of_three_time_ranges_is_one_signal() -> None:
    assert grade(signals=library("top", "top", "top")) == (1, 2.0, "top")


def test_evidence_fades_by_half_in_a_half_life() -> None:
    assert grade(told=feedback("removed", days=100)) == (0, 1.0, "removed")


def test_for_and_against_add_up() -> None:
    assert grade(signals=library("saved"), told=feedback("removed")) == (0, 1.0, "removed")
    assert grade(signals=library("saved", "loved"), told=feedback("removed")) is None


def test_what_was_only_heard_does_not_excuse_a_removed_pick() -> None:
    assert grade(signals=library("top"), told=feedback("removed")) == (0, 2.0, "removed")


@given(
    st.lists(st.sampled_from(["kept", "played", "saved", "removed", "thumbs_down"]), max_size=6),
    st.integers(0, 5),
)
def test_grades_are_one_row_a_track_with_a_weight(reactions: list[str], played: int) -> None:
    found = grade_tracks(
        plays(*[play()] * played),
        library("saved", key="b"),
        feedback(*reactions),
        as_of=END,
        weights=WEIGHTS,
    )
    assert found["track_key"].is_unique
    assert found["track_key"].is_monotonic_increasing
    assert (found["weight"] > 0).all()
    assert found["label"].isin([0, 1]).all()
