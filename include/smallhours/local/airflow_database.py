"""Airflow's database and its key, for backups: SQLite by its backup API, PostgreSQL by pg_dump."""

import os
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import URL

from smallhours.local.archive import SQL, SQLITE, BackupError
from smallhours.private_files import private_opener


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a SQLite database that others may be writing to; the copy is whole and consistent."""
    with open(target, "xb", opener=private_opener):
        pass
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        # Without a write-ahead log: the copy is one file.
        new.execute("PRAGMA journal_mode = DELETE")


def dump_postgres(url: URL, target: Path) -> None:
    """Write a PostgreSQL database as SQL that replaces what is there.

    Raises:
        BackupError: when pg_dump is missing or fails.
    """
    with open(target, "xb", opener=private_opener) as output:
        _run(["pg_dump", "--clean", "--if-exists", "--no-owner"], url, stdout=output.fileno())


def load_postgres(url: URL, dump: Path) -> None:
    """Replace a PostgreSQL database by a dump, in one transaction.

    Raises:
        BackupError: when psql is missing or fails; the database is as before.
    """
    options = ["--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    _run(["psql", *options, "--output", os.devnull, "--file", str(dump)], url)


def _run(command: list[str], url: URL, *, stdout: int = subprocess.DEVNULL) -> None:
    """Run a program of PostgreSQL's; the password goes through its environment."""
    where = {
        "PGHOST": url.host or url.query.get("host"),
        "PGPORT": url.port or url.query.get("port"),
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    env = {**os.environ, **{name: str(value) for name, value in where.items() if value}}
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command, env=env, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise BackupError(
            f"There is no program {command[0]}, which Airflow's PostgreSQL needs for this.",
            remedy="Install PostgreSQL's client programs.",
        ) from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it does not say why"])[0]
        raise BackupError(
            f"{command[0]} failed: {said}.",
            remedy="Nothing was changed. Make sure that the database is there, and try again.",
        )


def write_database(url: URL, folder: Path) -> bool:
    """Copy the database of a running Airflow into a folder; return whether there is one.

    Raises:
        BackupError: when that fails.
    """
    if url.get_backend_name() == "postgresql":
        dump_postgres(url, folder / SQL)
        return True
    source = Path(url.database or "")
    if not source.is_file():
        return False
    try:
        copy_sqlite(source, folder / SQLITE)
    except sqlite3.Error as error:
        raise BackupError(
            f"Airflow's database {source} can't be copied: {error}.",
            remedy="If it is damaged, restore an earlier backup.",
        ) from None
    return True


def opens(key: str, values: Iterable[str]) -> bool:
    """Return whether a Fernet key, or keys with commas between them, decrypts all values."""
    try:
        fernet = MultiFernet([Fernet(each.strip()) for each in key.split(",")])
        for value in values:
            fernet.decrypt(value.encode())
    except (InvalidToken, ValueError):
        return False
    return True
