"""With credentials in the environment no command makes Airflow's database, or complains of it."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from smallhours.cli import app
from smallhours.runs import NIGHTLY, STAGES
from smallhours.settings import load_settings
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from tests.airflow_home import settings_text
from tests.e2e.installation import SMALL_CATALOG

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=30), pytest.mark.timeout(900)]

# Commands that store something of Airflow's, or are Airflow, and those of the other packages.
NEED_AIRFLOW = {"login", "prepare", "up"}
OTHERS = {"demo", "sandbox", "simulate", "study"}
# What each is given; a command that is not named here runs as it is.
ARGUMENTS = {
    "backup": ["backup.tar.gz"],
    "doctor": ["--offline"],
    "explore": ["shoegaze"],
    "export-history": ["history.csv"],
    "forget": ["nobody", "--yes"],
    "import-history": ["missing.zip"],
    "init": ["--lastfm-user", "ada", "--timezone", "Europe/Dublin"],
    "playlist": ["--dry-run"],
    "rescue": ["--calls", "1"],
    "restore": ["missing.tar.gz"],
    "rollback": ["2026-11-02"],
    "service": ["uninstall"],
    "why": ["Ride - Vapour Trail"],
}
IN_ONE_PROCESS = """
import sys
from smallhours import cli

for words in {commands!r}:
    print("\\n=====", *words, flush=True)
    sys.argv = ["smallhours", *words]
    try:
        cli.main()
    except SystemExit:
        pass
"""


def commands() -> list[list[str]]:
    """Every command that needs no Airflow: first a whole night, whose stages are left out."""
    names = set(typer.main.get_group(app).commands) - NEED_AIRFLOW - OTHERS
    nightly = {stage.__name__.replace("_", "-") for stages in NIGHTLY.values() for stage in stages}
    assert nightly <= {name.replace("_", "-") for name in STAGES}
    rest = sorted(names - nightly - {"night"})
    return [["night"], *([name, *ARGUMENTS.get(name, [])] for name in rest)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a sandbox with so few plays that a night learns nothing, and is short."""
    begins = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    world = generate_world(artists=80, tracks=700, scrobbles=600, begins=begins)
    with SandboxServer(SandboxState(world)) as server:
        yield server.url


def test_no_command_makes_a_database_or_prints_sql(url: str, tmp_path: Path) -> None:
    (tmp_path / "smallhours.toml").write_text(settings_text(url, {"ada": "ada"}) + SMALL_CATALOG)
    lastfm = {"conn_type": "lastfm", "password": "5a4d" * 8}
    spotify = {
        "conn_type": "spotify",
        "login": "sandbox-client",
        "password": "sandbox-secret",
        "extra": {"refresh_token": "refresh-ada"},
    }
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "SMALLHOURS"))
    }
    env = {
        **ours,
        "AIRFLOW_CONN_LASTFM_ADA": json.dumps(lastfm),
        "AIRFLOW_CONN_SPOTIFY_ADA": json.dumps(spotify),
        "XDG_CONFIG_HOME": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS.format(commands=commands())],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    said = done.stdout.split("\n=====")[1:]
    assert len(said) == len(commands())
    for each in said:
        assert "SQL" not in each, each
        assert "Traceback" not in each, each
    assert "publish_playlist" in said[0], said[0]
    assert not list(tmp_path.rglob("airflow.db*"))
    assert load_settings(tmp_path / "smallhours.toml").listeners.keys() == {"ada"}
