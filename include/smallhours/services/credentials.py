"""Credentials from a listener's Airflow connections, validated.

Secrets reach Smallhours only through the connections `spotify_<listener>`, `lastfm_<listener>`,
`listenbrainz_<listener>` and `subsonic_<listener>`. Whoever reads a connection hands its fields
over as a plain mapping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from smallhours.errors import NeedsLogin, SettingsError

# Spotify's refresh tokens live for six months from the listener's consent; refreshing does not
# prolong them (developer.spotify.com/blog/2026-06-18-refresh-token-expiration).
LOGIN_LIFETIME = timedelta(days=182)
# From here on the listener is reminded, a month before the end.
REMIND_FROM = timedelta(days=150)
REMIND_DAYS_LEFT = (LOGIN_LIFETIME - REMIND_FROM).days
# The connection of Apprise whose address was entered on the page Accounts.
NOTICES_CONNECTION = "smallhours_notices"


@dataclass(frozen=True, slots=True)
class SpotifyCredentials:
    """One listener's Spotify app and login.

    Attributes:
        client_id: The app's.
        client_secret: The app's; None for a login by PKCE.
        refresh_token: From the listener's last login.
        scopes: What the listener agreed to.
        authorized_at: When they did, UTC.
        listener: Whose they are; names the connection in messages.
    """

    client_id: str
    client_secret: str | None = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    authorized_at: datetime | None = None
    listener: str = "<listener>"

    @classmethod
    def parse(cls, fields: Mapping[str, Any], *, listener: str) -> Self:
        """Read `client_id`, `client_secret`, `refresh_token`, `scopes` and `authorized_at`.

        `scopes` is a text with spaces or commas, or a list; `authorized_at` is ISO 8601 or Unix
        seconds. Both, and the secret, may be absent.

        Raises:
            SettingsError: when the client id is missing or a field is malformed.
            NeedsLogin: when there is no refresh token yet.
        """
        connection = f"spotify_{listener}"
        client_id = _text(fields, "client_id", connection)
        if client_id is None:
            raise _missing("client_id", connection, "developer.spotify.com/dashboard shows it.")
        refresh_token = _text(fields, "refresh_token", connection)
        if refresh_token is None:
            raise NeedsLogin(
                "Spotify",
                f"the connection `{connection}` has no `refresh_token`.",
                remedy=login_remedy(listener),
            )
        return cls(
            client_id=client_id,
            client_secret=_text(fields, "client_secret", connection),
            refresh_token=refresh_token,
            scopes=_scopes(fields.get("scopes"), connection),
            authorized_at=_moment(fields.get("authorized_at"), connection),
            listener=listener,
        )

    @property
    def expires_at(self) -> datetime | None:
        """The moment at which the login expires; None when it is not known when it began."""
        return self.authorized_at + LOGIN_LIFETIME if self.authorized_at else None


@dataclass(frozen=True, slots=True)
class LastfmCredentials:
    """One listener's Last.fm API account.

    Attributes:
        api_key: Identifies Smallhours to Last.fm.
        api_secret: Only signs writes, of which Smallhours makes none.
        listener: Whose they are; names the connection in messages.
    """

    api_key: str = field(repr=False)
    api_secret: str | None = field(default=None, repr=False)
    listener: str = "<listener>"

    @classmethod
    def parse(cls, fields: Mapping[str, Any], *, listener: str) -> Self:
        """Read `api_key` and, when it is there, `api_secret`.

        Raises:
            SettingsError: when the key is missing or a field is malformed.
        """
        connection = f"lastfm_{listener}"
        api_key = _text(fields, "api_key", connection)
        if api_key is None:
            raise _missing("api_key", connection, "www.last.fm/api/accounts shows it.")
        return cls(api_key, _text(fields, "api_secret", connection), listener)


@dataclass(frozen=True, slots=True)
class ListenBrainzCredentials:
    """One listener's token at ListenBrainz; most questions need none.

    Attributes:
        token: From listenbrainz.org/settings; None to ask without one.
        listener: Whose it is; names the connection in messages.
    """

    token: str | None = field(default=None, repr=False)
    listener: str = "<listener>"

    @classmethod
    def parse(cls, fields: Mapping[str, Any], *, listener: str) -> Self:
        """Read `token`, when it is there.

        Raises:
            SettingsError: when it is malformed.
        """
        return cls(_text(fields, "token", f"listenbrainz_{listener}"), listener)


@dataclass(frozen=True, slots=True)
class SubsonicCredentials:
    """One listener's account on a music server at home.

    Attributes:
        url: The server's address, without a slash at the end.
        user: The account's name; may be empty with an API key.
        password: Of the account; None with an API key alone.
        api_key: For servers that take one.
        listener: Whose it is; names the connection in messages.
    """

    url: str
    user: str
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    listener: str = "<listener>"

    @classmethod
    def parse(cls, fields: Mapping[str, Any], *, listener: str) -> Self:
        """Read `host`, `schema`, `port`, `user`, `password` and `api_key`.

        The host may be a whole address, `https://music.example/subsonic`.

        Raises:
            SettingsError: when something is missing or malformed.
        """
        connection = f"subsonic_{listener}"
        host = _text(fields, "host", connection)
        if host is None:
            raise _missing("host", connection, "it is the address of your server.")
        address = host if "://" in host else f"{fields.get('schema') or 'http'}://{host}"
        port = fields.get("port")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise SettingsError(
                f"`host` of the connection `{connection}` is not the address of a server.",
                remedy="Write it as https://music.example or as 192.168.1.5, without a login.",
            )
        if port and parts.port is None:
            address = parts._replace(netloc=f"{parts.netloc}:{port}").geturl()
        api_key = _text(fields, "api_key", connection)
        password = fields.get("password") or None
        user = str(fields.get("user") or "").strip()
        if api_key is None and not (user and password):
            raise SettingsError(
                f"The connection `{connection}` has no login and password, and no `api_key`.",
                remedy="Add those of your account on the server.",
            )
        return cls(address.rstrip("/"), user, password, api_key, listener)


def days_left(credentials: SpotifyCredentials, now: datetime) -> int | None:
    """Return the whole days until the login expires, negative after it; None if unknown."""
    ends = credentials.expires_at
    return None if ends is None else (ends - now).days


def login_remedy(listener: str) -> str:
    """Return the remedy for a Spotify login that is missing or has expired."""
    return (
        f"Run `smallhours login spotify --listener {listener}` and agree in the browser. "
        "Spotify ends every login after 6 months."
    )


def _missing(name: str, connection: str, where: str) -> SettingsError:
    return SettingsError(
        f"The connection `{connection}` has no `{name}`.", remedy=f"Add it; {where}"
    )


def _text(fields: Mapping[str, Any], name: str, connection: str) -> str | None:
    """Return a field without surrounding space; None when it is absent or empty.

    A key is visible ASCII without spaces: anything else is a slip of the clipboard, and would
    only fail later, inside an HTTP header.
    """
    value = fields.get(name)
    if value is None:
        return None
    text = value.strip() if isinstance(value, str) else None
    if text is None or not (text.isascii() and text.isprintable()) or " " in text:
        raise SettingsError(
            f"`{name}` of the connection `{connection}` is not a plain text without spaces.",
            remedy="Paste it again.",
        )
    return text or None


def _scopes(value: Any, connection: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if not isinstance(value, list | tuple) or not all(isinstance(scope, str) for scope in value):
        raise SettingsError(
            f"`scopes` of the connection `{connection}` is not a list of scopes.",
            remedy="Remove it, or log in again.",
        )
    return tuple(sorted(set(value)))


def _moment(value: Any, connection: str) -> datetime | None:
    if value is None or value == "":
        return None
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise SettingsError(
            f"`authorized_at` of the connection `{connection}` is not a moment.",
            remedy="Write it as 2026-11-02T03:00:00Z, or log in again.",
        ) from None
