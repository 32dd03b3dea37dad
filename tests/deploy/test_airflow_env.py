"""The waits that compose, Helm and the cluster suite share: real options, each with its reason."""

import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from benchmarks.support.cluster_runs import SHARED_SETTINGS, WORKERS, shared_settings

ROOT = Path(__file__).parents[2]


def options() -> set[tuple[str, str]]:
    """Airflow's own options by section."""
    spec = find_spec("airflow")
    assert spec
    assert spec.origin
    path = Path(spec.origin).parent / "config_templates" / "config.yml"
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {(name, key) for name, each in sections.items() for key in each["options"]}


def parts(name: str) -> tuple[str, str]:
    _, section, key = name.lower().split("__")
    return section, key


@pytest.mark.airflow
@pytest.mark.filterwarnings("ignore::Warning")
def test_airflow_reads_each_of_them() -> None:
    unknown = {parts(name) for name in shared_settings()} - options()
    own = {key for section, key in unknown if not section.startswith("celery")}

    from airflow.jobs import scheduler_job_runner

    # Airflow reads it, and says that it is undocumented on purpose.
    assert own == {"num_stuck_in_queued_retries"}
    assert 'key="num_stuck_in_queued_retries"' in inspect.getsource(scheduler_job_runner)


def test_celery_reads_each_of_its_own() -> None:
    if not find_spec("celery"):
        pytest.skip("Celery is not installed (`make cluster`)")
    told = import_module("airflow.providers.celery.get_provider_info").get_provider_info()
    known = {(name, key) for name, each in told["config"].items() for key in each["options"]}
    celery = {parts(n) for n in shared_settings() if n.startswith("AIRFLOW__CELERY")}
    assert celery <= known


def test_each_has_its_reason() -> None:
    blocks = SHARED_SETTINGS.read_text(encoding="utf-8").split("\n\n")
    assert all(block.startswith("# ") for block in blocks)


def test_no_more_tasks_are_queued_than_the_workers_of_compose_have_room_for() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yaml").read_text(encoding="utf-8"))
    workers = compose["services"]["worker"]["deploy"]["replicas"]
    given = shared_settings()
    room = workers * int(given["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    assert int(given["AIRFLOW__CORE__PARALLELISM"]) == room
    assert workers == len(WORKERS)
