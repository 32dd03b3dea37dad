"""Client of a music server at home that speaks Subsonic: Navidrome, gonic, Airsonic and others.

From Subsonic 1.12 to OpenSubsonic; what a server has is asked, and done without where it is
missing. A login is an API key where the server takes them, else a salted hash of the password, and
the password itself only for a server that takes nothing else. Long lists are sent as a form, where
the server says that it reads forms, and in small portions where it does not.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from smallhours.errors import (
    BrokenReply,
    InvalidRequest,
    NotFound,
    Refused,
    ServiceError,
    SourceRefused,
)
from smallhours.service_settings import SubsonicSettings
from smallhours.services.credentials import SubsonicCredentials
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.retry_and_rate_limit import (
    RETRY_AFTER_FAULT_S,
    RetryPolicy,
    TokenBucket,
    TransientError,
    shared_rate_limit,
)
from smallhours.services.subsonic_replies import (
    SERVICE,
    ServerPlaylist,
    ServerSong,
    parse_list,
    parse_playlist,
    parse_rows,
    parse_songs,
)
from smallhours.services.transport import Client, Reply, Request, Transport, fingerprint

T = TypeVar("T")
Fields = Sequence[tuple[str, str]]

CLIENT_NAME: Final = "smallhours"
# As a form, and in an address.
MAX_IDS_IN_FORM: Final = 300
MAX_IDS_IN_ADDRESS: Final = 40
# Salted hashes came with 1.13.
PLAIN_VERSION: Final = "1.12.0"
HASH_VERSION: Final = "1.13.0"
# Codes of the protocol: what a server answers that does not know a way to log in.
OTHER_LOGIN_CODES: Final = frozenset({10, 20, 30, 41, 42})
LOGIN_CODES: Final = frozenset({40, 43, 44, 60})
FORBIDDEN: Final = 50
NOT_FOUND: Final = 70


class SubsonicClient(Client):
    """One listener's account on a server.

    Every method raises, besides what it names:

    * SourceRefused - a wrong user name, password or key;
    * Refused - the account may not do this;
    * NotFound - there is no such playlist or song;
    * RetryLater - no usable reply in three tries (in one for what changes something);
    * BrokenReply - whatever answers there is no such server.

    Args:
        credentials: The listener's.
        settings: How much is asked of it.
        rate_limit: How fast requests may start; the process's own by default.
        retry_policy: What is tried again.
    """

    service = SERVICE

    def __init__(
        self,
        credentials: SubsonicCredentials,
        *,
        settings: SubsonicSettings,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self.user = credentials.user
        self.retry_policy = retry_policy or RetryPolicy()
        self._credentials = credentials
        self._login: dict[str, str] | None = None
        self._takes_forms = False
        hidden = (credentials.password, credentials.api_key, _hidden(credentials.password))
        self.access = fingerprint(credentials)
        super().__init__(
            Transport(
                SERVICE,
                "subsonic",
                timeout_s=settings.timeout_s,
                rate_limit=rate_limit or shared_rate_limit(SERVICE, settings.calls_per_second),
                retry_policy=self.retry_policy,
                rate_limit_s=RETRY_AFTER_FAULT_S,
                secrets=lambda: hidden,
            )
        )

    def check_login(self) -> str:
        """Log in, and return what the server calls itself."""
        told = self._call("ping", [], lambda reply: reply)
        name = told["type"].text_or_none() or "a Subsonic server"
        return f"{name}, protocol {told['version'].text_or_none() or PLAIN_VERSION}"

    def search(self, query: str, *, count: int) -> list[ServerSong]:
        """Return the songs that a search finds."""
        sent = [("query", query), ("songCount", str(count)), ("artistCount", "0")]
        return self._call(
            "search3",
            [*sent, ("albumCount", "0")],
            lambda reply: parse_songs(reply, "searchResult3", "song"),
        )

    def playlists(self) -> list[ServerPlaylist]:
        """Return the playlists that the account sees, other people's public ones too."""
        return self._call(
            "getPlaylists",
            [],
            lambda reply: list(map(parse_playlist, parse_rows(reply, "playlists", "playlist"))),
        )

    def playlist(self, playlist_id: str) -> ServerPlaylist:
        """Return a playlist with its songs."""
        return self._call(
            "getPlaylist", [("id", playlist_id)], lambda reply: parse_playlist(reply["playlist"])
        )

    def create_playlist(self, name: str) -> str | None:
        """Create an empty playlist; return its id, or None from a server that does not tell it."""

        def read(reply: JsonCursor) -> str | None:
            return None if reply["playlist"].absent else reply["playlist"]["id"].text()

        return self._call("createPlaylist", [("name", name)], read, repeatable=False)

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        comment: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist."""
        told = {"name": name, "comment": comment}
        sent = [(key, value) for key, value in told.items() if value is not None]
        if public is not None:
            sent.append(("public", str(public).lower()))
        self._call("updatePlaylist", [("playlistId", playlist_id), *sent], _nothing)

    def add_songs(self, playlist_id: str, ids: Sequence[str]) -> None:
        """Add songs at the end, in portions.

        Raises:
            InvalidRequest: one of the songs is not there any more.
        """
        for portion in self._portions(ids):
            sent = [("songIdToAdd", each) for each in portion]
            try:
                self._call(
                    "updatePlaylist",
                    [("playlistId", playlist_id), *sent],
                    _nothing,
                    repeatable=False,
                )
            except NotFound as error:
                what = error.what.removeprefix(f"{SERVICE}: ")
                raise InvalidRequest(SERVICE, what, remedy=error.remedy) from None

    def remove_songs(self, playlist_id: str, numbers: Sequence[int]) -> list[int]:
        """Remove rows by their numbers, from 0; the last of them, if one request can't take all.

        Return the numbers that were sent.
        """
        last = list(self._portions(sorted(numbers)))[-1]
        sent = [("songIndexToRemove", str(number)) for number in last]
        self._call(
            "updatePlaylist", [("playlistId", playlist_id), *sent], _nothing, repeatable=False
        )
        return list(last)

    def move_to_end(self, playlist_id: str, rows: Sequence[tuple[int, str]]) -> int:
        """Move rows to the end, in this order: in one request, so that none stands there twice.

        Args:
            playlist_id: Whose.
            rows: The number, from 0, and the song of each.

        Returns:
            How many of them one request took, from the first on.
        """
        first = rows[: self._portion // 2]
        sent = [("songIdToAdd", song) for _, song in first]
        sent += [("songIndexToRemove", str(number)) for number, _ in first]
        self._call(
            "updatePlaylist", [("playlistId", playlist_id), *sent], _nothing, repeatable=False
        )
        return len(first)

    def delete_playlist(self, playlist_id: str) -> None:
        """Delete a playlist."""
        self._call("deletePlaylist", [("id", playlist_id)], _nothing)

    def _portions(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        size = self._portion
        return (items[start : start + size] for start in range(0, len(items), size))

    @property
    def _portion(self) -> int:
        """How many ids one request takes."""
        self._log_in()
        return MAX_IDS_IN_FORM if self._takes_forms else MAX_IDS_IN_ADDRESS

    def _call(
        self,
        method: str,
        fields: Fields,
        read: Callable[[JsonCursor], T],
        *,
        repeatable: bool = True,
    ) -> T:
        login = self._log_in()
        return self._send(
            method, [*login.items(), *fields], read, repeatable=repeatable, form=self._takes_forms
        )

    def _log_in(self) -> Mapping[str, str]:
        """Return the fields that log in, found out once: the safest that the server takes.

        Raises:
            SourceRefused: the server takes none.
        """
        if self._login is not None:
            return self._login
        refusal: ServiceError | None = None
        for login in self._logins():
            try:
                told = self._send("ping", list(login.items()), lambda reply: reply)
            except _OtherLogin as error:
                refusal = error
                continue
            extensions = self._extensions(login) if told["openSubsonic"].value is True else ()
            self._takes_forms = "formPost" in extensions
            self._login = login
            return login
        raise SourceRefused(
            SERVICE,
            "the server takes none of the logins that it was offered.",
            remedy=self._remedy,
        ) from refusal

    def _logins(self) -> Iterator[dict[str, str]]:
        own = self._credentials
        if own.api_key is not None:
            yield {"apiKey": own.api_key, "v": HASH_VERSION}
        if own.password is not None:
            salt = secrets.token_hex(8)
            # The protocol prescribes MD5.
            token = hashlib.md5(f"{own.password}{salt}".encode(), usedforsecurity=False)
            yield {"u": own.user, "t": token.hexdigest(), "s": salt, "v": HASH_VERSION}
            yield {"u": own.user, "p": _hidden(own.password) or "", "v": PLAIN_VERSION}

    def _extensions(self, login: Mapping[str, str]) -> tuple[str, ...]:
        def read(reply: JsonCursor) -> tuple[str, ...]:
            rows = parse_list(reply["openSubsonicExtensions"])
            return tuple(row["name"].text_or_none() or "" for row in rows)

        try:
            return self._send("getOpenSubsonicExtensions", list(login.items()), read)
        except (Refused, NotFound, BrokenReply):
            return ()

    def _send(
        self,
        method: str,
        fields: Fields,
        read: Callable[[JsonCursor], T],
        *,
        repeatable: bool = True,
        form: bool = False,
    ) -> T:
        sent = [*fields, ("c", CLIENT_NAME), ("f", "json")]
        request = Request(
            "POST" if form else "GET",
            f"{self._credentials.url}/rest/{method}.view",
            method,
            repeatable=repeatable,
            more={"data": sent} if form else {"params": sent},
        )
        return self._http.call(request, lambda reply: read(self._opened(reply)))

    def _opened(self, reply: Reply) -> JsonCursor:
        """Return a cursor over the answer in a reply.

        Raises:
            ServiceError: it is none, or an error.
        """
        body = reply.json()
        answer = body.get("subsonic-response") if isinstance(body, dict) else None
        if not isinstance(answer, dict):
            if reply.ok:
                raise BrokenReply(
                    SERVICE,
                    f"the answer to {reply.route} is not that of a Subsonic server.",
                    remedy=f"{REMEDY} Make sure that the connection's `host` is the server's.",
                )
            if reply.status < 500 and reply.status != 429:
                raise SourceRefused(
                    SERVICE,
                    f"{reply.route} was answered with {reply.status}, by no Subsonic server.",
                    remedy=self._remedy,
                )
            raise self._http.failure(reply)
        if answer.get("status") == "ok":
            return self._http.cursor(answer)
        raise self._failure(reply, answer.get("error"))

    def _failure(self, reply: Reply, error: Any) -> ServiceError:
        told = error if isinstance(error, dict) else {}
        code, said = told.get("code"), str(told.get("message") or "no explanation")
        what = f"{reply.route} was answered with error {code} ({said})."
        if code in OTHER_LOGIN_CODES and reply.route == "ping":
            return _OtherLogin(SERVICE, what, remedy=self._remedy)
        if code in LOGIN_CODES:
            return SourceRefused(SERVICE, what, remedy=self._remedy)
        if code == NOT_FOUND:
            return NotFound(SERVICE, what, remedy="Look at the server whether it is there.")
        if code == FORBIDDEN:
            return Refused(SERVICE, what, remedy="Let the account change playlists.")
        if reply.status >= 500:
            return TransientError(SERVICE, what, remedy=REMEDY, after=RETRY_AFTER_FAULT_S)
        return InvalidRequest(SERVICE, what, remedy="See the server's log for the reason.")

    @property
    def _remedy(self) -> str:
        return (
            f"Correct the connection `subsonic_{self._credentials.listener}`: its host, login and "
            "password, or its `api_key`."
        )


class _OtherLogin(SourceRefused):
    """The server does not know this way to log in."""


def _hidden(password: str | None) -> str | None:
    """Return a password as the protocol writes it: in hexadecimal digits, which hides nothing."""
    return None if password is None else f"enc:{password.encode().hex()}"


def _nothing(_reply: JsonCursor) -> None:
    return None
