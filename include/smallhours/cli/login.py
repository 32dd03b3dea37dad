"""How does a listener log in to Spotify?

Spotify sends the browser back to an address of this machine, where one small server waits for it.
"""

import secrets
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import typer

from smallhours.errors import NeedsLogin, SettingsError
from smallhours.settings import load_settings

_WAIT_S = 300.0

login_app = typer.Typer(help="Log in to a service.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `login`."""
    app.add_typer(login_app, name="login")


@login_app.callback()
def _group() -> None:
    """Log in to a service."""


@login_app.command()
def spotify(
    listener: Annotated[
        str | None, typer.Option("--listener", "-l", help="Default: the first listener.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the redirect URI that the app registers.")
    ] = 8888,
) -> None:
    """Agree in the browser; the login is kept in the connection `spotify_<listener>`."""
    from smallhours.provider.connections import AirflowSecrets
    from smallhours.services.spotify_login import authorize_url, exchange_code, new_code_verifier

    settings = load_settings()
    name = listener or next(iter(settings.listeners))
    settings.listener(name)
    where = settings.services.spotify
    kept = AirflowSecrets()
    client_id, client_secret = kept.spotify_app(name)
    redirect_uri = f"http://127.0.0.1:{port}/callback"
    state, verifier = secrets.token_urlsafe(16), new_code_verifier()
    url = authorize_url(
        client_id,
        accounts_url=where.accounts_url,
        redirect_uri=redirect_uri,
        state=state,
        verifier=verifier,
    )
    typer.echo(f"Open this address in a browser on this machine, and agree:\n\n  {url}\n")
    typer.echo(f"(The app's redirect URIs have to hold {redirect_uri}.)")
    credentials = exchange_code(
        _wait_for_code(port, state),
        client_id=client_id,
        client_secret=client_secret,
        redirect_uri=redirect_uri,
        verifier=verifier,
        listener=name,
        settings=where,
    )
    kept.keep_login(credentials)
    typer.echo(f"Logged in; the connection `spotify_{name}` holds it. It ends in six months.")


def _wait_for_code(port: int, state: str) -> str:
    """Serve one redirect and return its code.

    Raises:
        SettingsError: when the port is taken.
        NeedsLogin: when the listener refused, took too long, or the answer is not to our question.
    """
    answers: list[dict[str, list[str]]] = []

    class Redirect(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/callback":
                answers.append(parse_qs(address.query))
            self.send_response(200 if answers else 404)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.end_headers()
            self.wfile.write(b"Thank you. You can close this page and go back to the terminal.")

        def log_message(self, *_args: object) -> None:
            """Say nothing: the address holds the code."""

    try:
        server = HTTPServer(("127.0.0.1", port), Redirect)
    except OSError:
        raise SettingsError(
            f"Port {port} is taken.", remedy="Choose another with --port, and register it."
        ) from None
    server.timeout = 1.0
    until = time.monotonic() + _WAIT_S
    with server:
        while not answers and time.monotonic() < until:
            server.handle_request()
    answer = answers[0] if answers else {}
    code = answer.get("code", [""])[0]
    if not code or answer.get("state", [""])[0] != state:
        said = answer.get("error", ["no answer came"])[0]
        raise NeedsLogin(
            "Spotify", f"the login did not succeed ({said}).", remedy="Run the command again."
        )
    return code
