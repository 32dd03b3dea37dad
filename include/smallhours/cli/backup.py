"""The commands `backup` and `restore`: everything of an installation, in one file."""

from pathlib import Path
from typing import Annotated

import typer

from smallhours.local.home_files import home_folder


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write; it must not exist yet.")],
) -> None:
    """Write the lake, the settings, and Airflow's connections and key into one archive.

    Nights may run meanwhile. Whoever has the archive has your logins: keep it where you keep keys.
    """
    from smallhours.local.backup import make_backup
    from smallhours.local.processes import interrupted_by_signals

    with interrupted_by_signals():
        make_backup(file, say=typer.echo)
    megabytes = file.stat().st_size / 1_000_000
    typer.echo(f"{file} is written ({megabytes:.1f} MB). It holds your logins: keep it safe.")


def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `smallhours backup` wrote.")],
) -> None:
    """Put an archive in the place of the lake, the settings and Airflow's home.

    It is checked first, and refused where it does not fit. What was there is kept beside it.
    """
    from smallhours.local.restore import restore_backup

    restore_backup(file, say=typer.echo)
    typer.echo("Next: `make up`. It brings Airflow's database up to date.")


def finish_killed_restore() -> None:
    """Carry out what a killed restore left to do, before anything reads what it restores."""
    home = home_folder()
    if not home.with_name(f"{home.name}.restoring").exists():
        return
    from smallhours.local.restore import finish_restore

    finish_restore(home, say=lambda told: typer.echo(told, err=True))
