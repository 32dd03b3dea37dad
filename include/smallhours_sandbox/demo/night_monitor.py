"""Progress display of one listener's night through the four DAGs."""

import datetime as dt
import time
from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from smallhours.errors import SmallhoursError
from smallhours.local.airflow import AirflowApi, LocalAirflow, TaskRun
from smallhours.runs import NIGHTLY, STAGES, stage_in_words, summary_lines

_POLL_S = 0.7
# The longest time between two stages that end. A night takes a minute, or many on a busy machine.
_MAX_STAGE_S = 600.0
_LOG_LINES = 12

# The message that Airflow logs after the error itself.
_TASK_EXIT_MESSAGE = "Task exited"


class NightFailed(SmallhoursError):
    """The night failed, or got no further."""


class NightMonitor:
    """A display of the finished and running tasks of a night.

    Args:
        airflow: The local Airflow.
        api: Its API.
        console: Console to print to.
        key: The partition key of the night.
    """

    def __init__(self, airflow: LocalAirflow, api: AirflowApi, console: Console, key: str) -> None:
        self._airflow = airflow
        self._api = api
        self._console = console
        self._key = key
        self._shown: set[tuple[str, str]] = set()
        self._warned: set[tuple[str, str, int]] = set()
        self._went_on = time.monotonic()

    def follow(self, first_run: str, *, since: dt.datetime) -> None:
        """Show progress until the last DAG has succeeded.

        Args:
            first_run: The id of the first DAG's run.
            since: When it was triggered; the other DAGs' runs are younger.

        Raises:
            NightFailed: when a task failed, with its error, or the night gets no further.
            ProcessStopped: when a process of Airflow ended.
        """
        self._went_on = time.monotonic()
        runs = {next(iter(NIGHTLY)): first_run}
        with self._console.status("starting") as status:
            for dag in NIGHTLY:
                while dag not in runs:
                    self._pause(dag)
                    if found := self._api.run_for(dag, self._key, since=since):
                        runs[dag] = found
                while self._api.run_state(dag, runs[dag]) in ("queued", "running"):
                    status.update(self._progress(dag, runs[dag]))
                    self._pause(dag)
                self._progress(dag, runs[dag])
                if self._api.run_state(dag, runs[dag]) != "success":
                    raise NightFailed(
                        f"{dag} did not succeed.",
                        remedy=f"The whole log is in {self._airflow.home.folder / 'logs'}.",
                    )

    def _progress(self, dag: str, run: str) -> str:
        """Print tasks that finished since the last call; return a line about the running one."""
        tasks = [task for task in self._api.tasks(dag, run) if task.verb in _verbs(dag)]
        tasks.sort(key=lambda task: _verbs(dag).index(task.verb))
        for task in tasks:
            if task.state == "success" and (dag, task.verb) not in self._shown:
                self._shown.add((dag, task.verb))
                self._show_success(task)
            elif task.state in ("failed", "up_for_retry", "up_for_reschedule"):
                self._show_trouble(task)
        running = [task for task in tasks if task.state == "running"]
        return self._running_line(running[0]) if running else f"{dag}: between two tasks"

    def _show_success(self, task: TaskRun) -> None:
        self._went_on = time.monotonic()
        counts = "; ".join(summary_lines(self._api.return_value(task)))
        self._console.print(
            f"  [green]✓[/] {escape(stage_in_words(STAGES[task.verb]))}  "
            f"[dim]{task.seconds or 0:.1f} s, {task.verb}: {escape(counts)}[/]",
            highlight=False,
            soft_wrap=True,
        )

    def _show_trouble(self, task: TaskRun) -> None:
        seen = (task.dag, task.verb, task.tries)
        if seen in self._warned:
            return
        self._warned.add(seen)
        what = "failed" if task.state == "failed" else "will be tried again"
        self._console.print(f"  [red]✗[/] {task.dag} · [bold]{task.verb}[/] {what}")
        for line in list(self._errors(task))[-_LOG_LINES:]:
            self._console.print(f"      {escape(line)}", highlight=False, soft_wrap=True)

    def _errors(self, task: TaskRun) -> Iterator[str]:
        """Return the error lines of a task's log, or its last lines when there are none."""
        lines = list(self._api.log(task))
        errors = [
            line
            for line in lines
            if line.get("level") in ("error", "critical") and line["event"] != _TASK_EXIT_MESSAGE
        ]
        for line in errors or lines:
            yield str(line["event"])
            for cause in line.get("error_detail") or []:
                yield f"{cause.get('exc_type')}: {cause.get('exc_value')}"

    def _running_line(self, task: TaskRun) -> str:
        if not self._console.is_terminal:
            return ""
        said = [line["event"] for line in self._api.log(task) if line.get("level") == "info"]
        last = next((text for text in reversed(said) if not text.startswith("::")), "")
        return f"{task.dag} · {task.verb}: {escape(str(last))}"

    def _pause(self, dag: str) -> None:
        for part in self._airflow.processes:
            part.check()
        if time.monotonic() > self._went_on + _MAX_STAGE_S:
            raise NightFailed(
                f"{dag} got no further for {_MAX_STAGE_S / 60:.0f} minutes.",
                remedy=f"The logs are in {self._airflow.home.folder / 'logs'}.",
            )
        time.sleep(_POLL_S)


def _verbs(dag: str) -> list[str]:
    return [stage.__name__ for stage in NIGHTLY[dag]]
