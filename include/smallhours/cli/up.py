"""The commands `up` and `prepare`: a listener's own Airflow on this machine."""

import datetime as dt
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from smallhours.errors import SettingsError, SmallhoursError

if TYPE_CHECKING:
    from smallhours.local.airflow import LocalAirflow


class AirflowStopped(SmallhoursError):
    """A process of Airflow did not start, or ended."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("prepare")(prepare)


def prepare() -> None:
    """Check the settings and make lake, Airflow's home and database ready, to start it otherwise.

    `up` does so by itself.
    """
    from smallhours.lake import migrations
    from smallhours.lake.files import local_folder
    from smallhours.lake.store import Lake
    from smallhours.local.home_files import home_folder, use_home
    from smallhours.private_files import close_to_others
    from smallhours.settings import load_settings

    settings = load_settings()
    migrations.prepare(Lake(settings.lake.url))
    use_home()
    from sqlalchemy.exc import OperationalError

    from smallhours.orchestration import database

    for folder in (home_folder(), local_folder(settings.lake.url)):
        if folder:
            close_to_others(folder)
    try:
        told = database.prepare(without_unfinished=False)
    except OperationalError as error:
        raise SettingsError(
            f"Airflow's database can't be used: {str(error.orig).strip()}.",
            remedy="Make sure that it runs, and that the password is the one it was made with.",
        ) from None
    for sentence in told:
        typer.echo(sentence)
    typer.echo(f"Airflow in {home_folder()} is ready to start.")


def up(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of Airflow's pages.")] = 8080,
    end_left: Annotated[
        bool,
        typer.Option("--end-left", help="End what an earlier one, which was killed, left running."),
    ] = False,
) -> None:
    """Run Airflow on 127.0.0.1 until Ctrl+C: settings in smallhours.toml, home in .airflow.

    Another home is used where AIRFLOW_HOME names it, as by all other commands.
    """
    from smallhours.lake.files import local_folder
    from smallhours.local.airflow import LocalAirflow, own_home
    from smallhours.local.forget import unnamed_listeners
    from smallhours.local.home_files import own_fernet_key
    from smallhours.local.processes import ProcessStopped, interrupted_by_signals
    from smallhours.private_files import close_to_others
    from smallhours.settings import load_settings, settings_path

    path = settings_path().resolve()
    settings = load_settings(path)
    home = own_home(port, path)
    try:
        env = home.environment(own_fernet_key())
        with interrupted_by_signals(), LocalAirflow(home, env) as airflow:
            _offer_to_end(airflow, at_once=end_left)
            typer.echo(f"Starting Airflow in {home.folder} ...")
            for sentence in airflow.prepare():
                typer.echo(sentence)
            if lake := local_folder(settings.lake.url):
                close_to_others(lake)
            if unnamed := unnamed_listeners(settings):
                typer.echo(f"Attention: {unnamed}")
            airflow.start()
            airflow.wait_until_healthy(on_status=lambda _waiting: None)
            typer.echo(f"Your list and all pages: {home.url}/plugin/smallhours")
            if home.passwords.exists():
                typer.echo(f"Log in there as admin; the password is in {home.passwords}.")
            typer.echo("Leave this running; Ctrl+C ends it.")
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


def _offer_to_end(airflow: "LocalAirflow", *, at_once: bool) -> None:
    """End what an earlier `up` left running, if the person wants it.

    Raises:
        AirflowStopped: when they don't, or can't be asked.
    """
    left = airflow.left_running()
    if not left:
        return
    names = ", ".join(f"{part.name} (process {part.pid})" for part in left)
    told = (
        f"An earlier Airflow in {airflow.home.folder} was killed, and left these running: {names}."
    )
    typer.echo(told)
    if not at_once and not (sys.stdin.isatty() and typer.confirm("End them now?", default=True)):
        raise AirflowStopped(
            "Two of them on one database would harm each other: nothing was started.",
            remedy="To end them and start, run `smallhours up --end-left`.",
        )
    airflow.end_left_running()
    typer.echo("They have ended.")
