"""Tests of a night's progress, as it is read from Airflow's database."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from smallhours.orchestration.night_progress import night_progress
from smallhours.runs import NIGHTLY

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]

NIGHT = dt.date(2026, 11, 2)
SYNC, CATALOG, MODELS, WRITE = NIGHTLY
STAGES = {dag: [stage.__name__ for stage in stages] for dag, stages in NIGHTLY.items()}
TOTAL = sum(map(len, STAGES.values()))


@pytest.fixture(autouse=True)
def empty_database(airflow_db: None) -> Iterator[None]:
    del airflow_db
    _forget_runs()
    yield
    _forget_runs()


def _forget_runs() -> None:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(TaskInstance).where(TaskInstance.dag_id.in_(NIGHTLY)))
        session.execute(delete(DagRun).where(DagRun.dag_id.in_(NIGHTLY)))


def add_run(
    dag: str,
    state: str,
    tasks: Mapping[str, str],
    *,
    key: str = "ada@2026-11-02",
    minutes_ago: float = 0,
    seconds: float = 60,
    queued: bool = True,
) -> None:
    """Add a run as Airflow notes it, with the states of its tasks."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import insert

    at = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes_ago)
    run, mapped = f"manual__{key[-10:]}.{minutes_ago}", dag == SYNC
    table: Any = TaskInstance.__table__
    with create_session() as session:
        made = DagRun(dag, run_id=run, run_type="manual", run_after=at, state=DagRunState(state))
        made.queued_at = at if queued else None
        made.start_date = at
        made.end_date = at if state in ("success", "failed") else None
        made.conf = {"listener": key.partition("@")[0]} if mapped else {}
        made.partition_key = None if mapped else key
        session.add(made)
        session.flush()
        for task, done in tasks.items():
            row: dict[str, Any] = {
                "dag_id": dag,
                "run_id": run,
                "state": done,
                "pool": "default_pool",
            }
            row |= {"task_id": f"listening.{task}" if mapped else task, "end_date": at}
            row |= {"map_index": 0 if mapped else -1, "duration": seconds}
            row |= {"rendered_map_index": key if mapped else None}
            session.execute(insert(table).values(**row))


def all_done(dag: str) -> dict[str, str]:
    return dict.fromkeys(STAGES[dag], "success")


def test_without_a_run_nothing_is_told() -> None:
    assert night_progress("ada", NIGHT) is None


def test_a_run_that_was_never_queued_counts_too() -> None:
    add_run(SYNC, "running", {}, queued=False)
    progress = night_progress("ada", NIGHT)
    assert progress is not None
    assert progress.done == 0


def test_a_night_that_runs_tells_its_step_and_what_the_last_one_took() -> None:
    for dag in NIGHTLY:
        add_run(dag, "success", all_done(dag), key="ada@2026-11-01", minutes_ago=1440)
    assert night_progress("ada", NIGHT) is None

    add_run(SYNC, "success", all_done(SYNC), minutes_ago=3)
    running = {**all_done(CATALOG), STAGES[CATALOG][-1]: "running"}
    add_run(CATALOG, "running", running, minutes_ago=2)
    found = night_progress("ada", NIGHT)

    assert found is not None
    done = len(STAGES[SYNC]) + len(STAGES[CATALOG]) - 1
    assert (found.done, found.total, found.failed) == (done, TOTAL, False)
    assert found.minutes_left == TOTAL - done
    assert night_progress("bruno", NIGHT) is None


def test_between_two_dags_the_night_goes_on() -> None:
    add_run(SYNC, "success", all_done(SYNC))

    found = night_progress("ada", NIGHT)

    assert found is not None
    assert (found.done, found.minutes_left) == (len(STAGES[SYNC]), None)


def test_a_night_that_failed_names_the_step() -> None:
    states = {STAGES[SYNC][0]: "success", STAGES[SYNC][1]: "failed"}
    add_run(SYNC, "failed", states, minutes_ago=30)

    found = night_progress("ada", NIGHT)

    assert found is not None
    assert (found.done, found.failed) == (1, True)
    assert "ListenBrainz" in found.stage


def test_a_night_that_is_done_is_no_news() -> None:
    for dag in NIGHTLY:
        add_run(dag, "success", all_done(dag), minutes_ago=1)

    assert night_progress("ada", NIGHT) is None
