"""Tests of the history as a file: importing it again gives every row as it was."""

import datetime as dt
import json
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from smallhours.errors import NotEnoughData, SettingsError
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.history_export import export_history
from smallhours.listening.history_import import import_history
from smallhours.listening.plays import month_of, plays_frame, with_ordinals
from smallhours_sandbox.simulation.installation import sandbox_services, sandbox_settings

SETTINGS = sandbox_settings(services=sandbox_services("http://127.0.0.1:1"))
NIGHT = SETTINGS.night("default", "2026-11-02")
NOON = dt.datetime(2026, 9, 30, 12, 0, 0, tzinfo=dt.UTC)
MBID = "a74b1b7f-71a5-4011-9441-d0b5e4122711"
ID = "0123456789ABCDEFGHIJKL"


def row(seconds: float, title: str, **known: object) -> dict[str, object]:
    at = NOON + dt.timedelta(seconds=seconds)
    return {"played_at": at, "artist": "Tyler, The Creator", "title": title, **known}


def whole_history() -> pd.DataFrame:
    """Return plays of every source, alone and together, with everything that a row may hold."""
    parts = {
        ("lastfm",): [
            row(0, 'A "quoted"; title\nin two lines', album="きのこ帝国", artist_mbid=MBID),
            row(0, "Twice in a second"),
            row(0, "Twice in a second"),
        ],
        ("spotify",): [row(300, "Recent", spotify_id=ID, isrc="GBAAA0000001", duration_ms=200_000)],
        ("export",): [
            row(600.25, "Glance", ms_played=900, skipped=True, reason_end="fwdbtn", shuffle=False),
            row(700.001, "Old row", ms_played=200_000, reason_start="", reason_end=""),
            row(900, "Account data", ms_played=100_000),
        ],
        ("file",): [row(1_200, "null", album="None"), row(1_201, "=1+1")],
        ("file_minutes",): [row(1_260, "To the minute")],
        ("export", "file", "lastfm"): [
            row(1_500, "Of three", ms_played=200_000, track_mbid=MBID, skipped=False),
        ],
        ("listenbrainz",): [row(1_700, "Listened"), row(1_900, "With an id", spotify_id=ID)],
        ("lastfm", "listenbrainz"): [row(2_100, "Of both", artist_mbid=MBID, track_mbid=MBID)],
        ("lastfm", "spotify"): [row(90_000, "Another month", spotify_id=ID)],
    }
    frames = []
    for sources, rows in parts.items():
        frame = plays_frame(rows, source=sources[-1])
        names = pd.Series([list(sources)] * len(frame), dtype=object)
        frames.append(frame.assign(sources=names))
    return with_ordinals(pd.concat(frames, ignore_index=True))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    plays = whole_history()
    lake.merge(PLAYS, plays.assign(month=month_of(plays["played_at"])), partition=LISTENER)
    return lake


LISTENER = {"listener": "default"}


def rows_of(lake: Lake) -> pd.DataFrame:
    plays = lake.frame(PLAYS)
    return plays.assign(sources=plays["sources"].map(tuple))


@pytest.mark.parametrize("kind", ["jsonl", "csv", "zip"])
def test_a_history_is_equal_row_for_row_after_the_way_through_a_file(
    kind: str, lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / f"history.{kind}"
    assert export_history(lake, "default", path) == len(whole_history())
    other = Lake(str(tmp_path / "other"))
    import_history("default", other, [path], settings=SETTINGS, night=NIGHT)
    pd.testing.assert_frame_equal(rows_of(other), rows_of(lake))
    for each in (other, lake):
        summary = import_history("default", each, [path], settings=SETTINGS, night=NIGHT)
        assert (summary["plays_added"], summary["plays_joined"]) == (0, 0)
    pd.testing.assert_frame_equal(rows_of(other), rows_of(lake))


def test_the_zip_is_laid_out_as_listenbrainz_does(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "history.zip"
    export_history(lake, "default", path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["user.json", "listens/2026/9.jsonl", "listens/2026/10.jsonl"]
        listen = json.loads(archive.read("listens/2026/10.jsonl"))
    assert listen["listened_at"] == round(NOON.timestamp()) + 90_000
    told = listen["track_metadata"]
    assert (told["artist_name"], told["track_name"]) == ("Tyler, The Creator", "Another month")
    assert told["additional_info"]["spotify_id"] == f"https://open.spotify.com/track/{ID}"


def test_what_cannot_be_written_leaves_what_was_there(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"format of .*history\.xml"):
        export_history(lake, "default", tmp_path / "history.xml")
    with pytest.raises(SettingsError, match="can't be written"):
        export_history(lake, "default", tmp_path / "gone" / "history.csv")
    with pytest.raises(NotEnoughData, match="eve has no history"):
        export_history(lake, "eve", tmp_path / "history.csv")
    assert [each.name for each in tmp_path.iterdir()] == ["lake"]
