"""The commands `service install` and `service uninstall`: `up` as a systemd user service.

They write and remove the unit's file, and say which commands of systemd's to run; they run none, so
that they work where systemd does not, as in a container.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from smallhours.errors import SettingsError
from smallhours.local.home_files import home_folder, is_ours
from smallhours.private_files import make_private_folder, write_private
from smallhours.settings import load_settings, settings_path

NAME = "smallhours"
_UNIT = """\
# Written by `smallhours service install`; `smallhours service uninstall` removes it.
[Unit]
Description=Smallhours, a personal music recommender

[Service]
WorkingDirectory={folder}
{environment}ExecStart={command}
Restart=on-failure
RestartSec=30
# `up` ends its parts; what it leaves is killed.
KillMode=mixed
TimeoutStopSec=60
UMask=0077

[Install]
WantedBy=default.target
"""

service_app = typer.Typer(help="Run `up` as a systemd service of your own.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(service_app, name="service")


@service_app.command("install")
def install(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of Airflow's pages.")] = 8080,
) -> None:
    """Write the service's file, and say how to start it, stop it, and read its log."""
    load_settings()
    unit, text = unit_path(), render_unit(port)
    folder = _folder_of(unit)
    if folder not in {None, _setting(str(Path.cwd()))}:
        raise SettingsError(
            f"{unit} runs Smallhours in another folder: {folder}.",
            remedy="Run `smallhours service uninstall` first, or keep that one.",
        )
    try:
        make_private_folder(unit.parent)
        write_private(unit, text)
    except OSError as error:
        raise _not_writable(unit, error) from None
    typer.echo(f"{unit} is written. To start it now, and whenever you log in:\n")
    typer.echo("  systemctl --user daemon-reload")
    typer.echo(f"  systemctl --user enable --now {NAME}")
    typer.echo("\nTo have it start with the machine, before you log in:\n")
    typer.echo("  loginctl enable-linger")
    typer.echo("\nThen:\n")
    typer.echo(f"  systemctl --user stop {NAME}       stops it")
    typer.echo(f"  systemctl --user restart {NAME}    restarts it, such as after an upgrade")
    typer.echo(f"  journalctl --user -u {NAME} -f     shows its log")


@service_app.command("uninstall")
def uninstall() -> None:
    """Remove the service's file, and say how to stop what runs."""
    unit = unit_path()
    if not unit.exists():
        typer.echo(f"There is no service: {unit} does not exist.")
        return
    try:
        unit.unlink()
    except OSError as error:
        raise _not_writable(unit, error) from None
    typer.echo(f"{unit} is removed. To stop what runs, and to forget it:\n")
    typer.echo(f"  systemctl --user disable --now {NAME}")
    typer.echo("  systemctl --user daemon-reload")


def unit_path() -> Path:
    """Return the file of the service, where systemd looks for a user's own."""
    configuration = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(configuration, "systemd", "user", f"{NAME}.service")


def render_unit(port: int) -> str:
    """Return the service's file for this folder, with the variables by which things are found."""
    variables = {"SMALLHOURS_SETTINGS": str(settings_path().absolute())}
    if not is_ours(home_folder()):
        variables["AIRFLOW_HOME"] = str(home_folder())
    command = [sys.executable, "-m", "smallhours", "up", "--port", str(port)]
    return _UNIT.format(
        folder=_setting(str(Path.cwd())),
        environment="".join(
            f"Environment={_quoted(f'{name}={value}')}\n" for name, value in variables.items()
        ),
        command=" ".join(_quoted(each).replace("$", "$$") for each in command),
    )


def _folder_of(unit: Path) -> str | None:
    """Return the folder that an installed service runs in, as its file writes it."""
    if not unit.exists():
        return None
    lines = unit.read_text(encoding="utf-8").splitlines()
    found = [line.partition("=")[2] for line in lines if line.startswith("WorkingDirectory=")]
    return found[0] if found else ""


def _setting(text: str) -> str:
    """Return a value of its own line: systemd reads % as the start of a placeholder."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """Return one word of a list of words."""
    escaped = _setting(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _not_writable(unit: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"{unit} can't be changed: {error.strerror}.",
        remedy="Make sure that the folder is yours, or name another in XDG_CONFIG_HOME.",
    )
