"""The interactive login of a listener at Spotify.

The authorization-code flow with PKCE: send the listener to `authorize_url`, receive the code on a
loopback address, and exchange it with `exchange_code`. An app with a secret sends that too.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from smallhours.errors import NeedsLogin
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.retry_and_rate_limit import RetryPolicy, shared_rate_limit
from smallhours.services.spotify_replies import SERVICE
from smallhours.services.spotify_transport import spotify_http, token_request

# A later addition needs the listener's consent anew, so all are asked for at once.
SCOPES: Final = (
    "playlist-modify-private",
    "playlist-read-private",
    "user-library-read",
    "user-read-private",
    "user-read-recently-played",
    "user-top-read",
)
# Asked for only if the listener wants covers drawn.
COVER_SCOPE: Final = "ugc-image-upload"


def new_code_verifier() -> str:
    """Return a new PKCE secret, 86 characters (RFC 7636 §4.1), to be kept until the exchange."""
    return secrets.token_urlsafe(64)


def code_challenge(verifier: str) -> str:
    """Return the challenge that the authorization URL shows (RFC 7636 §4.2, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authorize_url(
    client_id: str,
    *,
    accounts_url: str,
    redirect_uri: str,
    state: str,
    verifier: str,
    cover: bool = False,
) -> str:
    """Return the address at which the listener agrees.

    Args:
        client_id: The app's.
        accounts_url: Spotify's accounts service.
        redirect_uri: As registered: `http://127.0.0.1:<port>/...`; Spotify refuses `localhost`.
        state: Random; has to come back unchanged.
        verifier: From `new_code_verifier`.
        cover: Whether to ask for leave to change covers, too.
    """
    query = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": " ".join((*SCOPES, COVER_SCOPE) if cover else SCOPES),
        "state": state,
        "code_challenge_method": "S256",
        "code_challenge": code_challenge(verifier),
    }
    return f"{accounts_url.rstrip('/')}/authorize?{urlencode(query)}"


def code_of(answer: Mapping[str, Sequence[str]], state: str) -> str:
    """Return the authorization code in the query of the address that Spotify led to.

    Args:
        answer: The query, as `parse_qs` returns it.
        state: What this login sent.

    Raises:
        NeedsLogin: when the listener did not agree, or the address is not of this login.
    """
    code, said = (answer.get(name, [""])[0] for name in ("code", "error"))
    if said == "access_denied":
        what = "you did not agree, and nothing was changed."
        remedy = "Log in again when you want to."
    elif said:
        what, remedy = f"the login did not succeed ({said}).", "Log in again."
    elif not code:
        what = "the login did not succeed: this is not the address that Spotify led to."
        remedy = "Log in again, and copy the whole address; it contains `code=`."
    elif answer.get("state", [""])[0] != state:
        what = "the login did not succeed: this address is of an older one."
        remedy = "Log in again, and use the newest address."
    else:
        return code
    raise NeedsLogin(SERVICE, what, remedy=remedy)


def exchange_code(
    code: str,
    *,
    client_id: str,
    client_secret: str | None,
    redirect_uri: str,
    verifier: str,
    listener: str,
    settings: SpotifySettings,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SpotifyCredentials:
    """Exchange the code from the redirect for credentials to store.

    Raises:
        NeedsLogin: when the code is wrong, used or older than a few minutes.
        ServiceError: when the accounts service is out of order or refuses the app.
    """
    asking = SpotifyCredentials(client_id, client_secret, "", listener=listener)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    http = spotify_http(
        settings,
        asking,
        rate_limit=shared_rate_limit(SERVICE, settings.calls_per_second),
        retry_policy=RetryPolicy(),
    )
    try:
        reply = http.call(*token_request(form, asking, settings, http))
    finally:
        http.close()
    scopes = (reply["scope"].text_or_none() or " ".join(SCOPES)).split()
    return replace(
        asking,
        refresh_token=reply["refresh_token"].some_text(),
        scopes=tuple(sorted(scopes)),
        authorized_at=now(),
    )
