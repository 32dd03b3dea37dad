"""The command `init`: writes a settings file from three answers."""

import datetime as dt
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from smallhours.errors import SettingsError
from smallhours.listener_settings import artists_in
from smallhours.settings import load_settings, parse_settings, settings_path

_WHOM = "Some artists that you like, with commas between, for your first list (empty: none)"
_NO_NEIGHBOURS = (
    "Which music is similar is asked at ListenBrainz or at Last.fm: make an account at one of them "
    "(ListenBrainz is free), and write your name there into the file."
)
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
    artists: Annotated[
        str | None,
        typer.Option("--artists", help="Artists that you like: 'Low, Slowdive' or 'A; B, C & D'."),
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
    named = None if artists is None else artists_in(artists)
    given = {**users, "timezone": timezone, "favourite_artists": named}
    _check({key: value for key, value in given.items() if value is not None}, name)
    if users == {"lastfm": None, "listenbrainz": None}:
        typer.echo("Your history may be at Last.fm, at ListenBrainz, at both, or in files.")
        users = {
            key: _ask(f"Your name at {service} (empty: none)", key, "", show_default=False)
            for key, service in (("lastfm", "Last.fm"), ("listenbrainz", "ListenBrainz"))
        }
    mine = {key: user.strip() for key, user in users.items() if user and user.strip()}
    zone = timezone or _ask("Your time zone", "timezone", _timezone_here())
    uses = spotify if spotify is not None else typer.confirm("Do you use Spotify?", default=True)
    if named is None:
        named = [] if mine else artists_in(_ask(_WHOM, "favourite_artists", "", show_default=False))
    _write(path, name, {**mine, "timezone": zone, "favourite_artists": named}, uses=uses)
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
    if not mine:
        typer.echo(f"\n{_NO_NEIGHBOURS}")
    starts = schedule.describe_next_night(dt.datetime.now(dt.UTC))
    typer.echo(f"\nThe first night starts on {starts}.")


def _ask(question: str, key: str, default: str, *, show_default: bool = True) -> str:
    """Ask until the answer is a valid value of one of a listener's settings."""

    def checked(answer: str) -> str:
        try:
            _check({key: artists_in(answer) if key == "favourite_artists" else answer.strip()})
        except SettingsError as error:
            raise typer.BadParameter(error.what) from None
        return answer.strip()

    answer: str = typer.prompt(
        question, default=default, show_default=show_default, value_proc=checked
    )
    return answer


def _check(answers: Mapping[str, str | list[str]], name: str = "me") -> None:
    """Check some of a listener's settings, and what the listener is called.

    Raises:
        SettingsError: the file would not be valid.
    """
    listener = {"timezone": "UTC", **answers}
    parse_settings({"listeners": {name: listener}}, origin="The answer can't be taken")


def _write(path: Path, name: str, answers: Mapping[str, str | list[str]], *, uses: bool) -> None:
    """Write the file; a text or a list of JSON's is one of TOML's, too."""
    lines = [
        "# Every other key has a default; smallhours.example.toml and docs/settings.md list them.",
        "",
        f"[listeners.{name}]",
        *(
            f"{key} = {json.dumps(each, ensure_ascii=False)}"
            for key, each in answers.items()
            if each
        ),
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
