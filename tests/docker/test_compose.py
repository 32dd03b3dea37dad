"""Tests that `docker-compose.yaml` is valid, closed to the network, and gives few rights."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.fernet import Fernet

from benchmarks.support.cluster_runs import shared_settings
from tests.postgres_fixture import PASSWORD

CHECKOUT = Path(__file__).parents[2]
FILE = CHECKOUT / "docker-compose.yaml"
DOCS = CHECKOUT / "docs" / "docker.md"
CLUSTER_DOCS = CHECKOUT / "docs" / "cluster.md"
PARTS = {"api-server", "scheduler", "dag-processor", "triggerer"}
# The services of each profile; what has none always runs.
PROFILES = {"cli": {"cli"}, "cluster": {"redis", "worker"}, "demo": {"demo"}, "s3": {"s3"}}
WRITTEN = {
    "postgres": "postgres:/var/lib/postgresql/data",
    "redis": "redis:/data",
    "s3": "${SMALLHOURS_HOME:-./home}/s3:/data",
}
SECRETS = (
    "AWS_",
    "POSTGRES_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "REDIS_PASSWORD",
)

needs_docker_compose = pytest.mark.skipif(
    shutil.which("docker-compose") is None, reason="the command docker-compose is not here"
)


def config(
    folder: Path, values: dict[str, str], *, profile: str = ""
) -> subprocess.CompletedProcess[str]:
    """Return what docker-compose reads from the file, with the `.env` of a folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    if not (folder / "deploy").exists():
        (folder / "deploy").symlink_to(CHECKOUT / "deploy")
    return subprocess.run(
        ["docker-compose", "--project-directory", str(folder), "-f", str(FILE)]
        + (["--profile", profile] if profile else [])
        + ["config"],
        env={**inherited, **values},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services as written, with anchors resolved."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return found


@needs_docker_compose
@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_docker_compose_accepts_it(profile: str, tmp_path: Path) -> None:
    checked = config(tmp_path, {"POSTGRES_PASSWORD": "p"}, profile=profile)

    assert checked.returncode == 0, checked.stderr
    read = yaml.safe_load(checked.stdout)["services"]
    always = {*PARTS, "init", "postgres"}
    assert set(read) == always.union(*PROFILES.values())


def test_every_profile_is_checked(services: dict[str, Any]) -> None:
    known = {each for service in services.values() for each in service.get("profiles", [])}
    assert known == set(PROFILES)
    for profile, wanted in PROFILES.items():
        assert {n for n, s in services.items() if profile in s.get("profiles", [])} == wanted


def test_all_of_airflow_waits_as_long_as_the_shared_settings_say(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name not in WRITTEN:
            assert service["env_file"] == "deploy/airflow.env", name
            overridden = set(service["environment"]) & set(shared_settings())
            assert not overridden, name


def test_workers_run_tasks_only_where_the_executor_is_chosen(services: dict[str, Any]) -> None:
    executor = services["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"]
    assert executor == "${SMALLHOURS_EXECUTOR:-LocalExecutor}"
    for name, value in {
        "COMPOSE_PROFILES": "cluster",
        "SMALLHOURS_EXECUTOR": "CeleryExecutor",
    }.items():
        assert f'echo "{name}={value}" >> .env' in CLUSTER_DOCS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "password"), [("redis", "REDIS_PASSWORD"), ("s3", "AWS_SECRET_ACCESS_KEY")]
)
def test_a_store_does_not_start_without_a_password(
    name: str, password: str, services: dict[str, Any]
) -> None:
    (script,) = services[name]["command"]
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("$$", "$")],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"set {password} in .env" in done.stderr


@needs_docker_compose
def test_it_does_not_start_without_a_password(tmp_path: Path) -> None:
    checked = config(tmp_path, {})

    assert checked.returncode != 0
    assert "POSTGRES_PASSWORD" in checked.stderr
    assert "docs/docker.md" in checked.stderr


@needs_docker_compose
def test_any_text_may_be_the_password(tmp_path: Path) -> None:
    password = f'{PASSWORD} "quoted" \\ and $HOME, päss'
    checked = config(tmp_path, {"POSTGRES_PASSWORD": password})

    read = yaml.safe_load(checked.stdout)["services"]
    ours, its = read["init"]["environment"], read["postgres"]["environment"]
    assert ours["PGPASSWORD"].replace("$$", "$") == password
    assert its["POSTGRES_PASSWORD"].replace("$$", "$") == password
    assert "//airflow@postgres/" in ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"]


@needs_docker_compose
def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "POSTGRES_PASSWORD=\nPOSTGRES_PASSWORD_FILE=./secrets/password\n"
    )
    checked = config(tmp_path, {})

    assert checked.returncode == 0, checked.stderr
    read = yaml.safe_load(checked.stdout)["secrets"]
    assert read["postgres_password"]["file"] == str(tmp_path / "secrets" / "password")


def test_the_file_that_stands_for_no_secret_is_empty(services: dict[str, Any]) -> None:
    written = yaml.safe_load(FILE.read_text(encoding="utf-8"))["secrets"]
    for secret in written.values():
        default = re.fullmatch(r"\$\{\w+_FILE:-(\S+)\}", secret["file"])
        assert default
        assert (CHECKOUT / default[1]).read_bytes() == b""
    for name, service in services.items():
        wanted = {f"{name}_password"} & set(written) if name in WRITTEN else set(written)
        assert set(service.get("secrets", [])) == wanted


@needs_docker_compose
def test_the_lines_of_the_docs_make_what_compose_asks_for(tmp_path: Path) -> None:
    lines = re.findall(r"echo \"[A-Z_]+=.*?\" >> \.env", DOCS.read_text(encoding="utf-8"))
    made = [line.replace("\\|", "|") for line in lines if "_FILE" not in line and '="' not in line]
    subprocess.run(["bash", "-eu", "-c", "\n".join(dict.fromkeys(made))], cwd=tmp_path, check=True)

    checked = config(tmp_path, {}, profile="cli")

    assert checked.returncode == 0, checked.stderr
    read = yaml.safe_load(checked.stdout)["services"]["cli"]
    assert read["user"] == f"{os.getuid()}:0"
    assert len(read["environment"]["PGPASSWORD"]) == 32
    assert len(read["environment"]["AIRFLOW_JWT_SECRET"]) == 64
    Fernet(read["environment"]["AIRFLOW_FERNET_KEY"])


def test_no_part_has_more_rights_than_it_needs(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert not {"cap_add", "privileged", "devices", "network_mode"} & set(service), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert service["user"].partition(":")[0] not in {"", "0", "root"}, name
        assert {"mem_limit", "pids_limit", "logging"} <= set(service), name


def test_only_the_home_and_the_database_are_written(services: dict[str, Any]) -> None:
    """A folder, not a file: Docker would make a folder where a file is missing."""
    for name, service in services.items():
        wanted = WRITTEN.get(name, "${SMALLHOURS_HOME:-./home}:/home/smallhours")
        assert service["volumes"] == [wanted], name


def test_only_the_pages_are_published_and_only_to_this_machine(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api-server": ["127.0.0.1:${SMALLHOURS_PORT:-8080}:8080"]}


def test_every_part_of_airflow_has_a_health_check_and_waits_for_the_database(
    services: dict[str, Any],
) -> None:
    for name in (*PARTS, "worker"):
        assert "test" in services[name]["healthcheck"], name
        waits = services[name]["depends_on"]
        assert waits["postgres"]["condition"] == "service_healthy"
        assert waits["init"]["condition"] == "service_completed_successfully"
    assert services["worker"]["depends_on"]["redis"]["condition"] == "service_healthy"


def test_no_secret_is_written_down(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for key, value in service["environment"].items():
            if any(word in key for word in ("PASSWORD", "SECRET", "KEY")):
                given = value is None or "${" in value or value.startswith("/run/secrets/")
                assert given, (name, key)


def test_images_are_named_by_their_digests(services: dict[str, Any]) -> None:
    digest = r"@sha256:[0-9a-f]{64}"
    assert re.search(rf"postgres:17{digest}\}}$", services["postgres"]["image"])
    base = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(rf"(?m)^ARG PYTHON_IMAGE=python:3\.12-slim{digest}$", base)
    assert "postgresql-client-17 " in base  # an older one can't dump what this server has
