"""How is Airflow's database made ready before its parts start?

`python -m smallhours.provider.database` creates or migrates it, and encrypts what was stored in
clear. With `--forget-unfinished` it also gives up what an interrupted Airflow left
unfinished, which a scheduler would go on with.
"""

import sys

from airflow.models.asset import AssetPartitionDagRun
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import delete, or_, update

from smallhours.errors import SettingsError
from smallhours.provider import TOLD
from smallhours.provider.encryption import encrypt_stored


def forget_unfinished() -> None:
    """Mark unfinished runs and tasks as failed, and forget half-announced nights."""
    with create_session() as session:
        session.execute(
            update(TaskInstance)
            .where(or_(TaskInstance.state.is_(None), TaskInstance.state.in_(_unfinished())))
            .values(state=TaskInstanceState.FAILED)
        )
        session.execute(
            update(DagRun)
            .where(DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))
            .values(state=DagRunState.FAILED)
        )
        session.execute(
            delete(AssetPartitionDagRun).where(AssetPartitionDagRun.created_dag_run_id.is_(None))
        )


def _unfinished() -> list[TaskInstanceState]:
    return [state for state in State.unfinished if state is not None]


if __name__ == "__main__":
    upgradedb()
    try:
        for line in encrypt_stored():
            sys.stdout.write(f"{TOLD}{line}\n")
    except SettingsError as error:
        sys.exit(f"error: {error}")
    if "--forget-unfinished" in sys.argv[1:]:
        forget_unfinished()
