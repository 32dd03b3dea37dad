"""A music server at home: Subsonic 1.12, or OpenSubsonic, over a part of the world's tracks.

Peculiarities of the older protocol: only the password itself logs in, a new playlist is not
returned, and songs have no MusicBrainz ids. Of both: songs are added at the end and removed by
their number, several playlists may have one name, and a long address is refused.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from smallhours_sandbox.faults import Fault, active_fault
from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.subsonic_state import (
    SubsonicPlaylist,
    subsonic_api_key,
    subsonic_password,
)

Json = dict[str, Any]
OWNED_SHARE = 0.6
MAX_QUERY_LENGTH = 4_000
EXTENSIONS = ("formPost", "apiKeyAuthentication")


class SubsonicError(Exception):
    """An error of the protocol: its code and its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its account, its method and its fields, some of which come several times."""

    state: SandboxState
    user: str
    method: str
    fields: tuple[tuple[str, str], ...]

    def one(self, name: str) -> str:
        """Return a field that has to be there.

        Raises:
            SubsonicError: 10, when it is not.
        """
        found = self.every(name)
        if not found:
            raise SubsonicError(10, f"Required parameter '{name}' is missing.")
        return found[0]

    def get(self, name: str, default: str = "") -> str:
        """Return a field."""
        return next(iter(self.every(name)), default)

    def every(self, name: str) -> list[str]:
        """Return all values of a field."""
        return [value for key, value in self.fields if key == name]

    def fault(self, kind: str) -> Fault | None:
        """Return the rule of a kind that fires for this call, or None."""
        return active_fault(
            self.state, kind, service="subsonic", route=f"rest/{self.method}", user=self.user
        )


def song_id(track: int) -> str:
    """Return the server's id of a track."""
    return f"song-{track}"


class MusicServer:
    """The methods of the server."""

    def __init__(self, state: SandboxState) -> None:
        """Serve a state."""
        self._state = state
        self.methods: Mapping[str, Callable[[Call], Json]] = {
            "ping": lambda _call: {},
            "search3": self._search,
            "getPlaylists": self._list,
            "getPlaylist": self._show,
            "createPlaylist": self._create,
            "updatePlaylist": self._update,
            "deletePlaylist": self._delete,
        }

    @cached_property
    def owned(self) -> frozenset[int]:
        """The tracks that the server has: a fixed part of all."""
        ids = self._state.world.track_spotify_id
        shares = (hashed_share(f"owned {each}") for each in ids)
        return frozenset(n for n, share in enumerate(shares) if share < OWNED_SHARE)

    def song(self, track: int) -> Json:
        """Return a song as it is shown."""
        world = self._state.world
        shown: Json = {
            "id": song_id(track),
            "isDir": False,
            "title": world.track_title[track],
            "artist": world.artist_name[world.track_artist[track]],
            "album": world.album_title[world.track_album[track]],
            "duration": int(world.track_duration_ms[track]) // 1000,
            "type": "music",
        }
        if self._state.subsonic.open_subsonic:
            isrc = world.track_isrc[track]
            shown |= {
                "musicBrainzId": world.track_mbid[track],
                "isrc": [isrc] if isrc else [],
            }
        return shown

    def _search(self, call: Call) -> Json:
        """Find songs whose title holds the query; OpenSubsonic's also by words of the artist."""
        query, count = call.one("query").casefold().strip('"'), int(call.get("songCount", "20"))
        world = self._state.world
        found = []
        for track in sorted(self.owned):
            title = world.track_title[track].casefold()
            told = f"{world.artist_name[world.track_artist[track]].casefold()} {title}"
            words = all(word in told for word in query.split())
            if query in title or (self._state.subsonic.open_subsonic and words):
                found.append(self.song(track))
        return {"searchResult3": {"song": found[:count]} if found else {}}

    def _list(self, call: Call) -> Json:
        shown = [
            self._about(each)
            for each in self._state.subsonic.playlists.values()
            if each.public or each.owner == call.user
        ]
        return {"playlists": {"playlist": shown} if shown else {}}

    def _show(self, call: Call) -> Json:
        playlist = self._find(call, "id", only_owner=False)
        playlist.reads += 1
        late = call.fault("late_reads")
        if call.fault("stale_reads") or (late is not None and playlist.reads <= late.count):
            playlist = playlist.former or playlist
        songs = [self.song(int(each.partition("-")[2])) for each in playlist.songs]
        return {"playlist": {**self._about(playlist), "entry": songs}}

    def _create(self, call: Call) -> Json:
        server = self._state.subsonic
        if call.get("playlistId"):
            playlist = self._find(call, "playlistId")
            playlist.remember()
            playlist.name, playlist.songs = call.get("name", playlist.name), []
        else:
            server.created += 1
            playlist = SubsonicPlaylist(f"list-{server.created}", call.user, call.one("name"))
            server.playlists[playlist.id] = playlist
        playlist.songs += self._songs(call.every("songId"))
        return {"playlist": self._about(playlist)} if server.open_subsonic else {}

    def _update(self, call: Call) -> Json:
        playlist = self._find(call, "playlistId")
        added = self._songs(call.every("songIdToAdd"))
        removed = {int(number) for number in call.every("songIndexToRemove")}
        if not (added or playlist.filled or self._state.subsonic.open_subsonic):
            # As Supysonic does with a playlist that never held a song.
            raise SubsonicError(0, "InternalServerError: 500 Internal Server Error")
        if added or removed:
            self._edit_songs(call, playlist, added, removed)
        playlist.name = call.get("name") or playlist.name
        playlist.comment = call.get("comment") or playlist.comment
        if call.every("public"):
            playlist.public = call.get("public") == "true" or bool(call.fault("public_anyway"))
        return {}

    @staticmethod
    def _edit_songs(
        call: Call, playlist: SubsonicPlaylist, added: list[str], removed: set[int]
    ) -> None:
        if call.fault("ignored_write"):
            return
        if partial := call.fault("partial_write"):
            added, removed = added[: partial.count], set(sorted(removed)[: partial.count])
        if call.fault("repeated_write"):
            added = added * 2
        playlist.remember()
        left = [each for number, each in enumerate(playlist.songs) if number not in removed]
        playlist.songs = [*left, *added]
        playlist.filled |= bool(added)

    def _delete(self, call: Call) -> Json:
        del self._state.subsonic.playlists[self._find(call, "id").id]
        return {}

    def _find(self, call: Call, name: str, *, only_owner: bool = True) -> SubsonicPlaylist:
        found = self._state.subsonic.playlists.get(call.one(name))
        if found is None:
            raise SubsonicError(70, "Playlist not found")
        if found.owner != call.user and (only_owner or not found.public):
            raise SubsonicError(50, "User is not authorized for the given operation.")
        return found

    def _songs(self, ids: list[str]) -> list[str]:
        known = {song_id(track) for track in self.owned} if ids else set()
        if not known.issuperset(ids):
            raise SubsonicError(70, "Song not found")
        return ids

    def _about(self, playlist: SubsonicPlaylist) -> Json:
        told: Json = {
            "id": playlist.id,
            "name": playlist.name,
            "owner": playlist.owner,
            "public": playlist.public,
            "songCount": len(playlist.songs),
            "created": "2026-01-01T00:00:00Z",
        }
        return {**told, "comment": playlist.comment} if playlist.comment else told


def subsonic_routes(state: SandboxState) -> list[Route]:
    """Return the route of all methods, below ``/subsonic/rest/``."""
    server = MusicServer(state)

    async def answer(request: Request) -> Response:
        method = request.path_params["method"].removesuffix(".view")
        state.count("subsonic", method)
        if len(request.url.query) > MAX_QUERY_LENGTH:
            return PlainTextResponse("Request-URI Too Large", 414)
        sent = request.url.query.encode()
        if request.method == "POST" and state.subsonic.open_subsonic:
            sent += b"&" + await request.body()
        fields = tuple(parse_qsl(sent.decode(), keep_blank_values=True))
        with state.lock:
            try:
                if method == "getOpenSubsonicExtensions" and state.subsonic.open_subsonic:
                    rows = [{"name": name, "versions": [1]} for name in EXTENSIONS]
                    return _reply(state, {"openSubsonicExtensions": rows})
                user = _user(state, dict(fields))
                if method not in server.methods:
                    raise SubsonicError(0, "Unknown method")
                return _reply(state, server.methods[method](Call(state, user, method, fields)))
            except SubsonicError as error:
                return _reply(state, {"error": {"code": error.code, "message": str(error)}})

    handler: Callable[[Request], Awaitable[Response]] = answer
    return [Route("/subsonic/rest/{method}", handler, methods=["GET", "POST"])]


def _user(state: SandboxState, fields: Mapping[str, str]) -> str:
    """Return the account that a request logs in to.

    Raises:
        SubsonicError: 10, 40 or 44.
    """
    accounts = list(state.world.listeners)
    if state.subsonic.open_subsonic and "apiKey" in fields:
        keys = {subsonic_api_key(name): name for name in accounts}
        if fields["apiKey"] not in keys:
            raise SubsonicError(44, "Invalid API key")
        return keys[fields["apiKey"]]
    name = fields.get("u", "")
    password = subsonic_password(name)
    if state.subsonic.open_subsonic and {"t", "s"} <= set(fields):
        salted = f"{password}{fields['s']}".encode()
        right = hashlib.md5(salted, usedforsecurity=False).hexdigest() == fields["t"]
    elif "p" in fields:
        given = fields["p"]
        if given.startswith("enc:"):
            given = bytes.fromhex(given.removeprefix("enc:")).decode()
        right = given == password
    else:
        raise SubsonicError(10, "Required parameter 'p' is missing.")
    if not right or name not in accounts:
        raise SubsonicError(40, "Wrong username or password.")
    return name


def _reply(state: SandboxState, content: Json) -> Response:
    told: Json = {"status": "failed" if "error" in content else "ok", "version": "1.12.0"}
    if state.subsonic.open_subsonic:
        told |= {
            "version": "1.16.1",
            "type": "sandbox",
            "serverVersion": "1",
            "openSubsonic": True,
        }
    return JSONResponse({"subsonic-response": {**told, **content}})
