"""The command `login`: logs in to Spotify, and stores a Last.fm key or a ListenBrainz token.

Spotify redirects the browser to an address of this machine, where a small server waits for it.
Over SSH the browser runs elsewhere: there the listener pastes the address it was redirected to.
"""

import datetime as dt
import queue
import secrets
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from smallhours.cli.night import ListenerOption, open_secrets
from smallhours.cli.redirect_server import Query, redirect_server
from smallhours.errors import NeedsLogin, SettingsError
from smallhours.settings import Settings, load_settings

if TYPE_CHECKING:
    from smallhours.orchestration.connections import AirflowSecrets
    from smallhours.services.credentials import (
        LastfmCredentials,
        ListenBrainzCredentials,
        SpotifyCredentials,
        SubsonicCredentials,
    )

MAX_WAIT_S = 300.0

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
) -> None:
    """Agree in the browser; the login is kept in the connection `spotify_<listener>`."""
    from smallhours.services.spotify_login import authorize_url, exchange_code, new_code_verifier

    settings = load_settings()
    name = _listener(settings, listener)
    where = settings.services.spotify
    kept = open_secrets()
    client_id, client_secret = _app(kept, name)
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
        typer.echo(f"\nOpen this address in a browser, and agree:\n\n  {url}\n")
        typer.echo(f"(The app's redirect URIs have to hold {redirect_uri}.)")
        answer = _wait_for_answer(answers) if answers else _ask_for_address()
    credentials = exchange_code(
        _code_of(answer, state),
        client_id=client_id,
        client_secret=client_secret,
        redirect_uri=redirect_uri,
        verifier=verifier,
        listener=name,
        settings=where,
    )
    credentials, account = _check_login(credentials, settings)
    kept.keep_login(credentials)
    typer.echo(f"\nLogged in as {account}; the connection `spotify_{name}` holds it.")
    typer.echo("Spotify ends it in six months; a month before, you are reminded.")


@login_app.command()
def lastfm(
    listener: ListenerOption = None,
) -> None:
    """Check an API key and keep it in the connection `lastfm_<listener>`."""
    from smallhours.run_context import lastfm_client
    from smallhours.services.credentials import LastfmCredentials
    from smallhours.services.lastfm_pro import key_outlook

    settings = load_settings()
    name = _listener(settings, listener)
    user = settings.listener(name).lastfm
    key = typer.prompt("Your API key (www.last.fm/api/accounts)", hide_input=True)
    credentials = LastfmCredentials.parse({"api_key": key}, listener=name)
    with lastfm_client(name, settings, _UnsavedCredentials(lastfm_login=credentials)) as client:
        told = client.user_info(user)
        client.recent_tracks(user, limit=1)  # a hidden history is refused here
    open_secrets().keep_key(credentials)
    typer.echo(f"The key works: {told.name} has {told.playcount:,} scrobbles.")
    typer.echo(f"The connection `lastfm_{name}` holds it.")
    outlook = key_outlook(told, today=dt.datetime.now(dt.UTC).date())
    typer.echo(f"{outlook.what} {outlook.remedy}".rstrip())


@login_app.command()
def listenbrainz(
    listener: ListenerOption = None,
) -> None:
    """Check a token and keep it in the connection `listenbrainz_<listener>`."""
    from smallhours.run_context import listenbrainz_client
    from smallhours.services.credentials import ListenBrainzCredentials
    from smallhours.services.listenbrainz import check_token

    settings = load_settings()
    name = _listener(settings, listener)
    user = settings.listener(name).listenbrainz
    if not user:
        raise SettingsError(
            f"`listenbrainz` of the listener {name} is not set.",
            remedy="Set it to your user name at ListenBrainz in smallhours.toml.",
        )
    token = typer.prompt("Your user token (listenbrainz.org/settings)", hide_input=True)
    credentials = ListenBrainzCredentials.parse({"token": token}, listener=name)
    unsaved = _UnsavedCredentials(listenbrainz_login=credentials)
    with listenbrainz_client(name, settings, unsaved) as client:
        told = check_token(client, user)
    open_secrets().keep_token(credentials, user)
    typer.echo(told)
    typer.echo(f"The connection `listenbrainz_{name}` holds it.")


class _UnsavedCredentials:
    """Credentials that are not stored yet."""

    def __init__(
        self,
        *,
        lastfm_login: "LastfmCredentials | None" = None,
        listenbrainz_login: "ListenBrainzCredentials | None" = None,
        spotify_login: "SpotifyCredentials | None" = None,
    ) -> None:
        self._lastfm, self._spotify = lastfm_login, spotify_login
        self._listenbrainz = listenbrainz_login

    def lastfm(self, listener: str) -> "LastfmCredentials":
        """Return the key that is being tried."""
        del listener
        if self._lastfm is None:
            raise LookupError("no Last.fm key is being tried")
        return self._lastfm

    def listenbrainz(self, listener: str) -> "ListenBrainzCredentials":
        """Return the token that is being tried."""
        del listener
        if self._listenbrainz is None:
            raise LookupError("no ListenBrainz token is being tried")
        return self._listenbrainz

    def subsonic(self, listener: str) -> "SubsonicCredentials":
        """Raise an error: no music server is being tried."""
        raise LookupError(f"no music server of {listener} is being tried")

    def spotify(self, listener: str) -> "SpotifyCredentials":
        """Return the login that is being tried."""
        del listener
        if self._spotify is None:
            raise LookupError("no Spotify login is being tried")
        return self._spotify

    def store_refresh_token(self, listener: str, token: str) -> None:
        """Replace the refresh token of the login that is being tried."""
        del listener
        if self._spotify is not None:
            self._spotify = replace(self._spotify, refresh_token=token)


def _listener(settings: Settings, name: str | None) -> str:
    found = name or next(iter(settings.listeners))
    settings.listener(found)
    return found


def _app(kept: "AirflowSecrets", listener: str) -> tuple[str, str | None]:
    """Return the app's client id and secret, as stored or as typed by the listener."""
    if kept.has("spotify", listener):
        return kept.spotify_app(listener)
    typer.echo("Your app's page on developer.spotify.com/dashboard shows two long texts.")
    client_id = typer.prompt("Client ID").strip()
    secret = typer.prompt(
        "Client secret (Enter to do without)", default="", hide_input=True, show_default=False
    )
    return client_id, secret.strip() or None


def _check_login(
    credentials: "SpotifyCredentials", settings: Settings
) -> tuple["SpotifyCredentials", str]:
    """Try the calls that begin a night, so that an account the app does not list fails here.

    Returns:
        The credentials, whose refresh token may have been replaced, and the account's name.

    Raises:
        Refused: the account is not on the app's list, or the app's owner has no Premium.
    """
    from smallhours.run_context import spotify_client

    tried = _UnsavedCredentials(spotify_login=credentials)
    with spotify_client(credentials.listener, settings, tried) as client:
        account = client.me()
        next(iter(client.playlists()), None)
    return tried.spotify(credentials.listener), account.display_name or account.id


def _ask_for_address() -> Query:
    typer.echo("The browser will end on a page that it can't open. Copy that page's address.")
    address = typer.prompt("Its address", hide_input=True)
    return parse_qs(urlsplit(address.strip()).query)


def _code_of(answer: Query, state: str) -> str:
    """Return the authorization code of the redirect's query.

    Raises:
        NeedsLogin: when the listener refused, took too long, or the state does not match.
    """
    code = answer.get("code", [""])[0]
    if not code or answer.get("state", [""])[0] != state:
        said = answer.get("error", ["no answer came" if not answer else "it is an old address"])[0]
        raise NeedsLogin(
            "Spotify", f"the login did not succeed ({said}).", remedy="Run the command again."
        )
    return code


def _wait_for_answer(answers: "queue.Queue[Query]") -> Query:
    """Return the query of the redirect; empty after five minutes."""
    try:
        return answers.get(timeout=MAX_WAIT_S)
    except queue.Empty:
        return {}
