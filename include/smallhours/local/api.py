"""A client of the part of Airflow's REST API that the demo uses."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

_TIMEOUT_S = 30.0
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


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
