"""Tests that the study maps over its grid, goes on after a failure, and writes a report."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.airflow_home import AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult
from tests.study.rows_by_hand import write_tables
from tests.training.lakes import measured_catalog

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS)]

RunDag = Callable[..., DagRunResult]

SMALL = {
    "features": ["energy", "valence"],
    "models": ["bayes", "linear"],
    "formats": ["tags", "apart"],
    "limits": [10],
    "splits": ["by_artist"],
}


def test_each_setting_is_a_task_of_its_own_by_its_name(
    run_dag: RunDag, airflow_install: AirflowInstall
) -> None:
    measured_catalog(airflow_install.lake)

    outcome = run_dag("regression_study", listener="ada", **SMALL)

    assert outcome.succeeded, outcome.errors
    assert {"bayes-tags-10-by_artist", "linear-apart-all-by_artist"} <= outcome.names
    reports = [
        path for path in airflow_install.lake.files.list("studies") if path.endswith("study.html")
    ]
    assert len(reports) == 1
    assert "best r2: " in outcome.log


def test_another_run_on_the_same_rows_fits_only_what_is_new(
    run_dag: RunDag, tmp_path: Path
) -> None:
    data = list(map(str, write_tables(tmp_path)))
    assert run_dag("regression_study", data=data, **SMALL).succeeded
    fits = {path: path.stat().st_mtime_ns for path in tmp_path.glob("lake/studies/*/fits/*")}

    wider = run_dag("regression_study", data=data, **{**SMALL, "limits": [1, 10]})

    assert wider.succeeded, wider.errors
    assert len(fits) == 2
    assert {path: path.stat().st_mtime_ns for path in fits} == fits
    assert len(list(tmp_path.glob("lake/studies/*/fits/*"))) == 3


def test_an_empty_lake_is_told_in_one_line(run_dag: RunDag) -> None:
    outcome = run_dag("regression_study", listener="ada", **SMALL)

    assert not outcome.succeeded
    assert "0 tracks" in outcome.errors[0]
    assert "Traceback" not in outcome.log
