"""The command `forget`: removes everything that is stored about a listener."""

from typing import Annotated

import typer

from smallhours.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("forget")(forget)


def forget(
    listener: Annotated[str, typer.Argument(help="Whom, by their name in the settings.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Remove every trace of a listener: lake, models, logins, Airflow's runs and logs, settings.

    What they did at Last.fm and Spotify stays there, and so do backups: delete those yourself.
    """
    from smallhours.cli.night import open_secrets
    from smallhours.local.forget import forget_listener, known_listeners
    from smallhours.local.home_files import home_folder
    from smallhours.settings import load_settings

    known = known_listeners(load_settings())
    if listener not in known:
        raise SettingsError(
            f"Nothing is stored about a listener {listener!r}.",
            remedy=f"Known listeners: {', '.join(known)}.",
        )
    if not yes:
        typer.confirm(
            f"Everything that is stored about {listener} is deleted, and can't be had back. Go on?",
            abort=True,
        )
    if home_folder().is_dir():
        open_secrets()  # Airflow reads its configuration when it is imported
    forget_listener(listener, say=typer.echo)
    typer.echo("Still there: backups, what a restore kept, and the lists where they went to.")
