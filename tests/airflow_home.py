"""A separate Airflow home, and listeners whose settings and connections lead to the sandbox.

Import this before Airflow, which reads its environment when it is first imported.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smallhours.lake.store import Lake
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import sandbox_services_toml

CHECKOUT = Path(__file__).parents[1]
NIGHT = "2026-11-02"

_HOME = tempfile.TemporaryDirectory(prefix="smallhours-airflow-")
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME.name,
        "AIRFLOW__API_AUTH__JWT_SECRET": "of the tests and of nothing else; " * 3,
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        # Airflow writes a key of its own into a new home; under pytest it does not.
        "AIRFLOW__CORE__FERNET_KEY": "A" * 43 + "=",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME.name}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Create an empty, migrated database."""
    from airflow.utils.db import initdb

    initdb()


@dataclass
class AirflowInstall:
    """An installation of Smallhours under Airflow, with listeners of the sandbox."""

    sandbox: SandboxServer
    settings: Path
    lake: Lake
    monkeypatch: pytest.MonkeyPatch

    def set_connection(self, name: str, **fields: Any) -> None:
        """Set an Airflow connection, as an environment variable."""
        self.monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))

    def unset_connection(self, name: str) -> None:
        """Remove an Airflow connection."""
        self.monkeypatch.delenv(f"AIRFLOW_CONN_{name.upper()}")

    def write_settings(self, text: str) -> None:
        """Replace the settings file."""
        self.settings.write_text(text, encoding="utf-8")


def settings_text(url: str, listeners: Mapping[str, str]) -> str:
    """Return a settings file with listeners by name and their user names at the sandbox."""
    people = "".join(
        f'[listeners.{name}]\nlastfm_user = "{user}"\ntimezone = "Europe/Dublin"\n'
        for name, user in listeners.items()
    )
    return f"{people}\n{sandbox_services_toml(url)}"


@pytest.fixture
def airflow_install(
    sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AirflowInstall:
    """Return an installation with the listeners `ada` and `bruno` and an empty lake."""
    lake = tmp_path / "lake"
    settings = tmp_path / "smallhours.toml"
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(settings))
    monkeypatch.setenv("SMALLHOURS_LAKE", str(lake))
    made = AirflowInstall(sandbox, settings, Lake(str(lake)), monkeypatch)
    made.write_settings(settings_text(sandbox.url, {"ada": "ada", "bruno": "bruno"}))
    for name in ("ada", "bruno"):
        made.set_connection(f"lastfm_{name}", conn_type="lastfm", password="5a4d" * 8)
        made.set_connection(
            f"spotify_{name}",
            conn_type="spotify",
            login="sandbox-client",
            password="sandbox-secret",
            extra={"refresh_token": f"refresh-{name}"},
        )
    return made
