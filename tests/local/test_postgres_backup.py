"""A PostgreSQL database is dumped while it is used, and loaded whole or not at all."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from smallhours.local.airflow_database import load_postgres, write_database
from smallhours.local.archive import SQL, BackupError
from smallhours.local.processes import free_ports

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

pytestmark = [
    pytest.mark.slow(seconds=10),
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL's server is not installed"),
]
PASSWORD = "p@ss/w:rd"


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """A database of a server of its own; it refuses to be run by root."""
    folder = tmp_path_factory.mktemp("postgres")
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
        for each in folder.parents[:3]:
            each.chmod(0o711)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [PROGRAMS[-1] / program, *arguments],
            user=user,
            env={"HOME": str(folder), "LC_ALL": "C"},
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    (port,) = free_ports(1)
    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "airflow", "--auth=scram-sha-256", f"--pwfile={secret}")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield URL.create("postgresql+psycopg2", "airflow", PASSWORD, "127.0.0.1", port, "postgres")
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")


def test_a_dump_comes_back_and_a_broken_one_changes_nothing(url: URL, tmp_path: Path) -> None:
    pytest.importorskip("psycopg2", reason="it comes with the extra `postgres`")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE connection AS SELECT 'lastfm_me' AS conn_id"))

    assert write_database(url, tmp_path)
    assert (tmp_path / SQL).stat().st_mode & 0o777 == 0o600
    with engine.begin() as connection:
        connection.execute(text("UPDATE connection SET conn_id = 'later'"))

    broken = tmp_path / "broken.sql"
    broken.write_text((tmp_path / SQL).read_text() + "\nSELECT nothing;\n")
    with pytest.raises(BackupError, match="psql failed") as error:
        load_postgres(url, broken)
    assert PASSWORD not in str(error.value)
    assert names(url) == ["later"]

    load_postgres(url, tmp_path / SQL)
    assert names(url) == ["lastfm_me"]


def names(url: URL) -> list[str]:
    with create_engine(url).connect() as connection:
        return list(connection.scalars(text("SELECT conn_id FROM connection")))


def test_a_wrong_password_is_one_sentence_without_it(url: URL, tmp_path: Path) -> None:
    wrong = url.set(password="wrong-secret")
    with pytest.raises(BackupError, match="pg_dump failed") as error:
        write_database(wrong, tmp_path)
    assert "wrong-secret" not in str(error.value)
