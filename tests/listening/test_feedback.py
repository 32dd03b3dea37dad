"""Tests of the reactions to our picks."""

import datetime as dt

import pandas as pd

from smallhours.listening.feedback import (
    current_lists,
    edit_reactions,
    play_reactions,
    recent_picks,
)

SUNDAY, MONDAY, TUESDAY = (dt.date(2026, 11, day) for day in (1, 2, 3))
NOW = dt.datetime(2026, 11, 3, 4, tzinfo=dt.UTC)


def ledger(*rows: tuple[dt.date, str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "night": night,
                "intent": "main",
                "outcome": outcome,
                "playlist_id": "p",
                "track_keys": keys,
                "uris": [f"spotify:track:{key}" for key in keys],
                "leftovers": None,
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
        columns=["signal", "track_key", "first_seen"],
    )


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
    picks = recent_picks(rows, before=TUESDAY)
    assert list(zip(picks["night"], picks["track_key"], strict=True)) == [
        (SUNDAY, "a"),
        (MONDAY, "b"),
    ]


def test_plays_and_saves_count_from_the_night_on() -> None:
    picks = recent_picks(ledger((MONDAY, "verified", list("abcde"))), before=TUESDAY)
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
    picks = recent_picks(ledger((MONDAY, "planned", ["a"])), before=TUESDAY)
    assert play_reactions(picks, plays(("a", "2026-11-02", None)), library(), at=NOW).empty
