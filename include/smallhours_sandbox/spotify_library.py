"""A listener's Spotify library: `/me/library`, for every kind of item by its URI."""

import re
from collections.abc import Callable, Mapping

from starlette.responses import Response

from smallhours_sandbox.spotify_http import ApiCall, ApiError, Endpoint, empty, reply
from smallhours_sandbox.state import SandboxPlaylist

MAX_URIS = 40

_URI = re.compile(r"spotify:([a-z]+):([0-9A-Za-z._-]+)")
_MODIFY = {
    "track": ("user-library-modify",),
    "album": ("user-library-modify",),
    "episode": ("user-library-modify",),
    "show": ("user-library-modify",),
    "audiobook": ("user-library-modify",),
    "user": ("user-follow-modify",),
    "playlist": ("playlist-modify-public", "playlist-modify-private"),
}
_READ = {
    "track": ("user-library-read",),
    "album": ("user-library-read",),
    "episode": ("user-library-read",),
    "show": ("user-library-read",),
    "audiobook": ("user-library-read",),
    "user": ("user-follow-read",),
    "artist": ("user-follow-read",),
    "playlist": ("playlist-read-private",),
}


class LibraryEndpoints:
    """The endpoints that save, remove and look up library items by URI.

    Args:
        track_index: world index of a track's Spotify id.
    """

    def __init__(self, track_index: Callable[[str], int | None]) -> None:
        self._track_index = track_index

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints to serve."""
        return [
            Endpoint("GET", "/me/library/contains", self.contains),
            Endpoint("PUT", "/me/library", self.save),
            Endpoint("DELETE", "/me/library", self.remove),
        ]

    def contains(self, call: ApiCall) -> Response:
        """Answer GET /me/library/contains: one boolean per URI, in order."""
        return reply([self._has(call, *uri) for uri in _uris(call, _READ)])

    def save(self, call: ApiCall) -> Response:
        """Answer PUT /me/library."""
        for kind, key in _uris(call, _MODIFY):
            if kind == "track":
                track = self._track_index(key)
                if track is not None:
                    call.me.saved.setdefault(track, int(call.state.now))
            elif kind == "playlist" and (own := own_playlist(call, key)):
                own.followed = True
            else:
                _other_uris(call).add(f"spotify:{kind}:{key}")
        return empty()

    def remove(self, call: ApiCall) -> Response:
        """Answer DELETE /me/library: removing one's own playlist is how it is deleted."""
        for kind, key in _uris(call, _MODIFY):
            if kind == "track":
                track = self._track_index(key)
                if track is not None:
                    call.me.saved.pop(track, None)
            elif kind == "playlist" and (own := own_playlist(call, key)):
                own.followed = False
            else:
                _other_uris(call).discard(f"spotify:{kind}:{key}")
        return empty()

    def _has(self, call: ApiCall, kind: str, key: str) -> bool:
        if kind == "track":
            track = self._track_index(key)
            return track is not None and call.me.saved.get(track, call.state.now + 1) <= (
                call.state.now
            )
        if kind == "playlist" and (own := own_playlist(call, key)):
            return own.followed
        return f"spotify:{kind}:{key}" in _other_uris(call)


def own_playlist(call: ApiCall, playlist_id: str) -> SandboxPlaylist | None:
    """Return the playlist if it is the caller's own, else None."""
    playlist = call.state.playlists.get(playlist_id)
    return playlist if playlist is not None and playlist.owner == call.me.name else None


def in_library(call: ApiCall, playlist: SandboxPlaylist) -> bool:
    """Return whether a playlist is in the caller's library."""
    if playlist.owner == call.me.name:
        return playlist.followed
    return f"spotify:playlist:{playlist.id}" in _other_uris(call)


def _other_uris(call: ApiCall) -> set[str]:
    return call.accounts.library.setdefault(call.me.name, set())


def _uris(call: ApiCall, scopes: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return (kind, id) of each URI of the query.

    Raises:
        ApiError: 400 for none, more than 40, or one that is unreadable or of an unsupported kind;
            403 when a scope is missing.
    """
    given = [uri.strip() for uri in call.query.get("uris", "").split(",") if uri.strip()]
    if not given:
        raise ApiError(400, "Missing required parameter: uris")
    if len(given) > MAX_URIS:
        raise ApiError(400, f"Too many uris requested, maximum is {MAX_URIS}")
    found = []
    for uri in given:
        parts = _URI.fullmatch(uri)
        if parts is None or parts[1] not in scopes:
            raise ApiError(400, f"Invalid uri: {uri}")
        call.require(*scopes[parts[1]])
        found.append((parts[1], parts[2]))
    return found
