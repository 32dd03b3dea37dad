"""Tests that other players and spreadsheets can read an exported list, whatever its names hold."""

import csv
import datetime as dt
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.places.export_formats import address, as_csv, as_jspf, as_m3u8
from smallhours.places.place import ListedTrack

NIGHT = dt.date(2026, 11, 2)
RIDE = ListedTrack(
    1,
    "Ride",
    "Leave",
    "Nowhere",
    203_400,
    "2" * 22,
    "GBAAA9000001",
    "e0e1f0c2-0000-4000-8000-000000000000",
    "Close to Slowdive.",
    "ride · leave",
)
UNKNOWN = ListedTrack(
    2, "Nobody", "Nothing", "", None, "", "", "", "A discovery.", "nobody · nothing"
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


def test_m3u8_holds_lengths_names_and_addresses() -> None:
    assert as_m3u8([RIDE, UNKNOWN], name="Smallhours", night=NIGHT) == (
        "#EXTM3U\n"
        "#PLAYLIST:Smallhours, 2026-11-02\n"
        "#EXTINF:203,Ride - Leave\n"
        "#EXTALB:Nowhere\n"
        "https://open.spotify.com/track/2222222222222222222222\n"
        "#EXTINF:-1,Nobody - Nothing\n"
        "Nobody - Nothing\n"
    )


def test_jspf_leaves_out_what_is_not_known() -> None:
    playlist = json.loads(as_jspf([RIDE, UNKNOWN], name="Smallhours", night=NIGHT))["playlist"]

    assert playlist["title"] == "Smallhours"
    first, second = playlist["track"]
    assert first["identifier"] == [f"https://musicbrainz.org/recording/{RIDE.mbid}"]
    assert first["duration"] == 203_400
    assert second == {
        "title": "Nothing",
        "creator": "Nobody",
        "trackNum": 2,
        "annotation": "A discovery.",
    }


@given(names, names)
def test_no_name_breaks_a_line_of_m3u8(artist: str, title: str) -> None:
    item = ListedTrack(1, artist, title, "", None, "", "", "", "", "key")

    lines = as_m3u8([item], name="x", night=NIGHT).split("\n")

    assert len(lines) == 5
    assert lines[2].startswith("#EXTINF:-1,")
    assert not lines[3].startswith("#")


@given(names, names)
def test_every_name_comes_back_from_csv_and_none_is_a_formula(artist: str, title: str) -> None:
    item = ListedTrack(1, artist, title, "", None, "", "", "", "", "key")

    (row,) = csv.DictReader(io.StringIO(as_csv([item], name="x", night=NIGHT), newline=""))

    assert row["artist"].removeprefix(" ") == artist.removeprefix(" ")
    assert row["title"][:1] not in ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize("known", [RIDE, UNKNOWN])
def test_csv_has_a_row_a_track_with_its_reason(known: ListedTrack) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([known], name="x", night=NIGHT)))

    assert (row["night"], row["reason"]) == ("2026-11-02", known.reason)
    assert row["spotify_url"] == (address(known) if known.spotify_id else "")
