"""ASGI middleware for transport faults: delayed, truncated, refused and garbled answers."""

import asyncio
import gzip
import re
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smallhours_sandbox.altered_replies import ALTERATIONS
from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.faults import MAX_HOLD_S, Fault, fault_rules_of
from smallhours_sandbox.lastfm_render import JSON_TYPE, XML_TYPE, render_error, to_json
from smallhours_sandbox.lastfm_request import ERRORS, canonical_method
from smallhours_sandbox.metabrainz_http import BUSY_WORDS, RATE_WORDS
from smallhours_sandbox.state import SandboxState

_TRANSPORT = tuple(name for name, kind in KINDS.items() if kind.layer == "transport")
_ID = re.compile(r"(?<=/)(?:[0-9A-Za-z]{22}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=/|$)")
_METABRAINZ = ("listenbrainz", "labs", "musicbrainz")
_PREFIXES = (
    ("/v1/", "spotify"),
    ("/api/token", "accounts"),
    ("/authorize", "accounts"),
    ("/2.0", "lastfm"),
    ("/reccobeats/", "reccobeats"),
    ("/acousticbrainz/", "acousticbrainz"),
    ("/listenbrainz/", "listenbrainz"),
    ("/labs/", "labs"),
    ("/musicbrainz/", "musicbrainz"),
    ("/subsonic/", "subsonic"),
)
_PROXY_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>openresty</center></body></html>\n"
)
_SERVER_WORDS = {
    500: "Internal server error",
    502: "Bad gateway.",
    503: "Service temporarily unavailable",
    504: "Gateway timeout",
}


@dataclass(slots=True, frozen=True)
class HttpAnswer:
    """A complete HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes) -> "HttpAnswer":
        """Return this answer with another body."""
        return replace(self, body=body)


@dataclass(slots=True, frozen=True)
class RequestTarget:
    """The call that a request makes.

    Attributes:
        service: one of ``faults.SERVICES``, or "" for none of them.
        routes: the names by which a rule may match it.
        label: the name under which calls are counted.
        as_json: whether the client reads JSON.
        names: the artist, track and tag that it is about.
    """

    service: str
    routes: tuple[str, ...]
    label: str
    as_json: bool
    names: tuple[str, ...] = ()


class FaultMiddleware:
    """Middleware that passes requests on unless a transport fault applies to them."""

    def __init__(self, app: ASGIApp, state: SandboxState) -> None:
        """Wrap ``app`` and apply the fault rules of ``state``."""
        self._app = app
        self._state = state
        self._book = fault_rules_of(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._book.rules:
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        target = _target(scope, body)
        fault = (
            self._book.next_fault(_TRANSPORT, target.service, target.routes, names=target.names)
            if target.service
            else None
        )
        replay = _BufferedReceive(body, receive)
        if fault is None:
            await self._app(scope, replay, send)
        else:
            await self._fail(fault, target, scope, replay, send)

    async def _fail(
        self,
        fault: Fault,
        target: RequestTarget,
        scope: Scope,
        receive: "_BufferedReceive",
        send: Send,
    ) -> None:
        if fault.kind in (*ALTERATIONS, "oversized"):
            await _send(_altered(fault, await _capture(self._app, scope, receive)), send)
            return
        if fault.kind == "drip":
            answer = await _capture(self._app, scope, receive)
            await _drip(answer, _seconds(fault, 0.5), receive, send)
            return
        if fault.kind in ("slow", "truncated_body", "empty_body", "drop_connection"):
            answer = await _capture(self._app, scope, receive)
            if fault.kind == "slow":
                await receive.wait_up_to(_seconds(fault, 2.0))
            elif fault.kind == "truncated_body":
                answer = answer.with_body(answer.body[: len(answer.body) // 2])
            elif fault.kind == "empty_body":
                answer = answer.with_body(b"")
            else:
                await _send_truncated(answer, send)
                return
            await _send(answer, send)
            return
        if fault.acted:
            await _capture(self._app, scope, receive)
        elif target.label:
            counted = "spotify" if target.service == "accounts" else target.service
            self._state.count(counted, target.label)
        if fault.kind == "timeout":
            await receive.wait_up_to(_seconds(fault, 30.0))
            await _send_truncated(HttpAnswer(504, [], b"?"), send)
        else:
            await _send(_fault_answer(fault, target), send)


def _altered(fault: Fault, answer: HttpAnswer) -> HttpAnswer:
    if fault.kind == "oversized":
        return _oversized(fault, answer)
    return answer.with_body(ALTERATIONS[fault.kind](fault, answer.body))


def _oversized(fault: Fault, answer: HttpAnswer) -> HttpAnswer:
    packed = gzip.compress(b" " * (fault.count * 2**20) + answer.body, 1)
    return HttpAnswer(answer.status, [*answer.headers, (b"content-encoding", b"gzip")], packed)


def _seconds(fault: Fault, default: float) -> float:
    return min(default if fault.seconds is None else fault.seconds, MAX_HOLD_S)


def _fault_answer(fault: Fault, target: RequestTarget) -> HttpAnswer:
    """Return the answer of a fault that never reaches the application."""
    match fault.kind:
        case "html_body":
            page = [(b"content-type", b"text/html; charset=utf-8")]
            return HttpAnswer(fault.status or 200, page, _PROXY_PAGE)
        case "redirect":
            there = [(b"location", (fault.words or "http://127.0.0.1:9/").encode())]
            return HttpAnswer(fault.status or 307, there, b"")
        case "rate_limit":
            if target.service == "lastfm":
                return _lastfm(29, fault.status or 429, target)
            if target.service in _METABRAINZ:
                return _metabrainz_limit(fault, target.service)
            wait = f"{_wait(fault, 3)}".encode()
            return _spotify(429, {"message": "API rate limit exceeded"}, (b"retry-after", wait))
        case "quota_exceeded":
            wait = f"{_wait(fault, 80_211)}".encode()
            return _spotify(
                429,
                {"message": "Quota exceeded", "reason": "QUOTA_EXCEEDED"},
                (b"retry-after", wait),
            )
        case "unauthorized_once":
            return _spotify(401, {"message": "The access token expired"})
        case "invalid_grant":
            return _json(
                400,
                {"error": "invalid_grant", "error_description": "Refresh token revoked"},
            )
        case "lastfm_error" | "refused" | "server_error":
            return _answer(fault, target)
    raise AssertionError(f"{fault.kind} has no answer of its own")


def _answer(fault: Fault, target: RequestTarget) -> HttpAnswer:
    """Return the service's own error body, as the rule describes it."""
    if fault.kind == "server_error":
        status = fault.status or 500
        if target.service == "lastfm":
            return _lastfm(8, status, target)
        if target.service in _METABRAINZ:
            return _metabrainz(status, fault.words or "Internal server error", target.service)
        return _spotify(status, {"message": _SERVER_WORDS.get(status, "Server error.")})
    if target.service == "lastfm":
        code = fault.code or (8 if fault.kind == "lastfm_error" else 4)
        status = fault.status or ERRORS.get(code, ("", 400))[1]
        return _lastfm(code, status, target, words=fault.words)
    status, words = fault.status or 403, fault.words or "Forbidden"
    if target.service in _METABRAINZ:
        return _metabrainz(status, words, target.service)
    if target.service in ("reccobeats", "acousticbrainz"):
        return _json(status, {"status": status, "error": words})
    return _spotify(status, {"message": words})


def _metabrainz_limit(fault: Fault, service: str) -> HttpAnswer:
    """Return the refusal of too many calls: MusicBrainz' 503, or 429 with the window's end."""
    if service == "musicbrainz":
        return _metabrainz(503, BUSY_WORDS, service)
    seconds = _wait(fault, 3)
    window = {"Limit": 30, "Remaining": 0, "Reset": round(time.time()) + seconds}
    headers = [
        (f"x-ratelimit-{name.lower()}".encode(), str(value).encode())
        for name, value in {**window, "Reset-In": seconds}.items()
    ]
    answer = _metabrainz(fault.status or 429, RATE_WORDS, service)
    return replace(answer, headers=[*answer.headers, *headers])


def _metabrainz(status: int, words: str, service: str) -> HttpAnswer:
    if service == "labs" or status == 502:
        page = _PROXY_PAGE if status == 502 else f"<h1>Error {status}</h1><p>{words}</p>".encode()
        return HttpAnswer(status, [(b"content-type", b"text/html; charset=utf-8")], page)
    if service == "musicbrainz":
        return _json(status, {"error": words})
    return _json(status, {"code": status, "error": words})


def _wait(fault: Fault, default: int) -> int:
    return default if fault.seconds is None else round(fault.seconds)


def _json(status: int, body: MutableMapping[str, Any], *more: tuple[bytes, bytes]) -> HttpAnswer:
    return HttpAnswer(status, [(b"content-type", JSON_TYPE.encode()), *more], to_json(body))


def _spotify(status: int, error: dict[str, Any], *more: tuple[bytes, bytes]) -> HttpAnswer:
    return _json(status, {"error": {"status": status, **error}}, *more)


def _lastfm(
    code: int, status: int, target: RequestTarget, *, words: str | None = None
) -> HttpAnswer:
    words = words or ERRORS.get(code, (f"Error {code}", 400))[0]
    kind = JSON_TYPE if target.as_json else XML_TYPE
    body = render_error(code, words, as_json=target.as_json)
    return HttpAnswer(status, [(b"content-type", kind.encode())], body)


def _target(scope: Scope, body: bytes) -> RequestTarget:
    path, verb = scope["path"], scope["method"]
    service = next((name for prefix, name in _PREFIXES if path.startswith(prefix)), "")
    if service == "lastfm":
        sent = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        sent.update(parse_qsl(body.decode("utf-8", "replace")))
        method = canonical_method(sent.get("method", ""))
        about = tuple(sent[name] for name in ("artist", "track", "tag") if name in sent)
        as_json = sent.get("format", "").lower() == "json"
        return RequestTarget(service, (method,), method, as_json, about)
    short = path.removeprefix("/v1") if service == "spotify" else path
    if service in _METABRAINZ:
        short = path.removeprefix(f"/{service}")
    general = _ID.sub("{id}", short)
    names = dict.fromkeys((path, short, general))
    routes = tuple(name for each in names for name in (f"{verb} {each}", each))
    return RequestTarget(service, routes, f"{verb} {general}", True)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


class _BufferedReceive:
    """An ASGI receive channel that replays the request, with the body in one piece."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def wait_up_to(self, seconds: float) -> None:
        """Wait for some seconds, or until the client disconnects."""
        try:
            async with asyncio.timeout(seconds):
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return


async def _capture(app: ASGIApp, scope: Scope, receive: Receive) -> HttpAnswer:
    status, headers, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

    async def keep(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", []))
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return HttpAnswer(status, headers, b"".join(parts))


def _sized(answer: HttpAnswer) -> list[tuple[bytes, bytes]]:
    size = (b"content-length", str(len(answer.body)).encode())
    return [each for each in answer.headers if each[0].lower() != b"content-length"] + [size]


async def _send(answer: HttpAnswer, send: Send) -> None:
    headers = _sized(answer)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _drip(answer: HttpAnswer, seconds: float, receive: _BufferedReceive, send: Send) -> None:
    """Send a byte now and then, until all is sent, the client is gone, or two minutes are over."""
    clock = asyncio.get_running_loop().time
    ends_at = clock() + MAX_HOLD_S
    headers = _sized(answer)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    for at in range(len(answer.body)):
        begun = clock()
        byte = answer.body[at : at + 1]
        await send({"type": "http.response.body", "body": byte, "more_body": True})
        await receive.wait_up_to(seconds)
        if clock() - begun < seconds or clock() > ends_at:
            return


async def _send_truncated(answer: HttpAnswer, send: Send) -> None:
    """Announce the whole body, send half and return: the server then closes the connection."""
    headers = _sized(answer)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
