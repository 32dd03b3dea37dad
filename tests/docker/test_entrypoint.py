"""Tests of the image's entrypoint and health check, as far as they run without Docker."""

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from sqlalchemy import URL, create_engine, text

from tests.postgres_fixture import PASSWORD, needs_postgres

DOCKER = Path(__file__).parents[2] / "docker"
GIVEN = ("PGPASSWORD", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"


def entrypoint(folder: Path, *command: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a command as the image does, in a folder that stands for the home."""
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(
        [DOCKER / "entrypoint.sh", *command],
        env={**env, **values},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def seen(folder: Path, **values: str) -> dict[str, str]:
    """The secrets that a command sees."""
    done = entrypoint(folder, sys.executable, "-c", SHOW, **values)
    assert done.returncode == 0, done.stderr
    return {name: value for name, value in json.loads(done.stdout).items() if name in GIVEN}


def secret_file(folder: Path, content: str) -> str:
    file = folder / "secret"
    file.write_text(content)
    return str(file)


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    assert seen(
        tmp_path, PGPASSWORD=PASSWORD, AIRFLOW_FERNET_KEY="a key=", AIRFLOW_JWT_SECRET="$x"
    ) == {
        "PGPASSWORD": PASSWORD,
        "AIRFLOW__CORE__FERNET_KEY": "a key=",
        "AIRFLOW__API_AUTH__JWT_SECRET": "$x",
    }


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = secret_file(tmp_path, f"{PASSWORD}\n")

    assert seen(tmp_path, PGPASSWORD="", PGPASSWORD_FILE=file, AIRFLOW_FERNET_KEY_FILE=file) == {
        "PGPASSWORD": PASSWORD,
        "AIRFLOW__CORE__FERNET_KEY": PASSWORD,
    }


def test_the_password_of_redis_becomes_the_brokers_address(tmp_path: Path) -> None:
    done = entrypoint(tmp_path, sys.executable, "-c", SHOW, PGPASSWORD="p", REDIS_PASSWORD=PASSWORD)
    env = json.loads(done.stdout)

    address = urlsplit(env["AIRFLOW__CELERY__BROKER_URL"])
    assert unquote(address.password or "") == PASSWORD
    assert (address.scheme, address.hostname, address.port) == ("redis", "redis", 6379)
    assert "REDIS_PASSWORD" not in env


def test_a_database_whose_address_has_its_password_needs_no_other(tmp_path: Path) -> None:
    address = "postgresql+psycopg2://airflow:p@db/airflow"
    assert seen(tmp_path, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=address) == {}


def test_an_empty_value_or_file_is_none(tmp_path: Path) -> None:
    """An empty key would be taken by Airflow for the wish not to encrypt."""
    nothing = secret_file(tmp_path, "")

    assert seen(
        tmp_path,
        PGPASSWORD="p",
        PGPASSWORD_FILE=nothing,
        AIRFLOW_FERNET_KEY="",
        AIRFLOW_FERNET_KEY_FILE=nothing,
        AIRFLOW_JWT_SECRET="",
    ) == {"PGPASSWORD": "p"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE in .env"),
        ({"PGPASSWORD": "hidden", "PGPASSWORD_FILE": "secret"}, "POSTGRES_PASSWORD is given twice"),
        ({"PGPASSWORD_FILE": "."}, "can't read the file of POSTGRES_PASSWORD"),
    ],
)
def test_what_is_missing_is_one_sentence_without_a_secret(
    values: dict[str, str], told: str, tmp_path: Path
) -> None:
    secret_file(tmp_path, "also-hidden")

    done = entrypoint(tmp_path, "true", **values)

    assert done.returncode == 1
    assert told in done.stderr
    assert "hidden" not in done.stderr
    assert [line[:7] for line in done.stderr.splitlines() if "error" in line] == ["error: "]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_home_of_somebody_else_is_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", "-s", "true"],
            input=(DOCKER / "entrypoint.sh").read_text(encoding="utf-8"),
            env={"PATH": os.environ["PATH"], "PGPASSWORD": "p"},
            cwd=home,
            user=4242,
            group=0,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 1
    assert "belongs to user 0, and user 4242" in done.stderr
    assert "sudo chown -R 4242 home" in done.stderr


def test_missing_settings_are_one_sentence(tmp_path: Path) -> None:
    done = entrypoint(tmp_path, "smallhours", "prepare", PGPASSWORD="p")

    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no settings file at smallhours.toml.")
    assert "smallhours init" in done.stderr
    assert not list(tmp_path.iterdir())


def without_password(url: URL) -> str:
    return f"{url.drivername}://{url.username}@{url.host}:{url.port}/{url.database}"


@pytest.mark.airflow
@pytest.mark.slow(seconds=40)
@needs_postgres
def test_airflow_is_made_ready_backed_up_and_restored_elsewhere(
    postgres_url: URL, tmp_path: Path
) -> None:
    """As the services `init` and `cli` do it, with a password that a URL can't hold as it is."""
    values = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"printf %s {without_password(postgres_url)}",
        "PGPASSWORD_FILE": secret_file(tmp_path, PASSWORD),
    }
    old, new = tmp_path / "old", tmp_path / "new"
    for home in (old, new):
        home.mkdir()
        answers = ("--lastfm-user", "rj", "--timezone", "Europe/Dublin", "--spotify")
        assert entrypoint(home, "smallhours", "init", *answers, **values).returncode == 0

    refused = entrypoint(
        old, "smallhours", "prepare", **{**values, "PGPASSWORD_FILE": "", "PGPASSWORD": "wrong"}
    )
    assert "error: Airflow's database can't be used: " in refused.stderr
    assert "Traceback" not in refused.stderr
    made = entrypoint(old, "smallhours", "prepare", **values)
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("is ready to start.\n")
    saved = entrypoint(old, "smallhours", "backup", "backup/one.tar.gz", **values)
    assert saved.returncode == 0, saved.stderr
    with create_engine(postgres_url).begin() as database:
        database.execute(text("DELETE FROM variable"))
    back = entrypoint(new, "smallhours", "restore", str(old / "backup" / "one.tar.gz"), **values)

    assert back.returncode == 0, back.stderr
    with create_engine(postgres_url).connect() as database:
        assert database.scalar(text("SELECT count(*) FROM variable")) == 1
    configuration = Path(".airflow") / "airflow.cfg"
    assert (new / configuration).read_text() == (old / configuration).read_text()
    for path in old.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("part", "code"),
    [("scheduler", 0), ("dag_processor", 1), ("triggerer", 1), ("nothing", 1)],
)
def test_a_part_is_as_healthy_as_airflow_says(part: str, code: int) -> None:
    told = {
        "scheduler": {"status": "healthy"},
        "dag_processor": {"status": "unhealthy"},
        "triggerer": {"status": None},
    }

    class Reply(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Reply) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, DOCKER / "health.py", part, url], capture_output=True, check=False
        )

    assert done.returncode == code


def test_a_part_is_not_healthy_when_nothing_answers() -> None:
    done = subprocess.run(
        [sys.executable, DOCKER / "health.py", "scheduler", "http://127.0.0.1:1"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
