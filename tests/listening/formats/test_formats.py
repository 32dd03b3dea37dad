"""Tests of every format of history files: what is read, what is left out, and nothing doubled."""

import datetime as dt
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from smallhours.errors import SettingsError
from smallhours.identity import identify
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.formats.known import FORMATS
from smallhours.listening.history_import import import_history
from smallhours.listening.history_merge import unify
from smallhours.listening.plays import LASTFM, load_plays_around, plays_frame, store
from smallhours.summary import Summary
from smallhours_sandbox.simulation.installation import sandbox_services, sandbox_settings
from tests.listening.formats.export_files import extended_row, write_json
from tests.listening.formats.history_writers import WRITERS, ZONE, Played, listen

SETTINGS = sandbox_settings(services=sandbox_services("http://127.0.0.1:1"))
NIGHT = SETTINGS.night("default", "2026-11-02")
AT = round(dt.datetime(2024, 1, 2, 15, 4, 5, tzinfo=dt.UTC).timestamp())
# An hour that comes twice in Berlin.
AUTUMN = round(dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC).timestamp())

HISTORY = [
    Played(AT, "Tyler, The Creator", "SMUCKERS", "Cherry; Bomb", 324),
    Played(AT + 400, "Sigur Rós", 'The "Nothing" Song', "( )", 709),
    Played(AT + 1_200, "きのこ帝国", "クロノスタシス", "フェイクワールドワンダーランド", 276),
    Played(AT + 1_500, "Tool", "10,000 Days (Wings, Pt. 2)", "10,000 Days", 673),
    Played(AT + 2_300, "Nobody; Else", "Without an album"),
    Played(AT + 2_600, "Napalm Death", "You Suffer", "Scum", 31),
    Played(AT + 2_631, "Wormrot", "False Grind Sodomy", "Abuse", 31),
    Played(AT + 2_900, "A", "Twice", "B", 200),
    Played(AT + 3_100, "A", "Twice", "B", 200),
    Played(AUTUMN, "Berlin", "Summer time", "Clock", 200),
]
FIRST_OF_FEBRUARY = Played(AT + 30 * 86_400, "Late", "One", "C", 100)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def imported(lake: Lake, *paths: Path, **options: Any) -> Summary:
    return import_history("default", lake, paths, settings=SETTINGS, night=NIGHT, **options)


def plays_of(lake: Lake) -> pd.DataFrame:
    plays = lake.frame(PLAYS)
    return plays.assign(sources=plays["sources"].map(tuple))


def seconds_of(plays: pd.DataFrame) -> list[int]:
    seconds: list[int] = plays["played_at"].astype("datetime64[s, UTC]").astype("int64").tolist()
    return seconds


def told(history: Sequence[Played]) -> list[tuple[int, str, str]]:
    return [(each.at, each.artist, each.title) for each in history]


def read_back(lake: Lake) -> list[tuple[int, str, str]]:
    plays = plays_of(lake)
    return list(zip(seconds_of(plays), plays["artist"], plays["title"], strict=True))


def written(name: str, folder: Path, history: Sequence[Played] = HISTORY) -> Path:
    return WRITERS[name](folder / "history", history)


def scrobbled(lake: Lake, history: Sequence[Played]) -> None:
    """Store the plays as Last.fm tells them each night."""
    rows = [
        {"played_at": dt.datetime.fromtimestamp(each.at, dt.UTC), "artist": each.artist,
         "title": each.title}
        for each in history
    ]  # fmt: skip
    plays = plays_frame(rows, source=LASTFM)
    since, until = plays["played_at"].min(), plays["played_at"].max() + dt.timedelta(seconds=1)
    stored = load_plays_around(lake, "default", since, until)
    store(lake, "default", stored, unify(stored, plays, source=LASTFM, since=since, until=until))


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "lastfm-to-csv"])
def test_every_play_of_every_format_is_read_and_reading_it_again_changes_nothing(
    name: str, lake: Lake, tmp_path: Path
) -> None:
    path = written(name, tmp_path)
    summary = imported(lake, path, timezone=str(ZONE))
    assert read_back(lake) == told(HISTORY)
    assert plays_of(lake)["album"].fillna("").tolist() == [each.album for each in HISTORY]
    assert set(plays_of(lake)["sources"]) == {("file",)}
    assert summary["unusable_rows"] == 0
    again = imported(lake, path, timezone=str(ZONE))
    assert (again["plays_added"], again["plays_joined"]) == (0, 0)


def test_minutes_are_known_to_be_minutes(lake: Lake, tmp_path: Path) -> None:
    summary = imported(lake, written("lastfm-to-csv", tmp_path))
    assert seconds_of(plays_of(lake)) == [each.at // 60 * 60 for each in HISTORY]
    assert set(plays_of(lake)["sources"]) == {("file_minutes",)}
    assert summary["now_playing_rows"] == 1


def test_files_of_all_formats_and_a_live_sync_of_one_history_double_nothing(
    lake: Lake, tmp_path: Path
) -> None:
    for name in WRITERS:
        imported(lake, written(name, tmp_path), timezone=str(ZONE))
        assert len(plays_of(lake)) == len(HISTORY), name
    assert seconds_of(plays_of(lake)) == [each.at for each in HISTORY]
    scrobbled(lake, HISTORY)
    assert read_back(lake) == told(HISTORY)
    before = plays_of(lake)
    assert set(before["sources"]) == {("file", "file_minutes", "lastfm")}
    for name in ("lastfm-to-csv", "Maloja"):
        imported(lake, written(name, tmp_path))
        pd.testing.assert_frame_equal(plays_of(lake), before)


@pytest.mark.parametrize(
    ("name", "told_by_its_end"),
    [("lastfm-to-csv", False), ("ListenBrainz", True), ("ListenBrainz", False)],
)
@pytest.mark.parametrize("export_first", [True, False])
def test_a_file_beside_spotifys_export_doubles_nothing(
    name: str, told_by_its_end: bool, export_first: bool, lake: Lake, tmp_path: Path
) -> None:
    # Importers elsewhere take the end of Spotify's streams for their start.
    rows = [
        extended_row(
            dt.datetime.fromtimestamp(each.at + each.length_s, dt.UTC),
            each.length_s * 1000,
            master_metadata_track_name=each.title,
            master_metadata_album_artist_name=each.artist,
            spotify_track_uri=None,
        )
        for each in HISTORY
        if each.length_s
    ]
    export = write_json(tmp_path / "endsong_0.json", rows)
    shifted = [
        each._replace(at=each.at + each.length_s * told_by_its_end)
        for each in HISTORY
        if each.length_s
    ]
    file = written(name, tmp_path, shifted)
    for path in (export, file, export) if export_first else (file, export, file):
        imported(lake, path)
    assert len(plays_of(lake)) == len(rows)
    assert seconds_of(plays_of(lake)) == [each.at for each in HISTORY if each.length_s]


def test_your_spotify_tells_what_spotify_told_and_needs_names(lake: Lake, tmp_path: Path) -> None:
    row = {
        "_id": {"$oid": "65942b1f0000000000000000"},
        "owner": {"$oid": "65942b1f0000000000000001"},
        "id": "0123456789ABCDEFGHIJKL",
        "durationMs": 200_000,
        "played_at": {"$date": "2024-01-02T15:04:05.123Z"},
    }
    bare, whole = tmp_path / "bare.json", tmp_path / "whole.json"
    bare.write_text(json.dumps(row) + "\n")
    with pytest.raises(SettingsError, match="no names") as raised:
        imported(lake, bare)
    assert "docs/history-files.md" in raised.value.remedy
    names = {"track": [{"name": "Alison"}], "artist": [{"name": "Slowdive"}], "album": []}
    whole.write_text(json.dumps({**row, **names}) + "\n")
    for _ in range(2):
        imported(lake, whole)
        assert read_back(lake) == [(AT, "Slowdive", "Alison")]
        assert set(plays_of(lake)["sources"]) == {("spotify",)}
    scrobbled(lake, [Played(AT, "Slowdive", "Alison")])
    imported(lake, whole)
    assert plays_of(lake)["sources"].tolist() == [("lastfm", "spotify")]


def test_a_row_of_each_reason_is_counted(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(
        "#AUDIOSCROBBLER/1.1\n#TZ/UTC\n"
        f'A "B\tAlbum\tSong #1\t3\t214\tL\t{AT}\t\n'
        f"A\tAlbum\tSkipped\t3\t214\tS\t{AT}\t\n"
        "A\tAlbum\tNo clock\t3\t214\tL\t946684800\t\n"
        f"<Untagged>\t\tSong\t3\t214\tL\t{AT}\t\n"
        "A\tAlbum\tCut o"
    )
    summary = imported(lake, path)
    assert read_back(lake) == [(AT, 'A "B', "Song #1")]
    reasons = ("skipped_tracks", "rows_before_2002", "unusable_rows")
    assert [summary[reason] for reason in reasons] == [1, 1, 2]


def test_broken_bytes_of_a_players_log_are_replaced(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"#AUDIOSCROBBLER/1.1\n#TZ/UTC\nA\xff\tB\tC\t1\t2\tL\t%d\t\n" % AT)
    imported(lake, path)
    assert read_back(lake) == [(AT, "A�", "C")]


NEEDS_ZONE = ("Scrubbler CSV", "Scrubbler JSON", "Universal Scrobbler")


@pytest.mark.parametrize("name", NEEDS_ZONE)
def test_a_zone_is_asked_for_and_never_guessed(name: str, lake: Lake, tmp_path: Path) -> None:
    path = written(name, tmp_path)
    with pytest.raises(SettingsError, match="without a zone") as raised:
        imported(lake, path)
    assert "--timezone" in raised.value.remedy
    assert plays_of(lake).empty
    with pytest.raises(SettingsError, match="no time zone 'Berlin'"):
        imported(lake, path, timezone="Berlin")


def test_a_players_log_without_a_zone_has_the_time_on_the_wall(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(f"#AUDIOSCROBBLER/1.1\r\n#TZ/UNKNOWN\r\nA\tB\tC\t1\t2\tL\t{AT}\t\r\n")
    with pytest.raises(SettingsError, match="without a zone"):
        imported(lake, path)
    imported(lake, path, timezone="Europe/Berlin")
    assert seconds_of(plays_of(lake)) == [AT - 3_600]


def test_a_time_that_never_was_is_left_out_and_one_that_came_twice_is_the_first(
    lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "u.csv"
    path.write_text(
        '"A","Spring","B","2024-03-31 02:30:00","","214"\n'
        '"A","Autumn","B","2024-10-27 02:30:00","","214"\n'
    )
    assert imported(lake, path, timezone="Europe/Berlin")["unusable_rows"] == 1
    assert read_back(lake) == [(AUTUMN, "A", "Autumn")]


@pytest.mark.parametrize(
    ("dates", "options", "first"),
    [
        (("01/02/2024 16:04:05", "13/02/2024 16:04:05"), {}, "2024-02-01 16:04:05"),
        (("01/02/2024 4:04:05 PM", "01/13/2024 4:04:05 PM"), {}, "2024-01-02 16:04:05"),
        (("01/02/2024 16:04:05",), {"day_first": True}, "2024-02-01 16:04:05"),
        (("01/02/2024 12:04:05 AM",), {"day_first": False}, "2024-01-02 00:04:05"),
        (("01.02.2024 16:04:05",), {}, "2024-02-01 16:04:05"),
        (("2024/02/01 16:04",), {}, "2024-02-01 16:04:00"),
        (("01/02/2024 16:04:05",), {}, None),
    ],
)
def test_which_of_two_numbers_is_the_day(
    dates: Sequence[str], options: dict[str, bool], first: str | None, lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "s.csv"
    path.write_text("".join(f"A,B,C,{date},,00:03:34\n" for date in dates))
    if first is None:
        with pytest.raises(SettingsError, match="day or with the month") as raised:
            imported(lake, path, timezone="UTC")
        assert "--day-first" in raised.value.remedy
        return
    imported(lake, path, timezone="UTC", **options)
    assert f"{plays_of(lake)['played_at'].min():%Y-%m-%d %H:%M:%S}" == first
    assert plays_of(lake)["duration_ms"].iloc[0] == 214_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_may_have_been_saved_again_elsewhere(
    encoding: str, end: str, delimiter: str, lake: Lake, tmp_path: Path
) -> None:
    rows = [("A", "B", "C", "02 Jan 2024 15:04"), ("Ä", "", "Ö", "02 Jan 2024 15:14")]
    path = tmp_path / "me.csv"
    path.write_bytes(end.join(delimiter.join(row) for row in rows).encode(encoding))
    imported(lake, path)
    assert plays_of(lake)["title"].tolist() == ["C", "Ö"]


A_LISTEN = json.dumps(listen(HISTORY[0])).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"artist,track,uts\n" + b"A,B,1704207845\n" * 3 + "Ä,B,1704207846".encode("cp1252"),
         "not UTF-8 text .*, after row 3"),
        (b"%s\n%s" % (A_LISTEN, A_LISTEN[:99]),
         "ends in the middle of line 2, after row 1"),
        (b'{"maloja":{},"scrobbles":[{"time":1704207845,"track":{"artists":["A"],"title":"B"}},{"',
         "ends in the middle, .* after row 1"),
        (b'artist,track,uts\nA,B,1704207845\nA,"B,1704207845\n' + b"x" * 200_000,
         "not one of a table .* after row 1"),
        (b"artist,track,uts\n" + b"A,B,soon\n" * 20, "none of its 20 rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_row_and_the_rest_is_kept(
    content: bytes, why: str, lake: Lake, tmp_path: Path
) -> None:
    good = written("ListenBrainz", tmp_path, [FIRST_OF_FEBRUARY])
    bad = tmp_path / "bad.txt"
    bad.write_bytes(content)
    with pytest.raises(SettingsError, match=why) as raised:
        imported(lake, good, bad)
    assert "bad.txt" in raised.value.what
    assert len(plays_of(lake)) == (1 if "none" in why else 2)


def test_a_row_that_cannot_be_read_is_counted_and_named(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("artist,track,uts\nA,B,1704207845\nA,B,soon\nA,C,1704207945\n")
    assert imported(lake, path)["unusable_rows"] == 1
    assert len(plays_of(lake)) == 2
    assert "row 2" in caplog.text


@pytest.mark.parametrize("content", [b"Hello", b"[]", b'{"a": 1}', b"a,b\n1,2\n", bytes(99)])
def test_unknown_content_says_what_is_known(content: bytes, lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "something.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="no listening history of a known format") as raised:
        imported(lake, path)
    assert all(each.name in raised.value.remedy for each in FORMATS)


def test_an_empty_file_is_called_empty(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.touch()
    with pytest.raises(SettingsError, match=r"history\.csv is empty"):
        imported(lake, path)


def test_a_zip_is_never_unpacked_and_other_files_in_it_are_passed_over(
    lake: Lake, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "a.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside.jsonl", json.dumps(listen(HISTORY[0])) + "\n")
        archive.writestr("zeros.json", bytes(50_000_000))
        for number in range(2_000):
            archive.writestr(f"notes/{number}.txt", b"nothing of interest")
    imported(lake, path)
    assert read_back(lake) == told(HISTORY[:1])
    assert {each.name for each in tmp_path.iterdir()} == {"in", "lake"}


def test_a_track_on_repeat_is_as_many_plays_wherever_the_rows_are_cut(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallhours.listening.history_import._CHUNK", 2)
    # 40 seconds long: two plays of it are within one minute.
    history = [Played(AT + 40 * number, "A", "Short", "B", 40) for number in range(5)]
    imported(lake, written("lastfmstats JSON", tmp_path, history))
    assert read_back(lake) == told(history)
    imported(lake, written("lastfm-to-csv", tmp_path, history))
    assert identify("A", "Short").track_key in set(plays_of(lake)["track_key"])
    assert read_back(lake) == told(history)
