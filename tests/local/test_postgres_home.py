"""A home whose database is PostgreSQL is backed up, restored and forgotten like one on SQLite."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from sqlalchemy import URL, create_engine, text

from smallhours.lake.store import Lake
from smallhours.local.forget import SERVICES
from smallhours.local.home_files import make_home
from tests.local.test_backup import environment
from tests.local.test_backup import run as smallhours
from tests.local.test_forget import GONE, SETTINGS, TOLD, fill
from tests.postgres_fixture import needs_postgres

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=25),
    pytest.mark.timeout(900),
    needs_postgres,
]

# Dies as by `kill -9`, when the database is loaded and the first file is to be put in its place.
DIE = """
import os
from smallhours import cli
from smallhours.local import restore

restore._put = lambda *_: os._exit(9)
cli.main()
"""


def test_it_is_backed_up_restored_and_a_listener_forgotten(
    postgres_url: URL, tmp_path: Path
) -> None:
    pytest.importorskip("psycopg2", reason="it comes with the extra `postgres`")
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "smallhours.toml").write_text(SETTINGS)
    lake = Lake(str(folder / "data"))
    lake.files.replace(f"models/{GONE}/taste/current.json", b"{}")
    make_home(folder / ".airflow", {})
    address = postgres_url.render_as_string(hide_password=False).replace("%", "%%")
    with (folder / ".airflow" / "airflow.cfg").open("a") as configuration:
        configuration.write(f"\n[database]\nsql_alchemy_conn = {address}\n")
    fill(folder)
    stored = connections(postgres_url)
    assert len(stored) == 2 * len(SERVICES)

    archive = tmp_path / "backup.tar.gz"
    code, said = smallhours(folder, "backup", str(archive))
    assert code == 0, said

    # Killed when the database is loaded: the next command carries out the rest.
    change(postgres_url, "DELETE FROM connection")
    lake.files.replace(f"models/{GONE}/taste/current.json", b"later")
    died = subprocess.run(
        [sys.executable, "-c", DIE, "restore", str(archive)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == 9, died.stdout + died.stderr
    assert lake.files.read(f"models/{GONE}/taste/current.json") == b"later"
    code, said = smallhours(folder, "--version")
    assert code == 0, said
    assert lake.files.read(f"models/{GONE}/taste/current.json") == b"{}"
    assert connections(postgres_url) == stored

    code, said = smallhours(folder, "forget", GONE, "--yes")
    assert code == 0, said
    left = [name for name, _ in connections(postgres_url)]
    assert left == [f"{service}_ada-2" for service in SERVICES]
    dump = tmp_path / "after.tar.gz"
    code, said = smallhours(folder, "backup", str(dump))
    assert code == 0, said
    assert not TOLD.search(sql_of(dump))


def connections(url: URL) -> list[tuple[str, str]]:
    with create_engine(url).connect() as connection:
        rows = connection.execute(text("SELECT conn_id, password FROM connection ORDER BY conn_id"))
        return [(row[0], row[1]) for row in rows]


def change(url: URL, statement: str) -> None:
    with create_engine(url).begin() as connection:
        connection.execute(text(statement))


def sql_of(archive: Path) -> bytes:
    """What a backup holds of the database."""
    with tarfile.open(archive) as tar:
        content = tar.extractfile("airflow/airflow.sql")
        assert content is not None
        return content.read()
