"""What lies around the demo: its folder, its settings, its listener and the sandbox's options?

Everything is in one folder, apart from the listener's own lake, settings and Airflow.
"""

import datetime as dt
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from smallhours.local.airflow import Home
from smallhours.private_files import make_private_folder, private_opener

LISTENER = "ada"

# As large as still looks real, and small enough for a first night of two minutes.
WORLD = {"artists": 600, "tracks": 6_000, "scrobbles": 20_000}

_SETTINGS = """\
# Written anew by every demo. Only the sandbox's addresses and the raised budgets differ from a
# listener's own settings, and the schedule: half a year off, since the demo starts its nights
# itself and its sandbox has a clock of its own.

[listeners.{listener}]
lastfm_user = "{listener}"
timezone = "Europe/Dublin"

[schedule]
cron = "{cron}"
poll_cron = "{cron}"

[services.lastfm]
api_url = "{sandbox}/2.0/"
calls_per_second = 1000

[services.spotify]
api_url = "{sandbox}/v1/"
accounts_url = "{sandbox}/"
calls_per_second = 1000
calls_per_day = 100000

[services.reccobeats]
api_url = "{sandbox}/reccobeats/v1/"
calls_per_second = 1000

[services.acousticbrainz]
api_url = "{sandbox}/acousticbrainz/api/v1/"
calls_per_second = 1000
"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the demo's things are.

    Attributes:
        folder: Of everything.
        sandbox_port: Where the sandbox listens, on 127.0.0.1.
        airflow_port: Where Airflow listens, on 127.0.0.1.
        open_to_all: Whether whoever uses this machine may come in without a password.
    """

    folder: Path
    sandbox_port: int
    airflow_port: int
    open_to_all: bool = True

    @property
    def lake(self) -> Path:
        """The demo's lake."""
        return self.folder / "data"

    @property
    def sandbox(self) -> str:
        """Where the sandbox is."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def home(self) -> Home:
        """The demo's Airflow."""
        return Home(
            folder=self.folder / "airflow",
            port=self.airflow_port,
            settings=self.folder / "smallhours.toml",
            lake=str(self.lake),
            open_to_all=self.open_to_all,
        )

    def write_settings(self) -> None:
        """Write the settings file, with the addresses of this demo."""
        make_private_folder(self.folder)
        half_a_year_off = (dt.datetime.now(dt.UTC).month + 5) % 12 + 1
        text = _SETTINGS.format(
            listener=LISTENER, sandbox=self.sandbox, cron=f"0 0 1 {half_a_year_off} *"
        )
        with open(self.home.settings, "w", encoding="utf-8", opener=private_opener) as file:
            file.write(text)

    def environment(self) -> dict[str, str]:
        """The environment of Airflow's parts, with the sandbox's public credentials."""
        lastfm = {"conn_type": "lastfm", "password": "5a4d" * 8}
        spotify = {
            "conn_type": "spotify",
            "login": "sandbox-client",
            "password": "sandbox-secret",
            "extra": {"refresh_token": f"refresh-{LISTENER}"},
        }
        return self.home.environment(
            {
                f"AIRFLOW_CONN_LASTFM_{LISTENER.upper()}": json.dumps(lastfm),
                f"AIRFLOW_CONN_SPOTIFY_{LISTENER.upper()}": json.dumps(spotify),
            }
        )

    def sandbox_command(self) -> list[str]:
        """How the sandbox is started: its state goes on where the last demo left it."""
        options = {
            **WORLD,
            "port": self.sandbox_port,
            "cache": self.folder / "sandbox",
            "state-file": self.folder / "sandbox" / "state.npz",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [sys.executable, "-m", "smallhours", "sandbox", *arguments]
