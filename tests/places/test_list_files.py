"""Tests of files of lists that a person or a player has edited."""

import json
from pathlib import Path

import pytest

from smallhours.errors import NotFound, SettingsError
from smallhours.places.files import FilesPlace
from smallhours.places.list_files import FORMATS
from smallhours.places.place import ListedTrack

RIDE = ListedTrack(1, "Ride", "Vapour Trail", "Nowhere", 258_000, "", "", "", "Because.", "ride")
MARK = "Made by Smallhours. [smallhours:default:main]"


@pytest.fixture
def place(tmp_path: Path) -> FilesPlace:
    made = FilesPlace(tmp_path, ("m3u8", "jspf"))
    made.find([RIDE])
    return made


def test_what_others_wrote_into_m3u8_comes_out_again() -> None:
    text = (
        '\ufeff#EXTM3U\r\n#PLAYLIST:Mine\r\n#EXTINF:12 logo="x",A - B\r\n#EXTALB:C\r\n/m/b.flac\r\n'
        "\r\n#EXTVLCOPT:start=3\r\nplain.mp3\r\n"
    )
    content = FORMATS["m3u8"].read(text)
    assert [(row.uri, row.artist, row.title) for row in content.rows] == [
        ("/m/b.flac", "A", "B"),
        ("plain.mp3", "", ""),
    ]
    again = FORMATS["m3u8"].write(content, {})
    assert '#EXTINF:12 logo="x",A - B\n#EXTALB:C\n/m/b.flac\n' in again
    assert again.endswith("#EXTVLCOPT:start=3\nplain.mp3\n")
    assert FORMATS["m3u8"].read(again).rows == content.rows


def test_what_others_wrote_into_jspf_comes_out_again() -> None:
    row = {"title": "B", "creator": "A", "location": ["/m/b.flac"], "meta": [{"x": "1"}]}
    content = FORMATS["jspf"].read(json.dumps({"playlist": {"title": "Mine", "track": [row]}}))
    written = json.loads(FORMATS["jspf"].write(content, {}))["playlist"]
    assert written["track"] == [{**row, "trackNum": 1}]


def test_the_copy_follows_the_file_that_may_be_edited(place: FilesPlace, tmp_path: Path) -> None:
    made = place.create("Smallhours", MARK)
    place.add(made.id, ["Ride - Vapour Trail"], 0)
    path = tmp_path / f"{made.id}.m3u8"
    path.write_text(path.read_text() + "#EXTINF:-1,Own - Song\nown.mp3\n", encoding="utf-8")
    place.change_details(made.id, description=f"Anew. {MARK}")
    copy = json.loads((tmp_path / f"{made.id}.jspf").read_text())["playlist"]
    assert [(row["creator"], row["title"]) for row in copy["track"]] == [
        ("Ride", "Vapour Trail"),
        ("Own", "Song"),
    ]
    assert copy["track"][0]["duration"] == 258_000
    assert "[smallhours:default:main]" in path.read_text()


def test_a_file_that_is_there_already_is_not_taken(place: FilesPlace, tmp_path: Path) -> None:
    theirs = tmp_path / "smallhours-default-main.m3u8"
    theirs.write_text("mine\n", encoding="utf-8")
    assert place.create("Smallhours", MARK).id == "smallhours-default-main-2"
    assert theirs.read_text() == "mine\n"


def test_a_damaged_file_is_one_clear_error(tmp_path: Path) -> None:
    place = FilesPlace(tmp_path, ("jspf",))
    for text in ("{", "[]", '{"playlist": 3}', '{"playlist": {"track": [7]}}'):
        (tmp_path / "x.jspf").write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=r"x\.jspf can't be read as JSPF"):
            place.playlist("x")
    with pytest.raises(NotFound):
        place.playlist("y")
