"""Old runs, events and logs are removed from Airflow's home, and nothing else."""

import datetime as dt
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, inspect, text

from smallhours.orchestration.old_runs import remove_old_logs
from tests.postgres_fixture import needs_postgres

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=15),
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore::Warning"),
]

NOW = dt.datetime.now(dt.UTC)
BEFORE = NOW - dt.timedelta(days=30)
# What a home holds after months: runs of each kind, events, and what a killed cleaning left.
FILL = """
import datetime as dt
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.log import Log
from airflow.settings import get_engine
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from sqlalchemy import text

upgradedb()
now = dt.datetime.now(dt.timezone.utc)
long_ago = now - dt.timedelta(days=90)
with create_session() as session:
    session.add(DagBundleModel(name="dags-folder"))
    session.flush()
    session.add(DagModel(dag_id="sync_listening", bundle_name="dags-folder", is_paused=True,
                         last_parsed_time=long_ago))
    for run, kind, days in (("old-1", "scheduled", 90), ("old-2", "scheduled", 89),
                            ("by-hand", "manual", 80), ("new", "scheduled", 1)):
        at = now - dt.timedelta(days=days)
        session.add(DagRun("sync_listening", run_id=run, run_type=kind, run_after=at, start_date=at,
                           logical_date=at, state="success"))
    # Paused for long: its newest run stays, for Airflow tells the next one by it.
    for dag, run, at in (("poll_recent_plays", "last", long_ago), ("maintenance", "this", now)):
        session.add(DagRun(dag, run_id=run, run_type="scheduled", run_after=at, start_date=at,
                           logical_date=at, state="success"))
    for at in (long_ago, now):
        log = Log("trigger", owner="admin")
        log.dttm = at
        session.add(log)
    session.add(Connection("lastfm_me", "lastfm", password="secret"))
with get_engine().begin() as connection:
    connection.execute(text("CREATE TABLE _airflow_deleted__log__2026 AS SELECT * FROM log"))
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=needs_postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> URL:
    """The address of Airflow's database, of each kind."""
    if request.param == "postgresql":
        url: URL = request.getfixturevalue("postgres_url")
        return url
    return URL.create("sqlite", database=str(tmp_path / "airflow.db"))


@pytest.fixture
def home(database: URL, tmp_path: Path) -> dict[str, str]:
    """The environment of an Airflow that has run for months."""
    inherited = {name: value for name, value in os.environ.items() if "SQL_ALCHEMY" not in name}
    env = {**inherited, "AIRFLOW_HOME": str(tmp_path)}
    if database.get_backend_name() == "postgresql":
        # An address by command is not hidden from tasks.
        address = shlex.quote(database.render_as_string(hide_password=False))
        env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"] = f"printf %s {address}"
    run("-c", FILL, **env)
    return env


def run(*arguments: str, **env: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def left(database: URL) -> list[str]:
    """The runs, paused DAGs and connections of the database, and tables of what was deleted."""
    engine = create_engine(database)
    with engine.connect() as connection:
        found = [
            name
            for query in (
                "SELECT run_id FROM dag_run ORDER BY run_id",
                "SELECT dag_id FROM dag WHERE is_paused",
                "SELECT conn_id FROM connection",
            )
            for name in connection.scalars(text(query))
        ]
        found += [each for each in inspect(connection).get_table_names() if "deleted" in each]
    engine.dispose()
    return found


def test_what_is_old_goes_and_what_airflow_needs_stays(
    home: dict[str, str], database: URL, tmp_path: Path
) -> None:
    module = ("-m", "smallhours.orchestration.old_runs")
    log = tmp_path / "logs" / "dag_id=sync_listening" / "run_id=old-1" / "attempt=1.log"
    log.parent.mkdir(parents=True)
    log.write_text("long ago\n")
    os.utime(log, (0, 0))
    report = tmp_path / "report.json"
    options = ("--before", BEFORE.isoformat(), "--report", str(report), "--dag", "maintenance")

    # The database of another Airflow is left alone.
    other = subprocess.run(
        [sys.executable, *module, *options, "--run", "another"],
        env=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 1
    assert "is not the one that runs. Name the database in airflow.cfg" in other.stderr
    assert not report.exists()

    run(*module, *options, "--run", "this", **home)

    removed = json.loads(report.read_text())
    assert removed["runs_removed"] == 3
    assert removed["rows_removed"] >= 4
    assert removed["log_files_removed"] == 1
    assert left(database) == ["last", "new", "this", "sync_listening", "lastfm_me"]


def test_old_logs_go_with_their_folders_and_newer_ones_stay(tmp_path: Path) -> None:
    def write(name: str, *, old: bool) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("four")
        if old:
            for each in (path, *path.parents[: len(path.relative_to(tmp_path).parts) - 1]):
                os.utime(each, (0, 0))
        return path

    old = [write("dag_id=a/run_id=1/attempt=1.log", old=True), write("parse/2020/x.log", old=True)]
    new = write("dag_id=a/run_id=2/attempt=1.log", old=False)
    (tmp_path / "parse" / "latest").symlink_to("2020")

    assert remove_old_logs(tmp_path, BEFORE) == (2, 8)

    assert not any(path.exists() for path in old)
    assert new.read_text() == "four"
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "dag_id=a", "dag_id=a/run_id=2", "dag_id=a/run_id=2/attempt=1.log", "parse", "parse/latest",
    ]  # fmt: skip
