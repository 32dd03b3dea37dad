"""How far a listener's night is, read from Airflow's database."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import Session

from smallhours.runs import NIGHTLY, STAGES, stage_in_words
from smallhours.web.page_context import NightProgress

_ACTIVE = ("queued", "running")
_DONE = ("success", "skipped")
# Airflow starts the next DAG of the night within seconds.
MAX_GAP = dt.timedelta(minutes=5)
# Of so many finished stages the durations are read: those of several nights.
DURATIONS_READ = 500

_STAGES = [(dag, stage.__name__) for dag, stages in NIGHTLY.items() for stage in stages]


def night_progress(listener: str, night: dt.date) -> NightProgress | None:
    """Return how far a night is that runs or has failed; None when none was started or it is done.

    Args:
        listener: Whose.
        night: Its date.
    """
    key = f"{listener}@{night}"
    with create_session() as session:
        runs = _runs(session, listener, key)
        if not runs:
            return None
        states = _states(session, runs, key)
        newest = runs[-1]
        ended = newest.end_date or newest.queued_at
        between = newest.state == "success" and newest.dag_id != list(NIGHTLY)[-1]
        waiting = between and ended is not None and dt.datetime.now(dt.UTC) - ended < MAX_GAP
        if not (failed := newest.state == "failed") and newest.state not in _ACTIVE and not waiting:
            return None
        left = [each for each in _STAGES if states.get(each) not in _DONE]
        return NightProgress(
            stage=stage_in_words(STAGES[left[0][1]]) if left else "",
            done=len(_STAGES) - len(left),
            total=len(_STAGES),
            minutes_left=_minutes(_durations(session), left),
            failed=failed,
        )


def _runs(session: Session, listener: str, key: str) -> list[DagRun]:
    """Return the newest run of each DAG of the night, in the night's order, as far as it is."""
    first, *others = NIGHTLY
    newest = DagRun.id.desc()
    started = session.scalars(select(DagRun).where(DagRun.dag_id == first).order_by(newest))
    mine = (run for run in started if (run.conf or {}).get("listener") in (listener, None, ""))
    if (begun := next(mine, None)) is None:
        return []
    runs = [begun]
    # What `airflow dags test` runs was never queued.
    since = begun.queued_at or begun.start_date or begun.run_after
    for dag in others:
        wanted = select(DagRun).where(
            DagRun.dag_id == dag, DagRun.partition_key == key, DagRun.queued_at >= since
        )
        if (run := session.scalars(wanted.order_by(newest)).first()) is None:
            break
        runs.append(run)
    return runs


def _states(
    session: Session, runs: Sequence[DagRun], key: str
) -> dict[tuple[str, str], str | None]:
    """Return the state of each stage of the night; of several listeners', that of this one's."""
    found: dict[tuple[str, str], str | None] = {}
    for run in runs:
        tasks = session.scalars(
            select(TaskInstance).where(
                TaskInstance.dag_id == run.dag_id, TaskInstance.run_id == run.run_id
            )
        )
        for task in tasks:
            if task.map_index < 0 or task.rendered_map_index == key:
                found[task.dag_id, _stage_of(task.task_id)] = task.state
    return found


def _stage_of(task_id: str) -> str:
    """Return a task's stage: the last part of its id, which may have its group's name before it."""
    return task_id.rpartition(".")[2]


def _durations(session: Session) -> dict[tuple[str, str], float]:
    """Return how many seconds each stage took when it last succeeded."""
    columns: Any = (TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.duration)
    rows = session.execute(
        select(*columns)
        .where(TaskInstance.dag_id.in_(NIGHTLY), TaskInstance.state == "success")
        .order_by(TaskInstance.end_date.desc())
        .limit(DURATIONS_READ)
    )
    found: dict[tuple[str, str], float] = {}
    for dag, task_id, seconds in rows:
        found.setdefault((dag, _stage_of(task_id)), float(seconds or 0))
    return found


def _minutes(
    durations: Mapping[tuple[str, str], float], left: Sequence[tuple[str, str]]
) -> int | None:
    """Return how long the stages that are left took last time; None when one never ran."""
    if any(each not in durations for each in left):
        return None
    return max(1, round(sum(durations[each] for each in left) / 60))
