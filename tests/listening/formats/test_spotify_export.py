"""Tests of reading every generation of Spotify's export files."""

import datetime as dt
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import SettingsError
from smallhours.listening.formats.history_file import history_files
from smallhours.listening.formats.json_array import iter_elements
from smallhours.listening.formats.reading import ExclusionReason, MalformedFile
from smallhours.listening.formats.spotify_export import Stream, parse_row
from tests.listening.formats.export_files import (
    FOLDER,
    SECRETS,
    account_row,
    extended_row,
    write_json,
    write_zip,
)

NOON = dt.datetime(2021, 11, 15, 12, 0, 0, tzinfo=dt.UTC)
MORNING = dt.datetime(2021, 11, 15, 11, 50, tzinfo=dt.UTC)
ROW = extended_row(NOON, 200_000)


def rows_in(path: Path) -> list[Stream | ExclusionReason]:
    return [row for file in history_files(path) for row in file.rows()]


@pytest.mark.parametrize(
    "name",
    [
        "Streaming_History_Audio_2019.json",
        "Streaming_History_Audio_2019_1.json",
        "Streaming_History_Audio_2019-2020_3.json",
        "Streaming_History_Audio_2019-2020_3 (1).json",
        "streaming_history_audio_2019.JSON",
        "endsong.json",
        "endsong_3.json",
        "StreamingHistory0.json",
        "StreamingHistory_music_0.json",
        "Copy of Streaming_History_Audio_2019_1.json",
        "Streaming_History_Audio_2019_1.json.txt",
        "history of mine.json",
        "2019.txt",
    ],
)
@pytest.mark.parametrize("folder", ["", f"{FOLDER}/", "MyData/deeper/"])
def test_every_name_that_spotify_ever_gave_a_file_is_found(
    name: str, folder: str, tmp_path: Path
) -> None:
    others = {f"{folder}Identity.json": b"{}", f"__MACOSX/{folder}._{name}": b"\x00\x05"}
    zipped = write_zip(tmp_path / "my_spotify_data.zip", {f"{folder}{name}": [ROW], **others})
    assert len(rows_in(zipped)) == 1
    unpacked = tmp_path / "unpacked"
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(unpacked)
    assert len(rows_in(unpacked)) == 1
    assert len(rows_in(unpacked / folder / name)) == 1


def test_files_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = [f"endsong_{number}.json" for number in (10, 2, 0)]
    found = history_files(write_zip(tmp_path / "a.zip", {name: [ROW] for name in names}))
    assert [file.member for file in found] == [
        "endsong_0.json",
        "endsong_2.json",
        "endsong_10.json",
    ]


def test_a_stream_says_when_it_ended_and_how_long_it_was_heard() -> None:
    row = extended_row(NOON, 200_000, skipped=True, reason_end="fwdbtn", shuffle=True)
    assert parse_row(row) == Stream(
        ended_at=NOON,
        ms_played=200_000,
        artist="Slowdive",
        title="Alison",
        album="Souvlaki",
        spotify_id="0123456789ABCDEFGHIJKL",
        skipped=True,
        reason_start="trackdone",
        reason_end="fwdbtn",
        shuffle=True,
        platform="Android",
    )


def test_the_shorter_export_says_the_minute() -> None:
    row = account_row(NOON + dt.timedelta(seconds=42), 200_000)
    assert parse_row(row) == Stream(NOON, 200_000, "Slowdive", "Alison")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"skipped": None}, {"skipped": None}),
        ({"skipped": 1, "shuffle": 0}, {"skipped": True, "shuffle": False}),
        ({"reason_end": ""}, {"reason_end": ""}),
        ({"reason_end": None, "reason_start": None}, {"reason_end": None, "reason_start": None}),
        ({"offline": True, "offline_timestamp": 1_636_977_600}, {"ended_at": NOON}),
        ({"offline": True, "offline_timestamp": 1_636_977_600_000}, {"ended_at": NOON}),
        ({"spotify_track_uri": "spotify:local:a:b:c:200"}, {"spotify_id": None}),
        ({"spotify_track_uri": None}, {"spotify_id": None}),
        ({"ms_played": 0}, {"ms_played": 0}),
        ({"ms_played": "200000"}, {"ms_played": 200_000}),
        ({"ms_played": "200000.0"}, {"ms_played": 200_000}),
        ({"skipped": "true", "shuffle": "0"}, {"skipped": True, "shuffle": False}),
        ({"incognito_mode": "false"}, {"ended_at": NOON}),
        ({"offline": 1, "offline_timestamp": "1636977000"}, {"offline_at": MORNING}),
        ({"offline": "true", "offline_timestamp": 1_636_977_000_000}, {"offline_at": MORNING}),
        ({"offline": False, "offline_timestamp": 1_636_977_000}, {"offline_at": None}),
        ({"offline": True, "offline_timestamp": 1_736_977_000}, {"offline_at": None}),
        ({"offline": True, "offline_timestamp": 10**30}, {"offline_at": None}),
        ({"ts": "2021-11-15T13:00:00+01:00"}, {"ended_at": NOON}),
        ({"ts": "2021-11-15 12:00:00"}, {"ended_at": NOON}),
        ({"master_metadata_track_name": "half \ud83c"}, {"title": "half \ufffd"}),
    ],
)
def test_what_changed_between_generations(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    parsed = parse_row({**ROW, **fields})
    assert isinstance(parsed, Stream)
    assert {name: getattr(parsed, name) for name in expected} == expected


def test_fields_that_are_not_there_are_unknown() -> None:
    wanted = ("ts", "ms_played", "master_metadata_track_name", "master_metadata_album_artist_name")
    parsed = parse_row({name: ROW[name] for name in wanted})
    assert parsed == Stream(NOON, 200_000, "Slowdive", "Alison")


NAMELESS = {"master_metadata_track_name": None, "master_metadata_album_artist_name": None}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"incognito_mode": True}, ExclusionReason.PRIVATE),
        ({"incognito_mode": "true"}, ExclusionReason.PRIVATE),
        ({"incognito_mode": "True "}, ExclusionReason.PRIVATE),
        ({"incognito_mode": 1}, ExclusionReason.PRIVATE),
        ({"incognito_mode": "1"}, ExclusionReason.PRIVATE),
        ({**NAMELESS, "episode_name": "Four", "spotify_episode_uri": "x"}, ExclusionReason.PODCAST),
        ({**NAMELESS, "audiobook_title": "Middlemarch"}, ExclusionReason.AUDIOBOOK),
        (NAMELESS, ExclusionReason.UNUSABLE),
        ({"master_metadata_track_name": " "}, ExclusionReason.UNUSABLE),
        ({"ts": "1970-01-01T00:00:00Z"}, ExclusionReason.UNUSABLE),
        ({"ts": "yesterday"}, ExclusionReason.UNUSABLE),
        ({"ts": None}, ExclusionReason.UNUSABLE),
        ({"ms_played": -1}, ExclusionReason.UNUSABLE),
        ({"ms_played": True}, ExclusionReason.UNUSABLE),
        ({"ms_played": 2**31}, ExclusionReason.UNUSABLE),
        ({"ms_played": None}, ExclusionReason.UNUSABLE),
    ],
)
def test_what_is_left_out_and_why(fields: dict[str, Any], reason: ExclusionReason) -> None:
    assert parse_row({**ROW, **fields}) is reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Streaming_History_Video_2016-2024.json", ExclusionReason.VIDEO),
        ("endvideo.json", ExclusionReason.VIDEO),
        ("Copy of Streaming_History_Video_2016-2024.json", ExclusionReason.VIDEO),
        ("StreamingHistory_podcast_0.json", ExclusionReason.PODCAST),
        ("StreamingHistory_audiobook_0.json", ExclusionReason.AUDIOBOOK),
    ],
)
def test_files_of_other_media_are_counted_row_by_row(
    name: str, reason: ExclusionReason, tmp_path: Path
) -> None:
    assert rows_in(write_json(tmp_path / name, [ROW, ROW])) == [reason, reason]


def test_who_and_where_never_leaves_the_file() -> None:
    assert not any(secret in repr(parse_row(ROW)) for secret in SECRETS)


@given(
    st.dictionaries(
        st.sampled_from(sorted(ROW)),
        st.from_type(type(None))
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.integers())
        | st.datetimes().map(str),
    )
)
def test_whatever_a_row_holds_it_is_a_stream_or_left_out(fields: dict[str, Any]) -> None:
    for row in (fields, {**ROW, **fields}):
        parsed = parse_row(row)
        assert isinstance(parsed, Stream | ExclusionReason)
        if isinstance(parsed, Stream):
            assert parsed.started_at.tzinfo is not None
            parsed.title.encode()


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_a_row_may_be_any_json(row: object) -> None:
    assert parse_row(row) is ExclusionReason.UNUSABLE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON.map(lambda each: [each]), max_size=5), st.integers(1, 9), st.booleans())
def test_an_array_is_the_same_however_it_is_cut(rows: list[object], size: int, wide: bool) -> None:
    text = json.dumps(rows, indent=2 if wide else None)
    blocks = [text[at : at + size] for at in range(0, len(text), size)]
    assert list(iter_elements(blocks)) == rows


@given(st.lists(st.just({"a": 'x,]"'}), min_size=1, max_size=3), st.data())
def test_a_truncated_array_is_never_taken_for_a_whole_one(
    rows: list[object], data: st.DataObject
) -> None:
    text = json.dumps(rows)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(MalformedFile):
        list(iter_elements([cut]))


@given(st.text(alphabet='[]{},:"\\0a \n'))
def test_any_text_is_an_array_or_malformed(text: str) -> None:
    try:
        found = list(iter_elements(text))
    except MalformedFile:
        return
    assert found == json.loads(text)


WHOLE = json.dumps([ROW, ROW]).encode()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (WHOLE[:-40], "ends in the middle"),
        (WHOLE[:-1], "ends in the middle"),
        (WHOLE + WHOLE, "something follows"),
        (WHOLE.replace(b'"ts":', b'"ts"'), "not JSON"),
        (b"", "empty"),
        (b"<!DOCTYPE html>", "not a list"),
        (json.dumps(ROW).encode(), "not a list"),
        (b'[{"playlists": 3}]', "not those of a history"),
        (b"[null, null]", "not those of a history"),
        (json.dumps([{**ROW, "ts": "1 May 2021"}] * 50).encode(), "none of its 50 rows"),
        (json.dumps([{"track": "A", "at": 3}] * 50).encode(), "none of its 50 rows"),
        (b"[" * 100_000, "not JSON"),
        ('["é"]'.encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    content: bytes, why: str, tmp_path: Path
) -> None:
    broken = tmp_path / "endsong_4.json"
    broken.write_bytes(content)
    with pytest.raises(SettingsError, match=why) as caught:
        rows_in(broken)
    assert "endsong_4.json" in caught.value.what
    assert "again" in caught.value.remedy
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_a_few_rows_that_are_none_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "endsong_0.json"
    path.write_text(json.dumps([None, ROW, {}, None, "odd"]))
    unusable = ExclusionReason.UNUSABLE
    assert rows_in(path) == [unusable, parse_row(ROW), unusable, unusable, unusable]


def test_an_empty_list_is_a_history_without_plays(tmp_path: Path) -> None:
    assert rows_in(write_json(tmp_path / "endsong_0.json", [])) == []


def test_a_zip_that_is_none_or_only_a_part(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "my_spotify_data.zip", {"endsong_0.json": [ROW] * 50})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SettingsError, match=r"my_spotify_data\.zip .* not a zip"):
        history_files(path)


def test_a_zip_with_a_damaged_file(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"endsong_0.json": [ROW] * 50})
    content = bytearray(path.read_bytes())
    content[200:210] = bytes(10)
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"a\.zip: endsong_0\.json is not a whole file"):
        rows_in(path)


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"endsong_0.json": [ROW]})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="password") as caught:
        history_files(path)
    assert "Unpack it" in caught.value.remedy


def test_a_zip_without_a_history(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"MyData/YourLibrary.json": b"{}"})
    with pytest.raises(SettingsError, match="no listening history") as caught:
        history_files(path)
    assert "docs/history-files.md" in caught.value.remedy


def test_a_path_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no file or folder .*gone\.zip"):
        history_files(tmp_path / "gone.zip")


def test_progress_tells_every_byte(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"endsong_0.json": [ROW] * 300})
    (file,) = history_files(path)
    told: list[int] = []
    assert len(list(file.rows(told.append))) == 300
    assert sum(told) == file.size > 100_000
    assert len(told) > 1


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    text = io.StringIO()
    text.write("[" + json.dumps(ROW))
    text.writelines("," + json.dumps(ROW) for _ in range(12_000))
    path = tmp_path / "endsong_0.json"
    path.write_text(text.getvalue() + "]")
    assert path.stat().st_size > 8_000_000
    (file,) = history_files(path)
    tracemalloc.start()
    count = sum(1 for _ in file.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 12_001
    assert peak < 1_000_000
