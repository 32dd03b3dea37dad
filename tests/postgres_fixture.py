"""Fixture: a PostgreSQL server of the test's own, where one is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL

from smallhours.local.processes import free_ports

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "p@ss/w:rd#% '$x"

needs_postgres = pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL's server is not installed")


@pytest.fixture
def postgres_url() -> Iterator[URL]:
    """A database of a server of its own; it refuses to be run by root."""
    # Not in pytest's folder, which every run of pytest on this machine closes to other users.
    with tempfile.TemporaryDirectory(prefix="postgres-") as name, _server(Path(name)) as url:
        yield url


@contextmanager
def _server(folder: Path) -> Iterator[URL]:
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)

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
