"""The maintenance of Airflow itself: old runs, events and logs are removed.

Airflow keeps its database from the tasks. Its command `airflow db clean` is for the person who runs
it, and so it is run as that person would: by a process of its own, which reads Airflow's
configuration anew. See `docs/adr/0013-maintenance-in-a-process-of-its-own.md`.
"""

import datetime as dt
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context, task

from smallhours.errors import SmallhoursError
from smallhours.orchestration.tasks import load_settings_here, one_line_errors
from smallhours.runs import summary_lines
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

# What Airflow puts in the place of the database's address in a task's environment.
_BLOCKED = "airflow-db-not-allowed:"


class MaintenanceError(SmallhoursError):
    """Airflow's old runs can't be removed."""


@task(task_id="remove_old_runs", doc_md="Remove old runs, events and logs from Airflow's home.")
def remove_old_runs() -> Summary:
    """Remove what is older than `[maintenance] keep_days`, and return what was removed."""
    context = get_current_context()
    with one_line_errors():
        keep_days = load_settings_here().maintenance.keep_days
        before = dt.datetime.now(dt.UTC) - dt.timedelta(days=keep_days)
        summary = {"days_kept": keep_days, **_remove_apart(before, context["dag_run"])}
    for line in summary_lines(summary):
        LOG.info(line)
    return summary


def _remove_apart(before: dt.datetime, run: Any) -> Summary:
    """Remove what is older than a moment, in a process of its own.

    Raises:
        MaintenanceError: when that fails.
    """
    env = {name: value for name, value in os.environ.items() if not value.startswith(_BLOCKED)}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        done = subprocess.run(  # noqa: S603 - our own command
            [
                *(sys.executable, "-m", "smallhours.orchestration.old_runs"),
                *("--before", before.isoformat(), "--report", str(report)),
                *("--dag", run.dag_id, "--run", run.run_id),
            ],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout.strip().splitlines() or ["it does not say why."])[-1]
            raise MaintenanceError("Airflow's old runs were not removed.", remedy=said)
        summary: Summary = json.loads(report.read_text(encoding="utf-8"))
        return summary
