"""Handling of one Web API call: counting, authorisation, parsing and the answer.

The `fields` parameter filters a reply: `fields=items(added_by.id,item(name,!href))`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smallhours_sandbox.spotify_accounts import Accounts, BadAccessToken, Grant
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import SandboxListener

Json = dict[str, Any]

ALL_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


class ApiError(Exception):
    """A refusal by the Web API.

    Attributes:
        status: HTTP status, repeated in the body.
        message: message of the body, in Spotify's words.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One authorised call.

    Attributes:
        state: the sandbox; its lock is held while the handler runs.
        accounts: grants and the parts of a library that are not tracks.
        grant: permissions of the access token.
        query: query parameters.
        path: path parameters.
        body: raw request body.
        base: scheme and host that the client used, "http://127.0.0.1:8080".
        url: absolute address without the query.
    """

    state: SandboxState
    accounts: Accounts
    grant: Grant
    query: Mapping[str, str]
    path: Mapping[str, Any]
    body: bytes
    base: str
    url: str

    @property
    def me(self) -> SandboxListener:
        """Return the listener whose token it is.

        Raises:
            ApiError: 401 for a token without a user (client credentials).
        """
        if self.grant.listener is None:
            raise ApiError(401, "Valid user authentication required")
        return self.state.world.listeners[self.grant.listener]

    def require(self, *scopes: str) -> None:
        """Check that one of the scopes was granted.

        Raises:
            ApiError: 403.
        """
        if scopes and not self.grant.scopes.intersection(scopes):
            raise ApiError(403, "Insufficient client scope")

    def limit(self, default: int = 20, *, maximum: int = 50, minimum: int = 1) -> int:
        """Return the `limit` parameter.

        Raises:
            ApiError: 400, when it is not a number between `minimum` and `maximum`.
        """
        return self._number("limit", default, minimum, maximum)

    def offset(self, maximum: int = 100_000) -> int:
        """Return the `offset` parameter.

        Raises:
            ApiError: 400, when it is not a number up to `maximum`.
        """
        return self._number("offset", 0, 0, maximum)

    def _number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ApiError(400, f"Invalid {name}")
        return number

    def json(self) -> Any:
        """Return the parsed body, or None when it is empty.

        Raises:
            ApiError: 400, when it is not JSON.
        """
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except ValueError:
            raise ApiError(400, "Error parsing JSON.") from None

    def json_object(self) -> Json:
        """Return the parsed body, which must be an object; {} when it is empty.

        Raises:
            ApiError: 400, when it is something else.
        """
        body = self.json()
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise ApiError(400, "Request body has to be a JSON object.")
        return body

    def address(self, **changes: int | None) -> str:
        """Return this call's address with some query parameters replaced (None drops one)."""
        query: dict[str, Any] = {**self.query, **changes}
        return f"{self.url}?{urlencode({k: v for k, v in query.items() if v is not None})}"


Handler = Callable[[ApiCall], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path.

    Attributes:
        method: HTTP method, "*" for all.
        path: template below /v1, such as "/playlists/{id}/items".
        handler: function that answers.
        scopes: any one of these is enough; empty when none is needed.
    """

    method: str
    path: str
    handler: Handler
    scopes: tuple[str, ...] = ()


def reply(body: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return JSONResponse(body, status)


def empty(status: int = 200) -> Response:
    """Answer with an empty body, as Spotify does when there is nothing to return."""
    return Response(status_code=status)


def page(call: ApiCall, items: Sequence[Any], *, total: int, limit: int, offset: int) -> Json:
    """Wrap one page of `items` in Spotify's paging object, with absolute `next` and `previous`."""
    after = offset + limit
    return {
        "href": call.address(offset=offset, limit=limit),
        "items": list(items),
        "limit": limit,
        "next": call.address(offset=after, limit=limit) if after < total else None,
        "offset": offset,
        "previous": call.address(offset=max(0, offset - limit), limit=limit) if offset else None,
        "total": total,
    }


def error_reply(status: int, message: str) -> Response:
    """Answer with Spotify's error body."""
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = (
            f'Bearer realm="spotify", error="invalid_token", error_description="{message}"'
        )
    return JSONResponse({"error": {"status": status, "message": message}}, status, headers)


def route(
    endpoint: Endpoint, accounts: Accounts, *, base_url: str | None, template: str | None = None
) -> Route:
    """Return the Starlette route of an endpoint.

    Args:
        endpoint: the endpoint to serve.
        accounts: the grants that authorise calls.
        base_url: prefix of every `href` and `next`; None uses the address of the request.
        template: the path to serve it at, when it is not the endpoint's own.
    """
    state = accounts.state

    async def serve(request: Request) -> Response:
        body = await request.body()
        base = (base_url or f"{request.url.scheme}://{request.url.netloc}").rstrip("/")
        with state.lock:
            state.count("spotify", f"{request.method} {endpoint.path}")
            try:
                call = ApiCall(
                    state=state,
                    accounts=accounts,
                    grant=_authorise(accounts, request.headers.get("authorization", "")),
                    query=request.query_params,
                    path=request.path_params,
                    body=body,
                    base=base,
                    url=f"{base}{request.url.path.rstrip('/')}",
                )
                call.require(*endpoint.scopes)
                return endpoint.handler(call)
            except ApiError as refusal:
                return error_reply(refusal.status, refusal.message)

    methods = ALL_METHODS if endpoint.method == "*" else [endpoint.method]
    return Route(f"/v1{template or endpoint.path}", serve, methods=methods)


def _authorise(accounts: Accounts, header: str) -> Grant:
    if not header:
        raise ApiError(401, "No token provided")
    scheme, _, token = header.partition(" ")
    if scheme.casefold() != "bearer":
        raise ApiError(400, "Only valid bearer authentication supported")
    try:
        return accounts.check_access_token(token.strip())
    except BadAccessToken as refusal:
        raise ApiError(401, str(refusal)) from None


_TOKEN = re.compile(r"[(),.!]|[^(),.!\s]+")


@dataclass(slots=True)
class _Wanted:
    """Selected members (each with its own selection), or all but the excluded ones."""

    named: dict[str, "_Wanted"] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)


def select_fields(body: Any, fields: str | None) -> Any:
    """Return the part of a reply that a `fields` parameter selects.

    Understands lists, dots, parentheses and the leading exclamation mark
    (https://developer.spotify.com/documentation/web-api/reference/get-playlist). Parts that can't
    be parsed are ignored rather than refused, as Spotify does.
    """
    if not fields:
        return body
    return _select(body, _parse(_TOKEN.findall(fields)))


def _parse(tokens: list[str]) -> _Wanted:
    """Parse a list up to its closing parenthesis or the end, consuming `tokens`."""
    wanted = _Wanted()
    exclude = False
    at = wanted
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            break
        if token == "(":
            inner = _parse(tokens)
            at.named.update(inner.named)
            at.excluded.update(inner.excluded)
        elif token == ",":
            at, exclude = wanted, False
        elif token == "!":
            exclude = True
        elif token != "." and exclude:
            at.excluded.add(token)
        elif token != ".":
            at = at.named.setdefault(token, _Wanted())
    return wanted


def _select(body: Any, wanted: _Wanted) -> Any:
    if isinstance(body, list):
        return [_select(entry, wanted) for entry in body]
    if not isinstance(body, dict) or not (wanted.named or wanted.excluded):
        return body
    return {
        key: _select(value, wanted.named.get(key, _Wanted()))
        for key, value in body.items()
        if key in wanted.named or (not wanted.named and key not in wanted.excluded)
    }
