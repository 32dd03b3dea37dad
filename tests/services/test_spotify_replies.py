"""Property tests of Spotify's parsers: any input gives valid rows or BrokenReply."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.errors import BrokenReply
from smallhours.services import spotify_replies as replies
from smallhours.services.json_cursor import JsonCursor


def spotify_json(value: Any) -> JsonCursor:
    return JsonCursor("Spotify", value)


PARSERS: list[Callable[[JsonCursor], Any]] = [
    replies.parse_track,
    replies.parse_top,
    replies.parse_saved,
    replies.parse_recent,
    replies.parse_search,
    replies.parse_account,
    replies.parse_playlist,
    replies.parse_playlists,
    replies.parse_playlist_items,
    replies.parse_snapshot,
    replies.has_next,
]
TRACK = {
    "id": "4iV5W9uYEdYUVa79Axb7Rh",
    "uri": "spotify:track:4iV5W9uYEdYUVa79Axb7Rh",
    "type": "track",
    "name": "Night Bus - Live",
    "artists": [{"name": "Ada", "id": "a"}, {"name": "Bo", "id": "b"}],
    "album": {"name": "Small Hours", "release_date": "2011"},
    "duration_ms": 200_000,
    "external_ids": {"isrc": "gbaaa1100001"},
    "explicit": True,
}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
LEAVES = ANYTHING | st.sampled_from(["2026-11-01T10:00:00Z", "0001-01-01T00:00:00+14:00", "\ud800"])


def spoilt(whole: Any) -> st.SearchStrategy[Any]:
    """Return `whole` with some of its parts replaced by anything."""
    if isinstance(whole, dict):
        parts = st.fixed_dictionaries({}, optional={k: spoilt(v) for k, v in whole.items()})
        complete = st.fixed_dictionaries({key: spoilt(value) for key, value in whole.items()})
        return st.just(whole) | complete | parts | LEAVES
    if isinstance(whole, list):
        return (
            st.just(whole) | st.lists(st.sampled_from(whole).flatmap(spoilt), max_size=3) | LEAVES
        )
    return st.just(whole) | LEAVES


ENTRY = {
    "track": TRACK,
    "item": TRACK,
    "added_at": "2026-11-01T10:00:00Z",
    "played_at": "2026-11-01T10:00:00.123Z",
    "added_by": {"id": "ada"},
    "context": {"uri": "spotify:playlist:x"},
    "is_local": False,
}
PLAYLIST = {
    "id": "p",
    "name": "n",
    "description": None,
    "owner": {"id": "ada"},
    "public": None,
    "collaborative": False,
    "snapshot_id": "s",
    "items": {"total": 3},
}
REPLIES = st.one_of(
    spoilt(TRACK),
    spoilt(PLAYLIST),
    st.builds(lambda items: {"items": items, "next": None}, st.lists(spoilt(ENTRY), max_size=2)),
    st.builds(
        lambda items: {"items": items}, st.lists(spoilt(TRACK) | spoilt(PLAYLIST), max_size=2)
    ),
    ANYTHING,
)


def texts(value: Any) -> list[str]:
    """Return every text in a parsed row."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts(each)]
    names = getattr(type(value), "__slots__", ())
    return [text for name in names for text in texts(getattr(value, name))]


@settings(max_examples=150)
@given(REPLIES)
def test_any_reply_gives_rows_or_broken_reply(reply: Any) -> None:
    for parse in PARSERS:
        try:
            got = parse(spotify_json(reply))
        except BrokenReply:
            continue
        for text in texts(got):
            text.encode("utf-8")  # the lake holds UTF-8 and nothing else


def test_a_whole_track() -> None:
    track = replies.parse_track(spotify_json(TRACK))
    assert (track.title, track.artist, track.artists[1].name) == ("Night Bus - Live", "Ada", "Bo")
    assert (track.album, track.album_released) == ("Small Hours", "2011")
    assert (track.isrc, track.duration_ms, track.explicit) == ("GBAAA1100001", 200_000, True)


@pytest.mark.parametrize(
    ("said", "playable"),
    [
        ({}, True),
        ({"is_playable": True}, True),
        ({"is_playable": None, "restrictions": None}, True),
        ({"is_playable": False}, False),
        ({"restrictions": {"reason": "market"}}, False),
    ],
)
def test_a_track_says_whether_it_can_be_played(said: dict[str, Any], playable: bool) -> None:
    assert replies.parse_track(spotify_json({**TRACK, **said})).playable is playable


@pytest.mark.parametrize(
    ("images", "cover"),
    [
        ([("large", 640), ("middle", 300), ("small", 64)], "middle"),
        ([("small", 64)], "small"),
        ([("unknown", None)], "unknown"),
        ([], ""),
        ([(17, 300), ("\ud800", 300)], ""),
    ],
)
def test_a_cover_is_the_smallest_that_is_large_enough(images: list[Any], cover: str) -> None:
    sizes = [{"url": url, "width": width, "height": width} for url, width in images]
    track = replies.parse_track(spotify_json({**TRACK, "album": {"images": sizes}}))

    assert track.cover == cover


def test_an_entry_of_a_listing_that_can_not_be_read_hides_no_other() -> None:
    whole = {
        "id": "1", "name": "Mine", "description": "", "owner": {"id": "ada"}, "snapshot_id": "x",
    }  # fmt: skip
    odd = [None, {}, {**whole, "owner": None}, {**whole, "owner": {"id": None}}, "text", whole]
    found = replies.parse_playlists(spotify_json({"items": odd}))
    assert [playlist.name for playlist in found] == ["Mine"]


def item(**parts: Any) -> replies.SpotifyPlaylistItem:
    entry = {"added_at": None, "added_by": None, "is_local": False} | parts
    return replies.parse_playlist_items(spotify_json({"items": [entry]}))[0]


@pytest.mark.parametrize("key", ["item", "track"])
def test_the_entry_of_a_playlist_may_be_called_item_or_track(key: str) -> None:
    got = item(**{key: TRACK}, added_by={"id": "ada"}, added_at="2026-11-01T10:00:00Z")
    assert got.track is not None
    assert (got.uri, got.added_by) == (TRACK["uri"], "ada")
    assert got.added_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


def test_a_local_file_has_no_id() -> None:
    local = {
        **TRACK,
        "id": None,
        "uri": "spotify:local:Ada::Demo:61",
        "artists": [{"name": "Ada", "id": None}],
        "album": None,
    }
    got = item(item=local, is_local=True)
    assert got.track is not None
    assert (got.track.id, got.track.artist) == (None, "Ada")


def test_an_episode_and_a_lost_row_have_no_track() -> None:
    assert item(item={"type": "episode", "uri": "spotify:episode:e"}).track is None
    assert item(item={"type": "episode", "uri": "spotify:episode:e"}).uri == "spotify:episode:e"
    assert item(item=None, track=None) == replies.SpotifyPlaylistItem(None)
    assert replies.parse_playlist_items(spotify_json({"items": [None]}))[0].uri is None


@pytest.mark.parametrize("key", ["items", "tracks"])
def test_the_number_of_items_stands_under_either_name(key: str) -> None:
    reply = {**PLAYLIST, "items": None, key: {"total": 7}}
    assert replies.parse_playlist(spotify_json(reply)).total == 7


def test_a_message_names_the_place_and_not_the_content() -> None:
    with pytest.raises(BrokenReply, match=r"items\[0\]\.added_at should be") as caught:
        replies.parse_saved(spotify_json({"items": [{**ENTRY, "added_at": "hush"}] * 6}))
    assert "hush" not in str(caught.value)


ODD_ENTRIES = (
    {"added_at": "hush"},
    {"track": {**TRACK, "uri": None}},
    {"track": {**TRACK, "name": None}},
    {"track": {**TRACK, "artists": None}},
    {"track": {**TRACK, "artists": [None]}},
    {"track": {**TRACK, "artists": [{"name": None}]}},
    {"track": {**TRACK, "duration_ms": "200000"}},
    {"track": 17},
)


@pytest.mark.parametrize("odd", ODD_ENTRIES, ids=str)
def test_an_odd_row_is_left_out_and_counted_and_the_others_are_kept(odd: dict[str, Any]) -> None:
    reply = spotify_json({"items": [ENTRY, {**ENTRY, **odd}, ENTRY]})
    assert len(replies.parse_saved(reply)) == 2
    assert reply.odd_rows == {"items": 1}


@pytest.mark.parametrize(
    "beside",
    [{"album": 3}, {"album": {"name": 3}}, {"external_ids": []}, {"explicit": "no"}, {"id": 9}],
    ids=str,
)
def test_what_is_not_acted_on_may_be_anything(beside: dict[str, Any]) -> None:
    reply = spotify_json({"items": [{**TRACK, **beside}]})
    assert [track.title for track in replies.parse_top(reply)] == [TRACK["name"]]
    assert not reply.odd_rows


@pytest.mark.parametrize("part", ["owner", "id", "snapshot_id"])
def test_a_playlist_of_somebody_that_can_not_be_read_hides_no_other(part: str) -> None:
    reply = spotify_json({"items": [{**PLAYLIST, part: None}, PLAYLIST]})
    assert [playlist.id for playlist in replies.parse_playlists(reply)] == ["p"]


def test_a_row_of_a_playlist_stands_in_its_place_whatever_it_holds() -> None:
    for broken in ({"name": None}, {"artists": None}, {"duration_ms": "long"}):
        got = item(item={**TRACK, **broken}, added_at="hush")
        assert (got.uri, got.track, got.added_at) == (TRACK["uri"], None, None)


def test_a_recent_play_whose_row_is_there_twice_is_one_play() -> None:
    first = {"played_at": "2026-11-02T20:00:00.123Z", "track": TRACK}
    again = {"played_at": "2026-11-02T20:03:21.456Z", "track": TRACK}
    plays = replies.parse_recent(spotify_json({"items": [again, first, first]}))
    assert [play.played_at.second for play in plays] == [0, 21]
