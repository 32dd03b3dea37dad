"""Airflow on CeleryExecutor as processes on loopback: PostgreSQL, Redis, two workers, the sandbox.

The workers share nothing but the settings' text, the database, the broker and the lake: on S3
(moto's server), or in a folder that each worker finds by a link, as it would find a mount. A part
that ends is started again after half a minute, as a restart policy or Kubernetes would.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from unittest.mock import patch

import requests
from cryptography.fernet import Fernet

from smallhours.local.airflow import CHECKOUT, AirflowApi, AirflowHome
from smallhours.local.processes import ManagedProcess, free_ports, stop_all
from smallhours.local.running import kill_session
from smallhours.runs import NIGHTLY
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import sandbox_services_toml
from smallhours_sandbox.state import SandboxState
from tests.e2e.installation import NEVER, SMALL_CATALOG, SMALL_WORLD
from tests.lake.s3_server import BUCKET, running_s3
from tests.lake.s3_server import is_installed as has_s3_server

RESTART_S = 30.0
WORKERS = ("worker-1", "worker-2")
NAMES = ("ada", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo")
SHARED_SETTINGS = CHECKOUT / "deploy" / "airflow.env"
_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
_MAX_START_S = 300.0
_SETTINGS = """\
{listeners}
[schedule]
cron = "{never}"
poll_cron = "{never}"
{catalog}
{services}"""
_LISTENER = """\
[listeners.{name}]
lastfm = "{name}"
timezone = "UTC"

[listeners.{name}.playlist]
size = 10
shortest = 5
not_again_nights = 5

"""


def missing_programs() -> list[str]:
    """Return what a cluster needs and this machine lacks."""
    found = {
        "PostgreSQL's server (Debian: postgresql)": bool(_POSTGRES),
        "Redis (Debian: redis-server)": bool(shutil.which("redis-server")),
        "Celery (`make cluster`)": (Path(sys.executable).parent / "celery").exists(),
        "moto's S3 server (`make cluster`)": has_s3_server(),
    }
    return [name for name, there in found.items() if not there]


def has_faketime() -> bool:
    """Return whether a process's clock can be put off."""
    return bool(_FAKETIME)


def shared_settings() -> dict[str, str]:
    """Return the settings of Airflow that compose, Helm and this harness share."""
    lines = SHARED_SETTINGS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@dataclass
class Part:
    """A process that is started again after it has ended.

    Attributes:
        name: Of the part, and of its log.
        command: The program and its arguments.
        env: Its complete environment.
        folder: Where it runs, and has its log.
        process: The process that runs, or ended last.
        due: When it is started again, by the monotonic clock; None while it runs.
        starts: How often it was started.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    process: ManagedProcess | None = None
    due: float | None = 0.0
    starts: int = 0

    def look_after(self) -> None:
        """Start it when it is due; notice when it has ended by itself."""
        now = time.monotonic()
        if self.due is None and self.process and not self.process.running:
            kill_session(self.process.process.pid)
            self.due = now + RESTART_S
        if self.due is not None and self.due <= now:
            self.start()

    def start(self) -> None:
        """Start it."""
        log = self.folder / f"{self.name}.log"
        self.process = ManagedProcess(
            self.name, self.command, env=self.env, log=log, cwd=self.folder
        )
        self.due = None
        self.starts += 1

    def kill(self, away: float) -> None:
        """Kill it with all that it started; it comes back after some seconds."""
        assert self.process is not None  # noqa: S101 - it was started
        os.kill(self.process.process.pid, signal.SIGKILL)
        self.process.process.wait()
        kill_session(self.process.process.pid)
        self.due = time.monotonic() + away

    def members(self) -> list[int]:
        """Return its processes."""
        if self.process is None or not self.process.running:
            return []
        command = ["ps", "-o", "pid=", "-s", str(self.process.process.pid)]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return [int(pid) for pid in told.split()]

    def runs_a_task(self) -> bool:
        """Return whether one of its processes is a task's, by the title that Airflow gives it."""
        for pid in self.members():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"airflow worker -- "):
                    return True
        return False


@dataclass
class Cluster:
    """A cluster, to be used in a `with` block that ends it.

    Attributes:
        folder: All of it but PostgreSQL's data, and a lake on S3.
        listeners: Who has a night.
        on_s3: Whether the lake is on S3.
    """

    folder: Path
    listeners: Sequence[str]
    on_s3: bool = True
    parts: dict[str, Part] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _held: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Self:
        """Start everything, and return when it is healthy."""
        with contextlib.ExitStack() as starting:
            state = SandboxState(
                generate_world(listeners=self.listeners, generator=1, **SMALL_WORLD)
            )
            self.sandbox = starting.enter_context(SandboxServer(state))
            storage = self._begin_storage(starting)
            starting.callback(self._stop)
            postgres_port, redis_port, self.port = free_ports(3)
            self._begin_postgres(postgres_port, starting)
            self._begin_redis(redis_port)
            self.home = AirflowHome(
                self.folder / "airflow",
                self.port,
                self.folder / "smallhours.toml",
                lake=self.lake,
                open_to_all=True,
            )
            database = f"airflow@127.0.0.1:{postgres_port}/postgres"
            self.env = self.home.environment(
                {
                    **shared_settings(),
                    **storage,
                    "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
                    "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
                    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
                    "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
                    "AIRFLOW__API_AUTH__JWT_SECRET": os.urandom(48).hex(),
                    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
                    # In place of served logs, which listen on all of a machine's addresses.
                    "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.folder / "logs"),
                    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                    "PYTHONPATH": str(CHECKOUT / "include"),
                }
            )
            self._write_settings()
            threading.Thread(target=self._supervise, daemon=True).start()
            self._prepare()
            self._begin_airflow()
            self._wait_until_healthy()
            self._add_connections()
            self._held = starting.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """End everything."""
        self._held.close()

    def kill(self, name: str, *, away: float = RESTART_S) -> None:
        """Kill a part, as a crash or an empty power supply does; it comes back after a while."""
        with self._lock:
            self.parts[name].kill(away)

    def forget_redis(self) -> None:
        """Remove what Redis has written, as where it writes nothing."""
        shutil.rmtree(self.folder / "redis" / "appendonlydir", ignore_errors=True)

    def busy_worker(self, *, max_wait: float = 300.0) -> str:
        """Wait until a worker runs a task, and return its name."""
        until = time.monotonic() + max_wait
        while time.monotonic() < until:
            for name in WORKERS:
                if self.parts[name].runs_a_task():
                    return name
            time.sleep(0.2)
        raise TimeoutError("no worker has had a task")

    def limit_files(self, worker: str, size: str) -> None:
        """Limit the size of the files that a worker and what it starts can write."""
        for pid in self.parts[worker].members():
            command = ["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"]
            subprocess.run(command, check=False, capture_output=True)

    def set_clock(self, worker: str, offset: str | None) -> None:
        """Restart a worker with a clock that is off, or with the right one."""
        part = self.parts[worker]
        fake = {"LD_PRELOAD": str(_FAKETIME[0]), "FAKETIME": offset} if offset else {}
        with self._lock:
            kept = {k: v for k, v in part.env.items() if k not in {"LD_PRELOAD", "FAKETIME"}}
            part.env = {**kept, **fake}
            part.kill(away=0.0)

    def mend(self) -> None:
        """Give the workers back what a fault took from them."""
        for worker in WORKERS:
            shutil.copy(self.home.settings, self.settings_of(worker))
            if not self.on_s3 and not self.mount_of(worker).is_symlink():
                shutil.rmtree(self.mount_of(worker))
                self.mount_of(worker).symlink_to(self.lake)
            self.limit_files(worker, "unlimited")
            if "FAKETIME" in self.parts[worker].env:
                self.set_clock(worker, None)

    def settings_of(self, worker: str) -> Path:
        """Return the settings file that a worker reads."""
        return self.folder / worker / "smallhours.toml"

    def mount_of(self, worker: str) -> Path:
        """Return where a worker finds a lake in a folder: a link, as to a mount."""
        return self.folder / worker / "data"

    @property
    def lake(self) -> str:
        """The lake's address."""
        return f"s3://{BUCKET}/cluster" if self.on_s3 else str(self.folder / "data")

    def api(self) -> AirflowApi:
        """Return a client of Airflow's API."""
        return AirflowApi(self.home.url)

    def _begin(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> None:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        with self._lock:
            self.parts[name] = Part(name, command, env, folder)

    def _begin_storage(self, starting: contextlib.ExitStack) -> dict[str, str]:
        """Start the S3 server; return what a process must know of it. A folder needs nothing."""
        if not self.on_s3:
            return {}
        self.s3 = starting.enter_context(running_s3())
        # This process, too, looks into the lake.
        cache = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        starting.enter_context(patch.dict(os.environ, {**self.s3.environment, **cache}))
        return {**self.s3.environment, **cache}

    def _begin_postgres(self, port: int, starting: contextlib.ExitStack) -> None:
        # Not below our folder, which PostgreSQL's user can't enter; it refuses to be run by root.
        name = starting.enter_context(tempfile.TemporaryDirectory(prefix="smallhours-postgres-"))
        as_user: list[str] = []
        if os.getuid() == 0:
            shutil.chown(name, "postgres", "postgres")
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        env = {"HOME": name, "LC_ALL": "C", "PATH": os.environ["PATH"]}
        data = f"{name}/data"
        initdb = [str(_POSTGRES[-1] / "initdb"), "-D", data, "-U", "airflow", "--auth=trust"]
        subprocess.run(
            [*as_user, *initdb], env=env, cwd=name, check=True, stdout=subprocess.DEVNULL
        )
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": name
        }  # fmt: skip
        told = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        server = [str(_POSTGRES[-1] / "postgres"), "-D", data, *told]
        self._begin("postgres", [*as_user, *server], env)

    def _begin_redis(self, port: int) -> None:
        # Each message is on the disk a second after it was sent, as docker-compose.yaml has it.
        options = {"bind": "127.0.0.1", "port": port, "save": "", "appendonly": "yes"}
        told = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self._begin("redis", ["redis-server", *told], dict(os.environ))

    def _begin_airflow(self) -> None:
        airflow = [sys.executable, "-m", "airflow"]
        for name, more in {
            "api-server": [],
            "scheduler": ["--skip-serve-logs"],
            "dag-processor": [],
            "triggerer": ["--skip-serve-logs"],
        }.items():
            self._begin(name, [*airflow, name, *more], self.env)
        for name in WORKERS:
            (self.folder / name).mkdir()
            shutil.copy(self.home.settings, self.settings_of(name))
            lake = self.lake
            if not self.on_s3:
                self.mount_of(name).symlink_to(self.lake)
                lake = str(self.mount_of(name))
            env = {
                **self.env,
                "AIRFLOW_HOME": str(self.folder / name / "airflow"),
                "SMALLHOURS_LAKE": lake,
                "XDG_CACHE_HOME": str(self.folder / name / "cache"),
                "SMALLHOURS_SETTINGS": str(self.settings_of(name)),
            }
            self._begin(
                name,
                [*airflow, "celery", "worker", "--skip-serve-logs", "-H", f"{name}@localhost"],
                env,
            )

    def _supervise(self) -> None:
        while not self._ended.wait(0.2):
            with self._lock:
                for part in self.parts.values():
                    part.look_after()

    def _stop(self) -> None:
        self._ended.set()
        with self._lock:
            running = [part.process for part in self.parts.values() if part.process]
            stop_all([each for each in running if each.name not in {"postgres", "redis"}])
            stop_all(running)

    def _write_settings(self) -> None:
        text = _SETTINGS.format(
            listeners="".join(_LISTENER.format(name=name) for name in self.listeners),
            never=NEVER,
            catalog=SMALL_CATALOG,
            services=sandbox_services_toml(self.sandbox.url),
        )
        self.home.settings.write_text(text, encoding="utf-8")

    def _prepare(self) -> None:
        """Make the lake and the database ready, as compose's `init` does."""
        command = [sys.executable, "-m", "smallhours", "prepare"]
        until = time.monotonic() + _MAX_START_S
        while True:  # PostgreSQL may still be starting
            done = subprocess.run(
                command, env=self.env, cwd=self.folder, capture_output=True, text=True, check=False
            )
            if not done.returncode:
                return
            if time.monotonic() > until or "connect" not in done.stdout + done.stderr:
                raise RuntimeError(done.stdout + done.stderr)
            time.sleep(0.5)

    def _wait_until_healthy(self) -> None:
        until = time.monotonic() + _MAX_START_S
        wanted = {"scheduler", "dag_processor", "triggerer"}
        while not (self._healthy() >= wanted and set(NIGHTLY) <= self._dags()):
            if time.monotonic() > until:
                raise TimeoutError(f"Airflow did not start; the logs are in {self.folder}")
            time.sleep(0.5)
        for name in WORKERS:
            while b" ready." not in (self.parts[name].folder / f"{name}.log").read_bytes():
                if time.monotonic() > until:
                    raise TimeoutError(f"{name} did not start; the logs are in {self.folder}")
                time.sleep(0.5)
        # The first request makes Airflow build the API that tasks report to, which takes seconds.
        requests.get(f"{self.home.url}/execution/health", timeout=60)

    def _healthy(self) -> set[str]:
        try:
            told = requests.get(f"{self.home.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return set()
        return {name for name, each in told.items() if each.get("status") == "healthy"}

    def _dags(self) -> set[str]:
        with contextlib.closing(self.api()) as api:
            return api.dags()

    def _add_connections(self) -> None:
        """Store the listeners' logins in Airflow's database, from where all workers have them."""
        for name in self.listeners:
            for connection in _connections(name):
                reply = requests.post(
                    f"{self.home.url}/api/v2/connections", json=connection, timeout=60
                )
                reply.raise_for_status()


def _connections(listener: str) -> Iterator[dict[str, str]]:
    yield {
        "connection_id": f"lastfm_{listener}",
        "conn_type": "lastfm",
        "password": "5a4d" * 8,
    }
    yield {
        "connection_id": f"spotify_{listener}",
        "conn_type": "spotify",
        "login": "sandbox-client",
        "password": "sandbox-secret",
        "extra": json.dumps({"refresh_token": f"refresh-{listener}"}),
    }
