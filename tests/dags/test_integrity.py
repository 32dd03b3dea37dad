"""Airflow imports, parses and schedules the DAGs, without heavy libraries."""

import datetime as dt
import subprocess
import sys
from itertools import combinations

import pytest

from smallhours.runs import DAGS, NIGHTLY, STAGES
from tests.airflow_home import CHECKOUT, AirflowInstall
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS, load_dag, load_dags

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS),
    pytest.mark.usefixtures("airflow_install"),
]

HEAVY = ("numpy", "pandas", "pyarrow", "sklearn", "scipy", "xgboost", "skops", "spotipy", "pylast")


def test_every_dag_is_there_and_has_no_cycle() -> None:
    dags = load_dags()

    assert set(dags) == set(DAGS)
    for dag in dags.values():
        dag.check_cycle()


@pytest.mark.parametrize("name", DAGS)
def test_a_dags_tasks_are_its_stages_in_their_order(name: str) -> None:
    tasks = [task.task_id.rpartition(".")[2] for task in load_dag(name).topological_sort()]

    assert [task for task in tasks if task in STAGES] == [stage.__name__ for stage in DAGS[name]]


@pytest.mark.parametrize("name", DAGS)
def test_every_dag_and_task_says_what_it_is(name: str) -> None:
    dag = load_dag(name)

    assert len(dag.doc_md) > 100
    assert dag.description == dag.doc_md.partition("\n")[0]
    assert dag.dag_display_name != name
    assert all(task.doc_md for task in dag.tasks)


def test_airflows_list_reads_as_the_night_runs() -> None:
    dags = sorted(load_dags().values(), key=lambda dag: str(dag.dag_display_name))

    assert [dag.dag_id for dag in dags][: len(NIGHTLY)] == list(NIGHTLY)
    assert all(len(dag.tags) == 2 for dag in dags)


@pytest.mark.parametrize("name", DAGS)
def test_no_task_waits_for_a_pool_that_nobody_made(name: str) -> None:
    assert {task.pool for task in load_dag(name).tasks} == {"default_pool"}


@pytest.mark.parametrize("name", DAGS)
def test_no_task_and_no_run_goes_on_for_ever(name: str) -> None:
    dag = load_dag(name)

    assert dag.dagrun_timeout is not None
    for task in dag.tasks:
        assert task.execution_timeout is not None, task.task_id
        assert task.execution_timeout <= dag.dagrun_timeout, task.task_id


def test_a_run_that_waits_for_approval_outlives_the_longest_wait(
    airflow_install: AirflowInstall,
) -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(f"{text}[review]\nhours = 20\n")
    dag = load_dag("write_playlist")

    waits = dag.get_task("approve").response_timeout

    assert waits == dt.timedelta(hours=20)
    assert waits < dag.dagrun_timeout


# Of these, several listeners' runs go on at once; locks keep apart what one run at a time may do.
SIDE_BY_SIDE = {"refresh_catalog", "train_models", "write_playlist"}


@pytest.mark.parametrize("name", sorted({*DAGS} - SIDE_BY_SIDE))
def test_what_is_triggered_twice_runs_one_after_the_other(name: str) -> None:
    assert load_dag(name).max_active_runs == 1


@pytest.mark.parametrize("name", sorted(SIDE_BY_SIDE))
def test_a_listener_does_not_wait_for_anothers_catalog_models_or_list(name: str) -> None:
    assert load_dag(name).max_active_runs > 1


def test_what_starts_a_dag_is_updated_by_one_task_after_the_other() -> None:
    # Of two assets that are updated at the same moment, Airflow may note a run each, and each of
    # them waits for the other's asset (apache/airflow#71070).
    from airflow.sdk import Asset

    dags = load_dags()
    makers = {
        asset.name: task for dag in dags.values() for task in dag.tasks for asset in task.outlets
    }
    started = 0
    for dag in dags.values():
        condition = getattr(dag.timetable, "asset_condition", None)
        assets = getattr(condition, "objects", [condition])
        tasks = [makers[asset.name] for asset in assets if isinstance(asset, Asset)]
        started += bool(tasks)
        if len(tasks) > 1:
            assert {task.dag.max_active_runs for task in tasks} == {1}, dag.dag_id
        for one, other in combinations(tasks, 2):
            ways = (one.get_flat_relative_ids(), other.get_flat_relative_ids())
            assert other.task_id in ways[0] or one.task_id in ways[1], dag.dag_id
    assert started == 3


def test_dag_files_are_short() -> None:
    for file in (CHECKOUT / "dags").glob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 80, file


def test_parsing_loads_no_heavy_library() -> None:
    code = f"""
import runpy, sys
from pathlib import Path
for file in [*Path("dags").glob("*.py"), *Path("plugins").glob("*.py")]:
    runpy.run_path(str(file))
print(",".join(name for name in {HEAVY!r} if name in sys.modules))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip().splitlines()[-1:] in ([], [""])


@pytest.mark.parametrize("name", DAGS)
def test_every_dag_is_live_as_soon_as_it_exists(name: str) -> None:
    assert load_dag(name).is_paused_upon_creation is False


@pytest.mark.parametrize("key", ["cron", "poll_cron", "timezone"])
def test_a_wrong_schedule_is_no_reason_for_a_dag_to_vanish(
    airflow_install: AirflowInstall, key: str
) -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(f'{text}[schedule]\n{key} = "every night"\n')

    assert set(load_dags()) == set(DAGS)


def test_the_schedule_is_that_of_the_settings(airflow_install: AirflowInstall) -> None:
    text = airflow_install.settings.read_text(encoding="utf-8")
    airflow_install.write_settings(
        text + '[schedule]\ncron = "5 2 * * *"\ntimezone = "Asia/Tokyo"\n'
    )

    timetable = load_dag("sync_listening").timetable

    assert timetable.summary == "5 2 * * *"
    assert str(timetable.serialize()["timezone"]) == "Asia/Tokyo"


def test_the_timetable_survives_the_way_to_the_scheduler() -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = load_dag("sync_listening")
    back = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))

    assert back.timetable.partitioned_at_runtime
    assert back.timetable.summary == dag.timetable.summary


def test_dags_are_there_even_without_settings(airflow_install: AirflowInstall) -> None:
    airflow_install.settings.unlink()
    assert set(load_dags()) == set(DAGS)

    airflow_install.settings.mkdir()
    assert set(load_dags()) == set(DAGS)


def test_the_form_offers_the_listeners_of_the_settings() -> None:
    dags = load_dags()

    assert dags["sync_listening"].params.get_param("listener").schema["enum"] == [
        None,
        "ada",
        "bruno",
    ]
    assert dags["write_playlist"].params.get_param("listener").schema["enum"] == ["ada", "bruno"]
    assert dags["write_playlist"].params["listener"] == "ada"


def test_every_field_of_the_forms_is_explained() -> None:
    for dag in load_dags().values():
        for name in dag.params:
            assert dag.params.get_param(name).description, (dag.dag_id, name)
