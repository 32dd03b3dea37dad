"""Airflow's side of the pages: permissions, runs and warnings.

Users who may see `write_playlist` may see the pages; those who may start it may press their
buttons. The roles are Airflow's, whatever its auth manager.
"""

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
from smallhours.orchestration.waiting_lists import answer_review, waiting_lists
from smallhours.web.page_context import AccountStore, AirflowBridge

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
    import datetime as dt

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
    import datetime as dt

    from smallhours.checkup import Health
    from smallhours.checkup.logins import check_login_age
    from smallhours.errors import SmallhoursError
    from smallhours.orchestration.connections import AirflowSecrets
    from smallhours.settings import load_settings

    try:
        if not load_settings().listener(listener).spotify:
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
