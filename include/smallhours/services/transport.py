"""The HTTP transport of all services: limits, retries, and the error that a failure means.

A reply must have come, to its last byte, within the service's `timeout_s`, and may hold 16 MB when
it is unpacked. No redirect is followed, because it would take a token to another address, and
~/.netrc is not read. What a service's own error codes mean is said beside its client; everything
else is classified here.
"""

import hashlib
import itertools
import json
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

import requests
import urllib3

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
from smallhours.services.http_session import new_session
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.retry_and_rate_limit import (
    RETRY_AFTER_FAULT_S,
    RetryPolicy,
    TokenBucket,
    TransientError,
    redact,
    retry_after,
)

T = TypeVar("T")

MAX_REPLY_BYTES: Final = 16 * 2**20
# How often a refused token, or a new one in its place, is tried again.
MAX_REFUSALS: Final = 2
# A rate limit that asks for a longer wait than this is a daily quota.
MAX_RATE_LIMIT_S: Final = 3600.0
# A quota that names no time: it rolls over 24 hours, so some of it is back before they are over.
QUOTA_S: Final = 6 * 3600.0
_BLOCK: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: Such as GET.
        url: Without a query.
        route: Its name in messages and counts: no ids, no secrets.
        repeatable: Whether it may be sent twice. If not, only a rate limit is waited out: then the
            service has said that it did nothing.
        metered: Whether it counts towards the day's quota; None leaves the rate limit alone, too.
        more: What else `requests` takes: `params`, `data`, `headers`, `auth`.
        rate_limit: Another one than the transport's.
    """

    method: str
    url: str
    route: str
    repeatable: bool = True
    metered: bool | None = False
    more: Mapping[str, Any] = field(default_factory=dict)
    rate_limit: TokenBucket | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, whole."""

    route: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Return the body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Tokens(Protocol):
    """The access tokens of one login.

    Attributes:
        lock: Held while the token is renewed and read.
        access_token: The last one.
    """

    lock: Lock
    access_token: str

    def renewal(self, stale: str | None) -> tuple[Request, Callable[[Reply], JsonCursor]] | None:
        """Return the request for a new token, and its reader; None while the last one is good.

        Args:
            stale: A token that was refused; it is not good.
        """
        ...

    def accept(self, reply: JsonCursor) -> None:
        """Take the new token."""
        ...


class Transport:
    """The way to one service.

    Args:
        service: Its name, for messages.
        section: Its section of the settings, for remedies.
        timeout_s: Seconds within which a whole reply must have come.
        rate_limit: How fast, and how often a day, requests may start.
        retry_policy: What is tried again.
        rate_limit_s: How long a rate limit lasts that names no time; each further one in a row
            doubles it.
        secrets: Returns what no message may hold.
        contact: Whom the service may write to, for services that want to know.

    Attributes:
        calls: The number of requests by route.
        odd_rows: The number of rows of replies that can't be read and are left out.
        on_reply: Told of each reply as it came: route, HTTP status and body.
    """

    def __init__(
        self,
        service: str,
        section: str,
        *,
        timeout_s: float,
        rate_limit: TokenBucket,
        retry_policy: RetryPolicy,
        rate_limit_s: float,
        secrets: Callable[[], Iterable[str | None]] = tuple,
        contact: str = "",
    ) -> None:
        self.service = service
        self.section = section
        self.calls: Counter[str] = Counter()
        self.odd_rows: Counter[str] = Counter()
        self.on_reply: Callable[[str, int, bytes], None] = lambda _route, _status, _body: None
        self._timeout_s = timeout_s
        self._rate_limiter = rate_limit
        self._retry_policy = retry_policy
        self._rate_limit_s = rate_limit_s
        self._rate_limits_in_a_row = 0
        self._secrets = secrets
        self._lock = Lock()
        self._session = new_session(contact)
        # Whoever wants a contact blocks for some minutes the address of those who name none.
        self._blocked_remedy = (
            " If that works, another program at this address made a request without a contact, and "
            "the service refuses everybody here for some minutes."
            if contact
            else ""
        )

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(self, request: Request, read: Callable[[Reply], T]) -> T:
        """Send a request until its reply can be used or the retry policy gives up.

        Args:
            request: What to send.
            read: Makes a value of the reply, or raises the error that it means.

        Raises:
            ServiceError: the last error.
        """
        trial = 0
        while True:
            trial += 1
            if request.metered is not None:
                (request.rate_limit or self._rate_limiter).acquire(metered=request.metered)
            with self._lock:
                self.calls[request.route] += 1
            try:
                with self._session.request(
                    request.method,
                    request.url,
                    timeout=self._timeout_s,
                    allow_redirects=False,
                    stream=True,
                    **request.more,
                ) as response:
                    reply = self._whole(request.route, response)
                self.on_reply(reply.route, reply.status, reply.body)
                value = read(reply)
            except (requests.RequestException, urllib3.exceptions.HTTPError) as trouble:
                error: RetryLater | BrokenReply = self._no_reply(request.route, trouble)
            except (RetryLater, BrokenReply) as failure:
                error = failure
            else:
                self._rate_limits_in_a_row = 0
                return value
            lost = isinstance(error, TransientError | BrokenReply)
            wait = self._retry_policy.wait_before(trial, error)
            if wait is None or (lost and not request.repeatable):
                raise error from None
            self._retry_policy.sleep(wait)

    def call_with_token(
        self,
        tokens: Tokens,
        make: Callable[..., Request],
        read: Callable[[Reply], T],
        *what: Any,
    ) -> T:
        """Send a request with a valid token.

        A refusal of the token says nothing about its cause. The token is renewed once; and because
        Spotify has been seen to refuse good tokens at random since July 2026, it is tried once more
        after that. The same goes for one refusal of the app.

        Args:
            tokens: Where the token comes from.
            make: Makes the request of what is sent and a token.
            read: As in `call`.
            what: What is sent.

        Raises:
            ServiceError: the last error.
        """
        stale = None
        for refusals in itertools.count():
            with tokens.lock:
                renewal = tokens.renewal(stale)
                if renewal is not None:
                    tokens.accept(self.call(*renewal))
                token = tokens.access_token
            try:
                return self.call(make(*what, token), read)
            except NeedsLogin:
                if refusals >= MAX_REFUSALS:
                    raise
                stale = token if refusals == 0 else None
            except SourceRefused:
                if refusals > 0:
                    raise
        raise AssertionError("it was sent or it failed")

    def cursor(self, body: Any) -> JsonCursor:
        """Return a cursor over a JSON reply; what it leaves out is counted here."""
        return JsonCursor(self.service, body, odd_rows=self.odd_rows)

    def failure(self, reply: Reply, said: object = "", *, quota: bool = False) -> ServiceError:
        """Return the error that the status of a reply means.

        Args:
            reply: One that is no success.
            said: The service's own explanation; without one, a refusal may be a proxy's.
            quota: Whether a rate limit is known to be the day's.
        """
        said = redact(said, self._secrets())
        what = f"{reply.route} was answered with {reply.status}" + (f" ({said})." if said else ".")
        if reply.status == requests.codes.too_many_requests:
            return self.rate_limited(reply, what, quota=quota)
        if reply.status >= requests.codes.internal_server_error:
            return self.trouble(what)
        if reply.status in (requests.codes.unauthorized, requests.codes.forbidden):
            return SourceRefused(self.service, what, remedy=self.remedy)
        if not said or reply.status < requests.codes.bad_request:
            return self.broken(what)
        kind = NotFound if reply.status == requests.codes.not_found else Refused
        return kind(self.service, what, remedy=self.remedy)

    def rate_limited(self, reply: Reply, what: str, *, quota: bool = False) -> RetryLater:
        """Return the error of a rate limit."""
        growing = self._rate_limit_s * 2.0**self._rate_limits_in_a_row
        self._rate_limits_in_a_row = min(self._rate_limits_in_a_row + 1, 10)
        header = reply.headers.get("Retry-After") or reply.headers.get("X-RateLimit-Reset-In")
        default = QUOTA_S if quota else min(growing, MAX_RATE_LIMIT_S)
        after = retry_after(header, default=default)
        if quota or after > MAX_RATE_LIMIT_S:
            return QuotaExceeded(
                self.service,
                what,
                remedy="The day's quota is used up; all apps of one account share it. The next "
                "night carries on from here.",
                after=after,
            )
        return RetryLater(
            self.service,
            what,
            remedy="The next try carries on from here. If it happens every night, lower "
            f"`services.{self.section}.calls_per_second`, and share the key with nobody.",
            after=after,
        )

    def trouble(self, what: str) -> TransientError:
        """Return the error of a fault of the service's own."""
        return TransientError(
            self.service,
            what,
            remedy="It is the service's own trouble; the next try carries on from here.",
            after=RETRY_AFTER_FAULT_S,
        )

    def broken(self, what: str) -> BrokenReply:
        """Return the error of a reply that may be none of the service's."""
        return BrokenReply(
            self.service,
            what,
            remedy=f"If it lasts, check the addresses under `services.{self.section}`, and whether "
            "a proxy or a login page of the network stands in between.",
        )

    @property
    def remedy(self) -> str:
        """What to do about a service without a key that refuses."""
        return f"If it lasts, set `enabled = false` under [services.{self.section}]."

    def _whole(self, route: str, response: requests.Response) -> Reply:
        """Return a reply with its body, unpacked."""
        body = bytearray()
        for block in response.iter_content(_BLOCK):
            body += block
            if len(body) > MAX_REPLY_BYTES:
                raise self.broken(f"the reply to {route} is larger than 16 MB.")
        return Reply(route, response.status_code, response.headers, bytes(body))

    def _no_reply(self, route: str, error: Exception) -> TransientError:
        return TransientError(
            self.service,
            f"no reply to {route} ({type(error).__name__}).",
            remedy="Check the internet connection; the next try carries on from here."
            + self._blocked_remedy,
            after=RETRY_AFTER_FAULT_S,
        )


def fingerprint(*parts: object) -> str:
    """Return a short text that changes with its parts and does not tell them."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


class Client:
    """A service's client; as a context, it closes its connections at the end.

    Args:
        http: The way to the service. It is closed, too, when the client is dropped.

    Attributes:
        service: The service's name, as errors have it.
        access: A fingerprint of the address and the credentials; another one may be worth another
            try after a refusal.
    """

    service: ClassVar[str]
    access: str = ""

    def __init__(self, http: Transport) -> None:
        self._http = http
        self._close = weakref.finalize(self, http.close)

    @property
    def calls(self) -> Counter[str]:
        """Requests sent so far, by method and path (`GET playlists/{id}/items`), or by name."""
        return self._http.calls

    @property
    def odd_rows(self) -> Counter[str]:
        """The rows of replies so far that could not be read and were left out."""
        return self._http.odd_rows

    def observe(self, on_reply: Callable[[str, int, bytes], None]) -> None:
        """Pass each further reply on, as it came: its route, HTTP status and body."""
        self._http.on_reply = on_reply

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; dropping the client does so too."""
        self._close()
