"""The home suite's installation: its starts and ends, runs of its DAGs, kills, and what is left."""

import datetime as dt
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallhours.local.airflow import FINISHED, AirflowApi
from smallhours.local.processes import ManagedProcess
from smallhours.private_files import open_to_others
from tests.e2e.installation import CLIENT_SECRET, LASTFM_KEY, Installation, files_with

LISTENER = "me"
TYPED = "typed-into-airflows-page"
MAX_WAIT_S = 1200.0
BLOCK = 512


class Unexpected(Exception):
    """A scenario did not end as it should."""


def expect(holds: object, said: object = "") -> None:
    """Raise Unexpected where something does not hold, with what was said instead."""
    if not holds:
        raise Unexpected(str(said))


@dataclass
class Bench:
    """The installation, what is known of it, and what was found."""

    install: Installation
    nights: int
    secrets: set[str] = field(default_factory=lambda: {LASTFM_KEY, CLIENT_SECRET, TYPED})
    up: ManagedProcess | None = None
    plain: int = 0
    readable: int = 0
    left: int = 0
    night: tuple[str, dt.datetime] | None = None
    disk_before: float = 0.0
    month_mb: float = 0.0

    @property
    def folder(self) -> Path:
        """Return the folder in which its commands run."""
        return self.install.folder

    @property
    def home(self) -> Path:
        """Return Airflow's home."""
        return self.install.home.folder

    @property
    def backup(self) -> Path:
        """Return where the backup under load is."""
        return self.folder / "backup" / "full.tar.gz"

    def start(self, *options: str) -> None:
        """Start `up`, if it does not run."""
        if self.up is None or not self.up.running:
            self.up = self.install.start_up(*options)

    def end(self, number: int = signal.SIGTERM, *, code: int = 0) -> None:
        """End `up` by a signal, and see that it ends as it should and leaves nothing."""
        if self.up is None:
            return
        part, self.up = self.up, None
        if part.running:
            os.kill(part.process.pid, number)
        expect(part.process.wait(120) == code, self.install.said("up"))
        expect(not self.running(), self.running())

    def kill(self) -> None:
        """Kill `up`, which then ends none of its parts."""
        if self.up is not None:
            self.up.process.kill()
            self.up.process.wait()
            self.up = None

    def api(self) -> AirflowApi:
        """Return a client of the pages that run."""
        return AirflowApi(self.install.home.url, password=self.install.home.password())

    def running(self) -> list[int]:
        """Return the processes that work in this home."""
        mark = f"AIRFLOW_HOME={self.home}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue  # it has ended
        return found

    def look(self) -> None:
        """Look for secrets and open files, and count and end what a stopped `up` left."""
        kept = [self.home, self.folder / "data", self.backup.parent]
        plain = files_with(self.secrets, *kept, self.folder / "up.log")
        self.plain += len(plain)
        for name in plain[:5]:
            print(f"  a secret is in {name}")
        opened = [path for folder in kept if folder.exists() for path in open_to_others(folder)]
        self.readable += len(opened)
        for path in opened[:5]:
            print(f"  others may read {path}")
        if self.up is None or not self.up.running:
            left = self.running()
            self.left += len(left)
            for pid in left:
                os.kill(pid, signal.SIGKILL)


def start_night(api: AirflowApi) -> tuple[str, dt.datetime]:
    """Start tonight's night by hand; return its date, and when it was started."""
    since = dt.datetime.now(dt.UTC)
    night = since.date().isoformat()
    api.trigger("sync_listening", {"listener": LISTENER, "night": night})
    return night, since


def wait_for_night(api: AirflowApi, started: tuple[str, dt.datetime]) -> None:
    """Wait until the list of a night is written."""
    night, since = started
    key = f"{LISTENER}@{night}"
    _wait(lambda: _ended(api, "write_playlist", api.run_for("write_playlist", key, since=since)))


def run_night(api: AirflowApi) -> None:
    """Run a night by the scheduler, to its end."""
    wait_for_night(api, start_night(api))


def run_poll(api: AirflowApi) -> None:
    """Run the hourly poll by the scheduler."""
    run = api.trigger("poll_recent_plays", {"listener": LISTENER})
    _wait(lambda: _ended(api, "poll_recent_plays", run))


def run_maintenance(api: AirflowApi) -> dict[str, Any]:
    """Run the maintenance by the scheduler; return what it removed."""
    run = api.trigger("maintenance", {})
    _wait(lambda: _ended(api, "maintenance", run))
    (task,) = api.tasks("maintenance", run)
    removed: dict[str, Any] = api.return_value(task)
    return removed


def _ended(api: AirflowApi, dag: str, run: str | None) -> bool:
    """Return whether a run has ended; it has to end well."""
    state = api.run_state(dag, run) if run else "none"
    expect(state not in FINISHED or state == "success", f"{dag} ended as {state}")
    return state == "success"


def _wait(ended: Callable[[], bool]) -> None:
    until = time.monotonic() + MAX_WAIT_S
    while not ended():
        expect(time.monotonic() < until, "it did not end")
        time.sleep(0.5)


def kill_when(install: Installation, seen: Callable[[], bool], *arguments: str) -> None:
    """Kill a command as soon as something is seen."""
    with subprocess.Popen(
        [sys.executable, "-m", "smallhours", *arguments],
        cwd=install.folder,
        env=install.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not seen():
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)


def check_installation(install: Installation) -> None:
    """Check that the database is whole, its connections open, and the lake can be read."""
    check_database(install.home.folder / "airflow.db")
    said = " ".join(install.run("doctor", "--offline").split())
    expect(f"`lastfm_{LISTENER}` is complete" in said, said)
    expect("plays from" in said, said)


def check_database(path: Path) -> None:
    """Check that a database is whole, and holds the listener's two connections."""
    with closing(sqlite3.connect(path)) as database:
        expect(database.execute("PRAGMA integrity_check").fetchall() == [("ok",)])
        found = {row[0] for row in database.execute("SELECT conn_id FROM connection")}
    expect({f"lastfm_{LISTENER}", f"spotify_{LISTENER}"} <= found, found)


def disk_mb(home: Path) -> float:
    """Return what a home takes of the disk, its database's log written back."""
    with closing(sqlite3.connect(home / "airflow.db", timeout=60)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    paths = [home, *home.rglob("*")]
    return sum(os.lstat(path).st_blocks * BLOCK for path in paths if path.exists()) / 1_000_000
