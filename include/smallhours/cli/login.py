"""The command `login`: logs in to Spotify, and stores keys, tokens and logins of other services.

Spotify redirects the browser to an address of this machine, where a small server waits for it.
Over SSH the browser runs elsewhere: there the listener pastes the address it was redirected to.
"""

import os
import queue
import secrets
import sys
import webbrowser
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from smallhours.cli.night import ListenerOption, open_secrets
from smallhours.cli.redirect_server import Query, redirect_server
from smallhours.errors import NeedsLogin, SettingsError
from smallhours.settings import Settings, load_settings

if TYPE_CHECKING:
    from smallhours.orchestration.connections import AirflowSecrets

MAX_WAIT_S = 300.0
# Where one of these is set, a browser can show a window.
_HAVE_WINDOWS = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")

login_app = typer.Typer(help="Log in to a service.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `login`."""
    app.add_typer(login_app, name="login")


@login_app.callback()
def _group() -> None:
    """Log in to a service."""


@login_app.command()
def spotify(
    listener: ListenerOption = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the redirect URI that the app registers.")
    ] = 8888,
    paste: Annotated[
        bool,
        typer.Option(
            "--paste",
            envvar="SMALLHOURS_PASTE",
            help="The browser is on another machine: paste the address.",
        ),
    ] = False,
    new_app: Annotated[
        bool, typer.Option("--new-app", help="Ask for the app's id, also where one is kept.")
    ] = False,
) -> None:
    """Agree in the browser; the login is kept in the connection `spotify_<listener>`."""
    from smallhours.checkup.tried_logins import try_spotify
    from smallhours.services.spotify_login import (
        authorize_url,
        code_of,
        exchange_code,
        new_code_verifier,
    )

    settings = load_settings()
    name = _listener(settings, listener)
    if not settings.listener(name).spotify:
        raise SettingsError(
            f"`spotify` of the listener {name} is false: nothing is read or written at Spotify.",
            remedy="If you want it, remove `spotify = false` from smallhours.toml, and try again.",
        )
    where = settings.services.spotify
    kept = open_secrets()
    client_id, client_secret = _app(kept, name, anew=new_app)
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    state, verifier = secrets.token_urlsafe(16), new_code_verifier()
    url = authorize_url(
        client_id,
        accounts_url=where.accounts_url,
        redirect_uri=redirect_uri,
        state=state,
        verifier=verifier,
        cover=settings.listener(name).publishing.cover,
    )
    # It listens before the address is shown: a browser may be quick.
    with nullcontext() if paste else redirect_server(port, state) as answers:
        opened = not paste and _open_browser(url)
        how = "Agree in your browser. If it opened no page, open" if opened else "Open"
        typer.echo(f"\n{how} this address in a browser, and agree:\n\n  {url}\n")
        typer.echo(f"(The app's redirect URIs have to hold {redirect_uri}.)")
        answer = _wait_for_answer(answers) if answers else _ask_for_address()
    credentials = exchange_code(
        code_of(answer, state),
        client_id=client_id,
        client_secret=client_secret,
        redirect_uri=redirect_uri,
        verifier=verifier,
        listener=name,
        settings=where,
    )
    credentials, account = try_spotify(credentials, settings)
    kept.keep_login(credentials)
    typer.echo(f"\nLogged in as {account}; the connection `spotify_{name}` holds it.")
    typer.echo("Spotify ends it in six months; a month before, you are reminded.")


@login_app.command()
def lastfm(
    listener: ListenerOption = None,
) -> None:
    """Check an API key and keep it in the connection `lastfm_<listener>`."""
    from smallhours.checkup.tried_logins import try_lastfm
    from smallhours.services.credentials import LastfmCredentials

    settings = load_settings()
    name = _listener(settings, listener)
    _require_user(settings, name, "lastfm", "Last.fm")
    key = typer.prompt("Your API key (www.last.fm/api/accounts)", hide_input=True)
    credentials = LastfmCredentials.parse({"api_key": key}, listener=name)
    told = try_lastfm(credentials, settings)
    open_secrets().keep_key(credentials)
    typer.echo(told)
    typer.echo(f"The connection `lastfm_{name}` holds it.")


@login_app.command()
def listenbrainz(
    listener: ListenerOption = None,
) -> None:
    """Check a token and keep it in the connection `listenbrainz_<listener>`."""
    from smallhours.checkup.tried_logins import try_listenbrainz
    from smallhours.services.credentials import ListenBrainzCredentials

    settings = load_settings()
    name = _listener(settings, listener)
    user = _require_user(settings, name, "listenbrainz", "ListenBrainz")
    token = typer.prompt("Your user token (listenbrainz.org/settings)", hide_input=True)
    credentials = ListenBrainzCredentials.parse({"token": token}, listener=name)
    told = try_listenbrainz(credentials, settings)
    open_secrets().keep_token(credentials, user)
    typer.echo(told)
    typer.echo(f"The connection `listenbrainz_{name}` holds it.")


@login_app.command()
def subsonic(
    listener: ListenerOption = None,
) -> None:
    """Check a music server's login and keep it in the connection `subsonic_<listener>`."""
    from smallhours.checkup.tried_logins import try_subsonic
    from smallhours.services.credentials import SubsonicCredentials

    settings = load_settings()
    name = _listener(settings, listener)
    fields = {
        "host": typer.prompt("Your server's address, such as https://music.example"),
        "user": typer.prompt("Your name there"),
        "password": typer.prompt("Your password there", hide_input=True),
    }
    credentials = SubsonicCredentials.parse(fields, listener=name)
    told = try_subsonic(credentials, settings)
    open_secrets().keep_server(credentials)
    typer.echo(told)
    typer.echo(f"The connection `subsonic_{name}` holds it.")


def _listener(settings: Settings, name: str | None) -> str:
    found = name or next(iter(settings.listeners))
    settings.listener(found)
    return found


def _require_user(settings: Settings, listener: str, key: str, service: str) -> str:
    """Return a listener's user name at a service.

    Raises:
        SettingsError: when the settings have none.
    """
    user: str = getattr(settings.listener(listener), key)
    if not user:
        raise SettingsError(
            f"smallhours.toml does not say who {listener} is at {service}.",
            remedy=f'Write {key} = "NAME" below [listeners.{listener}], with your user name there.',
        )
    return user


def _app(kept: "AirflowSecrets", listener: str, *, anew: bool) -> tuple[str, str | None]:
    """Return the app's client id and secret, as stored or as typed by the listener."""
    if kept.has("spotify", listener) and not anew:
        return kept.spotify_app(listener)
    typer.echo("Your app's page on developer.spotify.com/dashboard shows two long texts.")
    client_id = typer.prompt("Client ID").strip()
    secret = typer.prompt(
        "Client secret (Enter to do without)", default="", hide_input=True, show_default=False
    )
    return client_id, secret.strip() or None


def _ask_for_address() -> Query:
    typer.echo("The browser will end on a page that it can't open. Copy that page's address.")
    address = typer.prompt("Its address", hide_input=True)
    return parse_qs(urlsplit(address.strip()).query)


def _open_browser(url: str) -> bool:
    """Open an address in a browser with windows; return whether there is one."""
    windows = sys.platform != "linux" or any(map(os.environ.get, _HAVE_WINDOWS))
    return windows and webbrowser.open(url)


def _wait_for_answer(answers: "queue.Queue[Query]") -> Query:
    """Return the query of the redirect.

    Raises:
        NeedsLogin: after five minutes.
    """
    try:
        return answers.get(timeout=MAX_WAIT_S)
    except queue.Empty:
        raise NeedsLogin(
            "Spotify",
            f"nobody agreed within {MAX_WAIT_S / 60:g} minutes.",
            remedy="Run the command again; with --paste if the browser is on another machine.",
        ) from None
