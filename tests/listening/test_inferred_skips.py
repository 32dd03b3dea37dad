import datetime as dt

import pandas as pd
import pytest

from smallhours.listening.feedback import passed_over
from smallhours.listening.plays import cut_short, heard_out

MONDAY = dt.date(2026, 11, 2)
BOTH, SPOTIFY, LASTFM = ["lastfm", "spotify"], ["spotify"], ["lastfm"]


def plays(
    *rows: tuple[str, str, list[str]], skipped: bool | None = None, apart_s: int = 9
) -> pd.DataFrame:
    """Return plays of Monday: track, time of day, sources.

    `apart_s` is how far ListenBrainz' time is from Spotify's.
    """
    played_at = pd.to_datetime([f"2026-11-02 {at}" for _, at, _ in rows], utc=True)
    sources = [sources for _, _, sources in rows]
    return pd.DataFrame(
        {
            "track_key": [key for key, _, _ in rows],
            "played_at": played_at,
            "skipped": pd.Series([skipped] * len(rows), dtype="boolean"),
            "sources": sources,
            "spotify_at": played_at + pd.Timedelta(milliseconds=300),
            "listenbrainz_at": played_at + pd.Timedelta(seconds=apart_s),
        }
    )


def lists(*rows: tuple[dt.date, list[str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "night": night,
                "intent": "main",
                "since": pd.Timestamp(night, tz="UTC"),
                "track_keys": keys,
            }
            for night, keys in rows
        ]
    )


def passed(picks: list[str], *played: tuple[str, str]) -> list[str]:
    heard = plays(*((key, at, BOTH) for key, at in played))
    return passed_over(lists((MONDAY, picks)), heard)["track_key"].tolist()


def test_what_spotify_alone_tells_of_between_two_scrobbles_was_cut_short() -> None:
    found = cut_short(plays(("a", "08:00", BOTH), ("b", "08:04", SPOTIFY), ("c", "08:05", BOTH)))

    assert found.tolist() == [False, True, False]


@pytest.mark.parametrize("scrobbler", ["listenbrainz", "file"])
def test_any_scrobbler_tells_what_was_cut_short(scrobbler: str) -> None:
    both = sorted([scrobbler, "spotify"])
    found = cut_short(plays(("a", "08:00", both), ("b", "08:04", SPOTIFY), ("c", "08:05", both)))

    assert found.tolist() == [False, True, False]


def test_what_any_scrobbler_reports_was_not_cut_short() -> None:
    third = ["listenbrainz", "spotify"]
    rows = ("a", "08:00", BOTH), ("b", "08:04", third), ("c", "08:05", BOTH)

    assert not cut_short(plays(*rows)).any()
    # ListenBrainz has it from Spotify: then only Spotify reports it.
    assert cut_short(plays(*rows, apart_s=0)).tolist() == [False, True, False]


@pytest.mark.parametrize("at", ["07:50", "08:30"])
def test_before_the_first_scrobble_and_after_the_last_nothing_is_known(at: str) -> None:
    found = cut_short(plays(("a", "08:00", BOTH), ("c", "08:05", BOTH), ("b", at, SPOTIFY)))

    assert not found.any()


def test_who_scrobbles_on_one_device_alone_has_cut_nothing_short_on_the_other() -> None:
    on_the_way = plays(("a", "08:00", BOTH), ("b", "12:00", SPOTIFY), ("c", "20:00", BOTH))

    assert not cut_short(on_the_way).any()


def test_a_scrobble_under_another_name_is_no_skip() -> None:
    found = cut_short(
        plays(
            ("a", "08:00", BOTH),
            ("b", "08:04", SPOTIFY),
            ("b live", "08:05", LASTFM),
            ("c", "08:09", BOTH),
        )
    )

    assert not found.any()


def test_what_the_export_calls_skipped_was_cut_short() -> None:
    assert cut_short(plays(("a", "08:00", ["export"]), skipped=True)).tolist() == [True]


def test_no_plays_none_cut_short() -> None:
    assert cut_short(plays()).tolist() == []


def test_a_pick_between_two_that_were_played_was_passed_over() -> None:
    played = ("a", "08:00"), ("c", "08:05"), ("e", "08:09")

    assert passed(list("abcdef"), *played) == ["b", "d"]


def test_a_list_that_was_shuffled_says_nothing() -> None:
    assert passed(list("abcde"), ("e", "08:00"), ("c", "08:05"), ("a", "08:09")) == []


def test_two_plays_in_order_may_be_chance() -> None:
    assert passed(list("abc"), ("a", "08:00"), ("c", "08:05")) == []


def test_a_pick_that_was_played_later_that_day_was_not_passed_over() -> None:
    played = ("a", "08:00"), ("b", "08:05"), ("d", "08:09"), ("a", "21:00")

    assert passed(list("abcd"), *played) == ["c"]


def test_plays_from_before_the_list_and_after_the_next_one_do_not_count() -> None:
    two = lists((MONDAY - dt.timedelta(days=1), list("abc")), (MONDAY, list("def")))
    heard = plays(("a", "08:00", BOTH), ("b", "08:05", BOTH), ("d", "08:09", BOTH))

    assert passed_over(two, heard).empty


def test_what_two_players_report_counts_once() -> None:
    frame = plays(
        ("a", "08:00:00", BOTH), ("a", "08:00:12", BOTH), ("b", "08:00:20", BOTH),
        ("a", "08:03:40", BOTH),
    )  # fmt: skip
    unknown = frame.assign(ms_played=pd.Series([None] * 4, dtype="Int32"))
    assert heard_out(unknown).tolist() == [True, False, True, True]
    # A row says how long the first was heard: no second one can begin meanwhile.
    exported = frame.assign(ms_played=pd.Series([300_000, None, None, None], dtype="Int32"))
    assert heard_out(exported).tolist() == [True, False, True, True]
    again = exported.assign(ms_played=pd.Series([3_000, None, None, None], dtype="Int32"))
    assert heard_out(again).tolist() == [False, True, True, True]
