"""What the tests of the clients share: clients of the sandbox that sleep for nobody."""

from collections.abc import Iterator

import pytest

from smallhours.sandbox.server import SandboxServer
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import Playlist
from tests.services.scripted import Naps
from tests.services.spotify_client import ADA, client_of


@pytest.fixture
def naps() -> Naps:
    """How long a client meant to sleep."""
    return Naps()


@pytest.fixture
def spotify(sandbox: SandboxServer, naps: Naps) -> Iterator[SpotifyClient]:
    with client_of(sandbox, ADA, naps) as client:
        yield client


@pytest.fixture
def mine(spotify: SpotifyClient) -> Playlist:
    """A playlist that the client has just made."""
    return spotify.create_playlist("Smallhours", "made at night")


@pytest.fixture
def uris(sandbox: SandboxServer) -> list[str]:
    """More tracks than fit into one call."""
    return [f"spotify:track:{each}" for each in sandbox.state.world.track_spotify_id[:120]]
