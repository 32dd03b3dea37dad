"""Preparation of Airflow's database: `python -m smallhours.orchestration.database`.

It is created or migrated, what was stored in clear is encrypted, and DAGs that Airflow has kept
paused since it found them are unpaused. With `--forget-unfinished`, the unfinished runs of an
interrupted Airflow fail, which a scheduler would otherwise continue. What a person should know is
logged, and with `--report FILE` also written to a file, one sentence per line.
"""

import argparse
import logging
import sys
from pathlib import Path

from airflow.models.asset import AssetPartitionDagRun
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import delete, or_, update

from smallhours.errors import SettingsError
from smallhours.orchestration.encryption import encrypt_stored
from smallhours.orchestration.pausing import resume_where_no_night_ever_ran

LOG = logging.getLogger(__name__)


def forget_unfinished() -> None:
    """Fail unfinished runs and tasks, and delete asset events that did not start a run yet."""
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


def prepare(*, without_unfinished: bool) -> list[str]:
    """Bring the database up to date.

    Args:
        without_unfinished: Give up unfinished runs.

    Returns:
        What a person should know of it, in sentences.

    Raises:
        SettingsError: when there is no key to encrypt with.
    """
    upgradedb()
    told = list(encrypt_stored())
    if without_unfinished:
        forget_unfinished()
    if resumed := resume_where_no_night_ever_ran():
        names = ", ".join(resumed)
        told.append(f"These DAGs were paused and had never run; they are live now: {names}.")
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--forget-unfinished", action="store_true")
    parser.add_argument("--report", type=Path, help="a file for what a person should know")
    arguments = parser.parse_args()
    try:
        told = prepare(without_unfinished=arguments.forget_unfinished)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    if arguments.report:
        arguments.report.write_text("\n".join(told), encoding="utf-8")
    for sentence in told:
        LOG.warning(sentence)
