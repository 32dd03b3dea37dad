"""Answering of calls to ListenBrainz, its labs and MusicBrainz, and who may call.

A request whose User-Agent names no contact is answered as any other; afterwards its address is
blocked for five minutes, and every connection is reset. Windows of the rate limits and the block
follow ``SandboxState.wall_clock``, as clients wait in real time; all else follows the sandbox's
own clock.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from smallhours_sandbox.faults import active_fault
from smallhours_sandbox.identifiers import UUID, hashed_share
from smallhours_sandbox.listenbrainz_listens import Listens
from smallhours_sandbox.listenbrainz_similar import SimilarMusic
from smallhours_sandbox.listenbrainz_state import ListenBrainzAccounts, listenbrainz_token
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.musicbrainz_names import NameIndex
from smallhours_sandbox.musicbrainz_tags import TaggedRecordings
from smallhours_sandbox.state import SandboxState

Json = dict[str, Any]
BLOCK_S = 300
WINDOW_S = 10
CALLS_PER_WINDOW = 30
# The limit of an address that MetaBrainz trusts: that of a sandbox without a rule `call_window`.
TRUSTED_LIMIT = 100_000
# Share of MusicBrainz' calls that are refused although they keep to one a second.
_BUSY = 0.28
_AGENT = re.compile(r"[^()/]+/\S+ +\( *(https?://[^\s()]+|[^\s()@]+@[^\s()@]+\.[^\s()@]+) *\)")
RATE_WORDS = (
    "You have exceeded your rate limit. See the X-RateLimit-* response headers for more "
    "information."
)
BUSY_WORDS = (
    "Your requests are exceeding the allowable rate limit. Please see "
    "http://wiki.musicbrainz.org/XMLWebService for more information."
)


class MetaBrainzError(Exception):
    """A refusal.

    Attributes:
        status: HTTP status.
        message: the service's words.
        headers: HTTP headers.
        more: further members of the JSON body.
    """

    def __init__(
        self, status: int, message: str, headers: Mapping[str, str] | None = None, **more: object
    ) -> None:
        """Describe the reply."""
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.headers = headers or {}
        self.more = more


class AccessControl:
    """The block of an address, and the calls in the present window."""

    def __init__(self, state: SandboxState) -> None:
        """Watch the calls to ``state``."""
        self._state = state
        self._blocked_until = 0.0
        self._windows: dict[str, tuple[int, int]] = {}

    @property
    def blocked(self) -> bool:
        """Return whether the address is blocked now."""
        return self._state.wall_clock() < self._blocked_until

    def check_agent(self, user_agent: str) -> None:
        """Block the address when its User-Agent names no contact."""
        if _AGENT.fullmatch(user_agent.strip()) is None:
            self._blocked_until = self._state.wall_clock() + BLOCK_S

    def window(self, service: str, seconds: int) -> tuple[int, int]:
        """Count one call; return its number in this window, and when the window ends."""
        number = int(self._state.wall_clock() // seconds)
        before, calls = self._windows.get(service, (number, 0))
        calls = calls + 1 if before == number else 1
        self._windows[service] = (number, calls)
        return calls, (number + 1) * seconds


class ConnectionReset(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection, and wait until it is closed."""
        del send
        scope["extensions"]["reset"]()
        while (await receive())["type"] != "http.disconnect":
            pass


@dataclass(frozen=True, slots=True)
class MetaBrainz:
    """What the services share: the state, MusicBrainz' view of its world, and who may call."""

    state: SandboxState
    index: MusicBrainzIndex
    names: NameIndex
    listens: Listens
    similar: SimilarMusic
    tagged: TaggedRecordings
    access: AccessControl

    @classmethod
    def over(cls, state: SandboxState) -> "MetaBrainz":
        """Return what the services share over a state."""
        index = MusicBrainzIndex(state.world)
        return cls(
            state,
            index,
            NameIndex(index),
            Listens(state, index),
            SimilarMusic(index),
            TaggedRecordings(index),
            AccessControl(state),
        )


@dataclass(frozen=True, slots=True)
class MetaBrainzCall:
    """One request to one of the services.

    Attributes:
        shared: what the services share.
        route: method and path, as calls are counted and fault rules match them.
        query: query parameters; one name may come several times.
        path: path parameters.
        body: the body.
        authorization: the header, None without one.
    """

    shared: MetaBrainz
    route: str
    query: QueryParams
    path: Mapping[str, Any]
    body: bytes
    authorization: str | None

    @property
    def state(self) -> SandboxState:
        """Return the sandbox."""
        return self.shared.state

    @property
    def index(self) -> MusicBrainzIndex:
        """Return MusicBrainz' view of the world."""
        return self.shared.index

    @property
    def accounts(self) -> ListenBrainzAccounts:
        """Return what listeners have written at ListenBrainz."""
        return self.state.listenbrainz

    def json(self) -> Any:
        """Return the parsed body.

        Raises:
            MetaBrainzError: 400, when it is no JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError:
            raise MetaBrainzError(400, "Cannot parse JSON document: it is not valid") from None

    def json_object(self) -> Json:
        """Return the parsed body, which must be an object.

        Raises:
            MetaBrainzError: 400, when it is something else.
        """
        body = self.json()
        if not isinstance(body, dict):
            raise MetaBrainzError(400, "Cannot parse JSON document: an object is expected")
        return body

    def user(self) -> str:
        """Return the name of the listener in the path.

        Raises:
            MetaBrainzError: 404, when there is none.
        """
        return self.find_user(self.path["user"])

    def find_user(self, asked: str) -> str:
        """Return the name of a listener with an account.

        Raises:
            MetaBrainzError: 404, when there is none.
        """
        world = self.state.world
        for name in world.listeners:
            known = world.has_account(name, "listenbrainz") and len(asked) > 1
            if known and name.casefold() == asked.casefold():
                return name
        raise MetaBrainzError(404, f"Cannot find user: {asked}")

    def caller(self) -> str | None:
        """Return the listener whose token was sent, or None without one.

        Raises:
            MetaBrainzError: 401, for a header that is no token, or an unknown token.
        """
        if self.authorization is None:
            return None
        _, blank, token = self.authorization.partition(" ")
        if not blank:
            raise MetaBrainzError(401, "Provided Authorization header is invalid.")
        for name in self.state.world.listeners:
            if token == listenbrainz_token(name):
                return name
        raise MetaBrainzError(401, "Invalid authorization token.")

    def require_token(self, words: str = "You need to provide an Authorization header.") -> str:
        """Return the listener whose token was sent.

        Raises:
            MetaBrainzError: 401, without a valid token.
        """
        caller = self.caller()
        if caller is None:
            raise MetaBrainzError(401, words)
        return caller

    def number(self, name: str, default: int, maximum: int | None = 1000) -> int:
        """Return a parameter that pages a list; more than the maximum is the maximum.

        Raises:
            MetaBrainzError: 400, when it is not a number, or negative.
        """
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            value = -1
        if value < 0:
            raise MetaBrainzError(400, f"'{name}' should be a non-negative integer")
        return value if maximum is None else min(value, maximum)


Handler = Callable[[MetaBrainzCall], Any]
Refusal = Callable[[MetaBrainzError], Response]


def metabrainz_route(
    shared: MetaBrainz, prefix: str, verb: str, path: str, handler: Handler, refuse: Refusal
) -> Route:
    """Return one route below a prefix such as ``/listenbrainz``.

    Args:
        shared: what the services share.
        prefix: the service's own root.
        verb: method.
        path: below the prefix, with parameters.
        handler: returns a response or what is to be written as JSON, or raises ``MetaBrainzError``.
        refuse: writes an error as the service does.
    """
    service = prefix.strip("/").partition("/")[0]

    async def serve(request: Request) -> Response:
        route = f"{verb} {request.url.path.removeprefix(f'/{service}')}"
        access = shared.access
        if access.blocked:
            shared.state.count(service, "blocked")
            return ConnectionReset()
        access.check_agent(request.headers.get("user-agent", ""))
        shared.state.count(service, UUID.sub("{id}", route))
        call = MetaBrainzCall(
            shared,
            route,
            request.query_params,
            request.path_params,
            await request.body(),
            request.headers.get("authorization"),
        )
        return await run_in_threadpool(_answered, service, call, handler, refuse)

    return Route(f"{prefix}{path}", serve, methods=[verb])


def _answered(service: str, call: MetaBrainzCall, handler: Handler, refuse: Refusal) -> Response:
    with call.state.lock:
        headers: Mapping[str, str] = {}
        try:
            headers = _limited(service, call)
            reply = handler(call)
        except MetaBrainzError as error:
            reply = refuse(error)
            headers = headers or error.headers
    answer = reply if isinstance(reply, Response) else JSONResponse(reply)
    answer.headers.update({**headers, "access-control-allow-origin": "*"})
    return answer


def _limited(service: str, call: MetaBrainzCall) -> dict[str, str]:
    """Count the call and return its headers about the rate limit.

    Raises:
        MetaBrainzError: 429 or 503, when there were too many calls and a rule enforces the limit.
    """
    rule = active_fault(call.state, "call_window", service=service, route=call.route)
    if service == "musicbrainz":
        calls, ends = call.shared.access.window(service, 1)
        if rule and (calls > 1 or hashed_share(f"busy {ends}") < _BUSY):
            raise MetaBrainzError(503, BUSY_WORDS)
        return {}
    if service == "labs":
        return {}
    limit = (rule.count if rule.count > 1 else CALLS_PER_WINDOW) if rule else TRUSTED_LIMIT
    calls, ends = call.shared.access.window(service, WINDOW_S)
    headers = {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(max(0, limit - calls)),
        "X-RateLimit-Reset": str(ends),
        "X-RateLimit-Reset-In": str(max(1, round(ends - call.state.wall_clock()))),
    }
    if calls > limit:
        raise MetaBrainzError(429, RATE_WORDS, headers)
    return headers
