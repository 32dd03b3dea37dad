"""Removal of a listener from Airflow's database.

Their connections, their variable and the runs of their nights are deleted. Elsewhere, as in
Airflow's audit log and in runs of several listeners, their name is replaced.
"""

import re
from collections.abc import Sequence
from typing import Any

from airflow.models.connection import Connection
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.variable import Variable
from airflow.utils.session import create_session
from sqlalchemy import JSON, Column, MetaData, String, Table, Text, cast, delete, or_
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy.types import TypeEngine

from smallhours.orchestration.connections import variable_of
from smallhours.orchestration.database import database_engine, erase_deleted, has_database

REPLACEMENT = "forgotten"
# Columns in which runs, events and messages name a listener. Others hold Airflow's own words, which
# may be a listener's name as well, such as the queue `default`.
_NAMING = frozenset(
    {
        "body",
        "conf",
        "context_carrier",
        "dag_run_conf",
        "data",
        "extra",
        "keys",
        "message",
        "next_kwargs",
        "options",
        "output",
        "params",
        "params_input",
        "partition_key",
        "rendered_fields",
        "rendered_map_index",
        "source_partition_key",
        "stacktrace",
        "subject",
        "target_partition_key",
        "value",
    }
)


def forget_in_database(
    listener: str, pattern: re.Pattern[str], names: Sequence[str], connections: Sequence[str]
) -> None:
    """Remove a listener from Airflow's database, and their text from SQLite's files.

    Args:
        listener: Whom.
        pattern: Finds their names in a text, each behind a `prefix` that stays.
        names: The names.
        connections: The ids of their connections.
    """
    if not has_database():
        return
    with create_session() as session:
        session.execute(delete(Connection).where(Connection.conn_id.in_(connections)))
        session.execute(delete(Variable).where(Variable.key == variable_of(listener)))
        theirs = or_(
            cast(DagRun.partition_key, Text).startswith(f"{listener}@", autoescape=True),
            cast(DagRun.conf, Text).contains(f'"{listener}"', autoescape=True),
        )
        session.execute(
            delete(TaskInstance).where(
                cast(TaskInstance.rendered_map_index, Text).startswith(
                    f"{listener}@", autoescape=True
                )
            )
        )
        session.execute(delete(DagRun).where(theirs))
    with database_engine().begin() as connection:
        known = MetaData()
        known.reflect(connection)
        for table in known.sorted_tables:
            for column in table.columns:
                if column.name in _NAMING and isinstance(column.type, String | JSON):
                    _replace(connection, table, column, pattern, names)
    erase_deleted()


def _replace(
    connection: DatabaseConnection,
    table: Table,
    column: Column[Any],
    pattern: re.Pattern[str],
    names: Sequence[str],
) -> None:
    """Replace the names in a column of text or JSON."""
    key = list(table.primary_key)
    as_text = cast(column, Text)
    found = connection.execute(
        table.select()
        .with_only_columns(as_text, *key)
        .where(or_(*(as_text.contains(name, autoescape=True) for name in names)))
    ).all()
    for text, *values in found:
        new = pattern.sub(rf"\g<prefix>{REPLACEMENT}", text)
        if new != text:
            same = (part == value for part, value in zip(key, values, strict=True))
            stored = cast(new, _stored_type(connection, column))
            connection.execute(table.update().where(*same).values({column.name: stored}))


def _stored_type(connection: DatabaseConnection, column: Column[Any]) -> TypeEngine[Any]:
    """Return the type as which a text is stored; SQLite keeps JSON as text."""
    return Text() if connection.dialect.name == "sqlite" else column.type
