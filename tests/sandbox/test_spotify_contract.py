"""Tests that every supported endpoint answers as documented, without fields removed in 2026."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.spotify_contract import check_contract
from tests.sandbox.spotify_world import Api, access_token, running

REMOVED_FIELDS = {
    "album_group",
    "available_markets",
    "country",
    "email",
    "explicit_content",
    "label",
    "linked_from",
    "popularity",
    "product",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


@pytest.fixture(scope="module")
def ids(api: Api) -> dict[str, str]:
    track = api.get(f"/tracks/{api.state.world.track_spotify_id[0]}")
    return {
        "track": track["id"],
        "album": track["album"]["id"],
        "artist": track["artists"][0]["id"],
        "playlist": api.playlist(tracks=60)["id"],
        "title": api.state.world.track_title[0],
    }


READS = [
    ("/me", "/me"),
    ("/me/top/tracks", "/me/top/tracks?time_range=long_term&limit=3"),
    ("/me/top/artists", "/me/top/artists?limit=50"),
    ("/me/tracks", "/me/tracks?limit=50"),
    ("/me/player/recently-played", "/me/player/recently-played?limit=50"),
    ("/me/player/recently-played", "/me/player/recently-played?before=1000"),
    ("/search", "/search?type=track,artist,album,playlist,show,episode,audiobook&q={title}"),
    ("/tracks/{id}", "/tracks/{track}?market=DE"),
    ("/artists/{id}", "/artists/{artist}"),
    ("/artists/{id}/albums", "/artists/{artist}/albums"),
    ("/albums/{id}", "/albums/{album}"),
    ("/albums/{id}/tracks", "/albums/{album}/tracks"),
    ("/me/playlists", "/me/playlists"),
    ("/playlists/{playlist_id}", "/playlists/{playlist}"),
    ("/playlists/{playlist_id}/items", "/playlists/{playlist}/items"),
    ("/me/library/contains", "/me/library/contains?uris=spotify:track:{track}"),
]


@pytest.mark.parametrize(("path", "request_path"), READS)
def test_a_read_answers_as_described(
    api: Api, ids: dict[str, str], path: str, request_path: str
) -> None:
    body = api.get(request_path.format_map(ids))
    check_contract("GET", path, 200, body)
    assert not _keys(body) & REMOVED_FIELDS


def test_playlist_writes_answer_as_described(api: Api) -> None:
    made = api.call("POST", "/me/playlists", json={"name": "Contract", "public": False})
    check_contract("POST", "/me/playlists", 201, made.json())
    path = f"/playlists/{made.json()['id']}/items"
    for method, body, status in [
        ("POST", {"uris": api.uris(3)}, 201),
        ("PUT", {"uris": api.uris(2)}, 200),
        ("DELETE", {"items": [{"uri": uri} for uri in api.uris(1)]}, 200),
    ]:
        answer = api.call(method, path, json=body)
        check_contract(method, "/playlists/{playlist_id}/items", status, answer.json())


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [("/me", "nonsense", 401), ("/me/top/tracks", "", 403)],
)
def test_errors_answer_as_described(api: Api, path: str, token: str, status: int) -> None:
    answer = api.call("GET", path, token=token or access_token(api.state, scopes=frozenset()))
    check_contract("GET", path, status, answer.json())


def test_the_check_notices_a_wrong_reply() -> None:
    with pytest.raises(AssertionError, match="is not of type 'string'"):
        check_contract("GET", "/me", 200, {"id": 7})


def test_a_playlist_holds_items_and_not_tracks(api: Api, ids: dict[str, str]) -> None:
    full = api.get(f"/playlists/{ids['playlist']}")
    assert "tracks" not in full
    assert full["items"]["items"][0]["item"]["type"] == "track"
    assert full["items"]["items"][0]["track"] == full["items"]["items"][0]["item"]


def test_saved_tracks_still_come_under_track(api: Api) -> None:
    entry = api.get("/me/tracks", limit=1)["items"][0]
    assert set(entry) == {"added_at", "track"}


def test_external_ids_are_back(api: Api, ids: dict[str, str]) -> None:
    track = api.get(f"/tracks/{ids['track']}")
    assert track["external_ids"] == {"isrc": api.state.world.track_isrc[0]}


def _keys(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_keys, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    return set(node).union(*map(_keys, node.values())) if node else set()
