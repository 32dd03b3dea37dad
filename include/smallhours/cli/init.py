"""The command `init`: writes a settings file from three answers."""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from smallhours.errors import SettingsError
from smallhours.settings import ListenerSettings, load_settings, settings_path

_LOCALTIME = Path("/etc/localtime")


def register(app: typer.Typer) -> None:
    """Add `init`."""
    app.command("init")(init)


def init(
    lastfm_user: Annotated[
        str | None, typer.Option("--lastfm-user", help="Your name at Last.fm.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Such as Europe/Dublin.")
    ] = None,
    spotify: Annotated[
        bool | None, typer.Option("--spotify/--no-spotify", help="Whether you use Spotify.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call you here.")] = "me",
) -> None:
    """Ask three questions and write smallhours.toml."""
    path = settings_path()
    if path.exists():
        load_settings(path)
        typer.echo(f"{path} is there already, and valid: nothing was changed.")
        return
    user = lastfm_user or typer.prompt("Your name at Last.fm")
    zone = timezone or typer.prompt("Your time zone", default=_timezone_here())
    uses = spotify if spotify is not None else typer.confirm("Do you use Spotify?", default=True)
    _write(path, name, user.strip(), zone.strip(), uses=uses)
    schedule = load_settings(path).schedule
    typer.echo(f"\n{path} is written. Next:\n")
    typer.echo("  smallhours login lastfm     your API key")
    if uses:
        typer.echo("  smallhours login spotify    your app, and your consent")
    typer.echo("  smallhours doctor           is everything in order?")
    typer.echo("  make up                     starts Airflow, and leave it running")
    starts = schedule.describe_next_night(dt.datetime.now(dt.UTC))
    typer.echo(f"\nThe first night starts on {starts}.")


def _write(path: Path, name: str, user: str, zone: str, *, uses: bool) -> None:
    """Write the file if its contents are valid."""
    try:
        ListenerSettings(lastfm=user, timezone=zone, spotify=uses)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"`{key}`: {message}.", remedy="Run the command again.") from None
    lines = [
        "# Every other key has a default; smallhours.example.toml and docs/settings.md list them.",
        "",
        f"[listeners.{name}]",
        f"lastfm = {_quoted(user)}",
        f"timezone = {_quoted(zone)}",
    ]
    if not uses:
        lines.append("spotify = false")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except OSError as error:
        raise SettingsError(
            f"{path} can't be written: {error.strerror}.",
            remedy="Run the command in a folder of yours, or set SMALLHOURS_SETTINGS.",
        ) from None


def _quoted(text: str) -> str:
    """Return a text as a TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _timezone_here() -> str:
    """Return this machine's time zone, as far as it can be found out."""
    if zone := os.environ.get("TZ"):
        return zone.lstrip(":")
    _, found, zone = str(_LOCALTIME.resolve()).partition("zoneinfo/")
    return zone if found else "UTC"
