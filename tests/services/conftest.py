"""Fixtures for the tests of the clients: clients of the sandbox that never really sleep."""

from collections.abc import Iterator

import pytest

from smallhours.sandbox.server import SandboxServer
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import Playlist
from tests.services.scripted import Naps
from tests.services.spotify_client import ADA, client_of


@pytest.fixture
def naps() -> Naps:
    """Return the record of how long the clients meant to sleep."""
    return Naps()


@pytest.fixture
def spotify(sandbox: SandboxServer, naps: Naps) -> Iterator[SpotifyClient]:
    with client_of(sandbox, ADA, naps) as client:
        yield client


@pytest.fixture
def mine(spotify: SpotifyClient) -> Playlist:
    """Create a playlist with the client and return it."""
    return spotify.create_playlist("Smallhours", "made at night")


@pytest.fixture
def uris(sandbox: SandboxServer) -> list[str]:
    """Return more tracks than fit into one call."""
    return [f"spotify:track:{each}" for each in sandbox.state.world.track_spotify_id[:120]]
