"""Fixture: a PostgreSQL server of the test's own, where one is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

from smallhours.local.processes import free_ports

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PASSWORD = "p@ss/w:rd#% '$x"

needs_postgres = pytest.mark.skipif(
    not PROGRAMS, reason="PostgreSQL's server is not installed (Debian: postgresql)"
)


@pytest.fixture
def postgres_url() -> Iterator[URL]:
    """A database of a server of its own; it refuses to be run by root."""
    user = "postgres" if os.getuid() == 0 else None
    # Not in pytest's folders, which that user can't enter.
    with tempfile.TemporaryDirectory(prefix="smallhours-postgres-") as name:
        folder = Path(name)
        if user:
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [PROGRAMS[-1] / program, *arguments],
                user=user,
                env={"HOME": name, "LC_ALL": "C"},
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
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={name}"
        run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        url = URL.create("postgresql+psycopg2", "airflow", PASSWORD, "127.0.0.1", port, "postgres")
        try:
            yield url
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
