"""The Last.fm API ``/2.0/`` as an ASGI application.

Checks follow Last.fm's order (key, then format, then method, then parameters), every call is
counted, and answers that depend on the catalogue alone are cached as bytes.
"""

from typing import Any
from urllib.parse import parse_qsl

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from smallhours_sandbox.faults import active_fault, fault_rules_of
from smallhours_sandbox.lastfm_index import LastfmIndex
from smallhours_sandbox.lastfm_methods import CATALOGUE_METHODS, DETAIL_METHODS
from smallhours_sandbox.lastfm_render import JSON_TYPE, XML_TYPE, render, render_error
from smallhours_sandbox.lastfm_request import (
    ERRORS,
    LastfmError,
    LastfmParams,
    LastfmReply,
    canonical_method,
    lastfm_error,
)
from smallhours_sandbox.lastfm_users import USER_METHODS, ListenerCall
from smallhours_sandbox.state import SandboxState

LASTFM_API_KEY = "5a4d" * 8
LASTFM_API_SECRET = "a4d5" * 8

_LISTENER_METHODS = {**USER_METHODS, **DETAIL_METHODS}
_CACHE_BYTES = 32 * 1024 * 1024
_MAX_CACHED_REPLY = 64 * 1024
_KEYS = ("artist", "track", "tag", "mbid", "autocorrect", "limit", "page")
_MAX_BODY = 1024 * 1024

_KINDS = {
    True: (b"content-type", JSON_TYPE.encode()),
    False: (b"content-type", XML_TYPE.encode()),
}
_OPEN = (b"access-control-allow-origin", b"*")


def lastfm_routes(state: SandboxState) -> list[Route]:
    """Return the routes of the Last.fm API over ``state``: GET and POST ``/2.0/``."""
    api = LastfmApi(state)
    return [Route(path, api, methods=["GET", "POST"]) for path in ("/2.0/", "/2.0")]


class LastfmApi:
    """The Last.fm API 2.0 as an ASGI application."""

    def __init__(self, state: SandboxState) -> None:
        """Serve ``state``."""
        self._state = state
        self._index = LastfmIndex(state.world)
        self._book = fault_rules_of(state)
        self._kept: dict[tuple[str, ...], bytes] = {}
        self._kept_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        sent = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["method"] == "POST":
            sent.update(parse_qsl((await _body(receive)).decode("utf-8", "replace")))
        status, as_json, body = self.answer(sent)
        size = (b"content-length", str(len(body)).encode())
        headers = [_KINDS[as_json], size, _OPEN]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def answer(self, sent: dict[str, str]) -> tuple[int, bool, bytes]:
        """Return (status, whether the body is JSON, body) for a request's parameters."""
        asked = sent.get("format", "xml").lower()
        as_json = asked == "json"
        method = canonical_method(sent.get("method", ""))
        self._state.count("lastfm", method)
        try:
            _check_key(sent.get("api_key", ""))
            self._check_paid(method)
            if asked not in ("json", "xml"):
                raise lastfm_error(5)
            if method in CATALOGUE_METHODS:
                return 200, as_json, self._catalogue(method, sent, as_json=as_json)
            if method not in _LISTENER_METHODS:
                raise lastfm_error(3)
            with self._state.lock:
                call = ListenerCall(self._state, self._index, LastfmParams(sent), method)
                reply = _LISTENER_METHODS[method](call)
            return 200, as_json, self._written(reply, method, as_json=as_json)
        except LastfmError as error:
            if not error.code:
                return error.status, as_json, b"Forbidden"
            body = render_error(error.code, error.message, as_json=as_json, links=error.links)
            return error.status, as_json, body

    def _check_paid(self, method: str) -> None:
        """Refuse the key where a rule says that its owner has to subscribe.

        Raises:
            LastfmError: as the rule says.
        """
        owner = next(iter(self._state.world.listeners))
        if self._state.subscriber.get(owner) == "1":
            return
        fault = active_fault(self._state, "unpaid_key", service="lastfm", route=method, user=owner)
        if fault is not None and fault.begun(self._state.now):
            code = 10 if fault.code is None else fault.code
            raise LastfmError(code, ERRORS.get(code, ("",))[0], fault.status or 403)

    def _catalogue(self, method: str, sent: dict[str, str], *, as_json: bool) -> bytes:
        key = (method, "json" if as_json else "xml", *(sent.get(name, "") for name in _KEYS))
        body = None if self._book.rules else self._kept.get(key)
        if body is None:
            reply = CATALOGUE_METHODS[method](self._index, LastfmParams(sent))
            body = self._written(reply, method, as_json=as_json)
            if not self._book.rules and len(body) <= _MAX_CACHED_REPLY:
                if self._kept_bytes > _CACHE_BYTES:
                    self._kept.clear()
                    self._kept_bytes = 0
                self._kept[key] = body
                self._kept_bytes += len(body)
        return body

    def _written(self, reply: LastfmReply, method: str, *, as_json: bool) -> bytes:
        collapse: Any = as_json and active_fault(
            self._state, "single_object_not_list", service="lastfm", route=method
        )
        return render(
            reply.root,
            reply.node,
            as_json=as_json,
            indented=reply.indented,
            collapse=bool(collapse),
        )


def _check_key(key: str) -> None:
    if not key:
        raise lastfm_error(6)
    if key != LASTFM_API_KEY:
        raise lastfm_error(10)


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if not message.get("more_body", False) or length > _MAX_BODY:
            return b"".join(parts)
