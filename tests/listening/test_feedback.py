"""Tests of the reactions to our picks."""

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.listening.feedback import (
    current_lists,
    edit_reactions,
    passed_over,
    play_reactions,
    recent_lists,
    recent_picks,
)

SUNDAY, MONDAY, TUESDAY = (dt.date(2026, 11, day) for day in (1, 2, 3))
NOW = dt.datetime(2026, 11, 3, 4, tzinfo=dt.UTC)
DUBLIN = ZoneInfo("Europe/Dublin")


def ledger(*rows: tuple[dt.date, str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "night": night,
                "intent": "main",
                "outcome": outcome,
                "place": "spotify",
                "playlist_id": "p",
                "track_keys": keys,
                "uris": [f"spotify:track:{key}" for key in keys],
                "leftovers": None,
                "as_of": None,
            }
            for night, outcome, keys in rows
        ]
    )


def plays(*rows: tuple[str, str, bool | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["track_key", "played_at", "skipped"])
    return frame.assign(
        played_at=pd.to_datetime(frame["played_at"], utc=True),
        skipped=frame["skipped"].astype("boolean"),
    )


def library(*saved: tuple[str, dt.date]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"signal": "saved", "track_key": key, "first_seen": night} for key, night in saved],
        columns=["signal", "track_key", "first_seen", "added_at"],
    ).astype({"added_at": "datetime64[us, UTC]"})


def picks_of(rows: pd.DataFrame) -> pd.DataFrame:
    return recent_picks(recent_lists(rows, before=TUESDAY, zone=DUBLIN))


def as_set(rows: pd.DataFrame) -> set[tuple[dt.date, str, str]]:
    return set(zip(rows["night"], rows["track_key"], rows["reaction"], strict=True))


def test_the_standing_list_is_the_last_that_was_really_written() -> None:
    rows = ledger(
        (SUNDAY, "verified", ["a"]), (MONDAY, "kept_yesterday", ["b"]), (TUESDAY, "planned", ["c"])
    )
    assert current_lists(rows, before=TUESDAY)["night"].tolist() == [SUNDAY]


def test_while_a_list_is_being_put_back_none_is_known_to_stand() -> None:
    rows = ledger((SUNDAY, "verified", ["a"]), (MONDAY, "withdrawing", ["b"]))
    assert current_lists(rows, before=TUESDAY).empty
    later = pd.concat([rows, ledger((TUESDAY, "verified", ["c"]))])
    assert current_lists(later, before=dt.date(2026, 11, 4))["night"].tolist() == [TUESDAY]


def test_a_pick_that_was_never_seen_was_neither_kept_nor_removed() -> None:
    rows = ledger((MONDAY, "verified", ["a", "b", "c"]))
    rows["leftovers"] = [["spotify:track:b", "spotify:track:old"]]
    told = edit_reactions(rows, ["spotify:track:a"], at=NOW)
    assert as_set(told) == {(MONDAY, "a", "kept"), (MONDAY, "c", "removed")}
    shown_since = edit_reactions(rows, ["spotify:track:a", "spotify:track:b"], at=NOW)
    assert (MONDAY, "b", "kept") in as_set(shown_since)


def test_what_is_gone_from_the_playlist_was_removed() -> None:
    rows = edit_reactions(ledger((MONDAY, "verified", ["a", "b"])), ["spotify:track:a"], at=NOW)
    assert as_set(rows) == {(MONDAY, "a", "kept"), (MONDAY, "b", "removed")}


def test_a_playlist_that_was_emptied_says_nothing_about_single_tracks() -> None:
    assert edit_reactions(ledger((MONDAY, "verified", ["a", "b"])), [], at=NOW).empty


def test_a_pick_in_several_lists_belongs_to_the_first_night() -> None:
    rows = ledger((SUNDAY, "verified", ["a"]), (MONDAY, "verified", ["a", "b"]))
    picks = picks_of(rows)
    assert list(zip(picks["night"], picks["track_key"], strict=True)) == [
        (SUNDAY, "a"),
        (MONDAY, "b"),
    ]


def test_plays_and_saves_count_from_the_night_on() -> None:
    picks = picks_of(ledger((MONDAY, "verified", list("abcde"))))
    rows = play_reactions(
        picks,
        plays(
            ("a", "2026-11-02 09:00", None),
            ("b", "2026-11-01 09:00", None),  # before it was recommended
            ("c", "2026-11-02 09:05", True),
        ),
        library(("d", MONDAY), ("e", SUNDAY)),
        at=NOW,
    )
    assert as_set(rows) == {
        (MONDAY, "a", "played"),
        (MONDAY, "b", "unplayed"),
        (MONDAY, "c", "skipped"),
        (MONDAY, "d", "saved"),
        (MONDAY, "d", "unplayed"),
        (MONDAY, "e", "unplayed"),
    }


def test_no_picks_no_reactions() -> None:
    picks = picks_of(ledger((MONDAY, "planned", ["a"])))
    assert play_reactions(picks, plays(("a", "2026-11-02", None)), library(), at=NOW).empty


@pytest.mark.parametrize(
    ("zone", "published", "played", "reaction"),
    [
        # In the morning of the night's date, which is still the day before in UTC.
        ("Pacific/Auckland", None, "2026-11-01 19:00", "played"),
        ("Pacific/Auckland", None, "2026-11-01 10:59", "unplayed"),
        # In the evening before, which is the night's date in UTC.
        ("America/Los_Angeles", None, "2026-11-02 04:00", "unplayed"),
        ("America/Los_Angeles", None, "2026-11-02 08:00", "played"),
        # An hour before and after the list was there.
        ("Pacific/Auckland", "2026-11-01 14:30", "2026-11-01 13:30", "unplayed"),
        ("Pacific/Auckland", "2026-11-01 14:30", "2026-11-01 15:30", "played"),
        # Published for an earlier night than that of the run, whose moment says nothing.
        ("Europe/Dublin", "2026-11-03 00:00", "2026-11-02 09:00", "played"),
        # The clocks skip midnight there, on the day on which it is asked for.
        ("America/Havana", None, "2026-11-02 05:00", "played"),
    ],
)
def test_a_play_counts_from_the_moment_of_publishing_where_the_listener_lives(
    zone: str, published: str | None, played: str, reaction: str
) -> None:
    rows = ledger((MONDAY, "verified", ["a"]))
    rows["as_of"] = pd.Series([published]).astype("datetime64[us, UTC]")
    lists = recent_lists(rows, before=TUESDAY, zone=ZoneInfo(zone))
    told = play_reactions(recent_picks(lists), plays(("a", played, None)), library(), at=NOW)
    assert as_set(told) == {(MONDAY, "a", reaction)}


@pytest.mark.parametrize("signal", ["saved", "loved"])
def test_what_was_saved_before_the_list_was_there_was_not_saved_for_it(signal: str) -> None:
    rows = ledger((MONDAY, "verified", ["a", "b"])).assign(
        as_of=pd.Timestamp("2026-11-02 03:30", tz="UTC")
    )
    picks = recent_picks(recent_lists(rows, before=TUESDAY, zone=DUBLIN))
    saved = library(("a", MONDAY), ("b", MONDAY)).assign(signal=signal)
    saved["added_at"] = pd.to_datetime(["2026-11-01 22:00", "2026-11-02 22:00"], utc=True)
    told = play_reactions(picks, plays(), saved, at=NOW)
    assert {key for _, key, reaction in as_set(told) if reaction == "saved"} == {"b"}


def test_tracks_are_passed_over_on_the_listeners_own_day() -> None:
    rows = ledger((MONDAY, "verified", list("abcd")), (TUESDAY, "verified", list("xyz")))
    lists = recent_lists(rows, before=dt.date(2026, 11, 4), zone=ZoneInfo("Pacific/Auckland"))
    morning = plays(
        ("a", "2026-11-01 20:00", None),
        ("b", "2026-11-01 20:04", None),
        ("d", "2026-11-01 20:08", None),
    )
    assert passed_over(lists, morning)["track_key"].tolist() == ["c"]


def test_while_a_row_of_the_playlist_cannot_be_read_nothing_was_removed_for_sure() -> None:
    rows = ledger((MONDAY, "verified", ["a", "b", "c"]))
    told = edit_reactions(rows, ["spotify:track:a", None, None], at=NOW)
    assert as_set(told) == {(MONDAY, "a", "kept")}
