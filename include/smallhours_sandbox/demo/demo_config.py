"""Configuration of the demo: its folder, settings, listeners and the sandbox's options.

Everything is in one folder, separate from the listener's own lake, settings and Airflow.
"""

import datetime as dt
import json
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallhours.local.airflow import AirflowHome
from smallhours.private_files import make_private_folder, private_opener
from smallhours.settings_file import Key, lines_of
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.simulation.installation import sandbox_services_toml

# One has an account on every service, and the other on ListenBrainz alone.
LISTENER, SECOND_LISTENER = "ada", "bruno"
LISTENERS = (LISTENER, SECOND_LISTENER)

# Large enough to look real, and small enough for a first night of two minutes.
WORLD = {"artists": 600, "tracks": 6_000, "scrobbles": 20_000}

_SETTINGS = """\
# Written again by every demo, with the listeners' dials as they were. Only the sandbox's addresses
# and the raised budgets differ from a listener's own settings, and the schedule: half a year off,
# since the demo starts its nights itself and its sandbox has a clock of its own.

[listeners.{first}]
lastfm = "{first}"
listenbrainz = "{first}"
timezone = "Europe/Dublin"

[listeners.{second}]
listenbrainz = "{second}"
spotify = false
timezone = "Europe/Dublin"

[listeners.{second}.publishing]
places = ["listenbrainz"]

[schedule]
cron = "{cron}"
poll_cron = "{cron}"
{today}

{services}
"""


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """Folder and ports of the demo.

    Attributes:
        folder: Folder of the demo.
        sandbox_port: Port of the sandbox on 127.0.0.1.
        airflow_port: Port of Airflow on 127.0.0.1.
        open_to_all: Whether anyone on this machine may log in without a password.
    """

    folder: Path
    sandbox_port: int
    airflow_port: int
    open_to_all: bool = True

    @property
    def lake(self) -> Path:
        """Return the folder of the demo's lake."""
        return self.folder / "data"

    @property
    def sandbox(self) -> str:
        """Return the address of the sandbox."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def home(self) -> AirflowHome:
        """Return the demo's Airflow installation."""
        return AirflowHome(
            folder=self.folder / "airflow",
            port=self.airflow_port,
            settings=self.folder / "smallhours.toml",
            lake=str(self.lake),
            open_to_all=self.open_to_all,
        )

    def write_settings(self, today: dt.date | None = None) -> None:
        """Write the settings file, with the addresses of this demo and the sandbox's date.

        The dials that a listener turned on the pages stay.
        """
        make_private_folder(self.folder)
        dials = lines_of(self._dials())
        half_a_year_off = (dt.datetime.now(dt.UTC).month + 5) % 12 + 1
        text = _SETTINGS.format(
            first=LISTENER,
            second=SECOND_LISTENER,
            cron=f"0 0 1 {half_a_year_off} *",
            today=f"today = {today}" if today else "",
            services=sandbox_services_toml(self.sandbox),
        )
        with open(self.home.settings, "w", encoding="utf-8", opener=private_opener) as file:
            file.write(f"{text}\n{dials}\n")

    def _dials(self) -> dict[Key, Any]:
        """Return the dials of the demo before, by key of the settings file."""
        try:
            before = tomllib.loads(self.home.settings.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return {
            ("listeners", name, "playlist", dial): value
            for name, theirs in before.get("listeners", {}).items()
            for dial, value in theirs.get("playlist", {}).items()
        }

    def environment(self) -> dict[str, str]:
        """Return the environment of Airflow's processes, with the sandbox's public credentials."""
        lastfm = {"conn_type": "lastfm", "password": "5a4d" * 8}
        spotify = {
            "conn_type": "spotify",
            "login": "sandbox-client",
            "password": "sandbox-secret",
            "extra": {"refresh_token": f"refresh-{LISTENER}"},
        }
        connections = {f"lastfm_{LISTENER}": lastfm, f"spotify_{LISTENER}": spotify} | {
            f"listenbrainz_{name}": {
                "conn_type": "listenbrainz",
                "login": name,
                "password": listenbrainz_token(name),
            }
            for name in LISTENERS
        }
        return self.home.environment(
            # Tasks follow each other closely, at the price of more work while nothing runs.
            {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2"}
            | {
                f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection)
                for name, connection in connections.items()
            }
        )

    def sandbox_command(self) -> list[str]:
        """Return the command that starts the sandbox from the state of the last demo."""
        options = {
            **WORLD,
            "port": self.sandbox_port,
            "cache": self.folder / "sandbox",
            "state-file": self.folder / "sandbox" / "state.npz",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [sys.executable, "-m", "smallhours", "sandbox", *arguments]
