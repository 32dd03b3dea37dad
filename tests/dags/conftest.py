"""Runs DAGs in-process, without a scheduler, against the sandbox."""

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from smallhours.lake.store import Lake
from smallhours.listening.stages import sync_scrobbles
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.airflow_home import CHECKOUT, AirflowInstall, airflow_db, airflow_install
from tests.e2e.installation import SMALL_CATALOG
from tests.service_fixtures import open_household, settings_for

__all__ = ["airflow_db", "airflow_install"]

# Airflow, which we don't write, uses what its libraries deprecate.
IGNORE_AIRFLOW_WARNINGS = "ignore::Warning"


def load_dags() -> Mapping[str, Any]:
    """Return the checkout's DAGs, parsed with the current settings."""
    return _parsed(CHECKOUT / "dags")


def load_dag(name: str) -> Any:
    """Return one of the checkout's DAGs, without parsing the others."""
    return _parsed(CHECKOUT / "dags" / f"{name}.py")[name]


def _parsed(path: Path) -> Mapping[str, Any]:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(path))
    assert not bag.import_errors
    dags: Mapping[str, Any] = bag.dags
    return dags


class DagRunResult:
    """The result of a DAG run."""

    def __init__(self, run: Any, log: pytest.LogCaptureFixture) -> None:
        self.succeeded: bool = run.state == "success"
        self.states = {
            (task.task_id.rpartition(".")[2], task.map_index): str(task.state)
            for task in run.get_task_instances()
        }
        self.names = {task.rendered_map_index for task in run.get_task_instances()}
        self.run_id: str = run.run_id
        self.log = log.text
        self.errors = [
            record.getMessage() for record in log.records if record.levelno >= logging.ERROR
        ]


@pytest.fixture
def run_dag(
    airflow_db: None, airflow_install: AirflowInstall, caplog: pytest.LogCaptureFixture
) -> Callable[..., DagRunResult]:
    """Return a function that runs a DAG to its end, with the given form, and returns the result."""
    del airflow_db, airflow_install

    def run(dag: str, **form: Any) -> DagRunResult:
        caplog.clear()
        with caplog.at_level(logging.INFO):
            finished = load_dag(dag).test(run_conf=form)
        return DagRunResult(finished, caplog)

    return run


@pytest.fixture(scope="session")
def first_syncs(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with the scrobbles of `ada` and `bruno` until the night before; keep it so."""
    folder = tmp_path_factory.mktemp("first_syncs") / "lake"
    with (
        SandboxServer(SandboxState(small_world)) as server,
        open_household(server, folder) as made,
    ):
        people = {name: {"lastfm": name, "timezone": "Europe/Dublin"} for name in ("ada", "bruno")}
        settings = settings_for(server.url, listeners=people)
        for name in people:
            night = settings.night(name, "2026-11-01")
            sync_scrobbles(name, Lake(str(folder)), made.lastfm, settings=settings, night=night)
    return folder


@pytest.fixture
def synced(airflow_install: AirflowInstall, first_syncs: Path) -> AirflowInstall:
    """Return the installation with those scrobbles in its lake, and of whom a night asks little."""
    shutil.copytree(first_syncs, airflow_install.lake.url)
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(text + SMALL_CATALOG)
    return airflow_install
