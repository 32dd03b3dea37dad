"""The transport to Spotify: one request, and the error that its failure means.

spotipy knows the endpoints and their arguments; this subclass replaces its one method that
transports. spotipy's own takes an error for an empty reply, breaks on error bodies that are no
objects, and writes access tokens to the DEBUG log.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import requests
import spotipy

from smallhours.errors import (
    BrokenReply,
    NeedsLogin,
    NotFound,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.services.credentials import login_remedy
from smallhours.services.journal import Journal
from smallhours.services.json_cursor import REMEDY as BROKEN_REMEDY
from smallhours.services.rate_limit import TokenBucket
from smallhours.services.retry import (
    RETRY_AFTER_FAULT_S,
    CallCounter,
    RetryPolicy,
    TransientError,
    call_with_retries,
    redact,
    retry_after,
)
from smallhours.services.spotify_auth import SERVICE, SpotifyTokens

# Requests that may be sent twice: a DELETE names what is to go. A POST appends: sent again after a
# lost reply, it doubles.
IDEMPOTENT: Final = ("GET", "PUT", "DELETE")
# The calls that share the quota at which development-mode apps were seen to be cut off.
METERED: Final = ("GET search", "GET tracks/{id}")
# Where many replies come before any is stored. Not playlists: those we change in between.
JOURNALED: Final = (*METERED, "GET audio-features", "GET me/tracks", "GET me/top/tracks")
# The rate limit rolls over 30 seconds; a longer wait than this can only be the quota.
MAX_RATE_LIMIT_S: Final = 3600.0
RATE_LIMIT_S: Final = 30.0
# The quota rolls over 24 hours, so that some of it is back before they are over.
QUOTA_S: Final = 6 * 3600.0
# Every other success has a body.
EMPTY_REPLIES: Final = ("PUT playlists/{id}", "PUT playlists/{id}/images")
# The app's owner has no Premium, or the app does not list the account.
_ABOUT_THE_APP: Final = re.compile(
    r"premium|registered|allowlist|developer dashboard", re.IGNORECASE
)
_ID: Final = re.compile(r"(?<=/)[0-9A-Za-z]{16,}(?=/|$)")


class SpotifyTransport(spotipy.Spotify):  # type: ignore[misc]  # spotipy is untyped
    """spotipy with our transport: it keeps the rate limit, and every failure is one of our errors.

    Args:
        tokens: Where access tokens come from.
        session: Carries the requests; must not retry by itself.
        api_url: The Web API's root, with `/v1/`.
        timeout_s: Seconds without a byte before a request is given up.
        rate_limit: How fast, and how often a day, requests may start.
        retry_policy: What is tried again.
        listener: Names the connection in messages.
        counter: Counts the requests.
        journal: Keeps replies until they are stored.
    """

    def __init__(
        self,
        tokens: SpotifyTokens,
        *,
        session: requests.Session,
        api_url: str,
        timeout_s: float,
        rate_limit: TokenBucket,
        retry_policy: RetryPolicy,
        listener: str,
        counter: CallCounter,
        journal: Journal,
    ) -> None:
        super().__init__(auth_manager=tokens, requests_session=session, requests_timeout=timeout_s)
        self.prefix = api_url.rstrip("/") + "/"
        self._tokens = tokens
        self._rate_limiter = rate_limit
        self._retry_policy = retry_policy
        self._listener = listener
        self._counter = counter
        self._journal = journal

    def add_items(self, playlist_id: str, uris: Sequence[str], position: int | None = None) -> Any:
        """Add to a playlist with the body that Spotify documents; spotipy sends an array."""
        checked = self._get_id("playlist", playlist_id)
        where = {} if position is None else {"position": position}
        return self._post(f"playlists/{checked}/items", payload={"uris": list(uris), **where})

    def remove_items(self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None) -> Any:
        """Remove every occurrence of these URIs; spotipy takes an episode's for a mistake."""
        checked = self._get_id("playlist", playlist_id)
        items = [{"uri": uri} for uri in uris]
        version = {} if snapshot_id is None else {"snapshot_id": snapshot_id}
        return self._delete(f"playlists/{checked}/items", payload={"items": items, **version})

    def library_contains(self, uri: str) -> Any:
        """Ask whether something is in the listener's library."""
        return self._get("me/library/contains", uris=uri)

    def legacy_audio_features(self, ids: Sequence[str]) -> Any:
        """Ask for audio features; spotipy's own method is deprecated, warns, and unwraps."""
        return self._get("audio-features", ids=",".join(ids))

    def _get_id(self, kind: str, identifier: str) -> str:
        try:
            checked: str = super()._get_id(kind, identifier)
        except spotipy.SpotifyException:
            raise NotFound(
                SERVICE, f"{identifier!r} is no {kind} id.", remedy="Nothing needs doing."
            ) from None
        return checked

    def _internal_call(self, method: str, url: str, payload: Any, params: Mapping[str, Any]) -> Any:
        """Send a request: every method of spotipy ends here."""
        if route_of(method, url) not in JOURNALED:
            return self._send_with_retries(method, url, payload, params)
        question = f"{SERVICE} {method} {url}?{urlencode(sorted(params.items()))}"
        kept = self._journal.recall(question)
        if kept is not None:
            return json.loads(kept)
        body = self._send_with_retries(method, url, payload, params)
        self._journal.note({question: json.dumps(body)})
        return body

    def _send_with_retries(
        self, method: str, url: str, payload: Any, params: Mapping[str, Any]
    ) -> Any:
        # Tokens have a patience of their own: their failures are not tried again here.
        self._tokens.get_access_token()
        return call_with_retries(
            lambda: self._send_authorized(method, url, payload, params),
            self._retry_policy,
            repeatable=method in IDEMPOTENT,
        )

    def _send_authorized(
        self, method: str, url: str, payload: Any, params: Mapping[str, Any]
    ) -> Any:
        """Send with a valid token.

        A 401 says nothing about its cause. The token is renewed once; and because Spotify has
        been seen to refuse good tokens at random since July 2026, it is tried once more after
        that. The same goes for one 403 that asks for Premium.
        """
        for refusals in range(3):
            token = self._tokens.get_access_token()
            response = self._send(method, url, payload, params, token)
            unauthorized = response.status_code == requests.codes.unauthorized
            if unauthorized and refusals == 0:
                self._tokens.renew(token)
                continue
            if unauthorized and refusals == 1:
                continue
            if refusals == 0 and _requires_premium(response):
                continue
            break
        return self._content(route_of(method, url), response)

    def _send(
        self, method: str, url: str, payload: Any, params: Mapping[str, Any], token: str
    ) -> requests.Response:
        route = route_of(method, url)
        self._rate_limiter.acquire(metered=route in METERED)
        self._counter.add(route)
        # spotipy hides the type of a body that is no JSON, a picture, among the parameters.
        kind = params.get("content_type", "application/json")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        try:
            return self._session.request(  # type: ignore[no-any-return]
                method,
                self.prefix + url,
                headers=headers,
                params={name: value for name, value in params.items() if name != "content_type"},
                data=_body(payload),
                timeout=self.requests_timeout,
            )
        except requests.RequestException as error:
            raise TransientError(
                SERVICE,
                f"no reply to {route} ({type(error).__name__}).",
                remedy="Check the internet connection; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            ) from None

    def _content(self, route: str, response: requests.Response) -> Any:
        """Return the parsed body of a success; None for writes that are answered with nothing."""
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if not response.ok:
            raise self._error(route, response, body)
        if body is None and (route not in EMPTY_REPLIES or response.content.strip()):
            raise BrokenReply(SERVICE, f"the reply to {route} is not JSON.", remedy=BROKEN_REMEDY)
        return body

    def _error(self, route: str, response: requests.Response, body: Any) -> ServiceError:
        status = response.status_code
        message, reason = _explanation(body)
        if body is None and "<" not in response.text[:200] and response.text.strip() != "null":
            message = response.text  # "User not registered ..." has been seen as plain text
        said = redact(message, self._tokens.secrets)
        what = f"{route} was answered with {status}" + (f" ({said})." if said else ".")
        if status == requests.codes.too_many_requests:
            return self._limited(what, response, message, reason)
        if status >= requests.codes.internal_server_error:
            return TransientError(
                SERVICE,
                what,
                remedy="It is Spotify's own trouble; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            )
        if status == requests.codes.unauthorized:
            return NeedsLogin(SERVICE, what, remedy=login_remedy(self._listener))
        # A bare 404 may come from a proxy: it must not pass for an absence.
        if not said or (status == requests.codes.not_found and not isinstance(body, dict)):
            return BrokenReply(
                SERVICE,
                what,
                remedy="If it lasts, check `services.spotify.api_url`, and whether a proxy or a "
                "login page of the network stands in between.",
            )
        if status == requests.codes.forbidden:
            by_scope = "scope" in said.lower()
            about_us = not by_scope and _ABOUT_THE_APP.search(said)
            kind = SourceRefused if about_us else Refused
            return kind(SERVICE, what, remedy=self._remedy_for_403(said.lower()))
        unknown = status == requests.codes.not_found and "service not found" not in said.lower()
        malformed_id = status == requests.codes.bad_request and re.search(
            r"invalid (base62 )?id|non existing id", said, re.IGNORECASE
        )
        if unknown or malformed_id:
            return NotFound(SERVICE, what, remedy="Spotify does not know it, or no longer.")
        return Refused(
            SERVICE,
            what,
            remedy="Smallhours asked for something that Spotify no longer gives; look for an "
            "update.",
        )

    def _limited(
        self, what: str, response: requests.Response, message: str, reason: str
    ) -> RetryLater:
        header = response.headers.get("Retry-After")
        quota = "QUOTA_EXCEEDED" in (reason.upper(), message.upper())
        after = retry_after(header, default=QUOTA_S if quota else RATE_LIMIT_S)
        if quota or after > MAX_RATE_LIMIT_S:
            return QuotaExceeded(
                SERVICE,
                what,
                remedy="The day's quota is used up; all apps of one Spotify developer account "
                "share it. The next night carries on from here.",
                after=after,
            )
        return RetryLater(
            SERVICE,
            what,
            remedy="The next try carries on from here. If it happens every night, lower "
            "`services.spotify.calls_per_second`.",
            after=after,
        )

    def _remedy_for_403(self, said: str) -> str:
        if "scope" in said:
            return (
                "The login lacks a permission. Run `smallhours login spotify --listener "
                f"{self._listener}` and agree to all that is asked."
            )
        if "premium" in said:
            return (
                "The owner of the Spotify app needs an active Premium subscription; renew it, or "
                "let someone who has one create the app."
            )
        if "registered" in said or "allowlist" in said or "developer dashboard" in said:
            return (
                "Add the listener's Spotify account under 'User Management' of the app at "
                "developer.spotify.com/dashboard; five accounts fit."
            )
        return (
            "The playlist is not the listener's own, or Spotify has closed this to "
            "development-mode apps. Nothing in Smallhours needs the latter; look for an update."
        )


def _body(payload: Any) -> str | None:
    """Return a request's body: JSON, or a text as it is, or nothing."""
    if isinstance(payload, str):
        return payload
    return json.dumps(payload) if payload else None


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


def _requires_premium(response: requests.Response) -> bool:
    return response.status_code == requests.codes.forbidden and "premium" in response.text.lower()
