"""Fixtures of the sandbox: a small generated world, served over real HTTP.

``small_world`` is made once and never changed; ``sandbox`` serves each test a new state over it,
with plays, libraries, playlists, faults and call counts of its own.
"""

from collections.abc import Iterator

import pytest

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World


@pytest.fixture(scope="session")
def small_world() -> World:
    """Return a world of 120 artists, 1,000 tracks and 3,000 scrobbles of "ada"; never change it."""
    world = generate_world(seed=1983, artists=120, tracks=1_000, scrobbles=3_000, generator=1)
    assert world.lookup is not None  # built once here, and shared by every state over this world
    return world


@pytest.fixture
def sandbox_state(small_world: World) -> SandboxState:
    """Return a new state over the shared world."""
    return SandboxState(small_world)


@pytest.fixture(scope="session")
def _sandbox_server(small_world: World) -> Iterator[SandboxServer]:
    with SandboxServer(SandboxState(small_world)) as server:
        yield server


@pytest.fixture
def sandbox(_sandbox_server: SandboxServer, sandbox_state: SandboxState) -> SandboxServer:
    """Return a running sandbox: ``sandbox.url``, ``.lastfm_url``, ``.spotify_url`` and ``.state``.

    The server is shared by all tests, as starting and stopping takes longer than most of them;
    the state it serves belongs to this test. A test may stop the server.
    """
    _sandbox_server.state = sandbox_state
    if _sandbox_server.alive:
        _sandbox_server.serve(sandbox_state)
    else:
        _sandbox_server.start()
    return _sandbox_server
