"""The values for Airflow's official Helm chart: against its schema and the shared settings."""

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from benchmarks.support.cluster_runs import shared_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "helm"
SCHEMA = Path(__file__).with_name("airflow_chart_1.22.0.schema.json.gz")
FILES = {
    "KubernetesExecutor": ("values.yaml",),
    "CeleryExecutor": ("values.yaml", "values-celery.yaml"),
}
# What pods need otherwise, with the reason beside it in values.yaml.
DIFFERENT = {"AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT", "AIRFLOW__CORE__PARALLELISM"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    return found


def merged(old: Any, new: Any) -> Any:
    """Merge values as Helm does: mappings by key, all else replaced."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}
    return new


@pytest.fixture(params=FILES)
def values(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The values of one executor."""
    found: dict[str, Any] = {}
    for name in FILES[request.param]:
        found = merged(found, yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))
    assert found["executor"] == request.param
    return found


def environment(values: Mapping[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in values["env"]}


def unknown(values: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The keys that the schema does not name, where it names any: Helm would ignore them."""
    known = schema.get("properties")
    if not isinstance(values, dict) or not known:
        return
    for key, value in values.items():
        if key in known:
            yield from unknown(value, known[key], f"{path}/{key}")
        elif "additionalProperties" not in schema:
            yield f"{path}/{key}"


def test_the_charts_schema_accepts_them(values: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(values, schema, jsonschema.Draft7Validator)
    assert list(unknown(values, schema)) == []


def test_the_schema_refuses_a_value_of_another_kind(schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"workers": {"celery": {"replicas": "two"}}}, schema)
    assert list(unknown({"worker": {}}, schema)) == ["/worker"]


def test_they_have_the_shared_settings(values: dict[str, Any]) -> None:
    celery = values["executor"] == "CeleryExecutor"
    given = environment(values)
    for name, value in shared_settings().items():
        if name.startswith("AIRFLOW__CELERY") and not celery:
            assert name not in given
        elif celery or name not in DIFFERENT:
            assert given[name] == value, name


def test_no_more_tasks_are_queued_than_workers_have_room_for(values: dict[str, Any]) -> None:
    given = environment(values)
    if values["executor"] == "CeleryExecutor":
        room = values["workers"]["celery"]["replicas"] * int(
            given["AIRFLOW__CELERY__WORKER_CONCURRENCY"]
        )
        assert int(given["AIRFLOW__CORE__PARALLELISM"]) == room


def test_no_secret_and_no_default_password_is_used(values: dict[str, Any]) -> None:
    assert values["postgresql"] == {"enabled": False}
    assert values["data"]["metadataSecretName"]
    named = ["fernetKeySecretName", "jwtSecretName", "apiSecretKeySecretName"]
    assert all(values[name] for name in named)
    if values["executor"] == "CeleryExecutor":
        assert values["redis"]["passwordSecretName"]
        assert values["data"]["brokerUrlSecretName"]
    docs = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    for name in [*values["data"].values(), *(values[name] for name in named)]:
        assert f"create secret generic {name} " in docs, name


def test_every_part_has_a_limit_of_memory(values: dict[str, Any]) -> None:
    parts = [values[name] for name in ("scheduler", "dagProcessor", "triggerer", "apiServer")]
    workers = values["workers"]
    parts.append(workers["celery" if values["executor"] == "CeleryExecutor" else "kubernetes"])
    assert all("memory" in part["resources"]["limits"] for part in parts)


def test_the_charts_health_checks_find_the_entrypoint() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "ln -s /opt/smallhours/docker/entrypoint.sh /entrypoint" in dockerfile
