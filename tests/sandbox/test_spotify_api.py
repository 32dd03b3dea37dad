"""Tests of the catalogue endpoints, removed and unknown endpoints, and call counts."""

from collections.abc import Iterator

import pytest

from smallhours_sandbox.spotify_api import REMOVED
from tests.sandbox.spotify_world import Api, running


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


def test_a_track_names_its_album_its_artists_and_its_isrc(api: Api) -> None:
    world = api.state.world
    featured = next(t for t, guests in enumerate(world.track_featured) if guests)
    body = api.get(f"/tracks/{world.track_spotify_id[featured]}")
    names = [artist["name"] for artist in body["artists"]]
    credited = [int(world.track_artist[featured]), *world.track_featured[featured]]
    assert body["name"] == world.track_title[featured]
    assert names == [world.artist_name[artist] for artist in credited]
    assert body["album"]["name"] == world.album_title[world.track_album[featured]]
    assert body["href"] == f"{api.url}/v1/tracks/{body['id']}"
    assert isinstance(body["is_playable"], bool)


def test_albums_and_artists_lead_to_each_other(api: Api) -> None:
    world = api.state.world
    track = api.get(f"/tracks/{world.track_spotify_id[0]}")
    album = api.get(track["album"]["href"])
    assert track["id"] in {one["id"] for one in album["tracks"]["items"]}
    numbers = [one["track_number"] for one in album["tracks"]["items"]]
    assert numbers == sorted(numbers)
    assert api.get(f"/albums/{album['id']}/tracks", limit=1)["total"] == album["total_tracks"]
    artist = api.get(album["artists"][0]["href"])
    assert artist["genres"] == []
    first = api.get(f"/artists/{artist['id']}/albums", limit=10)
    albums = [one for page in api.pages(first) for one in page["items"]]
    assert album["id"] in {one["id"] for one in albums}
    released = [one["release_date"] for one in albums]
    assert released == sorted(released, reverse=True)


def test_an_artists_albums_come_in_tens_at_most(api: Api) -> None:
    artist = api.get(f"/tracks/{api.state.world.track_spotify_id[0]}")["artists"][0]["id"]
    assert api.get(f"/artists/{artist}/albums")["limit"] == 5
    assert api.refusal("GET", f"/artists/{artist}/albums?limit=11") == (400, "Invalid limit")
    both = api.get(f"/artists/{artist}/albums")["total"]
    parts = [
        api.get(f"/artists/{artist}/albums", include_groups=group)["total"]
        for group in ("album", "single", "compilation")
    ]
    assert sum(parts) == both


@pytest.mark.parametrize("kind", ["tracks", "artists", "albums"])
def test_unknown_and_impossible_ids_differ(api: Api, kind: str) -> None:
    assert api.refusal("GET", f"/{kind}/{'z' * 22}") == (404, "Resource not found")
    assert api.refusal("GET", f"/{kind}/short") == (400, "Invalid base62 id")


@pytest.mark.parametrize("removed", REMOVED)
def test_what_was_removed_is_forbidden(api: Api, removed: str) -> None:
    method, _, path = removed.partition(" ")
    assert api.refusal(method, path.replace("{id}", "1" * 22)) == (403, "Forbidden")


@pytest.mark.parametrize("path", ["/tracks/?ids=a,b", "/audio-features/?ids=a", "/markets/"])
def test_a_trailing_slash_brings_nothing_back(api: Api, path: str) -> None:
    assert api.refusal("GET", path) == (403, "Forbidden")


@pytest.mark.parametrize(("method", "path"), [("GET", "/no/such/thing"), ("POST", "/me")])
def test_what_never_was_is_not_found(api: Api, method: str, path: str) -> None:
    assert api.refusal(method, path) == (404, "Service not found")


def test_a_removed_endpoint_still_asks_for_a_token_first(api: Api) -> None:
    assert api.refusal("GET", "/audio-features/x", token="old")[0] == 401


def test_calls_are_counted_by_route_and_refused_ones_too(api: Api) -> None:
    api.state.calls.clear()
    for track in api.state.world.track_spotify_id[:3]:
        api.get(f"/tracks/{track}")
    api.get("/me/")
    api.refusal("GET", "/me", token="nonsense")
    api.refusal("GET", "/tracks?ids=a")
    api.refusal("PATCH", "/nowhere")
    assert dict(api.state.calls) == {
        ("spotify", "GET /tracks/{id}"): 3,
        ("spotify", "GET /me"): 2,
        ("spotify", "GET /tracks"): 1,
        ("spotify", "PATCH /*"): 1,
    }
