"""Spotify's accounts service: `/authorize` and `/api/token`."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from smallhours_sandbox.spotify_accounts import (
    CLIENT_ID,
    CLIENT_SECRET,
    Accounts,
    Grant,
    TokenError,
    accounts_of,
    known_scopes,
    token_body,
)
from smallhours_sandbox.state import SandboxState

Handler = Callable[[Request], Awaitable[Response]]


def accounts_routes(state: SandboxState) -> list[Route]:
    """Return the routes of `accounts.spotify.com`: GET /authorize and POST /api/token."""
    accounts = accounts_of(state)

    async def authorize(request: Request) -> Response:
        with state.lock:
            state.count("spotify", "GET /authorize")
            if request.headers.get("sec-fetch-dest") == "iframe":  # its page shows in no frame
                return PlainTextResponse("", headers={"X-Frame-Options": "DENY"})
            return _authorize(accounts, request.query_params)

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        with state.lock:
            state.count("spotify", "POST /api/token")
            try:
                body = _token(accounts, form, request.headers.get("authorization", ""))
            except TokenError as refusal:
                body = {"error": refusal.code, "error_description": refusal.description}
                return JSONResponse(body, 400)
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    return [
        Route("/authorize", authorize, methods=["GET"]),
        Route("/api/token", token, methods=["POST"]),
    ]


def _authorize(accounts: Accounts, asked: Mapping[str, str]) -> Response:
    """Approve at once, as `listener` (an extra of the sandbox) or as the first listener."""
    redirect_uri = asked.get("redirect_uri", "")
    if asked.get("client_id") != CLIENT_ID:
        return PlainTextResponse("INVALID_CLIENT: Invalid client", 400)
    trouble = redirect_trouble(redirect_uri)
    if trouble:
        return PlainTextResponse(f"INVALID_CLIENT: {trouble}", 400)
    answer: dict[str, str] = {}
    name = asked.get("listener") or next(iter(accounts.state.world.listeners))
    challenge = asked.get("code_challenge", "")
    try:
        scopes = known_scopes(asked.get("scope", ""))
    except TokenError as refusal:
        answer["error"] = refusal.code
    else:
        if asked.get("response_type") != "code":
            answer["error"] = "unsupported_response_type"
        elif challenge and asked.get("code_challenge_method") != "S256":
            answer["error"] = "invalid_request"
        elif name not in accounts.state.world.listeners:
            answer["error"] = "access_denied"
        else:
            grant = Grant(name, scopes, public=bool(challenge))
            answer["code"] = accounts.issue_code(grant, redirect_uri, challenge)
    if "state" in asked:
        answer["state"] = asked["state"]
    parts = urlsplit(redirect_uri)
    query = "&".join(filter(None, [parts.query, urlencode(answer)]))
    return RedirectResponse(urlunsplit(parts._replace(query=query)), 302)


def redirect_trouble(redirect_uri: str) -> str:
    """Return why a redirect URI is refused, or "" when it is valid.

    HTTPS, an app's own scheme, or plain HTTP to a loopback address; the name `localhost` is
    refused (https://developer.spotify.com/documentation/web-api/concepts/redirect_uri).
    """
    parts = urlsplit(redirect_uri)
    if not parts.scheme or not (parts.netloc or parts.path):
        return "Invalid redirect URI"
    if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "::1"}:
        return "Insecure redirect URI"
    if parts.hostname == "localhost":
        return "Invalid redirect URI"
    return ""


def _token(accounts: Accounts, form: Mapping[str, str], authorization: str) -> dict[str, object]:
    proven = _client_proved(form, authorization)
    kind = form.get("grant_type", "")
    if kind == "refresh_token":
        if not form.get("refresh_token"):
            raise TokenError("invalid_request", "refresh_token must be supplied")
        token = form["refresh_token"]
        grant = accounts.redeem_refresh_token(token)
        if not proven and not grant.public:
            raise TokenError("invalid_client", "Invalid client secret")
        # Spotify repeats the token for public clients and omits it for confidential ones.
        return token_body(accounts, grant, refresh_token="" if proven else token)
    if kind == "authorization_code":
        return _redeem_code(accounts, form, proven=proven)
    if kind == "client_credentials":
        if not proven:
            raise TokenError("invalid_client", "Invalid client secret")
        body = token_body(accounts, Grant(None, frozenset()))
        del body["scope"]
        return body
    raise TokenError(
        "unsupported_grant_type",
        "grant_type must be client_credentials, authorization_code or refresh_token"
        if kind
        else "grant_type parameter is missing",
    )


def _redeem_code(accounts: Accounts, form: Mapping[str, str], *, proven: bool) -> dict[str, object]:
    if not form.get("code"):
        raise TokenError("invalid_request", "code must be supplied")
    verifier = form.get("code_verifier")
    if not proven and not verifier:
        raise TokenError("invalid_request", "code_verifier required")
    grant = accounts.redeem_code(form["code"], form.get("redirect_uri", ""), verifier)
    if not proven and not grant.public:
        raise TokenError("invalid_client", "Invalid client secret")
    return token_body(accounts, grant, refresh_token=accounts.issue_refresh_token(grant))


def _client_proved(form: Mapping[str, str], authorization: str) -> bool:
    """Return whether the client sent its secret; an id alone is a public client."""
    client, secret = form.get("client_id", ""), form.get("client_secret")
    scheme, _, encoded = authorization.partition(" ")
    if scheme.casefold() == "basic":
        try:
            client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise TokenError("invalid_client", "Invalid client") from None
    if client != CLIENT_ID:
        raise TokenError("invalid_client", "Invalid client")
    if secret is not None and secret != CLIENT_SECRET:
        raise TokenError("invalid_client", "Invalid client secret")
    return secret is not None
