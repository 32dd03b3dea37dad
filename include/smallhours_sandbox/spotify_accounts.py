"""Spotify's tokens: granting, refreshing, revoking and checking.

Tokens are self-contained and signed (listener, scopes, expiry), so that a grant made in one
process is valid in the next one. Only single-use codes and revocations are kept in memory.

A granted refresh token ages by the sandbox clock and ends after six months, as Spotify's do since
2026 (https://developer.spotify.com/blog/2026-06-18-refresh-token-expiration); an access token ages
by the wall clock, because that is the clock that clients compare it with.
"""

import base64
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from smallhours_sandbox.state import SandboxState

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"

ACCESS_TOKEN_S = 3600
REFRESH_TOKEN_S = 182 * 86_400
CODE_S = 600

SCOPES = frozenset(
    {
        "playlist-modify-private",
        "playlist-modify-public",
        "playlist-read-collaborative",
        "playlist-read-private",
        "streaming",
        "ugc-image-upload",
        "user-follow-modify",
        "user-follow-read",
        "user-library-modify",
        "user-library-read",
        "user-modify-playback-state",
        "user-read-currently-playing",
        "user-read-email",
        "user-read-playback-position",
        "user-read-playback-state",
        "user-read-private",
        "user-read-recently-played",
        "user-top-read",
    }
)

# Scopes of the built-in token "refresh-<listener>".
READY_MADE_SCOPES = frozenset(
    {
        "playlist-modify-private",
        "playlist-modify-public",
        "playlist-read-private",
        "user-library-modify",
        "user-library-read",
        "user-read-private",
        "user-read-recently-played",
        "user-top-read",
    }
)

_SIGNING_KEY = b"smallhours sandbox"


class TokenError(Exception):
    """A refusal by the accounts service; `code` and `description` are its JSON body.

    Attributes:
        code: `error` of RFC 6749 §5.2, such as "invalid_grant".
        description: `error_description` in Spotify's words.
    """

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


class BadAccessToken(Exception):
    """An access token that the Web API does not accept; the message is Spotify's."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The permissions of a token.

    Attributes:
        listener: listener name, None for a client-credentials token without a user.
        scopes: granted scopes.
        public: granted to a client without a secret (PKCE).
    """

    listener: str | None
    scopes: frozenset[str]
    public: bool = False


@dataclass(frozen=True, slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str
    until: float


@dataclass(slots=True)
class Accounts:
    """The grants of one sandbox.

    Attributes:
        state: the sandbox whose listeners these are.
        clock: wall clock in unix seconds; a test may pass its own.
        revoked: listener names and refresh tokens whose grant was revoked.
        library: listener name to URIs of their library that are neither tracks nor own playlists.
    """

    state: SandboxState
    clock: Callable[[], float] = time.time
    revoked: set[str] = field(default_factory=set)
    library: dict[str, set[str]] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)
    _serial: "itertools.count[int]" = field(default_factory=itertools.count)

    def issue_code(self, grant: Grant, redirect_uri: str, challenge: str) -> str:
        """Return a single-use authorization code that is valid for ten minutes."""
        code = _sign_token("AQ", {"n": next(self._serial), "u": grant.listener, "t": self.clock()})
        self._codes[code] = _Code(grant, redirect_uri, challenge, self.clock() + CODE_S)
        return code

    def redeem_code(self, code: str, redirect_uri: str, verifier: str | None) -> Grant:
        """Return the grant of a code, and invalidate the code.

        Args:
            code: from `issue_code`.
            redirect_uri: must be the one the code was sent to.
            verifier: PKCE's `code_verifier`, None when the client proved itself by its secret.

        Raises:
            TokenError: invalid_grant or invalid_request, as RFC 6749 §5.2 and RFC 7636 §4.6.
        """
        held = self._codes.pop(code, None)
        if held is None:
            raise TokenError("invalid_grant", "Invalid authorization code")
        if held.until < self.clock():
            raise TokenError("invalid_grant", "Authorization code expired")
        if held.redirect_uri != redirect_uri:
            raise TokenError("invalid_grant", "Invalid redirect URI")
        if held.challenge and not verifier:
            raise TokenError("invalid_request", "code_verifier required")
        if held.challenge and held.challenge != s256(verifier or ""):
            raise TokenError("invalid_grant", "code_verifier was incorrect")
        return held.grant

    def issue_refresh_token(self, grant: Grant) -> str:
        """Return a refresh token that ages from the current sandbox time."""
        return _sign_token(
            "AQ",
            {
                "k": "refresh",
                "u": grant.listener,
                "s": sorted(grant.scopes),
                "p": grant.public,
                "t": self.state.now,
                "n": next(self._serial),
            },
        )

    def redeem_refresh_token(self, token: str) -> Grant:
        """Return the grant of a refresh token.

        Besides tokens of `issue_refresh_token`, "refresh-<listener>" always works,
        "expired-<listener>" is half a year old and "revoked-<listener>" was revoked.

        Raises:
            TokenError: invalid_grant, with Spotify's description.
        """
        kind, _, name = token.partition("-")
        grant: Grant | None = None
        granted_at = self.state.now
        if kind in {"refresh", "expired", "revoked"} and name in self.state.world.listeners:
            grant = Grant(name, READY_MADE_SCOPES, public=True)
            if kind == "expired":
                granted_at -= REFRESH_TOKEN_S + 1
        else:
            fields = _read_token(token)
            if fields is not None and fields.get("k") == "refresh":
                grant = Grant(fields["u"], frozenset(fields["s"]), fields["p"])
                granted_at = fields["t"]
        if grant is None or grant.listener not in self.state.world.listeners:
            raise TokenError("invalid_grant", "Invalid refresh token")
        if kind == "revoked" or self.revoked & {token, grant.listener}:
            raise TokenError("invalid_grant", "Refresh token revoked")
        if self.state.now - granted_at > REFRESH_TOKEN_S:
            raise TokenError("invalid_grant", "Refresh token expired")
        return grant

    def issue_access_token(self, grant: Grant, *, lifetime_s: float = ACCESS_TOKEN_S) -> str:
        """Return an access token for the Web API."""
        return _sign_token(
            "BQ",
            {
                "k": "access",
                "u": grant.listener,
                "s": sorted(grant.scopes),
                "e": self.clock() + lifetime_s,
                "n": next(self._serial),
            },
        )

    def check_access_token(self, token: str) -> Grant:
        """Return the grant of an access token.

        Raises:
            BadAccessToken: When it was never issued, or is an hour old.
        """
        fields = _read_token(token)
        if fields is None or fields.get("k") != "access":
            raise BadAccessToken("Invalid access token")
        if fields["e"] < self.clock() or fields["u"] in self.revoked:
            raise BadAccessToken("The access token expired")
        return Grant(fields["u"], frozenset(fields["s"]))


_ACCOUNTS: "WeakKeyDictionary[SandboxState, Accounts]" = WeakKeyDictionary()


def accounts_of(state: SandboxState) -> Accounts:
    """Return the `Accounts` of a sandbox, created on first use."""
    with state.lock:
        if state not in _ACCOUNTS:
            _ACCOUNTS[state] = Accounts(state)
        return _ACCOUNTS[state]


def known_scopes(scope: str) -> frozenset[str]:
    """Parse a space-separated scope parameter.

    Raises:
        TokenError: invalid_scope, when a word is no scope of Spotify's.
    """
    asked = frozenset(scope.split())
    if asked - SCOPES:
        raise TokenError("invalid_scope", "Invalid scope")
    return asked


def token_body(accounts: Accounts, grant: Grant, *, refresh_token: str = "") -> dict[str, Any]:
    """Return the token endpoint's answer; without `refresh_token` the client keeps its old one."""
    body: dict[str, Any] = {
        "access_token": accounts.issue_access_token(grant),
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_S,
    }
    if refresh_token:
        body["refresh_token"] = refresh_token
    body["scope"] = join_scopes(grant.scopes)
    return body


def join_scopes(scopes: Iterable[str]) -> str:
    """Return scopes in the token endpoint's format."""
    return " ".join(sorted(scopes))


def s256(verifier: str) -> str:
    """Return the PKCE challenge of a verifier (RFC 7636 §4.2, method S256)."""
    return _b64(hashlib.sha256(verifier.encode("ascii", "replace")).digest())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _sign_token(prefix: str, fields: dict[str, Any]) -> str:
    body = _b64(json.dumps(fields, separators=(",", ":")).encode())
    return f"{prefix}{body}.{_mac(body)}"


def _read_token(token: str) -> dict[str, Any] | None:
    body, _, mac = token[2:].partition(".")
    if not hmac.compare_digest(mac.encode(), _mac(body).encode()):
        return None
    fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return fields


def _mac(body: str) -> str:
    return _b64(hmac.digest(_SIGNING_KEY, body.encode(), "sha256")[:12])
