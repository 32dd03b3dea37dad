"""Which reports are of the same play: a table of cases."""

import datetime as dt

import pandas as pd
import pytest

from smallhours.listening.matching import unify
from smallhours.listening.plays import LASTFM, SPOTIFY, plays_frame

NOON = dt.datetime(2026, 11, 1, 12, 0, 0, tzinfo=dt.UTC)
SINCE, UNTIL = NOON - dt.timedelta(hours=6), NOON + dt.timedelta(hours=6)
LENGTH_MS = 240_000


def play(seconds: float, title: str = "Alison", **known: str) -> dict[str, object]:
    at = NOON + dt.timedelta(seconds=seconds)
    return {"played_at": at, "artist": "Slowdive", "title": title, **known}


def unified(stored: pd.DataFrame, reported: pd.DataFrame, source: str) -> pd.DataFrame:
    return unify(
        stored,
        reported,
        source=source,
        since=SINCE,
        until=UNTIL,
        durations={"slowdive · alison": LENGTH_MS},
    )


@pytest.mark.parametrize(
    ("apart_s", "title", "same"),
    [
        (0, "Alison", True),
        (8, "Alison", True),
        (-8, "Alison", True),
        (240, "Alison", True),  # Spotify gave the end of the play
        (250, "Alison - 2005 Remaster", True),
        (130, "Alison", False),  # neither its start nor its end
        (8, "Souvlaki Space Station", False),
        (8, "Alison (Live)", False),
        (3600, "Alison", False),
    ],
)
def test_when_two_services_saw_one_play(apart_s: float, title: str, same: bool) -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    recent = plays_frame([play(apart_s, title, spotify_id="x" * 22)], source=SPOTIFY)
    rows = unified(scrobble, recent, SPOTIFY)
    assert len(rows) == (1 if same else 2)
    if same:
        assert list(rows["sources"][0]) == ["lastfm", "spotify"]
        assert rows["played_at"][0] == NOON
        assert rows["title"][0] == "Alison"
        assert rows["spotify_id"][0] == "x" * 22


def test_it_does_not_matter_who_reports_first() -> None:
    scrobble = plays_frame([play(0)], source=LASTFM)
    recent = plays_frame([play(240, spotify_id="x" * 22)], source=SPOTIFY)
    one = unified(scrobble, recent, SPOTIFY)
    other = unified(recent, scrobble, LASTFM)
    pd.testing.assert_frame_equal(one, other)


def test_a_report_is_used_once() -> None:
    twice = plays_frame([play(0), play(240)], source=LASTFM)
    once = plays_frame([play(241, spotify_id="x" * 22)], source=SPOTIFY)
    rows = unified(twice, once, SPOTIFY)
    assert [list(names) for names in rows["sources"]].count(["lastfm", "spotify"]) == 1
    assert len(rows) == 2


def test_a_scrobble_that_was_deleted_goes_and_a_late_one_comes() -> None:
    stored = plays_frame([play(0), play(600, "Machine Gun")], source=LASTFM)
    reported = plays_frame([play(600, "Machine Gun"), play(-900, "40 Days")], source=LASTFM)
    rows = unified(stored, reported, LASTFM)
    assert rows["title"].tolist() == ["40 Days", "Machine Gun"]


def test_a_play_that_another_source_still_reports_stays() -> None:
    both = unified(
        plays_frame([play(0)], source=LASTFM), plays_frame([play(3)], source=SPOTIFY), SPOTIFY
    )
    rows = unified(both, plays_frame([], source=LASTFM), LASTFM)
    assert [list(names) for names in rows["sources"]] == [["spotify"]]


def test_plays_outside_of_the_span_are_left_alone() -> None:
    stored = plays_frame([play(-7 * 3600), play(0)], source=LASTFM)
    rows = unified(stored, plays_frame([], source=LASTFM), LASTFM)
    assert len(rows) == 1


def test_two_identical_rows_in_one_second_are_two_plays() -> None:
    reported = plays_frame([play(0), play(0)], source=LASTFM)
    rows = unified(plays_frame([], source=LASTFM), reported, LASTFM)
    assert rows["ordinal"].tolist() == [0, 1]
    again = unified(rows, reported, LASTFM)
    assert again["ordinal"].tolist() == [0, 1]
