"""Access tokens for Spotify, refreshed without a person.

spotipy's own managers open a browser or read stdin as soon as a cached token lacks a scope, wait
for ever when no timeout is given, and write the app's secret to the DEBUG log. `SpotifyTokens`
replaces them: it only ever refreshes.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests

from smallhours.errors import (
    BrokenReply,
    NeedsLogin,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.services.credentials import SpotifyCredentials, login_remedy
from smallhours.services.json_cursor import REMEDY as BROKEN_REMEDY
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.retry import (
    RETRY_AFTER_FAULT_S,
    RetryPolicy,
    TransientError,
    call_with_retries,
    redact,
    retry_after,
)

SERVICE: Final = "Spotify"
# Renewed this long before it expires, so that no request is under way when it does.
REFRESH_MARGIN_S = 60.0
ACCESS_TOKEN_LIFETIME_S = 3600.0


class SpotifyTokens:
    """Access tokens for one login; the auth manager that spotipy is given.

    Args:
        credentials: Client id, refresh token, and the secret unless the login was by PKCE.
        accounts_url: Spotify's accounts service.
        timeout_s: Seconds without a byte before a request is given up.
        session: Carries the requests; must not retry by itself.
        retry_policy: What is tried again.
        on_new_refresh_token: Told when Spotify replaces the refresh token; it has to keep it.
        count: Told of each request sent.
        clock: Unix seconds.
    """

    def __init__(
        self,
        credentials: SpotifyCredentials,
        *,
        accounts_url: str,
        timeout_s: float,
        session: requests.Session,
        retry_policy: RetryPolicy,
        on_new_refresh_token: Callable[[str], None],
        count: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._url = accounts_url.rstrip("/") + "/api/token"
        self._timeout_s = timeout_s
        self._session = session
        self._retry_policy = retry_policy
        self._on_new_refresh_token = on_new_refresh_token
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._refresh_token = credentials.refresh_token
        self._access_token: str | None = None
        self._expires_at = 0.0

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """The values that no message may hold."""
        return (self._credentials.client_secret, self._refresh_token, self._access_token)

    def get_access_token(self, *, as_dict: bool = False) -> str:
        """Return a token that is valid for at least another minute; spotipy calls this name.

        Args:
            as_dict: Always False; spotipy says so explicitly.

        Raises:
            NeedsLogin: when the login has expired or was revoked.
            SourceRefused: when the client id or secret is wrong.
            RetryLater: when the accounts service can't be reached.
        """
        if as_dict:
            raise ValueError("only the token itself is given out")
        with self._lock:
            if self._access_token is None or self._clock() > self._expires_at - REFRESH_MARGIN_S:
                return self._refresh()
            return self._access_token

    def renew(self, stale: str) -> None:
        """Replace a token that Spotify refused, unless another thread already has.

        Raises:
            ServiceError: as `get_access_token`.
        """
        with self._lock:
            if self._access_token == stale:
                self._refresh()

    def _refresh(self) -> str:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        reply = call_with_retries(lambda: self._request(form), self._retry_policy)
        token = reply["access_token"].some_text()
        if not (token.isascii() and token.isprintable()):
            raise BrokenReply(SERVICE, "the access token is no token.", remedy=BROKEN_REMEDY)
        lasts_s = ACCESS_TOKEN_LIFETIME_S
        if not reply["expires_in"].absent:
            lasts_s = reply["expires_in"].number()
        # The reply need not hold a refresh token: then the old one stays good.
        fresh = reply["refresh_token"].text_or_none() or self._refresh_token
        self._access_token, self._expires_at = token, self._clock() + lasts_s
        if fresh != self._refresh_token:
            self._refresh_token = fresh
            self._on_new_refresh_token(fresh)
        return token

    def _request(self, form: Mapping[str, str]) -> JsonCursor:
        self._count("POST api/token")
        return request_token(
            form, self._credentials, self._session, url=self._url, timeout_s=self._timeout_s
        )


def request_token(
    form: Mapping[str, str],
    credentials: SpotifyCredentials,
    session: requests.Session,
    *,
    url: str,
    timeout_s: float,
) -> JsonCursor:
    """Ask the accounts service for tokens, once.

    With a client secret the app authenticates itself; without one (PKCE) it only names itself.

    Raises:
        ServiceError: whatever stands in its place.
    """
    secret = credentials.client_secret
    data = dict(form) if secret is not None else {**form, "client_id": credentials.client_id}
    auth = (credentials.client_id, secret) if secret is not None else None
    try:
        response = session.post(url, data=data, auth=auth, timeout=timeout_s)
    except requests.RequestException as error:
        raise TransientError(
            SERVICE,
            f"the accounts service gave no reply ({type(error).__name__}).",
            remedy="Check the internet connection; the next try carries on from here.",
            after=RETRY_AFTER_FAULT_S,
        ) from None
    try:
        body: Any = response.json()
    except (ValueError, RecursionError):
        body = None
    if response.status_code == requests.codes.ok and isinstance(body, dict):
        return JsonCursor(SERVICE, body)
    secrets = (*form.values(), secret)
    raise _token_error(response, body, credentials.listener, secrets)


def _token_error(
    response: requests.Response, body: Any, listener: str, secrets: tuple[str | None, ...]
) -> ServiceError:
    status = response.status_code
    error = body.get("error") if isinstance(body, dict) else None
    said = redact(body.get("error_description") or error, secrets) if error else ""
    if error == "invalid_grant":
        return NeedsLogin(SERVICE, f"the login has ended ({said}).", remedy=login_remedy(listener))
    if error in ("invalid_client", "unauthorized_client"):
        return SourceRefused(
            SERVICE,
            f"the app's client id or secret is wrong ({said}).",
            remedy=f"Correct them in the Airflow connection `spotify_{listener}`; "
            "developer.spotify.com/dashboard shows both.",
        )
    if status == requests.codes.too_many_requests:
        return RetryLater(
            SERVICE,
            "too many logins in a row.",
            remedy="The next try carries on from here.",
            after=retry_after(response.headers.get("Retry-After"), default=60.0),
        )
    if status >= requests.codes.internal_server_error:
        return TransientError(
            SERVICE,
            f"the accounts service met an error {status}.",
            remedy="It is Spotify's own trouble; the next try carries on from here.",
            after=RETRY_AFTER_FAULT_S,
        )
    if error:
        return Refused(
            SERVICE,
            f"the accounts service refused the login ({said}).",
            remedy=login_remedy(listener),
        )
    return BrokenReply(
        SERVICE,
        f"the accounts service answered with status {status} and no explanation.",
        remedy="If it lasts, check `services.spotify.accounts_url`, and whether a proxy or a "
        "login page of the network stands in between.",
    )
