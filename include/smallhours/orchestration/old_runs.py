"""Removal of old runs, events and logs from Airflow's home, as a program.

`python -m smallhours.orchestration.old_runs --before MOMENT --report FILE --dag DAG --run RUN` runs
Airflow's own commands for its database, removes old log files, and writes what was removed to a
file, as JSON. The run is the one that asks for it: where the database does not hold it, it is not
the database of the Airflow that runs.
"""

import argparse
import contextlib
import datetime as dt
import json
import stat
import subprocess
import sys
from pathlib import Path

from airflow.configuration import conf
from airflow.models.dagrun import DagRun
from sqlalchemy import MetaData, func, inspect, select

from smallhours.orchestration.database import database_engine
from smallhours.orchestration.maintenance import MaintenanceError
from smallhours.summary import Summary

# All that `airflow db clean` cleans, but `dag`: when a machine was off for long, no DAG is parsed
# yet, and all would be removed, with what a person has paused.
TABLES = (
    "asset_event", "callback", "connection_test_request", "dag_run", "dag_version", "deadline",
    "import_error", "job", "log", "partitioned_asset_key_log", "revoked_token", "task_instance",
    "task_instance_history", "task_reschedule", "task_state_store", "trigger", "xcom",
)  # fmt: skip
# Where Airflow puts rows while it removes them.
_ARCHIVED = "_airflow_deleted__"


def remove_old(before: dt.datetime, *, dag: str, run: str) -> Summary:
    """Remove runs, events and logs that are older than a moment; return what was removed.

    Raises:
        MaintenanceError: when the database lacks the run that asks, or Airflow's command fails.
    """
    _require_run(dag, run)
    rows = _count_rows()
    if any(name.startswith(_ARCHIVED) for name in rows):  # by a cleaning that was killed
        _airflow("db", "drop-archived", "--yes")
    _airflow(
        *("db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"),
        *("--clean-before-timestamp", before.isoformat(), "--tables", ",".join(TABLES)),
    )
    left = _count_rows()
    removed = {name: rows[name] - left.get(name, 0) for name in rows}
    files, size = remove_old_logs(Path(conf.get("logging", "base_log_folder")), before)
    return {
        "runs_removed": max(0, removed.get("dag_run", 0)),
        "rows_removed": sum(count for count in removed.values() if count > 0),
        "log_files_removed": files,
        "log_megabytes_removed": round(size / 1_000_000, 1),
        "rows_left": sum(left.values()),
    }


def _require_run(dag: str, run: str) -> None:
    engine = database_engine()
    wanted = select(func.count()).where(DagRun.dag_id == dag, DagRun.run_id == run)
    if inspect(engine).has_table(DagRun.__tablename__):
        with engine.connect() as connection:
            if connection.scalar(wanted):
                return
    raise MaintenanceError(
        f"The {engine.dialect.name} database in Airflow's configuration is not the one that runs.",
        remedy="Name the database in airflow.cfg, or by AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD: "
        "Airflow hides the variable AIRFLOW__DATABASE__SQL_ALCHEMY_CONN from its tasks.",
    )


def _count_rows() -> dict[str, int]:
    known = MetaData()
    with database_engine().connect() as connection:
        known.reflect(connection)
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in known.tables.items()
        }


def _airflow(*arguments: str) -> None:
    """Run a command of Airflow's.

    Raises:
        MaintenanceError: when it fails.
    """
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, "-m", "airflow", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout.strip().splitlines() or ["it does not say why"])[-1]
        raise MaintenanceError(
            f"`airflow {' '.join(arguments[:2])}` failed: {said}",
            remedy="The next night tries again.",
        )


def remove_old_logs(folder: Path, before: dt.datetime) -> tuple[int, int]:
    """Remove log files that were last written before a moment, and folders that are empty then.

    Returns:
        The number of files, and their bytes.
    """
    old = [
        (path, found)
        for path in sorted(folder.rglob("*"), reverse=True)
        if (found := path.lstat()).st_mtime < before.timestamp()
    ]
    files = size = 0
    for path, found in old:
        if stat.S_ISDIR(found.st_mode):
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
            files, size = files + 1, size + found.st_size
    return files, size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", type=dt.datetime.fromisoformat, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--dag", required=True)
    parser.add_argument("--run", required=True)
    arguments = parser.parse_args()
    try:
        summary = remove_old(arguments.before, dag=arguments.dag, run=arguments.run)
    except MaintenanceError as error:
        sys.exit(str(error))
    arguments.report.write_text(json.dumps(summary), encoding="utf-8")
