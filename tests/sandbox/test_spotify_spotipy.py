"""Tests of spotipy itself against the sandbox."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import spotipy
from spotipy.cache_handler import MemoryCacheHandler
from spotipy.oauth2 import SpotifyOAuth, SpotifyOauthError, SpotifyPKCE

from tests.sandbox.spotify_world import ME, Api, running

CALLBACK = "http://127.0.0.1:8888/callback"
SCOPE = "playlist-modify-private,playlist-read-private,user-library-modify,user-library-read"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


@pytest.fixture
def client(api: Api) -> Iterator[Any]:
    auth = manager(api, f"refresh-{ME}")
    with requests.Session() as session:
        client = spotipy.Spotify(auth_manager=auth, requests_session=session, requests_timeout=10)
        client.prefix = f"{api.url}/v1/"
        yield client
    auth._session.close()


def manager(api: Api, refresh_token: str) -> Any:
    """Return spotipy's own OAuth manager with an expired access token."""
    cached = {
        "access_token": "old",
        "refresh_token": refresh_token,
        "scope": SCOPE.replace(",", " "),
        "expires_at": 0,
        "token_type": "Bearer",
    }
    auth = SpotifyOAuth(
        client_id="sandbox-client",
        client_secret="sandbox-secret",
        redirect_uri=CALLBACK,
        scope=SCOPE,
        cache_handler=MemoryCacheHandler(cached),
        requests_timeout=10,
        open_browser=False,
    )
    auth.OAUTH_TOKEN_URL = f"{api.url}/api/token"
    auth.OAUTH_AUTHORIZE_URL = f"{api.url}/authorize"
    return auth


def track_ids(api: Api, count: int, first: int = 0) -> list[str]:
    return api.state.world.track_spotify_id[first : first + count]


def test_it_refreshes_and_says_who_it_is(api: Api, client: Any) -> None:
    assert client.me()["id"] == api.state.world.listeners[ME].spotify_id
    kept = client.auth_manager.cache_handler.get_cached_token()
    assert kept["refresh_token"] == f"refresh-{ME}"


@pytest.mark.parametrize(
    ("refresh_token", "description"),
    [(f"expired-{ME}", "Refresh token expired"), (f"revoked-{ME}", "Refresh token revoked")],
)
def test_a_dead_grant_is_an_oauth_error(api: Api, refresh_token: str, description: str) -> None:
    auth = manager(api, refresh_token)
    with pytest.raises(SpotifyOauthError) as caught:
        auth.validate_token(auth.cache_handler.get_cached_token())
    auth._session.close()
    assert caught.value.error == "invalid_grant"
    assert caught.value.error_description == description


@pytest.mark.parametrize("pkce", [False, True])
def test_it_logs_in_by_a_code(api: Api, pkce: bool) -> None:
    kind = SpotifyPKCE if pkce else SpotifyOAuth
    auth = kind(
        client_id="sandbox-client",
        redirect_uri=CALLBACK,
        scope=SCOPE,
        cache_handler=MemoryCacheHandler(),
        requests_timeout=10,
        **({} if pkce else {"client_secret": "sandbox-secret"}),
    )
    auth.OAUTH_TOKEN_URL = f"{api.url}/api/token"
    auth.OAUTH_AUTHORIZE_URL = f"{api.url}/authorize"
    answer = api.session.get(auth.get_authorize_url(), allow_redirects=False, timeout=10)
    code = auth.parse_response_code(answer.headers["location"])
    auth.get_access_token(code, check_cache=False, **({} if pkce else {"as_dict": False}))
    first = auth.cache_handler.get_cached_token()
    assert auth.validate_token({**first, "expires_at": 0})["access_token"] != first["access_token"]
    auth._session.close()


def test_it_reads_what_the_nightly_sync_needs(api: Api, client: Any) -> None:
    saved = client.current_user_saved_tracks(limit=5)
    assert client.next(saved)["offset"] == 5
    assert len(client.current_user_recently_played(limit=50)["items"]) == 50
    assert client.current_user_top_tracks(limit=3, time_range="long_term")["limit"] == 3
    assert client.current_user_top_artists(limit=3)["limit"] == 3
    hits = client.search(f"isrc:{api.state.world.track_isrc[0]}", limit=5)
    assert hits["tracks"]["total"] >= 1
    assert client.track(f"spotify:track:{track_ids(api, 1)[0]}")["id"] == track_ids(api, 1)[0]


def test_it_creates_fills_replaces_and_empties_a_playlist(api: Api, client: Any) -> None:
    made = client.current_user_playlist_create("Small hours", public=False, description="m")
    key, uris = made["id"], api.uris(6)
    client.playlist_add_items(key, uris[:3])
    client.playlist_add_items(key, uris[3:4], position=0)
    assert api.contents(key) == [uris[3], *uris[:3]]
    client.playlist_replace_items(key, uris[:4])
    client.playlist_reorder_items(key, 0, 4)
    assert api.contents(key) == [*uris[1:4], uris[0]]
    client.playlist_remove_all_occurrences_of_items(key, [uris[1]])
    client.playlist_change_details(key, description="changed")
    body = client.playlist(key, fields="description,items.total,snapshot_id")
    assert body["description"] == "changed"
    assert body["items"] == {"total": 3}
    assert [row["item"]["uri"] for row in client.playlist_items(key)["items"]] == (
        [*uris[2:4], uris[0]]
    )
    client.playlist_replace_items(key, [])
    assert api.contents(key) == []
    client._delete("me/library", uris=f"spotify:playlist:{key}")
    assert key not in {one["id"] for one in client.current_user_playlists()["items"]}


def test_it_saves_and_finds_tracks(api: Api, client: Any) -> None:
    ids = track_ids(api, 2, first=500)
    client.current_user_saved_tracks_add(ids)
    assert client.current_user_saved_tracks_contains(ids) == [True, True]
    client.current_user_saved_tracks_delete(ids[:1])
    assert client.current_user_saved_tracks_contains(ids) == [False, True]


@pytest.mark.parametrize(
    "ask",
    [
        lambda client, key: client.tracks([key]),
        lambda client, key: client.artists([key]),
        lambda client, key: client.albums([key]),
        lambda client, key: client.current_user_unfollow_playlist(key),
    ],
    ids=["tracks", "artists", "albums", "unfollow"],
)
def test_its_old_methods_are_forbidden(api: Api, client: Any, ask: Any) -> None:
    with pytest.raises(spotipy.SpotifyException) as caught:
        ask(client, track_ids(api, 1)[0])
    assert caught.value.http_status == 403
    assert caught.value.msg.endswith("Forbidden")


def test_a_search_for_more_than_ten_is_an_error(client: Any) -> None:
    with pytest.raises(spotipy.SpotifyException, match="Invalid limit"):
        client.search("night", limit=11)
