"""The login to Spotify through the pages.

The listener goes to Spotify's page by a link and comes back to the page's own address, which has to
be one that Spotify takes: on this machine by its number, or over HTTPS. Elsewhere they paste the
address at which they ended. What is needed in between is kept here for as long as it takes.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from smallhours.checkup.tried_logins import try_spotify
from smallhours.errors import NeedsLogin, SettingsError
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.spotify_login import (
    authorize_url,
    code_of,
    exchange_code,
    new_code_verifier,
)
from smallhours.services.spotify_replies import SERVICE
from smallhours.settings_file import change_settings
from smallhours.web.page_context import AccountStore, PageContext

CALLBACK = "accounts/spotify/callback"
# Where nobody listens: the browser ends there, and its address is pasted.
PASTED_REDIRECT = "http://127.0.0.1:8888/callback"
_LOOPBACK = ("127.0.0.1", "::1")
# A login that takes longer is begun again.
MAX_WAIT_S = 900.0


@dataclass(frozen=True)
class PendingLogin:
    """A login that was begun.

    Attributes:
        listener: Whose.
        visitor: Who began it.
        state: What Spotify sends back.
        url: Spotify's page, where the listener agrees.
        redirect_uri: Where Spotify leads to.
        returns: Whether that is one of our pages.
        client_id, client_secret: The app's.
        verifier: The secret of this login.
        begun: When, on a clock that only goes forward.
    """

    listener: str
    visitor: str
    state: str
    url: str
    redirect_uri: str
    returns: bool
    client_id: str
    client_secret: str | None = field(repr=False)
    verifier: str = field(repr=False)
    begun: float


_PENDING: dict[str, PendingLogin] = {}


def begin(
    page_context: PageContext,
    store: AccountStore,
    *,
    own_address: str,
    visitor: str,
    client_id: str,
    client_secret: str,
) -> PendingLogin:
    """Begin a login with the app that a form names, else with the one that is kept.

    Args:
        page_context: Context of the page.
        store: The listeners' credentials.
        own_address: Of our page to which Spotify would lead.
        visitor: Who begins it.
        client_id: Of the app; may be empty.
        client_secret: Of the app; may be empty.

    Raises:
        SettingsError: when no app is known.
    """
    listener, where = page_context.listener, page_context.settings.services.spotify
    app = (client_id.strip(), client_secret.strip() or None)
    if not app[0]:
        if not store.has("spotify", listener):
            raise SettingsError(
                "The app's client id is missing.",
                remedy="Copy it from your app's page on developer.spotify.com/dashboard.",
            )
        app = store.spotify_app(listener)
    SpotifyCredentials.parse(
        {"client_id": app[0], "client_secret": app[1], "refresh_token": "none-yet"},
        listener=listener,
    )
    own = urlsplit(own_address)
    returns = own.scheme == "https" or own.hostname in _LOOPBACK
    redirect_uri = own_address if returns else PASTED_REDIRECT
    state, verifier = secrets.token_urlsafe(16), new_code_verifier()
    url = authorize_url(
        app[0],
        accounts_url=where.accounts_url,
        redirect_uri=redirect_uri,
        state=state,
        verifier=verifier,
        cover=page_context.playlist_settings.publishing.cover,
    )
    begun = time.monotonic()
    of_visitor = (listener, visitor, state)
    pending = PendingLogin(*of_visitor, url, redirect_uri, returns, *app, verifier, begun)
    for old in [each for each in _PENDING.values() if begun - each.begun > MAX_WAIT_S]:
        del _PENDING[old.state]
    _PENDING[state] = pending
    return pending


def pending_login(state: str, visitor: str) -> PendingLogin:
    """Return the login that a visitor began with a state.

    Raises:
        NeedsLogin: when there is none, or it was too long ago.
    """
    pending = _PENDING.get(state)
    late = pending is not None and time.monotonic() - pending.begun > MAX_WAIT_S
    if pending is None or late or pending.visitor != visitor:
        raise NeedsLogin(
            SERVICE,
            "the login did not succeed: it was not begun here, or too long ago.",
            remedy="Log in again on the page Accounts.",
        )
    return pending


def finish(
    page_context: PageContext,
    store: AccountStore,
    pending: PendingLogin,
    answer: Mapping[str, Sequence[str]],
) -> str:
    """Keep the login that Spotify's answer gives, and return the account's name.

    Raises:
        NeedsLogin: when the listener did not agree, or the answer is of another login.
        ServiceError: Spotify refuses the app or the account; nothing was kept.
    """
    del _PENDING[pending.state]
    credentials = exchange_code(
        code_of(answer, pending.state),
        client_id=pending.client_id,
        client_secret=pending.client_secret,
        redirect_uri=pending.redirect_uri,
        verifier=pending.verifier,
        listener=pending.listener,
        settings=page_context.settings.services.spotify,
    )
    credentials, account = try_spotify(credentials, page_context.settings)
    if not page_context.playlist_settings.spotify:
        change_settings({("listeners", pending.listener, "spotify"): None})
    store.keep_login(credentials)
    return account


def pasted(address: str) -> dict[str, list[str]]:
    """Return the query of an address that was pasted."""
    return parse_qs(urlsplit(address.strip()).query)
