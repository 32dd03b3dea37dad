"""Tests that `docker-compose.yaml` is valid, closed to the network, and free of secrets."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
FILE = CHECKOUT / "docker-compose.yaml"
SECRETS = {
    "POSTGRES_PASSWORD": "p" * 20,
    "AIRFLOW_FERNET_KEY": "A" * 43 + "=",
    "AIRFLOW_JWT_SECRET": "j" * 64,
}
PARTS = {"api-server", "scheduler", "dag-processor", "triggerer"}

needs_docker_compose = pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="the command docker-compose is not here"
)


def config(secrets: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Return the configuration that docker-compose reads from the file."""
    inherited = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return subprocess.run(
        ["docker-compose", "-f", str(FILE), "config"],
        env={**inherited, **secrets},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services as written, with anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return found


@needs_docker_compose
def test_docker_compose_accepts_it() -> None:
    checked = config(SECRETS)

    assert checked.returncode == 0, checked.stderr
    assert set(yaml.safe_load(checked.stdout)["services"]) == {*PARTS, "init", "postgres"}


@needs_docker_compose
@pytest.mark.parametrize("missing", SECRETS)
def test_it_does_not_start_without_a_secret(missing: str) -> None:
    checked = config({name: value for name, value in SECRETS.items() if name != missing})

    assert checked.returncode != 0
    assert missing in checked.stderr


def test_only_the_pages_are_published_and_only_to_this_machine(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api-server": ["127.0.0.1:${SMALLHOURS_PORT:-8080}:8080"]}


def test_every_part_of_airflow_has_a_health_check_and_waits_for_the_database(
    services: dict[str, Any],
) -> None:
    for name in PARTS:
        assert "test" in services[name]["healthcheck"], name
        waits = services[name]["depends_on"]
        assert waits["postgres"]["condition"] == "service_healthy"
        assert waits["init"]["condition"] == "service_completed_successfully"


def test_the_database_is_prepared_as_up_does_it(services: dict[str, Any]) -> None:
    script = services["init"]["command"][1]

    assert "python -m smallhours.orchestration.database" in script
    assert "PYTHONPATH=/opt/airflow/include" in script  # root's Python reads no editable install


def test_no_secret_is_written_down(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for key, value in service["environment"].items():
            if any(word in key for word in ("PASSWORD", "SECRET", "KEY", "CONN")):
                assert "${" in str(value) or key.endswith("PASSWORDS_FILE"), (name, key)


def test_the_image_is_the_airflow_of_the_lock() -> None:
    lock = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    base = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    locked = next(line for line in lock.splitlines() if line.startswith("apache-airflow=="))
    version = locked.partition("==")[2].split()[0]

    assert f"FROM apache/airflow:{version}-python3.12\n" in base
