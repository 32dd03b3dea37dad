"""Encryption of what Airflow's database keeps: what is still in clear, and how it is encrypted.

Airflow encrypts connections and variables with its Fernet key when they are stored. Without a key
it stores them in clear, and leaves them so when there is a key later.
"""

from typing import Any, NamedTuple

from airflow.models.connection import Connection
from airflow.models.connection_test import ConnectionTestRequest
from airflow.models.crypto import FernetFieldsMixin, get_fernet
from airflow.models.variable import Variable
from airflow.settings import get_engine
from airflow.utils.session import create_session
from sqlalchemy import Engine, and_, func, inspect, or_, select, text
from sqlalchemy.exc import OperationalError

from smallhours.errors import SettingsError

# SQLite's `user_version` of a database from whose files all clear text was erased.
_ERASED = 1


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
    with _engine().connect() as connection:
        tables = set(inspect(connection).get_table_names())
        return [
            f"{store.kind} {name}"
            for store in _stores()
            if store.model.__tablename__ in tables
            for name in connection.scalars(
                select(store.name).where(store.in_clear).order_by(store.name)
            )
        ]


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


def _erase_clear_text() -> list[str]:
    """Rewrite SQLite's files, once: free pages and the log keep what was replaced or deleted.

    Returns:
        Why that was not possible; nothing where it was.
    """
    with _engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
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


def _engine() -> Engine:
    engine: Engine = get_engine()  # type: ignore[no-untyped-call]
    return engine


def _on_sqlite() -> bool:
    return bool(_engine().dialect.name == "sqlite")


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
