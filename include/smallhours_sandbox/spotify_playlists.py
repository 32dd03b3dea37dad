"""The playlist endpoints as of 2026, with `items` in place of the former `tracks`."""

import base64
import binascii
import re
from typing import Any

from starlette.responses import Response

from smallhours_sandbox.playlist_faults import (
    added_rows,
    after_write,
    as_read,
    carried_out,
    oddly_listed,
    playlist_fault,
    withdrawn_ids,
)
from smallhours_sandbox.spotify_http import (
    ApiCall,
    ApiError,
    Endpoint,
    Json,
    empty,
    page,
    reply,
    select_fields,
)
from smallhours_sandbox.spotify_library import in_library
from smallhours_sandbox.spotify_objects import SITE, SpotifyCatalog, episode, local_track, timestamp
from smallhours_sandbox.state import SandboxPlaylist, SandboxPlaylistItem

MAX_ITEMS = 100
PAGE = 50

_MODIFY = ("playlist-modify-public", "playlist-modify-private")
_ITEM_URI = re.compile(r"spotify:(track|episode):([0-9A-Za-z]{22})")
MAX_COVER = 256 * 1024


class PlaylistEndpoints:
    """The playlist endpoints."""

    def __init__(self, catalog: SpotifyCatalog) -> None:
        self._catalog = catalog

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints to serve."""
        read = ("playlist-read-private",)
        return [
            Endpoint("GET", "/me/playlists", self.mine, read),
            Endpoint("POST", "/me/playlists", self.create, _MODIFY),
            Endpoint("GET", "/playlists/{id}", self.show),
            Endpoint("PUT", "/playlists/{id}", self.change, _MODIFY),
            Endpoint("GET", "/playlists/{id}/items", self.items, read),
            Endpoint("POST", "/playlists/{id}/items", self.add, _MODIFY),
            Endpoint("PUT", "/playlists/{id}/items", self.replace_or_reorder, _MODIFY),
            Endpoint("DELETE", "/playlists/{id}/items", self.remove, _MODIFY),
            Endpoint("PUT", "/playlists/{id}/images", self.upload_cover, ("ugc-image-upload",)),
        ]

    def mine(self, call: ApiCall) -> Response:
        """Answer GET /me/playlists: own and followed ones, newest first."""
        limit, offset = call.limit(), call.offset()
        found = [one for one in call.state.playlists.values() if in_library(call, one)][::-1]
        items: list[Any] = [self.summary(call, one) for one in found[offset : offset + limit]]
        fault = playlist_fault(call, "odd_listing", "GET", call.me.name)
        if fault is not None:
            by_app = {one.id for one in found if one.by_app}
            items = [shown for item in items for shown in oddly_listed(item, by_app, fault.words)]
        return reply(page(call, items, total=len(found), limit=limit, offset=offset))

    def create(self, call: ApiCall) -> Response:
        """Answer POST /me/playlists: public by default."""
        details = _details(call.json_object())
        if not details.get("name"):
            raise ApiError(400, "Missing required field: name")
        public = details.get("public", True)
        _check_visibility(call, public=public, collaborative=details.get("collaborative", False))
        if playlist_fault(call, "public_anyway", "POST", call.me.name):
            public = True
        made = call.state.create_playlist(
            call.me.name,
            details["name"],
            description=details.get("description", ""),
            public=public,
            collaborative=details.get("collaborative", False),
        )
        return reply(self._full(call, made), 201)

    def show(self, call: ApiCall) -> Response:
        """Answer GET /playlists/{id}: without `items` for callers who may not see the contents."""
        playlist = as_read(call, self._find(call))
        return reply(select_fields(self._full(call, playlist), call.query.get("fields")))

    def change(self, call: ApiCall) -> Response:
        """Answer PUT /playlists/{id}: title, description, visibility."""
        playlist = self._own(call)
        details = _details(call.json_object())
        _check_visibility(
            call,
            public=details.get("public", playlist.public),
            collaborative=details.get("collaborative", playlist.collaborative),
        )
        for name, value in details.items():
            setattr(playlist, name, value)
        playlist.touch()
        return empty()

    def items(self, call: ApiCall) -> Response:
        """Answer GET /playlists/{id}/items: 403 for somebody else's playlist."""
        playlist = as_read(call, self._find(call))
        if not _may_see(call, playlist):
            raise ApiError(403, "Forbidden")
        limit, offset = call.limit(), call.offset()
        entries = self._entries(call, playlist, limit, offset)
        body = page(call, entries, total=len(playlist.items), limit=limit, offset=offset)
        return reply(select_fields(body, call.query.get("fields")))

    def add(self, call: ApiCall) -> Response:
        """Answer POST /playlists/{id}/items: not idempotent; takes an object or a list of URIs."""
        playlist = self._own(call)
        body = call.json()
        if isinstance(body, list):
            body = {"uris": body}
        details = body if isinstance(body, dict) else {}
        added = self._new_items(call, _uris(call, details))
        position = _integer(details, "position", call.query.get("position"), len(playlist.items))
        if not 0 <= position <= len(playlist.items):
            raise ApiError(400, "Index out of bounds.")
        done = added_rows(call, added)
        playlist.items[position:position] = done
        return reply({"snapshot_id": after_write(call, "POST", playlist, done=bool(done))}, 201)

    def replace_or_reorder(self, call: ApiCall) -> Response:
        """Answer PUT /playlists/{id}/items: `uris` replaces all, `range_start` moves a range."""
        playlist = self._own(call)
        body = call.json_object()
        if "uris" in body or "uris" in call.query:
            playlist.items = self._new_items(call, _uris(call, body, allow_none=True))
        elif "range_start" in body:
            _check_snapshot(playlist, body.get("snapshot_id"))
            start, length, before = _range(playlist, body)
            done = len(carried_out(call, "PUT", range(length)))
            if done:
                _reorder(playlist, start, done, before)
            return reply({"snapshot_id": after_write(call, "PUT", playlist, done=bool(done))})
        else:
            raise ApiError(400, "No uris provided")
        return reply({"snapshot_id": playlist.touch()})

    def remove(self, call: ApiCall) -> Response:
        """Answer DELETE /playlists/{id}/items: every occurrence, whatever `positions`."""
        playlist = self._own(call)
        body = call.json_object()
        rows = body.get("items")
        if not isinstance(rows, list) or not rows:
            raise ApiError(400, "No uris provided")
        if len(rows) > MAX_ITEMS:
            raise ApiError(400, f"You can remove a maximum of {MAX_ITEMS} items per request.")
        uris = [row.get("uri") if isinstance(row, dict) else None for row in rows]
        if None in uris:
            raise ApiError(400, "JSON body contains an invalid track uri: null")
        _check_snapshot(playlist, body.get("snapshot_id"))
        if body.get("snapshot_id") and playlist_fault(
            call, "snapshot_refused", "DELETE", call.me.name
        ):
            raise ApiError(502, "Bad gateway.")
        done = carried_out(call, "DELETE", uris)
        playlist.items = [item for item in playlist.items if item.uri not in done]
        return reply({"snapshot_id": after_write(call, "DELETE", playlist, done=bool(done))})

    def upload_cover(self, call: ApiCall) -> Response:
        """Answer PUT /playlists/{id}/images: a JPEG in base 64, at most 256 KB of it."""
        playlist = self._own(call)
        if len(call.body) > MAX_COVER:
            raise ApiError(413, "The image is too large")
        try:
            picture = base64.b64decode(call.body, validate=True)
        except binascii.Error:
            picture = b""
        if not picture.startswith(b"\xff\xd8\xff"):
            raise ApiError(400, "The image is no JPEG in base64")
        playlist.cover = call.body.decode()
        return empty(202)

    def summary(self, call: ApiCall, playlist: SandboxPlaylist) -> Json:
        """Return a SimplifiedPlaylistObject."""
        key = playlist.id
        return {
            "collaborative": playlist.collaborative,
            "description": playlist.description,
            "external_urls": {"spotify": f"{SITE}/playlist/{key}"},
            "href": f"{call.base}/v1/playlists/{key}",
            "id": key,
            "images": [{"url": f"{SITE}/image/{key}"}] if playlist.cover else [],
            "name": playlist.name,
            "owner": self._catalog.owner(call.state.world.listeners[playlist.owner], call.base),
            "public": playlist.public,
            "snapshot_id": playlist.snapshot_id,
            "items": {
                "href": f"{call.base}/v1/playlists/{key}/items",
                "total": len(playlist.items),
            },
            "type": "playlist",
            "uri": f"spotify:playlist:{key}",
        }

    def _full(self, call: ApiCall, playlist: SandboxPlaylist) -> Json:
        body = {**self.summary(call, playlist), "followers": {"href": None, "total": 0}}
        del body["items"]
        if _may_see(call, playlist):
            address = f"{call.base}/v1/playlists/{playlist.id}/items"
            total = len(playlist.items)
            body["items"] = {
                "href": f"{address}?offset=0&limit={PAGE}",
                "items": self._entries(call, playlist, PAGE, 0),
                "limit": PAGE,
                "next": f"{address}?offset={PAGE}&limit={PAGE}" if total > PAGE else None,
                "offset": 0,
                "previous": None,
                "total": total,
            }
        return body

    def _entries(
        self, call: ApiCall, playlist: SandboxPlaylist, limit: int, offset: int
    ) -> list[Json]:
        entries = [self._entry(call, item) for item in playlist.items[offset : offset + limit]]
        fault = playlist_fault(call, "null_items", "GET", playlist.owner)
        for entry in entries[: fault.count if fault else 0]:
            entry.update(item=None, track=None)
        return entries

    def _entry(self, call: ApiCall, item: SandboxPlaylistItem) -> Json:
        """Return a row: null for a track that no longer exists, no ids for a local file."""
        local = item.uri.startswith("spotify:local:")
        track: Json | None = None
        if local:
            track = local_track(item.uri)
        elif item.uri.startswith("spotify:episode:"):
            track = episode(item.uri, call.base)
        elif item.track is not None:
            track = self._catalog.track(item.track, call.base)
        if track is not None and item.relinked:
            track |= {"id": item.relinked, "uri": f"spotify:track:{item.relinked}"}
        person = call.state.listener(item.added_by)
        return {
            "added_at": timestamp(item.added_at),
            "added_by": self._catalog.user(person, call.base) if person else None,
            "is_local": local,
            "item": track,
            # Deprecated, but still sent along.
            "track": track,
        }

    def _new_items(self, call: ApiCall, uris: list[str]) -> list[SandboxPlaylistItem]:
        items = []
        withdrawn = withdrawn_ids(call)
        for uri in uris:
            parts = _ITEM_URI.fullmatch(uri)
            if parts is None:
                raise ApiError(400, f"JSON body contains an invalid track uri: {uri}")
            track = self._catalog.track_index(parts[2])
            if parts[2] in withdrawn or (track is None and parts[1] == "track"):
                raise ApiError(400, "Payload contains a non-existing ID")
            items.append(SandboxPlaylistItem(track, uri, call.state.now, call.me.spotify_id))
        return items

    def _find(self, call: ApiCall) -> SandboxPlaylist:
        playlist = call.state.playlists.get(call.path["id"])
        if playlist is None:
            raise ApiError(404, "Resource not found")
        return playlist

    def _own(self, call: ApiCall) -> SandboxPlaylist:
        playlist = self._find(call)
        if playlist.owner != call.me.name and not _collaborates(call, playlist):
            raise ApiError(403, "You cannot change a playlist you don't own.")
        call.require(f"playlist-modify-{'public' if playlist.public else 'private'}")
        playlist.remember()
        return playlist


def _collaborates(call: ApiCall, playlist: SandboxPlaylist) -> bool:
    return playlist.collaborative and in_library(call, playlist)


def _may_see(call: ApiCall, playlist: SandboxPlaylist) -> bool:
    if call.grant.listener is None:
        return False
    return playlist.owner == call.me.name or _collaborates(call, playlist)


def _details(body: Json) -> Json:
    """Return the known members of a body, after checking their types.

    Raises:
        ApiError: 400.
    """
    kinds = {"name": str, "description": str, "public": bool, "collaborative": bool}
    details = {}
    for name, kind in kinds.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise ApiError(400, f"Invalid value for field: {name}")
        details[name] = value
    return details


def _check_visibility(call: ApiCall, *, public: bool, collaborative: bool) -> None:
    call.require(f"playlist-modify-{'public' if public else 'private'}")
    if public and collaborative:
        raise ApiError(400, "A collaborative playlist can't be public")


def _uris(call: ApiCall, body: Json, *, allow_none: bool = False) -> list[str]:
    """Return the URIs of the query or, when there are none, of the body."""
    uris: Any = body.get("uris")
    if "uris" in call.query:
        uris = [uri.strip() for uri in call.query["uris"].split(",") if uri.strip()]
    if not isinstance(uris, list) or not all(isinstance(uri, str) for uri in uris):
        raise ApiError(400, "No uris provided")
    if not uris and not allow_none:
        raise ApiError(400, "No uris provided")
    if len(uris) > MAX_ITEMS:
        raise ApiError(400, f"You can add a maximum of {MAX_ITEMS} tracks per request.")
    return uris


def _range(playlist: SandboxPlaylist, body: Json) -> tuple[int, int, int]:
    """Return start, length and target of a move.

    Raises:
        ApiError: 400.
    """
    start = _integer(body, "range_start", None, 0)
    length = _integer(body, "range_length", None, 1)
    before = _integer(body, "insert_before", None, -1)
    total = len(playlist.items)
    if not (0 <= start < total and 1 <= length <= total - start and 0 <= before <= total):
        raise ApiError(400, "Range out of bounds")
    return start, length, before


def _reorder(playlist: SandboxPlaylist, start: int, length: int, before: int) -> None:
    if start <= before <= start + length:
        return
    moved = playlist.items[start : start + length]
    rest = playlist.items[:start] + playlist.items[start + length :]
    at = before if before < start else before - length
    playlist.items = rest[:at] + moved + rest[at:]


def _integer(body: Json, name: str, in_query: str | None, default: int) -> int:
    value = body.get(name) if in_query is None else in_query
    if value is None:
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ApiError(400, f"Invalid value for field: {name}") from None


def _check_snapshot(playlist: SandboxPlaylist, snapshot_id: object) -> None:
    """Accept the current and every earlier snapshot of this playlist.

    Raises:
        ApiError: 400, for anything else.
    """
    if snapshot_id is None or snapshot_id == playlist.snapshot_id:
        return
    try:
        text = base64.b64decode(str(snapshot_id), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    revision, _, digest = text.partition(",")
    if not (revision.isdigit() and int(revision) < playlist.revision and len(digest) == 40):
        raise ApiError(400, "Missing or bad version tag")
