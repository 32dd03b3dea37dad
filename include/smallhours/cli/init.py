"""The command `init`: writes a settings file from three answers."""

import datetime as dt
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from smallhours.errors import SettingsError
from smallhours.settings import load_settings, parse_settings, settings_path

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
    user = lastfm_user or _ask("Your name at Last.fm", "lastfm")
    zone = timezone or _ask("Your time zone", "timezone", _timezone_here())
    uses = spotify if spotify is not None else typer.confirm("Do you use Spotify?", default=True)
    _check({"lastfm": user, "timezone": zone}, name)
    _write(path, name, user, zone, uses=uses)
    schedule = load_settings(path).schedule
    typer.echo(f"\n{path} is written. Next:\n")
    typer.echo("  smallhours login lastfm     your API key")
    if uses:
        typer.echo("  smallhours login spotify    your app, and your consent")
    typer.echo("  smallhours doctor           is everything in order?")
    typer.echo("  make up                     starts Airflow, and leave it running")
    starts = schedule.describe_next_night(dt.datetime.now(dt.UTC))
    typer.echo(f"\nThe first night starts on {starts}.")


def _ask(question: str, key: str, default: str | None = None) -> str:
    """Ask until the answer is a valid value of one of a listener's settings."""

    def checked(answer: str) -> str:
        try:
            _check({key: answer.strip()})
        except SettingsError as error:
            raise typer.BadParameter(error.what) from None
        return answer.strip()

    answer: str = typer.prompt(question, default=default, value_proc=checked)
    return answer


def _check(answers: Mapping[str, str], name: str = "me") -> None:
    """Check some of a listener's settings, and what the listener is called.

    Raises:
        SettingsError: the file would not be valid.
    """
    listener = {"lastfm": "ada", "timezone": "UTC", **answers}
    parse_settings({"listeners": {name: listener}}, origin="The answer can't be taken")


def _write(path: Path, name: str, user: str, zone: str, *, uses: bool) -> None:
    """Write the file."""
    lines = [
        "# Every other key has a default; smallhours.example.toml and docs/settings.md list them.",
        "",
        f"[listeners.{name}]",
        f"lastfm = {json.dumps(user, ensure_ascii=False)}",
        f"timezone = {json.dumps(zone)}",
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


def _timezone_here() -> str:
    """Return this machine's time zone, as far as it can be found out."""
    if zone := os.environ.get("TZ"):
        return zone.lstrip(":")
    _, found, zone = str(_LOCALTIME.resolve()).partition("zoneinfo/")
    return zone if found else "UTC"
