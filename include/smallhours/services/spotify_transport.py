"""The way to Spotify: access tokens, one request, and the error that a refusal means.

spotipy knows the endpoints and their arguments; `SpotifyTransport` replaces its one call that
sends, and is the only place that touches its internals. spotipy's own takes an error for an empty
reply, breaks on error bodies that are no objects, and writes access tokens to the DEBUG log. Its
login managers open a browser or read stdin as soon as a cached token lacks a scope, and write the
app's secret to the log; `SpotifyTokens` only ever refreshes.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import spotipy

from smallhours.errors import (
    BrokenReply,
    InvalidRequest,
    NeedsLogin,
    NotFound,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials, login_remedy
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.retry_and_rate_limit import redact
from smallhours.services.spotify_replies import SERVICE
from smallhours.services.transport import Reply, Request, Transport

# Requests that may be sent twice: a DELETE names what is to go. A POST appends: sent again after a
# lost reply, it doubles.
IDEMPOTENT: Final = ("GET", "PUT", "DELETE")
# The calls that share the quota at which development-mode apps were seen to be cut off.
METERED: Final = ("GET search", "GET tracks/{id}")
RATE_LIMIT_S: Final = 30.0
# Every other success has a body.
EMPTY_REPLIES: Final = (
    "PUT playlists/{id}",
    "PUT playlists/{id}/images",
    "DELETE me/library",
)
# Renewed this long before it expires, so that no request is under way when it does.
REFRESH_MARGIN_S: Final = 60.0
ACCESS_TOKEN_LIFETIME_S: Final = 3600.0
TOKEN_ROUTE: Final = "POST api/token"  # noqa: S105 - a path
# What a 403 says: the app's owner has no Premium, or the app does not list the account.
_NO_PREMIUM: Final = re.compile("premium", re.IGNORECASE)
_NOT_LISTED: Final = re.compile("registered|allowlist|developer dashboard", re.IGNORECASE)
_ID: Final = re.compile(r"(?<=/)[0-9A-Za-z]{16,}(?=/|$)")
_MALFORMED_ID: Final = re.compile(r"invalid (base62 )?id|non existing id", re.IGNORECASE)


def spotify_http(
    settings: SpotifySettings, credentials: SpotifyCredentials, **more: Any
) -> Transport:
    """Return the HTTP transport to Spotify; `more` are its rate limit and retry policy."""
    return Transport(
        SERVICE,
        "spotify",
        timeout_s=settings.timeout_s,
        rate_limit_s=RATE_LIMIT_S,
        secrets=lambda: (credentials.client_secret, credentials.refresh_token),
        **more,
    )


class SpotifyTokens:
    """The access tokens of one login.

    Args:
        credentials: Client id, refresh token, and the secret unless the login was by PKCE.
        settings: Where the accounts service is.
        http: Names the errors of that service.
        on_new_refresh_token: Told when Spotify replaces the refresh token; it has to keep it.
        clock: Unix seconds.

    Attributes:
        lock: Held while the token is renewed and read.
        access_token: The last one.
    """

    def __init__(
        self,
        credentials: SpotifyCredentials,
        *,
        settings: SpotifySettings,
        http: Transport,
        on_new_refresh_token: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock = threading.Lock()
        self.access_token = ""
        self._credentials = credentials
        self._settings = settings
        self._http = http
        self._on_new_refresh_token = on_new_refresh_token
        self._clock = clock
        self._refresh_token = credentials.refresh_token
        self._expires_at = 0.0

    def secrets(self) -> tuple[str | None, ...]:
        """Return the values that no message may hold."""
        return (self._credentials.client_secret, self._refresh_token, self.access_token)

    def renewal(self, stale: str | None) -> tuple[Request, Callable[[Reply], JsonCursor]] | None:
        """Return the request for a new token; None while the last is valid for another minute.

        Its reader raises NeedsLogin when the login has expired or was revoked, and SourceRefused
        when the client id or secret is wrong.

        Args:
            stale: A token that Spotify refused; it is replaced, unless another thread already has.
        """
        fresh = self._clock() <= self._expires_at - REFRESH_MARGIN_S
        if fresh and self.access_token != stale:
            return None
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        return token_request(form, self._credentials, self._settings, self._http)

    def accept(self, reply: JsonCursor) -> None:
        """Take the new token; the reply need not hold a refresh token: then the old stays good."""
        token = reply["access_token"].some_text()
        if not (token.isascii() and token.isprintable()):
            raise BrokenReply(SERVICE, "the access token is no token.", remedy=REMEDY)
        self._expires_at = self._clock() + _lifetime(reply["expires_in"])
        self.access_token = token
        refresh_token = reply["refresh_token"].text_or_none() or self._refresh_token
        if refresh_token != self._refresh_token:
            self._refresh_token = refresh_token
            self._on_new_refresh_token(refresh_token)


def token_request(
    form: Mapping[str, str],
    credentials: SpotifyCredentials,
    settings: SpotifySettings,
    http: Transport,
) -> tuple[Request, Callable[[Reply], JsonCursor]]:
    """Return the request to the accounts service for tokens, and the reader of its reply.

    With a client secret the app authenticates itself; without one (PKCE) it only names itself.
    """
    secret = credentials.client_secret
    more: dict[str, Any] = {"data": {**form, "client_id": credentials.client_id}}
    if secret is not None:
        more = {"data": dict(form), "auth": (credentials.client_id, secret)}
    url = settings.accounts_url.rstrip("/") + "/api/token"

    def read(reply: Reply) -> JsonCursor:
        body = reply.json()
        if reply.ok and isinstance(body, dict):
            return JsonCursor(SERVICE, body)
        told = body if isinstance(body, dict) else {}
        error = told.get("error")
        said = redact(told.get("error_description") or error or "", (*form.values(), secret))
        raise _token_error(reply, error, said, credentials.listener, http)

    return Request("POST", url, TOKEN_ROUTE, metered=None, more=more), read


def _lifetime(expires_in: JsonCursor) -> float:
    """Return the seconds for which a token is said to be valid, as a number or as text."""
    if expires_in.absent:
        return ACCESS_TOKEN_LIFETIME_S
    if isinstance(expires_in.value, str) and expires_in.value.strip().isdecimal():
        return min(float(expires_in.value), ACCESS_TOKEN_LIFETIME_S)
    return expires_in.number()


def _token_error(
    reply: Reply, error: object, said: str, listener: str, http: Transport
) -> ServiceError:
    if error == "invalid_grant":
        return NeedsLogin(SERVICE, f"the login has ended ({said}).", remedy=login_remedy(listener))
    if error in ("invalid_client", "unauthorized_client"):
        return SourceRefused(
            SERVICE,
            f"the app's client id or secret is wrong ({said}).",
            remedy="Copy both from developer.spotify.com/dashboard again, and give them to "
            f"`smallhours login spotify --new-app --listener {listener}`.",
        )
    failure = http.failure(reply, said)
    if isinstance(failure, RetryLater):
        return failure
    if error:
        return Refused(
            SERVICE,
            f"the accounts service refused the login ({said}).",
            remedy=login_remedy(listener),
        )
    return http.broken(
        f"the accounts service answered with status {reply.status} and no explanation."
    )


class SpotifyTransport(spotipy.Spotify):  # type: ignore[misc]  # spotipy is untyped
    """spotipy with our transport: it keeps the rate limit, and every failure is one of our errors.

    Args:
        tokens: Where access tokens come from.
        http: Sends the requests.
        api_url: The Web API's root, with `/v1/`.
        listener: Names the connection in messages.
    """

    def __init__(
        self, tokens: SpotifyTokens, *, http: Transport, api_url: str, listener: str
    ) -> None:
        # spotipy makes a session of its own unless it is given something.
        super().__init__(requests_session=False)
        self.prefix = api_url.rstrip("/") + "/"
        # Every method of spotipy ends in this call, with method, path, body and parameters.
        self._internal_call = partial(http.call_with_token, tokens, self._request, self._read)
        # For what spotipy has no method for, or sends otherwise than Spotify documents it.
        self.get, self.post, self.delete = self._get, self._post, self._delete
        self._tokens = tokens
        self._http = http
        self._listener = listener

    def id_of(self, kind: str, identifier: str) -> str:
        """Return an id, which may be given as a URI or an address.

        Raises:
            NotFound: it is no id of this kind.
        """
        return self._get_id(kind, identifier)

    def _get_id(self, kind: str, identifier: str) -> str:
        try:
            checked: str = super()._get_id(kind, identifier)
        except spotipy.SpotifyException:
            raise NotFound(
                SERVICE, f"{identifier!r} is no {kind} id.", remedy="Nothing needs doing."
            ) from None
        return checked

    def _request(
        self, method: str, url: str, payload: Any, params: Mapping[str, Any], token: str
    ) -> Request:
        # spotipy hides the type of a body that is no JSON, a picture, among the parameters.
        kind = params.get("content_type", "application/json")
        data = payload if isinstance(payload, str) else json.dumps(payload) if payload else None
        route = route_of(method, url)
        more = {
            "headers": {"Authorization": f"Bearer {token}", "Content-Type": kind},
            "params": {name: each for name, each in params.items() if name != "content_type"},
            "data": data,
        }
        return Request(
            method, self.prefix + url, route, method in IDEMPOTENT, route in METERED, more
        )

    def _read(self, reply: Reply) -> Any:
        """Return the body of a success; None for writes that are answered with nothing."""
        body = reply.json()
        if not reply.ok:
            raise self._error(reply, body)
        if body is None and (reply.route not in EMPTY_REPLIES or reply.body.strip()):
            raise BrokenReply(SERVICE, f"the reply to {reply.route} is not JSON.", remedy=REMEDY)
        return body

    def _error(self, reply: Reply, body: Any) -> ServiceError:
        message, reason = _explanation(body)
        text = reply.body.decode("utf-8", "replace")
        if body is None and "<" not in text[:200] and text.strip() != "null":
            message = text  # "User not registered ..." has been seen as plain text
        said = redact(message, self._tokens.secrets())
        failure = self._http.failure(
            reply, said, quota="QUOTA_EXCEEDED" in (reason.upper(), message.upper())
        )
        if isinstance(failure, RetryLater):
            return failure
        what = failure.what.removeprefix(f"{SERVICE}: ")
        if reply.status == HTTPStatus.UNAUTHORIZED:
            return NeedsLogin(SERVICE, what, remedy=login_remedy(self._listener))
        # A bare 404 may come from a proxy: it must not pass for an absence.
        absent = reply.status == HTTPStatus.NOT_FOUND
        if not said or (absent and not isinstance(body, dict)):
            return self._http.broken(what)
        if reply.status == HTTPStatus.FORBIDDEN:
            return self._forbidden(what, said)
        invalid = reply.status == HTTPStatus.BAD_REQUEST
        # A request that adds several items says nothing about any one of them.
        asks_for_one = invalid and not reply.route.startswith("POST ")
        if (asks_for_one and _MALFORMED_ID.search(said)) or (
            absent and "service not found" not in said.lower()
        ):
            return NotFound(SERVICE, what, remedy="Spotify does not know it, or no longer.")
        refusal = InvalidRequest if invalid else Refused
        return refusal(
            SERVICE,
            what,
            remedy="Smallhours asked for something that Spotify no longer gives; look for an "
            "update.",
        )

    def _forbidden(self, what: str, said: str) -> Refused:
        """Return the error of a 403: about the app, about the login, or about this question."""
        if "scope" in said.lower():
            return Refused(
                SERVICE,
                what,
                remedy="The login lacks a permission. Run `smallhours login spotify --listener "
                f"{self._listener}` and agree to all that is asked.",
            )
        if _NO_PREMIUM.search(said):
            return SourceRefused(
                SERVICE,
                what,
                remedy="The owner of the Spotify app needs an active Premium subscription; renew "
                "it, or let someone who has one create the app.",
            )
        if _NOT_LISTED.search(said):
            return SourceRefused(
                SERVICE,
                what,
                remedy="Add the listener's Spotify account under 'User Management' of the app at "
                "developer.spotify.com/dashboard; five accounts fit.",
            )
        return Refused(
            SERVICE,
            what,
            remedy="The playlist is not the listener's own, or Spotify has closed this to "
            "development-mode apps. Nothing in Smallhours needs the latter; look for an update.",
        )


def route_of(method: str, url: str) -> str:
    """Return a request's method and path with ids taken out: `GET playlists/{id}/items`."""
    return f"{method} {_ID.sub('{id}', url).strip('/')}"


def _explanation(body: Any) -> tuple[str, str]:
    """Return the message and reason of an error body, in any of Spotify's formats."""
    if not isinstance(body, dict):
        return "", ""
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    message = inner.get("message") or (error if isinstance(error, str) else "")
    reason = inner.get("reason") or body.get("reason")
    return str(message or reason or ""), str(reason or "")
