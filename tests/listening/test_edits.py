"""Tests of edits: which plays they leave out, and that undoing them leaves no trace."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.errors import SettingsError
from smallhours.lake.list_tables import EDITS
from smallhours.lake.store import Lake
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.edits import (
    Edit,
    artist_edit,
    dates_edit,
    era_edit,
    hours_edit,
    not_mine,
    own_plays,
    read_edits,
    store_edit,
    undo_edit,
)
from smallhours.listening.feedback import without_neutral_picks
from smallhours.listening.library import library_frame, read_library
from smallhours.listening.plays import month_of, plays_frame
from smallhours.vocabulary import NEUTRAL, EditKind, EditSubject

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
DUBLIN = "Europe/Dublin"


def play(local: str, artist: str = "Ride", platform: str | None = None) -> dict[str, object]:
    at = dt.datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(DUBLIN)).astimezone(dt.UTC)
    return {"played_at": at, "artist": artist, "title": "A", "platform": platform}


def out(edit: Edit, *plays: dict[str, object]) -> list[bool]:
    return [bool(each) for each in not_mine(plays_frame(plays, source="export"), [edit])]


@pytest.mark.parametrize(
    ("days", "start", "end", "local", "expected"),
    [
        (["sat"], 16, 19, "2026-10-31T16:00", True),
        (["sat"], 16, 19, "2026-10-31T18:59", True),
        (["sat"], 16, 19, "2026-10-31T19:00", False),
        (["sat"], 16, 19, "2026-10-30T17:00", False),
        (["sat"], 16, 19, "2026-07-04T16:30", True),  # summer time: 15:30 UTC
        (["fri"], 22, 2, "2026-10-31T01:30", True),  # Friday's night goes into Saturday
        (["fri"], 22, 2, "2026-10-30T01:30", False),
        (["fri"], 22, 2, "2026-10-30T23:00", True),
        (["fri"], 0, 24, "2026-10-30T23:59", True),
        (["fri"], 0, 24, "2026-10-31T00:00", False),
    ],
)
def test_hours_of_the_week_are_those_where_the_listener_lives(
    days: list[str], start: int, end: int, local: str, expected: bool
) -> None:
    assert out(hours_edit(days, start, end, DUBLIN, NOW), play(local)) == [expected]


def test_dates_hold_their_first_and_their_last_day() -> None:
    edit = dates_edit("2026-07-01", "2026-07-02", DUBLIN, NOW)

    days = ["2026-06-30T23:59", "2026-07-01T00:00", "2026-07-02T23:59", "2026-07-03T00:00"]
    assert out(edit, *map(play, days)) == [False, True, True, False]


def test_an_artist_is_meant_however_the_name_is_written() -> None:
    edit = artist_edit(EditKind.NOT_MINE, "the WIGGLES", NOW)

    assert out(edit, play("2026-07-01", "The Wiggles"), play("2026-07-02", "Ride")) == [True, False]


def test_a_kind_of_device_concerns_no_play_of_an_unknown_one() -> None:
    edit = Edit(EditKind.NOT_MINE, EditSubject.PLATFORM, "Amazon speaker", "", NOW)

    plays = play("2026-07-01", platform="Amazon speaker"), play("2026-07-02"), play("2026-07-03")
    assert out(edit, *plays) == [True, False, False]


def test_undoing_gives_back_the_same_plays_and_leaves_the_raw_ones_alone(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    plays = plays_frame([play("2026-10-31T17:00"), play("2026-10-31T20:00")], source="lastfm")
    plays = plays.assign(month=month_of(plays["played_at"]))
    lake.merge(PLAYS, plays, partition={"listener": "me"})
    columns = ["artist", "played_at"]
    before, raw = own_plays(lake, "me", columns), _bytes_of(lake)
    edit = hours_edit(["sat"], 16, 19, DUBLIN, NOW)

    store_edit(lake, "me", edit)
    assert len(own_plays(lake, "me", columns)) == 1
    assert len(own_plays(lake, "you", columns)) == 0
    undo_edit(lake, "me", edit.kind, edit.subject, edit.value)

    pd.testing.assert_frame_equal(own_plays(lake, "me", columns), before)
    assert _bytes_of(lake) == raw
    assert lake.frame(EDITS).empty


def _bytes_of(lake: Lake) -> list[bytes]:
    return [path.read_bytes() for path in sorted(Path(lake.url).rglob("plays/**/*.parquet"))]


def test_more_of_something_takes_the_place_of_less(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))

    store_edit(lake, "me", era_edit(EditKind.LESS, "1990s", NOW))
    store_edit(lake, "me", era_edit(EditKind.MORE, "1990s", NOW))

    (edit,) = read_edits(lake, "me").rows
    assert edit.kind == EditKind.MORE


@pytest.mark.parametrize(
    ("days", "start", "end"), [([], 1, 2), (["sun"], -1, 3), (["sun"], 3, 25), (["day"], 1, 2)]
)
def test_hours_that_are_none_are_refused(days: list[str], start: int, end: int) -> None:
    with pytest.raises(SettingsError, match="hours of the week"):
        hours_edit(days, start, end, DUBLIN, NOW)


def test_dates_in_the_wrong_order_and_eras_that_are_none_are_refused() -> None:
    with pytest.raises(SettingsError, match="is before"):
        dates_edit("2026-07-02", "2026-07-01", DUBLIN, NOW)
    with pytest.raises(SettingsError, match="not a decade"):
        era_edit(EditKind.MORE, "nineties", NOW)


@pytest.mark.parametrize("neutral", NEUTRAL)
def test_what_else_happened_to_a_pick_that_should_not_count_is_left_out(neutral: str) -> None:
    rows = [("a", "skipped"), ("a", neutral), ("b", "skipped"), ("b", "thumbs_up")]
    feedback = pd.DataFrame(rows, columns=["track_key", "reaction"])
    feedback = feedback.assign(night=dt.date(2026, 11, 2), intent="main")

    left = without_neutral_picks(feedback)

    assert left["reaction"].tolist() == [neutral, "skipped", "thumbs_up"]


def test_spotify_s_top_tracks_of_somebody_else_are_left_out(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    songs = [("2026-10-31T17:00", "Wiggles"), ("2026-10-31T20:00", "Ride")]
    plays = plays_frame([play(at, artist) for at, artist in songs], source="lastfm")
    plays = plays.assign(month=month_of(plays["played_at"]))
    lake.merge(PLAYS, plays, partition={"listener": "me"})
    rows = [
        {"signal": signal, "artist": artist, "title": "A", "time_range": "", "rank": None}
        for signal in ("top", "saved")
        for _, artist in songs
    ]
    library = library_frame(rows, source="spotify", night=NOW.date())
    lake.merge(LIBRARY, library, partition={"listener": "me"})

    store_edit(lake, "me", hours_edit(["sat"], 16, 19, DUBLIN, NOW))

    left = read_library(lake, "me", ["signal", "artist"])
    assert sorted(left.itertuples(index=False, name=None)) == [
        ("saved", "Ride"),
        ("saved", "Wiggles"),
        ("top", "Ride"),
    ]
