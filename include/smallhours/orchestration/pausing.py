"""Paused DAGs: which of the nightly chain are, and how they are let run again.

Airflow pauses a new DAG unless it says otherwise; Smallhours' DAGs did not say so until version
0.2. A person may pause a DAG at any time, and then it stays so.
"""

from collections.abc import Sequence

from smallhours.runs import DAGS, NIGHTLY

# An Airflow variable: the DAGs of this installation were seen once, and are live or paused by hand.
_SEEN = "smallhours_dags_seen"


def paused_dags() -> list[str]:
    """Return the DAGs of the nightly chain that are paused, in the chain's order."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = select(DagModel.dag_id).where(DagModel.dag_id.in_(NIGHTLY), DagModel.is_paused)
    with create_session() as session:
        paused = set(session.scalars(wanted))
    return [dag for dag in NIGHTLY if dag in paused]


def resume(dags: Sequence[str]) -> None:
    """Let paused DAGs run again."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id.in_(dags)).values(is_paused=False))


def resume_where_no_night_ever_ran() -> list[str]:
    """Let the DAGs of an installation run that Airflow paused when it found them, once.

    Where any DAG of the chain has had a run, somebody has looked after it, and nothing is changed.

    Returns:
        The DAGs that were paused, in their order.
    """
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    if Variable.get(_SEEN, default_var=None):
        return []
    with create_session() as session:
        ran = session.scalar(
            select(func.count()).select_from(DagRun).where(DagRun.dag_id.in_(NIGHTLY))
        )
        paused = set(
            session.scalars(
                select(DagModel.dag_id).where(DagModel.dag_id.in_(DAGS), DagModel.is_paused)
            )
        )
    found = [] if ran else [dag for dag in DAGS if dag in paused]
    resume(found)
    Variable.set(_SEEN, "yes")
    return found
