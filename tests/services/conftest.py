"""Fixtures for the tests of the clients: clients of the sandbox that never really sleep."""

from collections.abc import Iterator

import pytest

from smallhours.services.playlists import PlaylistDetails
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep
from tests.services.spotify_client import ADA, client_of


@pytest.fixture
def fake_sleep() -> FakeSleep:
    """Return the record of how long the clients meant to sleep."""
    return FakeSleep()


@pytest.fixture
def spotify(sandbox: SandboxServer, fake_sleep: FakeSleep) -> Iterator[SpotifyClient]:
    with client_of(sandbox, ADA, fake_sleep) as client:
        yield client


@pytest.fixture
def mine(spotify: SpotifyClient) -> PlaylistDetails:
    """Create a playlist with the client and return it."""
    return spotify.create_playlist("Smallhours", "made at night")


@pytest.fixture
def uris(sandbox: SandboxServer) -> list[str]:
    """Return more tracks than fit into one call."""
    return [f"spotify:track:{each}" for each in sandbox.state.world.track_spotify_id[:120]]
