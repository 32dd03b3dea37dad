"""Tests of a night's beginning: each listener's own, and once. Its end is in test_review.py."""

import datetime as dt
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from smallhours.lake.tables import LIBRARY
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.airflow_home import NIGHT, AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, DagRunResult
from tests.notice_receiver import NoticeReceiver, messenger

__all__ = ["messenger"]

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=6),
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
]

RunDag = Callable[..., DagRunResult]


@pytest.fixture
def told(airflow_install: AirflowInstall, messenger: NoticeReceiver) -> list[dict[str, Any]]:
    """Return what the listeners are told; the settings ask for notices."""
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(f'{text}[notices]\nconnection = "messenger"\n')
    return messenger.got


def announced(run_id: str) -> set[tuple[str, str | None]]:
    """Return the assets that a run updated, with their partition keys."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.execute(
            select(AssetModel.name, AssetEvent.partition_key)
            .join(AssetEvent, AssetEvent.asset_id == AssetModel.id)
            .where(AssetEvent.source_run_id == run_id)
        )
        return {(name, key) for name, key in rows}


def started_by_assets(dag: str, key: str) -> list[dt.datetime | None]:
    """Let the scheduler start what waits for assets; return the dates of a DAG's runs of a key."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    wanted = select(DagRun.partition_date).where(DagRun.dag_id == dag, DagRun.partition_key == key)
    with create_session() as session:
        scheduler = SchedulerJobRunner(job=Job(), executors=[])  # type: ignore[no-untyped-call]
        scheduler._create_dagruns_for_partitioned_asset_dags(session)
        return list(session.scalars(wanted))


def test_an_empty_form_syncs_every_listener_and_announces_each(run_dag: RunDag) -> None:
    outcome = run_dag("sync_listening", night=NIGHT)

    assert outcome.succeeded
    assert announced(outcome.run_id) == {
        (asset, f"{listener}@{NIGHT}")
        for asset in ("plays", "library", "feedback")
        for listener in ("ada", "bruno")
    }
    # What the mapped tasks are called in Airflow's pages.
    assert {f"ada@{NIGHT}", f"bruno@{NIGHT}"} <= outcome.names
    # The log says what was done in counts.
    assert re.search(r"scrobbles read: [1-9],\d{3}$", outcome.log, re.MULTILINE)


def test_one_listeners_failure_leaves_the_others_night_alone(
    run_dag: RunDag, synced: AirflowInstall, told: list[dict[str, Any]]
) -> None:
    synced.set_connection("lastfm_ada", conn_type="lastfm")

    outcome = run_dag("sync_listening", night=NIGHT)

    assert not outcome.succeeded
    assert outcome.states["sync_scrobbles", 0] == "failed"
    assert outcome.states["sync_library", 1] == "success"
    assert f"ada@{NIGHT}" in outcome.names
    assert announced(outcome.run_id) == {
        ("plays", f"bruno@{NIGHT}"),
        ("library", f"bruno@{NIGHT}"),
        ("feedback", f"bruno@{NIGHT}"),
    }
    (message,) = told
    assert message["title"] == "Smallhours needs ada"
    assert message["message"] == outcome.errors[0]


@pytest.mark.usefixtures("synced")
def test_a_form_without_a_night_means_tonight(run_dag: RunDag) -> None:
    outcome = run_dag("sync_listening", listener="bruno")

    today = dt.datetime.now(ZoneInfo("Europe/Dublin")).date()
    assert announced(outcome.run_id) == {
        ("plays", f"bruno@{today}"),
        ("library", f"bruno@{today}"),
        ("feedback", f"bruno@{today}"),
    }


@pytest.mark.usefixtures("synced")
def test_a_night_that_is_synced_twice_goes_on_once_and_is_dated(run_dag: RunDag) -> None:
    # Two events of each asset with one key (apache/airflow#71070).
    for _ in range(2):
        assert run_dag("sync_listening", listener="bruno", night="2026-11-04").succeeded

    (date,) = started_by_assets("refresh_catalog", "bruno@2026-11-04")

    assert date == dt.datetime(2026, 11, 4, tzinfo=dt.UTC)


def test_a_listener_without_spotify_needs_no_spotify_connection(
    run_dag: RunDag, synced: AirflowInstall
) -> None:
    text = synced.settings.read_text(encoding="utf-8")
    synced.write_settings(text.replace("[listeners.ada]", "[listeners.ada]\nspotify = false"))
    synced.unset_connection("spotify_ada")

    outcome = run_dag("sync_listening", listener="ada", night=NIGHT)

    assert outcome.succeeded
    signals = synced.lake.frame(LIBRARY, where={"listener": "ada"})["signal"]
    assert set(signals) <= {"loved"}


def test_a_passing_fault_is_tried_again(run_dag: RunDag, synced: AirflowInstall) -> None:
    # Three bad answers use up the patience of one call; the task's second try finds no fault.
    fault_rules_of(synced.sandbox.state).add(
        Fault("rate_limit", service="spotify", match="*recently-played*", seconds=1)
    )

    outcome = run_dag("sync_listening", listener="ada", night=NIGHT)

    assert outcome.succeeded
