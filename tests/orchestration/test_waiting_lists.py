"""Tests of the lists that wait for approval, as they are read from Airflow and answered."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.serde import deserialize
from fastapi import HTTPException
from starlette.requests import Request

from smallhours.lake.list_tables import PLAYLISTS
from smallhours.orchestration.pages import answer_review, waiting_lists
from smallhours.orchestration.review import approval, note_rejection
from smallhours.orchestration.scheduling import PartitionKey
from smallhours.settings import load_settings
from smallhours.vocabulary import SHOWN
from tests.airflow_home import NIGHT, AirflowInstall

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]

DAG = "write_playlist"


@pytest.fixture(autouse=True)
def empty_database(airflow_db: None, airflow_install: AirflowInstall) -> Iterator[None]:
    del airflow_db, airflow_install
    yield
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        session.execute(delete(TaskInstance).where(TaskInstance.dag_id == DAG))
        session.execute(delete(DagRun).where(DagRun.dag_id == DAG))


def wait(run: str, *, key: str | None = None, conf: dict[str, str] | None = None) -> None:
    """Add a run that waits for approval, as Airflow notes it."""
    from airflow.models.dagrun import DagRun
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import insert

    at = dt.datetime(2026, 11, 5, 4, tzinfo=dt.UTC)
    table: Any = TaskInstance.__table__
    ti_id = uuid4()
    with create_session() as session:
        made = DagRun(DAG, run_id=run, run_type="manual", run_after=at, state=DagRunState.RUNNING)
        made.partition_key, made.conf = key, conf or {}
        session.add(made)
        session.flush()
        row = {"dag_id": DAG, "run_id": run, "map_index": -1, "pool": "default_pool"}
        shown = row | {"id": uuid4(), "task_id": "show_plan", "state": "success"}
        asked = row | {"id": ti_id, "task_id": "approve", "state": "awaiting_input"}
        session.execute(insert(table), [each | {"try_number": 1} for each in (shown, asked)])
        detail = HITLDetail(ti_id=ti_id, options=["Approve", "Reject"], subject="Publish?")
        detail.defaults = ["Approve"]  # type: ignore[assignment] # Airflow calls a list a dict
        detail.body, detail.params = "**Smallhours**: 3 new", {}
        session.add(detail)


def visitor() -> Request:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    request = Request({"type": "http"})
    request.state.visitor = SimpleAuthManagerUser(username="zoe", role="user")
    return request


def test_a_waiting_list_has_its_listener_and_night_however_its_run_began() -> None:
    wait("by-the-night", key="bruno@2026-11-02")
    wait("by-a-form", conf={"listener": "bruno", "night": "2026-11-03"})
    wait("by-an-empty-form")

    found = {each.run: each for each in waiting_lists()}

    assert {run: (each.listener, str(each.night)) for run, each in found.items()} == {
        "by-the-night": ("bruno", "2026-11-02"),
        "by-a-form": ("bruno", "2026-11-03"),
        "by-an-empty-form": ("ada", "2026-11-05"),
    }
    (until,) = {each.until and each.until - each.since for each in found.values()}
    assert until == dt.timedelta(hours=6)


@pytest.mark.parametrize(("approve", "chosen"), [(True, "Approve"), (False, "Reject")])
def test_an_answer_ends_the_wait_and_a_second_one_is_refused(approve: bool, chosen: str) -> None:
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wait("one", key="ada@2026-11-02")

    answer_review(visitor(), "one", approve)

    assert waiting_lists() == []
    with create_session() as session:
        assert session.scalar(select(HITLDetail.chosen_options)) == [chosen]
    with pytest.raises(HTTPException):
        answer_review(visitor(), "one", approve)


class Waiting:
    """The task that waits, as Airflow runs it: what it may ask of the run."""

    def __init__(self, run: str, *, max_tries: int) -> None:
        self.run, self.max_tries = run, max_tries

    def xcom_pull(self, *, task_ids: str, key: str) -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        wanted = select(XComModel.value).filter_by(run_id=self.run, task_id=task_ids, key=key)
        with create_session() as session:
            return deserialize(session.scalar(wanted))


def test_an_answer_is_not_asked_for_again_when_the_task_was_lost_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda *given: asked.append(given))
    task = approval(None)
    wait("one", key="ada@2026-11-02")
    first, again = (Waiting("one", max_tries=task.retries) for _ in range(2))

    task.execute({"ti": first})
    assert len(asked) == 1
    answer_review(visitor(), "one", approve=True)

    answered = task.execute({"ti": again})
    assert len(asked) == 1
    assert answered["chosen_options"] == ["Approve"]
    assert answered["responded_by_user"]["name"] == "zoe"

    # Somebody who clears the task wants to be asked.
    task.execute({"ti": Waiting("one", max_tries=task.retries + 1)})
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ({"id": "1", "name": "zoe"}, "You rejected it on 2026-11-02, 09:30."),
        (None, "Nobody had approved it on 2026-11-02, 09:30."),
    ],
)
def test_a_list_that_is_kept_back_says_so_in_the_ledger_with_the_date(
    user: dict[str, str] | None, says: str, airflow_install: AirflowInstall
) -> None:
    at = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
    event = {"responded_at": at, "responded_by_user": user}

    note_rejection(PartitionKey("ada", NIGHT), load_settings(), event)

    (row,) = airflow_install.lake.frame(PLAYLISTS, where={"listener": "ada"}).to_dict("records")
    assert row["note"] == says
    assert row["outcome"] not in SHOWN
