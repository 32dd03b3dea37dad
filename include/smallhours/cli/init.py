"""The command `init`: writes a settings file from three answers."""

import datetime as dt
import os
from collections.abc import Mapping
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
        str | None, typer.Option("--lastfm-user", help="Your name at Last.fm, if you have one.")
    ] = None,
    listenbrainz_user: Annotated[
        str | None,
        typer.Option("--listenbrainz-user", help="Your name at ListenBrainz, if you have one."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Such as Europe/Dublin.")
    ] = None,
    spotify: Annotated[
        bool | None, typer.Option("--spotify/--no-spotify", help="Whether you use Spotify.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call you here.")] = "me",
) -> None:
    """Ask where your history is, and a few things more, and write smallhours.toml."""
    path = settings_path()
    if path.exists():
        load_settings(path)
        typer.echo(f"{path} is there already, and valid: nothing was changed.")
        return
    users = {"lastfm": lastfm_user, "listenbrainz": listenbrainz_user}
    if users == {"lastfm": None, "listenbrainz": None}:
        typer.echo("Your history may be at Last.fm, at ListenBrainz, at both, or in files.")
        users = {
            key: typer.prompt(f"Your name at {name} (empty: none)", default="", show_default=False)
            for key, name in (("lastfm", "Last.fm"), ("listenbrainz", "ListenBrainz"))
        }
    mine = {key: user.strip() for key, user in users.items() if user and user.strip()}
    zone = timezone or typer.prompt("Your time zone", default=_timezone_here())
    uses = spotify if spotify is not None else typer.confirm("Do you use Spotify?", default=True)
    _write(path, name, mine, zone.strip(), uses=uses)
    schedule = load_settings(path).schedule
    typer.echo(f"\n{path} is written. Next:\n")
    steps = {
        "smallhours login lastfm": ("your API key", "lastfm" in mine),
        "smallhours login listenbrainz": ("your token", "listenbrainz" in mine),
        "smallhours login spotify": ("your app, and your consent", uses),
        "smallhours import-history FILE": ("your history in files", not mine),
        "smallhours doctor": ("is everything in order?", True),
        "make up": ("starts Airflow, and leave it running", True),
    }
    for command, (what, needed) in steps.items():
        if needed:
            typer.echo(f"  {command:31}{what}")
    starts = schedule.describe_next_night(dt.datetime.now(dt.UTC))
    typer.echo(f"\nThe first night starts on {starts}.")


def _write(path: Path, name: str, users: Mapping[str, str], zone: str, *, uses: bool) -> None:
    """Write the file if its contents are valid."""
    try:
        ListenerSettings.model_validate({**users, "timezone": zone, "spotify": uses})
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"`{key}`: {message}.", remedy="Run the command again.") from None
    lines = [
        "# Every other key has a default; smallhours.example.toml and docs/settings.md list them.",
        "",
        f"[listeners.{name}]",
        *(f"{key} = {_quoted(user)}" for key, user in users.items()),
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
