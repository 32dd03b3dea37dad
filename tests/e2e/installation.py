"""A fresh installation that is set up as the README says, against a sandbox of its own.

Only what a person does is done here: `smallhours init`, `login lastfm`, `login spotify`, an edit of
the settings file, `smallhours up`. Airflow is only read from.
"""

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import requests

from smallhours.local.airflow import CHECKOUT, FINISHED, AirflowApi, AirflowHome
from smallhours.local.processes import ManagedProcess, free_ports, stop_all
from smallhours_sandbox.demo import sandbox_client
from smallhours_sandbox.simulation.installation import sandbox_services_toml
from smallhours_sandbox.world import FEATURES, World

LASTFM_KEY = "5a4d" * 8
CLIENT_SECRET = "sandbox-secret"
NIGHTLY_DAG = "sync_listening"
PLAYLIST = "Smallhours"
# Small, so that nights are quick: a world, and how much of it a night asks for.
SMALL_WORLD: Mapping[str, Any] = {"artists": 80, "tracks": 700, "scrobbles": 600}
SMALL_CATALOG = """
[catalog]
seed_tracks = 10
seed_artists = 8
near_artists = 4
seed_tags = 2
foreign_tags = 2
"""
NEVER = "0 0 29 2 *"
_WAIT_S = 600.0

_AT_THE_SANDBOX = """
[schedule]
cron = "{cron}"

{services}"""


class Installation:
    """Smallhours in a folder of its own, to be used in a `with` block that ends what it started.

    Args:
        folder: The folder that its commands run in.
        world: Options of the sandbox's world: `artists`, `tracks`, `scrobbles`.
    """

    def __init__(self, folder: Path, world: Mapping[str, int]) -> None:
        self.folder = folder
        sandbox_port, self.port = free_ports(2)
        self.sandbox = f"http://127.0.0.1:{sandbox_port}"
        self.home = AirflowHome(folder / ".airflow", self.port, folder / "smallhours.toml")
        self._parts: list[ManagedProcess] = []
        self._world = {**world, "port": sandbox_port, "cache": folder / "sandbox"}

    def __enter__(self) -> "Installation":
        options = [
            word for name, value in self._world.items() for word in (f"--{name}", str(value))
        ]
        sandbox = self._start("sandbox", *options)
        sandbox_client.wait_for_sandbox(self.sandbox, sandbox)
        return self

    def __exit__(self, *_error: object) -> None:
        stop_all(self._parts)

    def run(self, *arguments: str, answers: str = "") -> str:
        """Run a command to its end, with what a person types; return what it printed."""
        ended = self._ended(arguments, answers)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def refusal(self, *arguments: str) -> str:
        """Run a command that is to fail; return what it printed on one line."""
        ended = self._ended(arguments, "")
        assert ended.returncode == 1, ended.stdout
        return " ".join(ended.stdout.split())

    def set_up(self, cron: str) -> str:
        """Follow the README up to `make up`; return what `init` said."""
        said = self.run("init", "--lastfm-user", "ada", "--timezone", "Europe/Dublin", "--spotify")
        self.schedule(cron)
        self.run("login", "lastfm", answers=f"{LASTFM_KEY}\n")
        self._log_in_to_spotify()
        return said

    def schedule(self, cron: str) -> None:
        """Write the cron expression, and the sandbox's addresses, into the settings file."""
        settings = self.home.settings
        own, _, _ = settings.read_text(encoding="utf-8").partition("\n[schedule]")
        text = (
            own.rstrip("\n")
            + "\n"
            + _AT_THE_SANDBOX.format(cron=cron, services=sandbox_services_toml(self.sandbox))
        )
        settings.write_text(text, encoding="utf-8")

    @contextmanager
    def up(self) -> Iterator[AirflowApi]:
        """Run `smallhours up` for as long as the block lasts."""
        part = self.start_up()
        try:
            with closing(AirflowApi(self.home.url, password=self.home.password())) as api:
                yield api
        finally:
            part.process.terminate()
            part.process.wait(_WAIT_S)

    def start_up(self, *options: str, **env: str) -> ManagedProcess:
        """Start `smallhours up`, and return it when it runs."""
        (self.folder / "up.log").unlink(missing_ok=True)
        part = self._start("up", "--port", str(self.port), *options, **env)
        until = time.monotonic() + _WAIT_S
        while "next night starts" not in self.said("up"):
            part.check()
            assert time.monotonic() < until, self.said("up")
            time.sleep(0.2)
        return part

    def said(self, command: str) -> str:
        """Return what a command that goes on has printed so far."""
        return (self.folder / f"{command}.log").read_text(encoding="utf-8")

    def playlist(self) -> list[sandbox_client.PlaylistTrack]:
        """Return what stands in the listener's playlist at the sandbox's Spotify."""
        return sandbox_client.read_spotify_playlist(self.sandbox, PLAYLIST)

    def wait_for_playlist(self) -> list[sandbox_client.PlaylistTrack]:
        """Return the playlist once the night has written it; empty when it does not come."""
        until = time.monotonic() + _WAIT_S
        while not (items := self.playlist()) and time.monotonic() < until:
            time.sleep(1)
        return items

    def _ended(self, arguments: Sequence[str], answers: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "smallhours", *arguments],
            cwd=self.folder,
            env=self.environment(),
            input=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_WAIT_S,
        )

    def _log_in_to_spotify(self) -> None:
        command = [sys.executable, "-m", "smallhours", "login", "spotify", "--paste"]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as login:
            assert login.stdin is not None
            assert login.stdout is not None
            login.stdin.write(f"sandbox-client\n{CLIENT_SECRET}\n")
            login.stdin.flush()
            address = next(line for line in login.stdout if "/authorize?" in line).strip()
            reply = requests.get(address, timeout=30, allow_redirects=False)
            shown, _ = login.communicate(f"{reply.headers['location']}\n", timeout=_WAIT_S)
        assert login.returncode == 0, shown

    def _start(self, command: str, *arguments: str, **env: str) -> ManagedProcess:
        with hang_up_heard():
            part = ManagedProcess(
                command,
                [sys.executable, "-m", "smallhours", command, *arguments],
                env={**self.environment(), **env},
                log=self.folder / f"{command}.log",
                cwd=self.folder,
            )
        self._parts.append(part)
        return part

    def environment(self) -> dict[str, str]:
        """Return the environment of a new terminal."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "SMALLHOURS_"))
        }
        return {**kept, "PYTHONPATH": str(CHECKOUT / "include"), "PYTHONUNBUFFERED": "1"}


def write_features(path: Path, world: World) -> None:
    """Write what every track of a world sounds like, for `catalog.features_file`.

    So small a catalog has too few measured tracks for an audio model.
    """
    rows = pd.DataFrame(world.track_features, columns=list(FEATURES))
    artists = world.track_artist.tolist()
    rows["artist"] = [world.artist_name[artist] for artist in artists]
    rows["title"] = world.track_title
    carried = [[world.tags[tag] for tag in world.artist_tags[artist][0]] for artist in artists]
    rows["tags"] = [",".join(tags) for tags in carried]
    rows.to_csv(path, index=False)


@contextmanager
def hang_up_heard() -> Iterator[None]:
    """Let what is started meanwhile hear SIGHUP, also where `nohup` made us ignore it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def type_connection(home: AirflowHome, name: str, secret: str) -> None:
    """Save a connection through Airflow's API, as the form on its pages does."""
    login = {"username": "admin", "password": home.password()}
    token = requests.post(f"{home.url}/auth/token", json=login, timeout=60).json()["access_token"]
    saved = requests.post(
        f"{home.url}/api/v2/connections",
        json={"connection_id": name, "conn_type": "lastfm", "password": secret},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    saved.raise_for_status()


def refresh_token(home: AirflowHome, listener: str) -> str:
    """Return the refresh token that a login stored."""
    program = (
        "from smallhours.orchestration.connections import AirflowSecrets\n"
        f"print(AirflowSecrets().spotify({listener!r}).refresh_token)"
    )
    command = [sys.executable, "-c", program]
    env = home.environment()
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=True
    ).stdout.split()[-1]


def files_with(secrets: Iterable[str], *places: Path) -> list[str]:
    """Return the files, or files below folders, that hold a secret as it is."""
    paths = [path for place in places for path in (place, *place.rglob("*")) if path.is_file()]
    wanted = [secret.encode() for secret in secrets]
    return [str(path) for path in paths for secret in wanted if secret in path.read_bytes()]


def wait_for_nights(api: AirflowApi, *, since: dt.datetime) -> list[str]:
    """Wait until no start of the nightly DAG is due any more; return the runs that ran a night.

    Args:
        api: Airflow's.
        since: Runs that were due before this moment do not count.
    """
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        runs = api.runs(NIGHTLY_DAG, since=since)
        ended = all(api.run_state(NIGHTLY_DAG, run) in FINISHED for run in runs)
        nothing_due = runs and ended and api.next_start(NIGHTLY_DAG) > dt.datetime.now(dt.UTC)
        # A run that was started between the two questions is not among them.
        if nothing_due and api.runs(NIGHTLY_DAG, since=since) == runs:
            return [run for run in runs if _ran_a_night(api, run)]
        time.sleep(1)
    raise TimeoutError("the nightly run did not come")


def sleep_through_nights(home: AirflowHome, days: int) -> None:
    """Make Airflow's database what it would be if the machine had been off for some days."""
    moments = {
        "dag_run": [
            "logical_date",
            "queued_at",
            "run_after",
            "start_date",
            "end_date",
            "data_interval_start",
            "data_interval_end",
            "created_at",
            "updated_at",
        ],
        "dag": [
            "next_dagrun",
            "next_dagrun_data_interval_start",
            "next_dagrun_data_interval_end",
            "next_dagrun_create_after",
        ],
    }
    with closing(sqlite3.connect(home.folder / "airflow.db")) as database, database:
        for table, columns in moments.items():
            known = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            assert set(columns) <= known, set(columns) - known
            for column in columns:
                database.execute(
                    f"UPDATE {table} SET {column} = "  # noqa: S608 - names of our own
                    f"strftime('%Y-%m-%d %H:%M:%f000', {column}, ?) "
                    f"WHERE dag_id = ? AND {column} IS NOT NULL",
                    (f"-{days} days", NIGHTLY_DAG),
                )
        # A run's id holds its date: those of the week that was slept through are free again.
        tables = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            present = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            if {"dag_id", "run_id"} <= present:
                database.execute(
                    f"UPDATE {table} SET run_id = 'a_week_ago__' || run_id WHERE dag_id = ?",  # noqa: S608
                    (NIGHTLY_DAG,),
                )


def cron_in(minutes: int, timezone: dt.tzinfo) -> str:
    """Return the cron expression of the minute that comes in so many minutes, every day."""
    when = dt.datetime.now(timezone) + dt.timedelta(minutes=minutes)
    return f"{when.minute} {when.hour} * * *"


def _ran_a_night(api: AirflowApi, run: str) -> bool:
    states = {task.verb: task.state for task in api.tasks(NIGHTLY_DAG, run)}
    return states["choose_nights"] == "success"
