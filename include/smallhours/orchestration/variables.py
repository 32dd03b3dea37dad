"""Airflow's variables, and how its secrets are asked for with and without a task's supervisor."""

import json
import sys
from typing import Any, Literal

from smallhours.errors import SettingsError


def ask_without_database(question: Literal["get_connection", "get_variable"], name: str) -> Any:
    """Ask Airflow's secret stores but its database: the environment, and a vault if one is set."""
    from airflow.configuration import ensure_secrets_loaded
    from airflow.secrets.metastore import MetastoreBackend

    stores = (each for each in ensure_secrets_loaded() if not isinstance(each, MetastoreBackend))
    answers = (getattr(each, question)(name) for each in stores)
    return next((each for each in answers if each is not None), None)


def read_variable(name: str) -> Any:
    """Return the JSON value of an Airflow variable; None when there is none."""
    if in_task():
        from airflow.sdk import Variable

        return Variable.get(name, default=None, deserialize_json=True)
    from airflow.models.variable import Variable as StoredVariable

    from smallhours.orchestration.database import has_database

    found = ask_without_database("get_variable", name)
    if found is None and has_database():
        found = StoredVariable.get(name, default_var=None)
    return None if found is None else json.loads(found)


def write_variable(name: str, value: dict[str, str]) -> None:
    """Store a JSON value as an Airflow variable.

    Raises:
        SettingsError: when Airflow would not encrypt it, or its database refuses.
    """
    if in_task():
        from airflow.sdk import Variable

        Variable.set(name, value, serialize_json=True)
        return
    from airflow.models.variable import Variable as StoredVariable
    from sqlalchemy.exc import SQLAlchemyError

    from smallhours.orchestration.database import make_database, require_key

    require_key()
    try:
        make_database()
        StoredVariable.set(name, value, serialize_json=True)
    except SQLAlchemyError as error:
        raise SettingsError(
            "Spotify renewed the login, and Airflow's database does not take it "
            f"({type(error).__name__}).",
            remedy="Make sure that Airflow's database is yours to write, and log in again.",
        ) from None


def in_task() -> bool:
    """Return whether this is a task's process, which must ask its supervisor, not the database."""
    runner = sys.modules.get("airflow.sdk.execution_time.task_runner")
    return getattr(runner, "SUPERVISOR_COMMS", None) is not None
