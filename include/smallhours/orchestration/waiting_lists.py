"""The lists that wait for approval in Airflow, and the answers to them from the pages."""

import datetime as dt
from typing import Any

from fastapi import Request

from smallhours.orchestration.notices import APPROVE
from smallhours.orchestration.scheduling import PartitionKey
from smallhours.settings import Settings, load_settings
from smallhours.web.page_context import WaitingList

DAG = "write_playlist"


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
        .join(DagRun, (DagRun.run_id == TaskInstance.run_id) & (DagRun.dag_id == DAG))
        .where(
            TaskInstance.dag_id == DAG,
            TaskInstance.task_id == APPROVE,
            TaskInstance.state == TaskInstanceState.AWAITING_INPUT,
            HITLDetail.responded_at.is_(None),
        )
        .order_by(HITLDetail.created_at)
    )
    settings = load_settings()
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

    Raises:
        HTTPException: Airflow does not let the visitor, or somebody has answered already.
    """
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.utils.session import create_session

    answer = UpdateHITLDetailPayload(chosen_options=["Approve" if approve else "Reject"])
    with create_session() as session:
        update_hitl_detail(DAG, run, APPROVE, answer, request.state.visitor, session)
