"""DAGs that Airflow paused when it found them are let run once; what a person pauses stays so."""

from collections.abc import Iterable, Iterator

import pytest

from smallhours.orchestration.database import parse_again, paused_dags, prepare, resume
from smallhours.runs import DAGS, NIGHTLY

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore::Warning"),
    pytest.mark.usefixtures("airflow_db"),
]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """No DAGs, no runs, nothing remembered: before a test and after it."""
    forget()
    yield
    forget()


def forget() -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    with create_session() as session:
        for model in (DagRun, DagModel, Variable):
            session.execute(delete(model))


def find_dags(*, paused: Iterable[str]) -> None:
    """Have Airflow know all DAGs, some of them paused."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
        session.flush()
        for dag in DAGS:
            session.merge(
                DagModel(  # type: ignore[no-untyped-call]
                    dag_id=dag, bundle_name="dags-folder", is_paused=dag in set(paused)
                )
            )


def run_once(dag: str) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunType

    with create_session() as session:
        session.add(DagRun(dag_id=dag, run_id="manual__1", run_type=DagRunType.MANUAL))


def test_where_no_night_ever_ran_all_dags_are_let_run_and_named() -> None:
    find_dags(paused=DAGS)

    (sentence,) = prepare(without_unfinished=False)

    assert all(dag in sentence for dag in DAGS)
    assert paused_dags() == []


def test_it_is_done_once() -> None:
    find_dags(paused=DAGS)
    prepare(without_unfinished=False)
    find_dags(paused=["write_playlist"])

    assert prepare(without_unfinished=False) == []
    assert paused_dags() == ["write_playlist"]


def test_in_a_new_installation_what_a_person_pauses_stays_paused() -> None:
    assert prepare(without_unfinished=False) == []
    find_dags(paused=NIGHTLY)

    assert prepare(without_unfinished=False) == []
    assert paused_dags() == list(NIGHTLY)


@pytest.mark.parametrize("dag", NIGHTLY)
def test_where_any_of_the_chain_has_run_nothing_is_changed(dag: str) -> None:
    find_dags(paused=["refresh_catalog", "train_models"])
    run_once(dag)

    assert prepare(without_unfinished=False) == []
    assert paused_dags() == ["refresh_catalog", "train_models"]

    resume(paused_dags())
    assert paused_dags() == []


def test_dags_may_be_asked_for_again_before_airflow_has_read_them() -> None:
    from airflow.models.dagbag import DagPriorityParsingRequest
    from airflow.utils.session import create_session
    from sqlalchemy import delete, select

    find_dags(paused=[])
    for _ in range(2):  # a change on Settings, and its undo a second later
        parse_again()
    with create_session() as session:
        asked = session.scalars(select(DagPriorityParsingRequest.relative_fileloc)).all()
        session.execute(delete(DagPriorityParsingRequest))
    assert asked
    assert len(asked) == len(set(asked))
