"""An installation of an earlier version runs its next night after an upgrade.

`installation_7924c24.tar.gz` was made by that commit, by the commands that a person gives: its
settings, its lake after one night, Airflow's database with the sandbox's public credentials, which
it stored in clear, and what the sandbox was left like.
"""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.migrations import VERSION
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.local.airflow import AirflowHome, LocalAirflow
from smallhours.local.processes import free_ports
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=60)]

ARCHIVE = Path(__file__).with_name("installation_7924c24.tar.gz")
TUESDAY = "2026-11-03"


@pytest.fixture
def folder(sandbox: SandboxServer, small_world: World, tmp_path: Path) -> Path:
    """The installation, with its settings leading to the sandbox as it was left."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    settings = tmp_path / "smallhours.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("{url}", sandbox.url))
    sandbox.state = SandboxState.load(tmp_path / "sandbox.npz", small_world)
    sandbox.serve(sandbox.state)
    return tmp_path


def test_its_next_night_brings_another_list_and_nothing_is_lost(
    folder: Path, sandbox: SandboxServer
) -> None:
    lake = Lake(str(folder / "data"))
    plays = len(lake.frame(PLAYS))

    (port,) = free_ports(1)
    home = AirflowHome(folder / ".airflow", port, folder / "smallhours.toml", str(folder / "data"))
    with LocalAirflow(home, home.environment()) as airflow:
        told = " ".join(airflow.prepare())
    assert "stored in clear; now they are encrypted" in told

    ended = subprocess.run(
        [sys.executable, "-m", "smallhours", "night", "--night", TUESDAY],
        cwd=folder,
        env=home.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(lake.frame(PLAYS)) >= plays
    assert json.loads(lake.files.read(".format")) == {"version": VERSION}
    ledger = lake.frame(PLAYLISTS).sort_values("night")
    assert list(ledger["outcome"]) == ["verified", "verified"]
    before, after = (set(keys) for keys in ledger["track_keys"])
    assert not after & before
    (playlist,) = [each for each in sandbox.state.playlists.values() if each.by_app]
    assert len(playlist.items) == 30
