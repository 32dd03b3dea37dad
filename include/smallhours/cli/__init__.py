"""The command line: every stage as a command, a whole night, the login, and other packages' own.

A `SmallhoursError` is printed as one line on stderr, with exit code 1.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from smallhours import __version__
from smallhours.cli import (
    backup,
    doctor,
    explore,
    forget,
    history,
    init,
    login,
    night,
    playlist,
    rescue,
    service,
    up,
)
from smallhours.errors import SmallhoursError
from smallhours.extensions import COMMANDS, load_extensions


class StageCommands(TyperGroup):
    """A command group that accepts `sync_scrobbles`, as in the DAGs, for `sync-scrobbles`."""

    def get_command(self, ctx: typer.Context, cmd_name: str) -> typer.core.TyperCommand | None:  # type: ignore[override]
        """Find a command by either spelling."""
        return super().get_command(ctx, cmd_name.replace("_", "-"))  # type: ignore[return-value]


app = typer.Typer(
    cls=StageCommands,
    help="A personal music recommender that works while its listener sleeps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
night.register(app)
playlist.register(app)
init.register(app)
login.register(app)
doctor.register(app)
explore.register(app)
history.register(app)
rescue.register(app)
up.register(app)
backup.register(app)
service.register(app)
forget.register(app)
for add_command in load_extensions(COMMANDS):
    add_command(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"smallhours {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done.")] = False,
) -> None:
    del version
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(message)s", stream=sys.stderr
    )


def main() -> None:
    """Run the command line."""
    # Airflow reads this when it is first imported, for the connections. Its default is a folder
    # in the home directory, which reading a connection should not create.
    os.environ.setdefault("AIRFLOW_HOME", str(Path(".airflow").resolve()))
    try:
        backup.finish_killed_restore()
        app(prog_name="smallhours")
    except SmallhoursError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
