"""The Web API endpoints that a new development-mode app has in late 2026.

The catalogue endpoints are defined here; a listener's own are in `spotify_me`, `spotify_library`
and `spotify_playlists`. Removed endpoints answer 403, unknown ones 404.
"""

from collections.abc import Callable
from functools import cached_property

from starlette.responses import Response
from starlette.routing import Route

from smallhours_sandbox.ragged import Ints
from smallhours_sandbox.spotify_accounts import accounts_of
from smallhours_sandbox.spotify_http import ApiCall, ApiError, Endpoint, Json, page, reply, route
from smallhours_sandbox.spotify_library import LibraryEndpoints
from smallhours_sandbox.spotify_login import accounts_routes
from smallhours_sandbox.spotify_me import ListeningEndpoints
from smallhours_sandbox.spotify_objects import SpotifyCatalog
from smallhours_sandbox.spotify_playlists import PlaylistEndpoints
from smallhours_sandbox.spotify_search import CatalogSearch, parse_query
from smallhours_sandbox.state import SandboxState

__all__ = ["accounts_routes", "spotify_routes"]

SEARCH_TYPES = ("album", "artist", "playlist", "track", "show", "episode", "audiobook")
SEARCH_LIMIT = 10
SEARCH_OFFSET = 1000
MAX_QUERY = 250

# Gone for new apps since 2024-11-27 or 2026-02-11
# (https://developer.spotify.com/blog/2024-11-27-changes-to-the-web-api and
# https://developer.spotify.com/documentation/web-api/references/changes/february-2026).
REMOVED = (
    "GET /albums",
    "GET /artists",
    "GET /artists/{id}/related-artists",
    "GET /artists/{id}/top-tracks",
    "GET /audio-analysis/{id}",
    "GET /audio-features",
    "GET /audio-features/{id}",
    "GET /audiobooks",
    "GET /browse/categories",
    "GET /browse/categories/{id}",
    "GET /browse/categories/{id}/playlists",
    "GET /browse/featured-playlists",
    "GET /browse/new-releases",
    "GET /chapters",
    "GET /episodes",
    "GET /markets",
    "GET /me/albums/contains",
    "GET /me/audiobooks/contains",
    "GET /me/episodes/contains",
    "GET /me/following/contains",
    "GET /me/shows/contains",
    "GET /me/tracks/contains",
    "GET /playlists/{id}/followers/contains",
    "GET /playlists/{id}/tracks",
    "POST /playlists/{id}/tracks",
    "PUT /playlists/{id}/tracks",
    "DELETE /playlists/{id}/tracks",
    "PUT /playlists/{id}/followers",
    "DELETE /playlists/{id}/followers",
    "GET /recommendations",
    "GET /recommendations/available-genre-seeds",
    "GET /shows",
    "GET /tracks",
    "GET /users/{id}",
    "GET /users/{id}/playlists",
    "POST /users/{id}/playlists",
    *(
        f"{method} /me/{kind}"
        for kind in ("albums", "audiobooks", "episodes", "following", "shows", "tracks")
        for method in ("PUT", "DELETE")
    ),
)


def spotify_routes(state: SandboxState, *, base_url: str | None = None) -> list[Route]:
    """Return the routes of `api.spotify.com/v1`.

    Args:
        state: the sandbox.
        base_url: prefix of every `href` and `next`; None uses the address of the request.
    """
    catalog = SpotifyCatalog(state.world)
    accounts = accounts_of(state)
    endpoints = [
        *CatalogEndpoints(catalog).endpoints(),
        *ListeningEndpoints(catalog).endpoints(),
        *LibraryEndpoints(catalog.track_index).endpoints(),
        *PlaylistEndpoints(catalog).endpoints(),
    ]
    routes = [route(endpoint, accounts, base_url=base_url) for endpoint in endpoints]
    # spotipy requests "me/" and "tracks/?ids="; Spotify accepts the slash.
    routes.append(
        route(
            next(one for one in endpoints if one.path == "/me"),
            accounts,
            base_url=base_url,
            template="/me/",
        )
    )
    for removed in REMOVED:
        method, _, path = removed.partition(" ")
        endpoint = Endpoint(method, path, _forbidden)
        routes.append(route(endpoint, accounts, base_url=base_url))
        routes.append(route(endpoint, accounts, base_url=base_url, template=f"{path}/"))
    unknown = Endpoint("*", "/*", _unknown)
    routes.append(route(unknown, accounts, base_url=base_url, template="/{rest:path}"))
    return routes


class CatalogEndpoints:
    """Search and single lookups, which need no scope."""

    def __init__(self, catalog: SpotifyCatalog) -> None:
        self._catalog = catalog

    @cached_property
    def _search(self) -> CatalogSearch:
        return CatalogSearch(self._catalog.world)

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints to serve."""
        return [
            Endpoint("GET", "/search", self.search),
            Endpoint("GET", "/tracks/{id}", self.track),
            Endpoint("GET", "/artists/{id}", self.artist),
            Endpoint("GET", "/artists/{id}/albums", self.artist_albums),
            Endpoint("GET", "/albums/{id}", self.album),
            Endpoint("GET", "/albums/{id}/tracks", self.album_tracks),
        ]

    def search(self, call: ApiCall) -> Response:
        """Answer GET /search: at most 10 a page, at most 1,000 deep."""
        q = call.query.get("q", "").strip()
        if not q:
            raise ApiError(400, "No search query")
        if len(q) > MAX_QUERY:
            raise ApiError(400, f"Query exceeds maximum length of {MAX_QUERY} characters")
        kinds = [kind.strip() for kind in call.query.get("type", "").split(",") if kind.strip()]
        if not kinds:
            raise ApiError(400, "Missing parameter type")
        for kind in kinds:
            if kind not in SEARCH_TYPES:
                raise ApiError(400, f"Bad search type field {kind}")
        limit = call.limit(5, maximum=SEARCH_LIMIT)
        offset = call.offset(SEARCH_OFFSET)
        return reply({f"{kind}s": self._found(call, q, kind, limit, offset) for kind in kinds})

    def _found(self, call: ApiCall, q: str, kind: str, limit: int, offset: int) -> Json:
        query = parse_query(q)
        found: Ints | list[int] = []
        render: Callable[[int, str], Json] = self._catalog.simple_album
        if kind == "track":
            found = self._search.tracks(query)
            render = self._catalog.track
        elif kind == "artist":
            found, render = self._search.artists(query), self._catalog.artist
        elif kind == "album":
            found = self._search.albums(query)
        total = min(len(found), SEARCH_OFFSET)
        items = [render(int(index), call.base) for index in found[offset : offset + limit]]
        return page(call, items, total=total, limit=limit, offset=offset)

    def track(self, call: ApiCall) -> Response:
        """Answer GET /tracks/{id}."""
        index = self._index(call, self._catalog.track_index)
        return reply(self._catalog.track(index, call.base))

    def artist(self, call: ApiCall) -> Response:
        """Answer GET /artists/{id}."""
        return reply(self._catalog.artist(self._index(call, self._catalog.artists.get), call.base))

    def artist_albums(self, call: ApiCall) -> Response:
        """Answer GET /artists/{id}/albums: newest first, at most 10 a page."""
        index = self._index(call, self._catalog.artists.get)
        limit, offset = call.limit(5, maximum=SEARCH_LIMIT), call.offset()
        groups = call.query.get("include_groups", "album,single").split(",")
        ids = self._catalog.albums_of[index][0]
        albums = [self._catalog.simple_album(int(album), call.base) for album in ids]
        albums = [album for album in albums if album["album_type"] in groups]
        shown = albums[offset : offset + limit]
        return reply(page(call, shown, total=len(albums), limit=limit, offset=offset))

    def album(self, call: ApiCall) -> Response:
        """Answer GET /albums/{id}, with its first 50 tracks."""
        index = self._index(call, self._catalog.albums.get)
        body = self._catalog.simple_album(index, call.base)
        address = f"{call.base}/v1/albums/{body['id']}/tracks"
        tracks = self._catalog.tracks_of[index][0]
        body |= {
            "copyrights": [],
            "external_ids": {},
            "genres": [],
            "tracks": {
                "href": f"{address}?offset=0&limit=50",
                "items": [self._catalog.simple_track(int(t), call.base) for t in tracks[:50]],
                "limit": 50,
                "next": f"{address}?offset=50&limit=50" if len(tracks) > 50 else None,
                "offset": 0,
                "previous": None,
                "total": len(tracks),
            },
        }
        return reply(body)

    def album_tracks(self, call: ApiCall) -> Response:
        """Answer GET /albums/{id}/tracks."""
        index = self._index(call, self._catalog.albums.get)
        limit, offset = call.limit(), call.offset()
        tracks = self._catalog.tracks_of[index][0]
        market = "market" in call.query
        items = [
            self._catalog.simple_track(int(track), call.base, market=market)
            for track in tracks[offset : offset + limit]
        ]
        return reply(page(call, items, total=len(tracks), limit=limit, offset=offset))

    def _index(self, call: ApiCall, find: Callable[[str], int | None]) -> int:
        """Return the index of the path's id.

        Raises:
            ApiError: 400 for what can't be an id, 404 for an unknown one.
        """
        key = call.path["id"]
        if not (len(key) == 22 and key.isascii() and key.isalnum()):
            raise ApiError(400, "Invalid base62 id")
        index = find(key)
        if index is None:
            raise ApiError(404, "Resource not found")
        return index


def _forbidden(_call: ApiCall) -> Response:
    raise ApiError(403, "Forbidden")


def _unknown(_call: ApiCall) -> Response:
    raise ApiError(404, "Service not found")
