"""The transport to Last.fm: one request, and the error that its failure means.

pylast 7.2 opens a new TLS connection for every call, speaks only https to a fixed path, and its
high-level methods ask for one row more than they are told to and drop MBIDs and totals. So
`PooledRequest` replaces the one method of pylast that transports: it keeps connections open, goes
to any base URL and returns the XML as it came. It is the only place that touches pylast's
internals.
"""

import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from typing import Final, NoReturn, TypeVar
from urllib.parse import urlencode
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import httpx2
import pylast

from smallhours.errors import (
    BrokenReply,
    NotFound,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.identity import is_named
from smallhours.services.journal import Journal
from smallhours.services.json_cursor import REMEDY as BROKEN_REMEDY
from smallhours.services.lastfm_pro import REFUSED_KEY
from smallhours.services.rate_limit import TokenBucket
from smallhours.services.retry import (
    RETRY_AFTER_FAULT_S,
    USER_AGENT,
    CallCounter,
    RetryPolicy,
    TransientError,
    call_with_retries,
    redact,
    retry_after,
)

SERVICE: Final = "Last.fm"
T = TypeVar("T")

CONNECTIONS = 16
RATE_LIMIT_S = 60.0
MAX_RATE_LIMIT_S = 3600.0

_TRANSIENT = {8, 11, 16}  # operation failed, offline, temporarily unavailable
_RATE_LIMIT = 29
_NO_KEY = 10
# Authentication failed, invalid session, invalid key, invalid signature, suspended key.
_KEY_REFUSED = {4, 9, 10, 13, 26}
_NOT_FOUND = 6
_NAMES = ("artist", "track", "tag")
# Error 6 also stands for our own mistakes: these must never be taken for an absence.
_CLIENT_ERROR = re.compile(r"api.?key|required param|out of bounds|missing", re.IGNORECASE)
_ABOUT_THE_KEY = re.compile(r"api.?key", re.IGNORECASE)
_FORBIDDEN = {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}
_NO_PAGE = re.compile(r"\bpage\b", re.IGNORECASE)
_NOT_XML = re.compile(
    "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|&#(?:x0*(?:1[0-9a-f]|[0-8bcef])|"
    "0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));",
    re.IGNORECASE,
)


class NoSuchPage(NotFound):
    """The page lies beyond the last one: the list has become shorter, or is empty."""


class PooledRequest(pylast._Request):  # noqa: SLF001 - pylast has no other way in
    """One request of pylast's, over connections that stay open and to any base URL."""

    def __init__(
        self,
        network: pylast.LastFMNetwork,
        method: str,
        params: Mapping[str, str | int],
        *,
        http: httpx2.Client,
        url: str,
    ) -> None:
        super().__init__(network, method, params)
        self._http = http
        self._url = url

    def _download_response(self) -> httpx2.Response:
        """Return the reply as it came; `reply` is the public name."""
        return self._http.post(self._url, data=self.params)

    def reply(self) -> httpx2.Response:
        """Send the request once.

        Raises:
            httpx2.HTTPError: when no reply came.
        """
        return self._download_response()


class LastfmTransport:
    """A transport that keeps the rate limit and turns every failure into one of our errors.

    Args:
        api_key: Sent in the body of each request; never appears in a message.
        api_url: The root, such as `https://ws.audioscrobbler.com/2.0/`.
        timeout_s: Seconds without a byte before a request is given up.
        rate_limit: How fast requests may start.
        retry_policy: What is tried again.
        listener: Names the connection in messages.
        journal: Keeps replies until they are stored.
    """

    def __init__(
        self,
        api_key: str,
        *,
        api_url: str,
        timeout_s: float,
        rate_limit: TokenBucket,
        retry_policy: RetryPolicy,
        listener: str,
        journal: Journal,
    ) -> None:
        # Both log a line per request at INFO, which would bury a task's own log.
        for chatty in ("httpx2", "pylast"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        self._key = api_key
        self._url = api_url
        self._rate_limiter = rate_limit
        self._retry_policy = retry_policy
        self._listener = listener
        self._journal = journal
        self._network = pylast.LastFMNetwork(api_key=api_key)
        self._http = httpx2.Client(
            headers={"User-Agent": USER_AGENT},
            timeout=httpx2.Timeout(timeout_s),
            limits=httpx2.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS
            ),
        )
        self._limited = 0  # rate limits met in a row
        self.counter = CallCounter()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, params: Mapping[str, str | int], parse: Callable[[Element], T]) -> T:
        """Call a reading method and parse its reply, with retries.

        Args:
            method: Such as `track.getTopTags`.
            params: Without key and method; sent literally.
            parse: Makes a value of the `lfm` element, or raises BrokenReply.

        Raises:
            ServiceError: what stands in its place.
        """
        if not is_named(*(str(params[name]) for name in _NAMES if name in params)):
            raise NotFound(SERVICE, "nothing has an empty name.", remedy="Nothing needs doing.")
        question = f"{SERVICE} {method} {urlencode(sorted(params.items()))}"
        kept = self._journal.recall(question)
        if kept is not None:
            with contextlib.suppress(BrokenReply):  # it was kept before it was looked into
                reply = httpx2.Response(httpx2.codes.OK, content=kept.encode())
                return parse(self._read(method, params, reply))
        return call_with_retries(
            lambda: self._send_once(question, method, params, parse), self._retry_policy
        )

    def _send_once(
        self,
        question: str,
        method: str,
        params: Mapping[str, str | int],
        parse: Callable[[Element], T],
    ) -> T:
        response = self._send(method, params)
        if response.is_success and b'status="ok"' in response.content[:200]:
            self._journal_reply(question, response)
        try:
            answer = parse(self._read(method, params, response))
        except NotFound:
            self._journal_reply(question, response)
            raise
        self._limited = 0
        return answer

    def _journal_reply(self, question: str, response: httpx2.Response) -> None:
        reply = response.content.decode("utf-8", "replace")
        if self._key not in reply:
            self._journal.note({question: reply})

    def _send(self, method: str, params: Mapping[str, str | int]) -> httpx2.Response:
        self._rate_limiter.acquire()
        self.counter.add(method)
        request = PooledRequest(self._network, method, params, http=self._http, url=self._url)
        try:
            reply = request.reply()
        except httpx2.HTTPError as error:
            raise TransientError(
                SERVICE,
                f"no reply to {method} ({type(error).__name__}).",
                remedy="Check the internet connection; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            ) from None
        self.counter.on_reply(method, reply.status_code, reply.content)
        return reply

    def _read(
        self, method: str, params: Mapping[str, str | int], response: httpx2.Response
    ) -> Element:
        """Return the `lfm` element of a good reply."""
        root = parse_xml(response.content)
        if root is not None and root.tag == "lfm" and root.get("status") == "failed":
            self._fail(method, root.find("error"), response, user=str(params.get("user", "")))
        self._check_status(method, response)
        if root is None or root.tag != "lfm" or root.get("status") != "ok":
            raise BrokenReply(
                SERVICE, f"the reply to {method} is not its XML.", remedy=BROKEN_REMEDY
            )
        return root

    def _check_status(self, method: str, response: httpx2.Response) -> None:
        """Raise for a status that no error element explains."""
        status = response.status_code
        if status == httpx2.codes.TOO_MANY_REQUESTS:
            raise self._rate_limit(response)
        if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise TransientError(
                SERVICE,
                f"{method} met an error {status}.",
                remedy="It is Last.fm's own trouble; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            )
        if status in _FORBIDDEN:
            # About the listener there is only one question: who refuses it refuses us.
            kind = SourceRefused if method.startswith("user.") else Refused
            raise kind(
                SERVICE,
                f"{method} was answered with status {status} and no explanation.",
                remedy=f"{self._remedy(_NO_KEY)} If it lasts, check whether a proxy stands in "
                "between.",
            )
        if status != httpx2.codes.OK:
            raise BrokenReply(
                SERVICE,
                f"{method} was answered with status {status} and no explanation.",
                remedy="If it lasts, check `services.lastfm.api_url`, and whether a proxy or a "
                "login page of the network stands in between.",
            )

    def _fail(
        self, method: str, error: Element | None, response: httpx2.Response, *, user: str
    ) -> NoReturn:
        """Raise the error that Last.fm's error code means."""
        if error is None or not re.fullmatch(r"[0-9]{1,4}", code_text := error.get("code", "")):
            raise BrokenReply(SERVICE, f"{method} failed without a code.", remedy=BROKEN_REMEDY)
        code = int(code_text)
        said = redact(error.text or "", [self._key])
        what = f"{method} failed with error {code} ({said})."
        if code == _RATE_LIMIT:
            raise self._rate_limit(response)
        if code in _TRANSIENT or code >= httpx2.codes.INTERNAL_SERVER_ERROR:
            raise TransientError(
                SERVICE,
                what,
                remedy="It is Last.fm's own trouble; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            )
        if code == _NOT_FOUND and not _CLIENT_ERROR.search(said):
            raise self._not_found(what, said, user=user)
        if code == _NOT_FOUND and _ABOUT_THE_KEY.search(said):
            code = _NO_KEY
        if code in _KEY_REFUSED:
            raise SourceRefused(SERVICE, what, remedy=self._remedy(code))
        raise Refused(SERVICE, what, remedy=self._remedy(code))

    def _not_found(self, what: str, said: str, *, user: str) -> ServiceError:
        if _NO_PAGE.search(said):
            return NoSuchPage(SERVICE, what, remedy="Read the list again from its first page.")
        if user:
            return NotFound(
                SERVICE,
                f"it has no user {user!r} ({said}).",
                remedy="Correct this listener's `lastfm_user` in smallhours.toml.",
            )
        return NotFound(SERVICE, what, remedy="Last.fm does not know it; nothing needs doing.")

    def _rate_limit(self, response: httpx2.Response) -> RetryLater:
        """Return the error for a rate limit; the wait doubles with each, as Last.fm names none."""
        growing = min(RATE_LIMIT_S * 2.0**self._limited, MAX_RATE_LIMIT_S)
        self._limited = min(self._limited + 1, 10)
        return RetryLater(
            SERVICE,
            "the rate limit is exceeded.",
            remedy="The next try carries on from here. If it happens every night, lower "
            "`services.lastfm.calls_per_second`, and share the API key with nobody.",
            after=retry_after(response.headers.get("Retry-After"), default=growing),
        )

    def _remedy(self, code: int) -> str:
        connection = f"`lastfm_{self._listener}`"
        if code in _KEY_REFUSED - {26}:
            return (
                f"Put the API key from www.last.fm/api/accounts into the Airflow connection "
                f"{connection}. {REFUSED_KEY}"
            )
        if code == 17:
            return (
                "The profile is private. On Last.fm, under Settings > Privacy, switch off "
                "'Hide recent listening information'."
            )
        if code == 26:
            return (
                "Last.fm has suspended the API key. Write to Last.fm, or put another key into the "
                f"Airflow connection {connection}. {REFUSED_KEY}"
            )
        return "Smallhours asked for something that Last.fm no longer gives; look for an update."


def parse_xml(body: bytes) -> Element | None:
    """Return the root of an XML document, or None when it is not XML.

    Characters that XML forbids, which titles at Last.fm do hold, are dropped.
    """
    text = body.decode("utf-8-sig", "replace")
    for attempt in (str, _without_forbidden):
        try:
            # Entity bombs are stopped by expat itself, from 2.4.1 on.
            return ElementTree.fromstring(attempt(text))  # noqa: S314
        except (ElementTree.ParseError, ValueError):
            continue
    return None


def _without_forbidden(text: str) -> str:
    return _NOT_XML.sub("", text)
