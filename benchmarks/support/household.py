"""One household in the sandbox: how many calls each further listener's nights take."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import print_progress
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.settings import Settings
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import (
    SandboxCredentials,
    sandbox_services,
    sandbox_settings,
)
from smallhours_sandbox.state import SandboxState

FIRST_NIGHT, NEXT_NIGHT = "2026-11-02", "2026-11-03"
# Training asks nobody.
DAGS = ("sync_listening", "refresh_catalog", "write_playlist")


def household_calls(
    listeners: int, *, artists: int, tracks: int, scrobbles: int
) -> dict[str, list[int]]:
    """Return the calls of each listener's first night, and of the night after all of those.

    Args:
        listeners: Number of listeners; the first night of each comes after the one before.
        artists: Number of artists in the world.
        tracks: Number of tracks in the world.
        scrobbles: Number of plays of the first listener.
    """
    names = ["ada", *(f"listener{at}" for at in range(2, listeners + 1))]
    world = generate_world(artists=artists, tracks=tracks, scrobbles=scrobbles, listeners=names)
    state = SandboxState(world)
    with tempfile.TemporaryDirectory() as folder, SandboxServer(state) as server:
        settings = _settings(server.url, Path(folder) / "lake", names)
        first = [_calls_of_night(state, settings, name, FIRST_NIGHT) for name in names]
        state.advance(settings.night(names[0], NEXT_NIGHT).as_of.timestamp())
        normal = [_calls_of_night(state, settings, name, NEXT_NIGHT) for name in names]
    return {"first_night_calls": first, "normal_night_calls": normal}


def _settings(url: str, lake: Path, names: Sequence[str]) -> Settings:
    return sandbox_settings(
        listeners={name: {"lastfm": name, "timezone": "UTC"} for name in names},
        lake={"url": str(lake)},
        services=sandbox_services(url),
        catalog={"lastfm_calls_per_night": 30_000},
    )


def _calls_of_night(state: SandboxState, settings: Settings, name: str, date: str) -> int:
    """Run a listener's night, and return its number of calls to all services."""
    before = Counter(state.calls)
    with RunContext(name, settings.night(name, date), settings, SandboxCredentials()) as run:
        for stage in (stage for dag in DAGS for stage in NIGHTLY[dag]):
            stage(run)
    calls = (Counter(state.calls) - before).total()
    print_progress(f"{name}, {date}: {calls} calls")
    return calls
