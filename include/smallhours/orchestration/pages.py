"""Airflow's side of the pages: permissions, runs, lists that wait for approval, and warnings.

Users who may see `write_playlist` may see the pages; those who may start it may press their
buttons. The roles are Airflow's, whatever its auth manager.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import (
    GetUserDep,
    requires_access_connection,
    requires_access_dag,
)
from airflow.configuration import conf
from fastapi import HTTPException, Request

from smallhours.orchestration.database import parse_again, paused_dags, resume
from smallhours.orchestration.night_progress import night_progress
from smallhours.orchestration.notices import ANSWER, APPROVE, SHOW_PLAN
from smallhours.orchestration.scheduling import PartitionKey
from smallhours.settings import Settings
from smallhours.settings_file import load_usable_settings
from smallhours.web.page_context import AccountStore, AirflowBridge, WaitingList

_DAG = "write_playlist"
_MAY_CONNECT = requires_access_connection("POST")
_MAY_START = requires_access_dag("POST", DagAccessEntity.RUN, _DAG)


def airflow_bridge() -> AirflowBridge:
    """Return the pages' interface to Airflow."""
    return AirflowBridge(
        may_read=requires_access_dag("GET", DagAccessEntity.RUN, _DAG),
        may_write=may_write,
        may_connect=may_connect,
        accounts=accounts,
        waiting=waiting_lists,
        answer=answer_review,
        trigger=trigger,
        partition_of=partition_of,
        warning=login_warning,
        paused=paused_dags,
        resume=resume,
        parse_again=parse_again,
        progress=night_progress,
        secret=lambda: str(conf.get("api", "secret_key")),
        login_days=login_days,
    )


def may_write(request: Request, user: GetUserDep) -> bool:
    """Return whether the visitor may start runs, by Airflow's own check."""
    request.state.visitor = user
    try:
        _MAY_START(request, user)
    except HTTPException:
        return False
    return True


def login_days(listener: str) -> int | None:
    """Return the days until the listener's Spotify login ends; None if unknown."""
    from smallhours.errors import SmallhoursError
    from smallhours.orchestration.connections import AirflowSecrets
    from smallhours.services.credentials import days_left

    try:
        return days_left(AirflowSecrets().spotify(listener), dt.datetime.now(dt.UTC))
    except SmallhoursError:
        return None


async def may_connect(request: Request, user: GetUserDep) -> bool:
    """Return whether the visitor may change connections, by Airflow's own check."""
    try:
        await _MAY_CONNECT(request, user)
    except HTTPException:
        return False
    return True


def accounts() -> AccountStore:
    """Return Airflow's connections."""
    from smallhours.orchestration.connections import AirflowSecrets

    return AirflowSecrets()


def login_warning(listener: str) -> str:
    """Return a warning that the listener's Spotify login ends soon, or has ended; or ""."""
    from smallhours.checkup import Health
    from smallhours.checkup.logins import check_login_age
    from smallhours.errors import SmallhoursError
    from smallhours.orchestration.connections import AirflowSecrets

    try:
        if not load_usable_settings().settings.listener(listener).spotify:
            return ""
        credentials = AirflowSecrets().spotify(listener)
    except SmallhoursError as error:
        return str(error)
    if credentials.authorized_at is None:  # an environment variable without the time
        return ""
    found = check_login_age(credentials, now=dt.datetime.now(dt.UTC))
    if found.health is Health.GOOD:
        return ""
    return f"{found.subject}: {found.what}. {found.remedy}"


def waiting_lists() -> list[WaitingList]:
    """Return the lists that wait for somebody to approve them, the oldest first."""
    from airflow.models.dagrun import DagRun
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    waits = (
        select(HITLDetail, DagRun)
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .join(DagRun, (DagRun.run_id == TaskInstance.run_id) & (DagRun.dag_id == _DAG))
        .where(
            TaskInstance.dag_id == _DAG,
            TaskInstance.task_id == APPROVE,
            TaskInstance.state == TaskInstanceState.AWAITING_INPUT,
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at)
    )
    settings = load_usable_settings().settings
    found = []
    with create_session() as session:
        for detail, run in session.execute(waits):
            key = _night_of(run, settings)
            found.append(
                WaitingList(
                    run=run.run_id,
                    listener=key.listener,
                    night=dt.date.fromisoformat(key.date),
                    since=detail.created_at,
                    until=detail.created_at + dt.timedelta(hours=settings.review.hours),
                    unanswered=next(iter(detail.defaults or ()), ""),
                    plan=detail.body or "",
                )
            )
    return found


def _night_of(run: Any, settings: Settings) -> PartitionKey:
    """Return the listener and night of a run, as `night_of_task` does within a task."""
    if run.partition_key:
        return PartitionKey.parse(run.partition_key)
    asked = run.conf or {}
    listener = asked.get("listener") or next(iter(settings.listeners))
    tonight = settings.listener(listener).night_at(run.run_after).date
    return PartitionKey(listener, str(asked.get("night") or tonight))


def answer_review(request: Request, run: str, approve: bool) -> None:
    """Approve or reject a waiting list, as Airflow's own form does, by the visitor.

    The answer is kept with the plan that was shown: Airflow forgets it when the task that waited is
    tried again, because it was lost just then, and would ask the same person a second time.

    Raises:
        HTTPException: Airflow does not let the visitor, or somebody has answered already.
    """
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    answer = UpdateHITLDetailPayload(chosen_options=["Approve" if approve else "Reject"])
    with create_session() as session:
        noted = update_hitl_detail(_DAG, run, APPROVE, answer, request.state.visitor, session)
        kept = {
            "chosen_options": noted.chosen_options,
            "params_input": {},
            "responded_at": noted.responded_at.isoformat(),
            "responded_by_user": {"id": noted.responded_by.id, "name": noted.responded_by.name},
        }
        XComModel.set(
            ANSWER,
            kept,
            dag_id=_DAG,
            task_id=SHOW_PLAN,
            run_id=run,
            serialize=False,  # as tasks store it: what is serialized here, none deserializes
            session=session,
        )


def trigger(dag_id: str, configuration: Mapping[str, Any]) -> str:
    """Trigger a run by hand, as the form in Airflow's UI does.

    A paused DAG is unpaused, as that form does: otherwise its run would wait for ever.

    Returns:
        The run's id.
    """
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    run = trigger_dag(
        dag_id=dag_id,
        triggered_by=DagRunTriggeredByType.UI,
        conf=dict(configuration),
        run_type=DagRunType.MANUAL,
    )
    resume([dag_id])
    return str(run.run_id) if run else ""


def partition_of(dag_id: str, run_id: str) -> str | None:
    """Return the partition key of a run; None when it has none, or there is no such run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.scalar(
            select(DagRun.partition_key).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
    return None if found is None else str(found)
