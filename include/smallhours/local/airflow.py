"""A local Airflow that is reachable from this machine only, and a client of its REST API.

`airflow standalone` opens log servers to the whole network and leaves processes behind when it is
terminated. Its processes, started one by one, do neither. The triggerer is not among them: no task
of ours defers, and a list that waits for approval needs none.
"""

import contextlib
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

import smallhours
from smallhours.errors import SettingsError
from smallhours.local.home_files import home_folder, kept_jwt_secret, make_home
from smallhours.local.processes import ManagedProcess, ProcessStopped, stop_all
from smallhours.local.running import (
    StartedPart,
    end_parts,
    forget_parts,
    hold_home,
    left_running,
    record_parts,
)
from smallhours.private_files import close_to_others

CHECKOUT = Path(smallhours.__file__).parents[2]
HOST = "127.0.0.1"
# A small machine takes minutes; one whose processes end is not waited for.
_MAX_START_S = 300.0
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}

_TIMEOUT_S = 30.0
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


@dataclass(frozen=True, slots=True)
class AirflowHome:
    """The configuration of an Airflow installation on this machine.

    Attributes:
        folder: Airflow's home: its database, configuration and logs.
        port: Port of its pages and API on 127.0.0.1.
        settings: Path of the settings file that its DAGs read.
        lake: The lake that they write, when it is not the one in the settings.
        open_to_all: Whether anyone on this machine may log in without a password.
    """

    folder: Path
    port: int
    settings: Path
    lake: str | None = None
    open_to_all: bool = False

    @property
    def url(self) -> str:
        """Return the address of its pages."""
        return f"http://{HOST}:{self.port}"

    @property
    def passwords(self) -> Path:
        """Return the file to which Airflow writes generated passwords."""
        return self.folder / "simple_auth_manager_passwords.json.generated"

    def password(self) -> str | None:
        """Return the password of its user `admin`; None when no password is needed."""
        if self.open_to_all:
            return None
        return str(json.loads(self.passwords.read_text(encoding="utf-8"))["admin"])

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return its processes' environment: this one's, without another Airflow's settings."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW__", "AIRFLOW_CONFIG", "AIRFLOW_HOME", "SMALLHOURS_"))
        }
        programs = str(Path(sys.executable).parent)
        return {
            **inherited,
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            # Each worker is a process; a night's tasks run one after the other.
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(self.open_to_all),
            # The pages ask for a look when they change settings that a DAG is made from.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            # A line for each file every half minute: into the part's log, which starts over.
            "AIRFLOW__LOGGING__DAG_PROCESSOR_LOG_TARGET": "stdout",
            "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
            "AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
            # Do not send usage data.
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "SMALLHOURS_SETTINGS": str(self.settings),
            **({"SMALLHOURS_LAKE": self.lake} if self.lake else {}),
            **(extra or {}),
        }


def own_home(port: int, settings: Path) -> AirflowHome:
    """Return the home, and the lake, that `smallhours login` and all other commands use."""
    return AirflowHome(
        home_folder().resolve(), port, settings, lake=os.environ.get("SMALLHOURS_LAKE")
    )


class LocalAirflow:
    """Airflow's processes; a context manager that holds the home, and stops them all.

    Args:
        home: The installation.
        env: Its environment, from `AirflowHome.environment`.
    """

    def __init__(self, home: AirflowHome, env: Mapping[str, str]) -> None:
        self.home = home
        self.env = env
        self.logs = home.folder / "parts"
        self.processes: list[ManagedProcess] = []
        self._held = contextlib.ExitStack()

    def __enter__(self) -> "LocalAirflow":
        """Return the object; nothing is started yet.

        Raises:
            SettingsError: when another process runs Airflow in this home.
        """
        self._held.enter_context(hold_home(self.home.folder))
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop all processes."""
        with self._held:
            if self.processes:
                stop_all(self.processes)
                forget_parts(self.home.folder)

    def left_running(self) -> list[StartedPart]:
        """Return the parts that were left running by one that was killed."""
        return left_running(self.home.folder)

    def end_left_running(self) -> None:
        """End them, with all that they started."""
        end_parts(self.left_running())
        forget_parts(self.home.folder)

    def prepare(self, *, forget_unfinished: bool = False) -> list[str]:
        """Create the home and its database, or bring them up to date.

        Existing files are closed to other users, and what was stored in clear is encrypted.

        Args:
            forget_unfinished: Fail the unfinished runs of an interrupted Airflow, which the
                scheduler would otherwise continue.

        Returns:
            What a person should know, in sentences.

        Raises:
            ProcessStopped: when that fails.
        """
        make_home(self.home.folder, self.env)
        if secret := kept_jwt_secret(self.home.folder):
            self.env = {**self.env, "AIRFLOW__API_AUTH__JWT_SECRET": secret}
        close_to_others(self.home.folder)
        report = self.home.folder / "database.txt"
        command = [
            sys.executable,
            "-m",
            "smallhours.orchestration.database",
            "--report",
            str(report),
        ]
        if forget_unfinished:
            command.append("--forget-unfinished")
        part = self._start("database", command)
        if part.process.wait() != 0:
            raise ProcessStopped(part)
        self.processes.remove(part)
        return report.read_text(encoding="utf-8").splitlines()

    def start(self) -> None:
        """Start the processes.

        Raises:
            SettingsError: when the port is in use.
        """
        if _answers(self.home.url):
            raise SettingsError(
                f"Something listens on {self.home.url} already.",
                remedy="Stop it, or choose another port with --port.",
            )
        for name, arguments in _COMMANDS.items():
            self._start(name, [sys.executable, "-m", "airflow", *arguments])

    def wait_until_healthy(self, *, on_status: Callable[[str], None]) -> None:
        """Wait until all processes report that they are healthy.

        Raises:
            ProcessStopped: when one ended.
            TimeoutError: when they are not healthy within five minutes.
        """
        until = time.monotonic() + _MAX_START_S
        waiting = ["api-server"]
        while waiting:
            for part in self.processes:
                part.check()
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{', '.join(waiting)} did not start within {_MAX_START_S:.0f} s; "
                    f"the logs are in {self.logs}"
                )
            time.sleep(0.2)
            waiting = self._unhealthy()
            on_status(", ".join(waiting))
        # The first request makes Airflow build the API that tasks report to, which takes seconds.
        requests.get(f"{self.home.url}/execution/health", timeout=60)

    def _unhealthy(self) -> list[str]:
        try:
            reply = requests.get(f"{self.home.url}/api/v2/monitor/health", timeout=5)
            processes = reply.json()
        except (requests.RequestException, ValueError):
            return ["api-server"]
        names = ("scheduler", "dag_processor")
        return [name for name in names if processes.get(name, {}).get("status") != "healthy"]

    def _start(self, name: str, command: list[str]) -> ManagedProcess:
        log = self.logs / f"{name}.log"
        # Paths in the settings are relative to where the command is run, as in other commands.
        part = ManagedProcess(name, command, env=self.env, log=log, cwd=Path.cwd())
        self.processes.append(part)
        record_parts(self.home.folder, {each.name: each.process.pid for each in self.processes})
        return part


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=2)
    except requests.ConnectionError:
        return False
    except requests.RequestException:
        return True
    return True


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One task instance of a run, as the API returns it."""

    dag: str
    run: str
    task: str
    map_index: int
    state: str
    tries: int
    seconds: float | None

    @property
    def verb(self) -> str:
        """Return the task's name without its group's."""
        return self.task.rpartition(".")[2]

    @property
    def finished(self) -> bool:
        """Return whether the task has ended."""
        return self.state in FINISHED


class AirflowApi:
    """A client of Airflow's public API for this machine's only user.

    Args:
        url: Address of Airflow's pages.
        password: Password of its user `admin`; None when none is needed.
    """

    def __init__(self, url: str, *, password: str | None = None) -> None:
        self._url = f"{url}/api/v2"
        self._session = requests.Session()
        if password is not None:
            login = {"username": "admin", "password": password}
            reply = self._session.post(f"{url}/auth/token", json=login, timeout=_TIMEOUT_S)
            reply.raise_for_status()
            self._session.headers["Authorization"] = f"Bearer {reply.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def dags(self) -> set[str]:
        """Return the ids of the DAGs that Airflow has parsed."""
        return {dag["dag_id"] for dag in self._ask("GET", "/dags?limit=100")["dags"]}

    def paused(self) -> set[str]:
        """Return the DAGs that are paused."""
        return {dag["dag_id"] for dag in self._ask("GET", "/dags?limit=100&paused=true")["dags"]}

    def switched_by_hand(self) -> int:
        """Return how often somebody paused a DAG or let it run, by Airflow's own audit log."""
        found = self._ask("GET", "/eventLogs?event=patch_dag&limit=1")
        return int(found["total_entries"])

    def next_start(self, dag: str) -> dt.datetime:
        """Return when the scheduler starts a DAG next."""
        known = self._ask("GET", f"/dags/{dag}")
        return dt.datetime.fromisoformat(known["next_dagrun_run_after"])

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Trigger a run with a configuration and return its id."""
        run = self._ask("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})
        return str(run["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """Return the state of a run."""
        return str(self._ask("GET", f"/dags/{dag}/dagRuns/{run}")["state"])

    def runs(self, dag: str, *, since: dt.datetime) -> list[str]:
        """Return the ids of the runs started since a time, newest first."""
        after = since.isoformat().replace("+", "%2B")
        query = f"?order_by=-run_after&limit=20&run_after_gte={after}"
        found = self._ask("GET", f"/dags/{dag}/dagRuns{query}")["dag_runs"]
        return [str(run["dag_run_id"]) for run in found]

    def run_for(self, dag: str, partition_key: str, *, since: dt.datetime) -> str | None:
        """Return the newest run for a partition that was created since a time, or None."""
        after = since.isoformat().replace("+", "%2B")
        query = f"?order_by=-run_after&limit=20&run_after_gte={after}"
        for run in self._ask("GET", f"/dags/{dag}/dagRuns{query}")["dag_runs"]:
            if run["partition_key"] == partition_key:
                return str(run["dag_run_id"])
        return None

    def tasks(self, dag: str, run: str) -> list[TaskRun]:
        """Return the task instances of a run."""
        reply = self._ask("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances?limit=100")
        return [
            TaskRun(
                dag=dag,
                run=run,
                task=each["task_id"],
                map_index=each["map_index"],
                state=each["state"] or "none",
                tries=each["try_number"],
                seconds=each["duration"],
            )
            for each in reply["task_instances"]
        ]

    def return_value(self, task: TaskRun) -> Any:
        """Return the return value of a task."""
        path = f"{self._path(task)}/xcomEntries/return_value"
        query = f"?map_index={task.map_index}&deserialize=true"
        return self._ask("GET", path + query)["value"]

    def log(self, task: TaskRun) -> Iterator[dict[str, Any]]:
        """Return the lines of a task's latest log, each with `event`, `level` and more."""
        path = f"{self._path(task)}/logs/{max(task.tries, 1)}"
        try:
            reply = self._ask("GET", f"{path}?map_index={task.map_index}")
        except requests.HTTPError as error:
            if error.response.status_code != requests.codes.not_found:
                raise
            return
        for line in reply["content"]:
            yield line if isinstance(line, dict) else {"event": line}

    def _path(self, task: TaskRun) -> str:
        return f"/dags/{task.dag}/dagRuns/{task.run}/taskInstances/{task.task}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        reply = self._session.request(
            method,
            self._url + path.replace("+00:00", "%2B00:00"),
            json=body,
            headers={"Accept": "application/json"},
            timeout=_TIMEOUT_S,
        )
        reply.raise_for_status()
        return reply.json()
