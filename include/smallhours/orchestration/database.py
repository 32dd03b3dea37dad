"""What Smallhours does to Airflow's database: preparation, encryption, and paused DAGs.

`python -m smallhours.orchestration.database` creates or migrates it, encrypts what was stored in
clear, and unpauses DAGs that Airflow has kept paused since it found them. With
`--forget-unfinished`, the unfinished runs of an interrupted Airflow fail, which a scheduler would
otherwise continue. What a person should know is logged, and with `--report FILE` also written to a
file, one sentence per line.

Airflow encrypts connections and variables with its Fernet key when they are stored. Without a key
it stores them in clear, and leaves them so when there is a key later.

Airflow pauses a new DAG unless it says otherwise; Smallhours' DAGs did not say so until version
0.2. A person may pause a DAG at any time, and then it stays so.
"""

import argparse
import contextlib
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from airflow.models.asset import AssetPartitionDagRun
from airflow.models.connection import Connection
from airflow.models.connection_test import ConnectionTestRequest
from airflow.models.crypto import FernetFieldsMixin, get_fernet
from airflow.models.dag import DagModel
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.variable import Variable
from airflow.settings import get_engine
from airflow.utils.db import upgradedb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State, TaskInstanceState
from sqlalchemy import Engine, and_, delete, func, inspect, or_, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from smallhours.errors import SettingsError
from smallhours.runs import DAGS, NIGHTLY

LOG = logging.getLogger(__name__)

# SQLite's `user_version` of a database from whose files all clear text was erased.
_ERASED = 1

# An Airflow variable: the DAGs of this installation were seen once, and are live or paused by hand.
_SEEN = "smallhours_dags_seen"


def prepare(*, without_unfinished: bool) -> list[str]:
    """Bring the database up to date.

    Args:
        without_unfinished: Give up unfinished runs.

    Returns:
        What a person should know of it, in sentences.

    Raises:
        SettingsError: when there is no key to encrypt with.
    """
    upgradedb()
    told = list(encrypt_stored())
    if without_unfinished:
        forget_unfinished()
    if resumed := resume_where_no_night_ever_ran():
        names = ", ".join(resumed)
        told.append(f"These DAGs were paused and had never run; they are live now: {names}.")
    return told


def forget_unfinished() -> None:
    """Fail unfinished runs and tasks, and delete asset events that did not start a run yet."""
    with create_session() as session:
        session.execute(
            update(TaskInstance)
            .where(or_(TaskInstance.state.is_(None), TaskInstance.state.in_(_unfinished())))
            .values(state=TaskInstanceState.FAILED)
        )
        session.execute(
            update(DagRun)
            .where(DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))
            .values(state=DagRunState.FAILED)
        )
        session.execute(
            delete(AssetPartitionDagRun).where(AssetPartitionDagRun.created_dag_run_id.is_(None))
        )


def _unfinished() -> list[TaskInstanceState]:
    return [state for state in State.unfinished if state is not None]


def require_key() -> None:
    """Refuse to store a secret that Airflow would not encrypt.

    Raises:
        SettingsError: when Airflow has no Fernet key.
    """
    if not get_fernet().is_encrypted:
        raise SettingsError(
            "Airflow has no Fernet key: it would store keys and logins in clear.",
            remedy="Set `fernet_key` in the section [core] of airflow.cfg, or the variable "
            "AIRFLOW__CORE__FERNET_KEY, to 32 random bytes in URL-safe base 64; then start again.",
        )


def stored_in_clear() -> list[str]:
    """Return the connections and variables that are not encrypted, by kind and name."""
    if not has_database():
        return []
    with database_engine().connect() as connection:
        tables = set(inspect(connection).get_table_names())
        return [
            f"{store.kind} {name}"
            for store in _stores()
            if store.model.__tablename__ in tables
            for name in connection.scalars(
                select(store.name).where(store.in_clear).order_by(store.name)
            )
        ]


def encrypted_values() -> list[str]:
    """Return the encrypted values of connections and variables, as they are stored."""
    statements = (
        ("connection", "SELECT password FROM connection WHERE is_encrypted"),
        ("connection", "SELECT extra FROM connection WHERE is_extra_encrypted"),
        ("variable", "SELECT val FROM variable WHERE is_encrypted"),
    )
    if not has_database():
        return []
    with database_engine().connect() as connection:
        tables = set(inspect(connection).get_table_names())
        there = [statement for table, statement in statements if table in tables]
        found = [value for each in there for value in connection.scalars(text(each))]
    return [value for value in found if value]


def encrypt_stored() -> list[str]:
    """Encrypt what is stored in clear, and erase the clear text from SQLite's files.

    Returns:
        What there is to tell about it; nothing where all was encrypted already.

    Raises:
        SettingsError: when Airflow has no Fernet key.
    """
    require_key()
    with create_session() as session:
        found: list[Any] = [
            row
            for store in _stores()
            for row in session.scalars(select(store.model).where(store.in_clear))
        ]
        for row in found:
            _encrypt(row)
        if found and _on_sqlite():
            # Kept with the rows: a crash before the erasing must not make it forgotten.
            session.execute(text("PRAGMA user_version = 0"))
    told = [f"{len(found)} keys and logins were stored in clear; now they are encrypted."]
    return [*(told if found else []), *(_erase_clear_text() if _on_sqlite() else [])]


def _encrypt(row: Any) -> None:
    if isinstance(row, Variable):
        row.val = row.val
        return
    # Not by Connection's own methods, which refuse an `extra` that is not JSON.
    if not row.is_encrypted:
        FernetFieldsMixin.set_password(row, FernetFieldsMixin.get_password(row))
    if not row.is_extra_encrypted:
        FernetFieldsMixin.set_extra(row, FernetFieldsMixin.get_extra(row))


def erase_deleted() -> None:
    """Erase what was deleted from SQLite's files, now or at the next start."""
    if _on_sqlite():
        with create_session() as session:
            session.execute(text("PRAGMA user_version = 0"))
        _erase_clear_text()


def _erase_clear_text() -> list[str]:
    """Rewrite SQLite's files, once: free pages and the log keep what was replaced or deleted.

    Returns:
        Why that was not possible; nothing where it was.
    """
    with database_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.scalar(text("PRAGMA user_version")) == _ERASED:
            return []
        try:
            connection.execute(text("VACUUM"))
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except OperationalError as error:  # locked by another program, or no room on the disk
            return [_not_erased(str(error.orig))]
        if busy:
            return [_not_erased("another program uses it")]
        connection.execute(text(f"PRAGMA user_version = {_ERASED}"))
    return []


def _not_erased(why: str) -> str:
    return (
        f"Old text could not be erased from Airflow's database ({why}); the next start tries again."
    )


def has_database() -> bool:
    """Return whether the database is made, and can be reached.

    SQLite is not asked for a table where its file is missing: it would make an empty one.
    """
    engine = database_engine()
    if _on_sqlite() and not Path(engine.url.database or "").is_file():
        return False
    try:
        return inspect(engine).has_table(Connection.__tablename__)
    except OperationalError:
        return False


def make_database() -> None:
    """Create the database if there is none: a first login may come before the first start."""
    if has_database():
        return
    # Its steps are of no use to the person who gives a key.
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            upgradedb()
    finally:
        logging.disable(logging.NOTSET)


def database_engine() -> Engine:
    """Return the engine of Airflow's database."""
    engine: Engine = get_engine()  # type: ignore[no-untyped-call]
    return engine


def _on_sqlite() -> bool:
    return bool(database_engine().dialect.name == "sqlite")


class _Store(NamedTuple):
    """A table that holds secrets: its kind in words, its rows' names, and which are in clear."""

    kind: str
    model: Any
    name: Any
    in_clear: Any


def _stores() -> list[_Store]:
    tests = ConnectionTestRequest
    return [
        _Store("connection", Connection, Connection.conn_id, _field_in_clear(Connection)),
        _Store("connection test", tests, tests.connection_id, _field_in_clear(tests)),
        _Store(
            "variable",
            Variable,
            Variable.key,
            and_(func.length(Variable.val) > 0, Variable.is_encrypted.is_not(True)),
        ),
    ]


def _field_in_clear(model: type[FernetFieldsMixin]) -> Any:
    return or_(
        and_(func.length(model.password) > 0, model.is_encrypted.is_not(True)),
        and_(func.length(model.extra) > 0, model.is_extra_encrypted.is_not(True)),
    )


def paused_dags() -> list[str]:
    """Return the DAGs of the nightly chain that are paused, in the chain's order."""
    wanted = select(DagModel.dag_id).where(DagModel.dag_id.in_(NIGHTLY), DagModel.is_paused)
    with create_session() as session:
        paused = set(session.scalars(wanted))
    return [dag for dag in NIGHTLY if dag in paused]


def resume(dags: Sequence[str]) -> None:
    """Let paused DAGs run again."""
    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id.in_(dags)).values(is_paused=False))


def parse_again() -> None:
    """Ask the DAG processor to parse all DAG files now: they are made from the settings."""
    files = select(DagModel.bundle_name, DagModel.relative_fileloc).where(DagModel.dag_id.in_(DAGS))
    with create_session() as session:
        found = session.execute(files.distinct()).all()
    for bundle, path in found:
        # Airflow takes one request for a file: an earlier one may not have been carried out yet.
        with contextlib.suppress(IntegrityError), create_session() as session:
            session.add(DagPriorityParsingRequest(bundle, str(path)))


def resume_where_no_night_ever_ran() -> list[str]:
    """Let the DAGs of an installation run that Airflow paused when it found them, once.

    Where any DAG of the chain has had a run, somebody has looked after it, and nothing is changed.

    Returns:
        The DAGs that were paused, in their order.
    """
    if Variable.get(_SEEN, default_var=None):
        return []
    with create_session() as session:
        ran = session.scalar(
            select(func.count()).select_from(DagRun).where(DagRun.dag_id.in_(NIGHTLY))
        )
        paused = set(
            session.scalars(
                select(DagModel.dag_id).where(DagModel.dag_id.in_(DAGS), DagModel.is_paused)
            )
        )
    found = [] if ran else [dag for dag in DAGS if dag in paused]
    resume(found)
    Variable.set(_SEEN, "yes")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--forget-unfinished", action="store_true")
    parser.add_argument("--report", type=Path, help="a file for what a person should know")
    arguments = parser.parse_args()
    try:
        told = prepare(without_unfinished=arguments.forget_unfinished)
    except SettingsError as error:
        sys.exit(f"error: {error}")
    if arguments.report:
        arguments.report.write_text("\n".join(told), encoding="utf-8")
    for sentence in told:
        LOG.warning(sentence)
