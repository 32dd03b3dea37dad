"""Tests of `/me/library`: saving, removing and looking up."""

from collections.abc import Iterator

import pytest

from tests.sandbox.spotify_world import ME, OTHER, Api, access_token, running


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


def contains(api: Api, *uris: str) -> list[bool]:
    found: list[bool] = api.get("/me/library/contains", uris=",".join(uris))
    return found


def unsaved(api: Api, count: int) -> list[str]:
    world = api.state.world
    free = [track for track in range(world.n_tracks) if track not in world.listeners[ME].saved]
    return [f"spotify:track:{world.track_spotify_id[track]}" for track in free[:count]]


def test_saving_and_removing_tracks_shows_in_contains_and_in_me_tracks(api: Api) -> None:
    first, second = unsaved(api, 2)
    total = api.get("/me/tracks")["total"]
    assert api.call("PUT", "/me/library", params={"uris": f"{first},{second}"}).text == ""
    assert contains(api, second, first) == [True, True]
    assert api.get("/me/tracks")["total"] == total + 2
    api.call("DELETE", "/me/library", params={"uris": second})
    assert contains(api, second, first) == [False, True]


def test_saving_twice_keeps_the_first_date() -> None:
    with running() as api:
        (uri,) = unsaved(api, 1)
        api.call("PUT", "/me/library", params={"uris": uri})
        api.state.now += 3600
        api.call("PUT", "/me/library", params={"uris": uri})
        newest = api.get("/me/tracks", limit=1)["items"][0]
        assert (newest["track"]["uri"], newest["added_at"]) == (uri, "2026-11-02T03:00:00Z")


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("uris", "message"),
    [
        ("", "Missing required parameter: uris"),
        ("spotify:track:", "Invalid uri: spotify:track:"),
        ("track:1", "Invalid uri: track:1"),
        ("spotify:artist:abc", "Invalid uri: spotify:artist:abc"),
        (",".join(["spotify:track:abc"] * 41), "Too many uris requested, maximum is 40"),
    ],
)
def test_what_can_not_be_saved_is_refused(api: Api, method: str, uris: str, message: str) -> None:
    assert api.refusal(method, "/me/library", params={"uris": uris}) == (400, message)


def test_forty_uris_are_fine(api: Api) -> None:
    assert contains(api, *unsaved(api, 40)) == [False] * 40


def test_unknown_tracks_are_never_in_the_library(api: Api) -> None:
    uri = "spotify:track:" + "z" * 22
    assert api.call("PUT", "/me/library", params={"uris": uri}).status_code == 200
    assert contains(api, uri) == [False]


def test_other_kinds_of_things_are_kept_by_uri(api: Api) -> None:
    uri = "spotify:album:0000000000000000000001"
    api.call("PUT", "/me/library", params={"uris": uri})
    assert contains(api, uri) == [True]
    api.call("DELETE", "/me/library", params={"uris": uri})
    assert contains(api, uri) == [False]


def test_removing_an_own_playlist_takes_it_off_the_list_but_keeps_it_readable(api: Api) -> None:
    key = api.playlist(tracks=2)["id"]
    uri = f"spotify:playlist:{key}"
    api.call("DELETE", "/me/library", params={"uris": uri})
    assert key not in {one["id"] for one in api.get("/me/playlists", limit=50)["items"]}
    assert contains(api, uri) == [False]
    assert api.get(f"/playlists/{key}")["items"]["total"] == 2
    api.call("PUT", "/me/library", params={"uris": uri})
    assert api.get("/me/playlists")["items"][0]["id"] == key


def test_following_somebody_elses_playlist_lists_it(api: Api) -> None:
    theirs = api.state.create_playlist(OTHER, "Theirs")
    uri = f"spotify:playlist:{theirs.id}"
    assert contains(api, uri) == [False]
    api.call("PUT", "/me/library", params={"uris": uri})
    assert contains(api, uri) == [True]
    listed = {one["id"]: one for one in api.get("/me/playlists", limit=50)["items"]}
    assert listed[theirs.id]["owner"]["id"] == api.state.world.listeners[OTHER].spotify_id


def test_playlists_need_another_scope_than_tracks(api: Api) -> None:
    token = access_token(api.state, scopes=frozenset({"user-library-modify"}))
    answer = api.refusal(
        "DELETE", "/me/library", token=token, params={"uris": "spotify:playlist:abc"}
    )
    assert answer == (403, "Insufficient client scope")
