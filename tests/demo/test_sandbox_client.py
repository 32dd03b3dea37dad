"""Tests of the demo's client of the sandbox."""

import datetime as dt
from zoneinfo import ZoneInfo

from smallhours_sandbox.demo.sandbox_client import (
    advance_one_day,
    read_listenbrainz_playlist,
    read_spotify_playlist,
    sandbox_date,
)
from smallhours_sandbox.listenbrainz_playlists import PLAYLIST_EXTENSION
from smallhours_sandbox.server import SandboxServer
from tests.sandbox.metabrainz_client import MetaBrainzApi

DUBLIN = ZoneInfo("Europe/Dublin")


def test_a_day_passes_in_the_sandbox_and_its_listener_plays(sandbox: SandboxServer) -> None:
    before = sandbox_date(sandbox.url, DUBLIN)

    happened = advance_one_day(sandbox.url)

    assert sandbox_date(sandbox.url, DUBLIN) == before + dt.timedelta(days=1)
    assert happened["plays"] >= 0


def test_the_playlist_is_read_in_its_order(sandbox: SandboxServer) -> None:
    tracks = list(range(75, 0, -1))
    state = sandbox.state
    made = state.create_playlist("ada", "Tonight", public=False)
    state.add_items(made, tracks)

    items = read_spotify_playlist(sandbox.url, "Tonight")

    ids = state.world.track_spotify_id
    assert [item.uri for item in items] == [f"spotify:track:{ids[track]}" for track in tracks]
    assert all(item.artist and item.title for item in items)


def test_the_playlist_of_who_has_listenbrainz_alone_is_read_there(sandbox: SandboxServer) -> None:
    api = MetaBrainzApi(sandbox, "bruno")
    recordings = [f"https://musicbrainz.org/recording/{each}" for each in api.recordings(3)]
    about = {"title": "Tonight", "extension": {PLAYLIST_EXTENSION: {"public": False}}}
    tracks = [{"identifier": [each]} for each in recordings]
    api.post("/playlist/create", {"playlist": {**about, "track": tracks}})

    items = read_listenbrainz_playlist(sandbox.url, "bruno", "Tonight")

    assert [item.uri for item in items] == recordings
    assert all(item.artist and item.title for item in items)
    assert read_listenbrainz_playlist(sandbox.url, "ada", "Tonight") == []


def test_no_playlist_of_that_name_is_no_tracks(sandbox: SandboxServer) -> None:
    assert read_spotify_playlist(sandbox.url, "Nothing of the kind") == []
