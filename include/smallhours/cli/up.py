"""The command `up`: a listener's own Airflow on this machine."""

import datetime as dt
import time
from typing import Annotated

import typer

from smallhours.errors import SmallhoursError


class AirflowStopped(SmallhoursError):
    """A process of Airflow did not start, or ended."""


def register(app: typer.Typer) -> None:
    """Add `up`."""
    app.command("up")(up)


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of Airflow's pages.")] = 8080,
) -> None:
    """Run Airflow on 127.0.0.1 until Ctrl+C: settings in smallhours.toml, home in .airflow.

    Another home is used where AIRFLOW_HOME names it, as by all other commands.
    """
    from smallhours.local.airflow import LocalAirflow, own_home
    from smallhours.local.home_files import own_fernet_key
    from smallhours.local.processes import ProcessStopped, interrupted_by_signals
    from smallhours.settings import load_settings, settings_path

    path = settings_path().resolve()
    settings = load_settings(path)
    home = own_home(port, path)
    try:
        env = home.environment(own_fernet_key())
        with interrupted_by_signals(), LocalAirflow(home, env) as airflow:
            typer.echo(f"Starting Airflow in {home.folder} ...")
            for sentence in airflow.prepare():
                typer.echo(sentence)
            airflow.start()
            airflow.wait_until_healthy(on_status=lambda _waiting: None)
            typer.echo(f"Airflow's pages are on {home.url}; Ctrl+C ends it.")
            if home.passwords.exists():
                typer.echo(f"The password of `admin` is in {home.passwords}.")
            starts = settings.schedule.describe_next_night(dt.datetime.now(dt.UTC))
            typer.echo(
                f"The next night starts on {starts}, if this machine is awake; else when it is."
            )
            while True:
                for part in airflow.processes:
                    part.check()
                time.sleep(1)
    except KeyboardInterrupt:
        typer.echo("Stopped.")
    except (ProcessStopped, TimeoutError) as error:
        raise AirflowStopped(f"{error}.", remedy="Read the log, and start again.") from None
