"""Property tests: one field of one row is anything, and the other rows are read as before."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import BrokenReply
from smallhours.services import audio_features, lastfm_replies, spotify_replies
from smallhours.services.json_cursor import JsonCursor
from tests.services.test_spotify_replies import ANYTHING, ENTRY, PLAYLIST, TRACK

VALUES = ANYTHING | st.sampled_from(
    ["", "200000", -1, 12, 3.5, 100_000, "\ud800", "Infinity", True]
)
MBIDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(3)]
IDS = [str(number) * 22 for number in range(3)]
DOCUMENT = {
    "metadata": {"audio_properties": {"replay_gain": -8.5}},
    "rhythm": {"bpm": 120.5},
    "tonal": {"key_key": "A", "key_scale": "minor"},
    "highlevel": {"mood_acoustic": {"all": {"acoustic": 0.25, "not_acoustic": 0.75}}},
}
FEATURES = [
    {
        "id": "x", "href": f"https://open.spotify.com/track/{each}", "isrc": None, "energy": 0.5,
        "danceability": 0.5, "key": 5, "mode": 1, "loudness": -7.5, "tempo": 120.0,
    }
    for each in IDS
]  # fmt: skip


def named(number: int, whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row under another URI, to tell it from its neighbours."""
    row = deepcopy(dict(whole))
    for track in (row.get("track"), row.get("item"), row):
        if track is not None and ("uri" in track or track is row):
            track["uri"] = f"spotify:track:{number:022}"
    return {**row, "id": f"id{number}"} if "owner" in row else row


JSON_LISTS: Mapping[str, tuple[Callable[[JsonCursor], Sequence[Any]], Mapping[str, Any]]] = {
    "top": (spotify_replies.parse_top, TRACK),
    "saved": (spotify_replies.parse_saved, ENTRY),
    "recent": (spotify_replies.parse_recent, ENTRY),
    "playlists": (spotify_replies.parse_playlists, PLAYLIST),
    "playlist items": (spotify_replies.parse_playlist_items, ENTRY),
}


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every member within a value, itself first."""
    yield path
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(member, (*path, key))


def replaced(whole: Any, path: Sequence[Any], value: Any) -> Any:
    """Return a copy with the member at a path replaced."""
    if not path:
        return value
    copy = deepcopy(whole)
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


@pytest.mark.parametrize("listing", JSON_LISTS)
@given(st.data())
def test_one_row_of_spotify_costs_itself_only(listing: str, data: st.DataObject) -> None:
    parse, whole = JSON_LISTS[listing]
    rows = [named(number, whole) for number in range(3)]
    odd = replaced(rows[1], data.draw(st.sampled_from(list(paths(rows[1])))), data.draw(VALUES))
    quiet = parse(JsonCursor("Spotify", {"items": rows}))
    reply = JsonCursor("Spotify", {"items": [rows[0], odd, rows[2]]})
    got = parse(reply)
    kept = [row for row in got if row in (quiet[0], quiet[2])]
    assert [quiet[0], quiet[2]] == kept or (len(got) == 3 and quiet[0] in got and quiet[2] in got)
    assert len(got) + sum(reply.odd_rows.values()) <= 3


@given(st.sampled_from(list(paths(FEATURES[1]))), VALUES)
def test_one_row_of_reccobeats_costs_itself_only(path: tuple[Any, ...], value: Any) -> None:
    quiet = audio_features.parse_features(JsonCursor("R", {"content": FEATURES}), IDS)
    content = [FEATURES[0], replaced(FEATURES[1], path, value), FEATURES[2]]
    got = audio_features.parse_features(JsonCursor("R", {"content": content}), IDS)
    assert {each: got[each] for each in (IDS[0], IDS[2])} == {
        each: quiet[each] for each in (IDS[0], IDS[2])
    }
    assert all(math.isfinite(value) for each in got.values() for value in each.values())


@pytest.mark.parametrize("level", audio_features.LEVELS)
@given(st.sampled_from(list(paths({"0": DOCUMENT}))), VALUES)
def test_one_recording_of_acousticbrainz_costs_itself_only(
    level: str, path: tuple[Any, ...], value: Any
) -> None:
    whole = {mbid: {"0": DOCUMENT} for mbid in MBIDS}
    quiet = audio_features.parse_documents(JsonCursor("A", whole), level, MBIDS)
    odd = {**whole, MBIDS[1]: replaced(whole[MBIDS[1]], path, value)}
    got = audio_features.parse_documents(JsonCursor("A", odd), level, MBIDS)
    assert {each: got[each] for each in (MBIDS[0], MBIDS[2])} == {
        each: quiet[each] for each in (MBIDS[0], MBIDS[2])
    }
    assert all(math.isfinite(value) for each in got.values() for value in each.values())


XML_ROWS = """<{0}><name>{1}</name><artist mbid="m"><name>A{1}</name></artist><match>0.5</match>
<album>L</album><mbid/><date uts="170000000{1}">then</date><count>5</count><reach>3</reach>
<taggings>4</taggings><playcount>7</playcount><listeners>2</listeners></{0}>"""
XML_LISTS: Mapping[str, tuple[str, str, Callable[[Element], Any]]] = {
    "scrobbles": (
        "recenttracks", "track",
        lambda root: lastfm_replies.parse_scrobbles(root, "ada").scrobbles,
    ),
    "loved": ("lovedtracks", "track", lambda root: lastfm_replies.parse_loved(root, "ada").tracks),
    "tags": ("toptags", "tag", lambda root: lastfm_replies.parse_tags(root, "A", None).tags),
    "similar tracks": ("similartracks", "track", lastfm_replies.parse_similar_tracks),
    "similar artists": ("similarartists", "artist", lastfm_replies.parse_similar_artists),
    "top tracks": ("toptracks", "track", lastfm_replies.parse_top_tracks),
    "chart": ("tags", "tag", lastfm_replies.parse_top_tags),
}  # fmt: skip
XML_TEXTS = (
    st.none()
    | st.sampled_from(
        ["", " ", "-3", "0", "1e400", "nan", "soon", "9" * 30, "0.5", "\u200b", "5.5"]
    )
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=8)
)


@pytest.mark.parametrize("listing", XML_LISTS)
@given(st.integers(0, 14), XML_TEXTS)
def test_one_row_of_lastfm_costs_itself_only(listing: str, field: int, text: str | None) -> None:
    root_name, row_name, parse = XML_LISTS[listing]
    rows = "".join(XML_ROWS.format(row_name, number) for number in range(3))
    attributes = 'user="ada" page="1" totalPages="1" total="3"'
    xml = f"<lfm><{root_name} {attributes}>{rows}</{root_name}></lfm>"
    quiet = parse(ElementTree.fromstring(xml))  # noqa: S314 - our own
    root = ElementTree.fromstring(xml)  # noqa: S314
    members = list(root[0][1].iter())
    member = members[field % len(members)]
    if text is None and member is not root[0][1]:
        parent = next(each for each in root.iter() if member in list(each))
        parent.remove(member)
    elif member.attrib and field % 2:
        member.set(next(iter(member.attrib)), text or "")
    else:
        member.text = text
    try:
        got = parse(root)
    except BrokenReply as error:
        pytest.fail(f"one row breaks the whole reply: {error}")
    # A place that follows from the rows before may change.
    names = [getattr(row, "title", None) or getattr(row, "name", None) or row for row in got]
    first, last = (
        getattr(quiet[n], "title", None) or getattr(quiet[n], "name", None) or quiet[n]
        for n in (0, 2)
    )
    assert first in names
    assert last in names
    assert len(got) in (2, 3)
