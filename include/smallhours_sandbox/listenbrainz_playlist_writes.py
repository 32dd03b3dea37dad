"""Writes to ListenBrainz' playlists: none replaces all tracks, and there is no snapshot id.

An edit without ``collaborators`` leaves nobody. A track names its recording by an address, which
has to come first in a new playlist. What the service does not check ends in status 500.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smallhours_sandbox.identifiers import is_uuid, mbid
from smallhours_sandbox.listenbrainz_playlists import (
    PLAYLIST_EXTENSION,
    RECORDING,
    may_edit,
    playlist_fault,
    visible_playlist,
)
from smallhours_sandbox.listenbrainz_state import ListenBrainzPlaylist
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError

Json = dict[str, Any]

MAX_ADDED = 100
_ALLOWED = {"a", "strong", "b", "em", "i", "u", "ul", "li", "p", "br"}
_HTML = re.compile(r"<(/?)([A-Za-z]+)([^>]*)>")
_OUR_HOSTS = re.compile(r"https?://(?:\w+\.)*(?:musicbrainz|listenbrainz|metabrainz)\.org[/\"']")


def create(call: MetaBrainzCall) -> Json:
    """Make a playlist of the caller."""
    owner = call.require_token()
    jspf = _jspf(call)
    title = jspf.get("title")
    if not title:
        raise MetaBrainzError(
            400, "JSPF playlist must contain a title element with the title of the playlist."
        )
    extension = _extension(jspf)
    if "public" not in extension:
        raise MetaBrainzError(
            400, f"JSPF playlist.extension.{PLAYLIST_EXTENSION}.public field must be given."
        )
    if "created_for" in extension:
        raise MetaBrainzError(403, "Playlist contains a created_for field, but submitting user is "
                                   "not an approved playlist bot.")  # fmt: skip
    recordings = [_identified(row, at, first=True) for at, row in enumerate(_tracks(jspf))]
    made = _new(call, owner, str(title), public=_public(call, extension, owner))
    made.annotation = _cleaned(jspf.get("annotation") or "")
    made.collaborators = _collaborators(call, extension, owner)
    made.rows = _rows(call, recordings, owner)
    return {"status": "ok", "playlist_mbid": made.id}


def _new(call: MetaBrainzCall, owner: str, title: str, *, public: bool) -> ListenBrainzPlaylist:
    accounts, now = call.accounts, call.state.now
    accounts.created += 1
    found = mbid(call.state.world.seed, "listenbrainz playlist", accounts.created)
    made = ListenBrainzPlaylist(found, owner, title, "", public, [], now, now)
    accounts.playlists[found] = made
    return made


def edit(call: MetaBrainzCall) -> Json:
    """Change the details of a playlist; its tracks stay as they are."""
    caller = call.require_token()
    playlist = visible_playlist(call, caller)
    if playlist.owner != caller:
        raise MetaBrainzError(403, "You are not allowed to edit this playlist.")
    jspf = _jspf(call)
    extension = _extension(jspf)
    public = _public(call, extension, caller) if "public" in extension else playlist.public
    collaborators = _collaborators(call, extension, caller)
    if not _carried_out(call, caller, [playlist]):
        return {"status": "ok"}
    _remember(call, playlist)
    playlist.title = jspf.get("title") or playlist.title
    if "annotation" in jspf:
        playlist.annotation = _cleaned(jspf["annotation"] or "")
    playlist.public, playlist.collaborators = public, collaborators
    playlist.additional = extension.get("additional_metadata", playlist.additional)
    return {"status": "ok"}


def delete(call: MetaBrainzCall) -> Json:
    """Delete a playlist."""
    caller = call.require_token()
    playlist = visible_playlist(call, caller)
    if playlist.owner != caller:
        raise MetaBrainzError(403, "You are not allowed to delete this playlist.")
    if _carried_out(call, caller, [playlist]):
        del call.accounts.playlists[playlist.id]
    return {"status": "ok"}


def copy(call: MetaBrainzCall) -> Json:
    """Make a copy of a playlist for the caller."""
    caller = call.require_token()
    playlist = visible_playlist(call, caller)
    made = _new(call, caller, f"Copy of {playlist.title}", public=playlist.public)
    made.annotation, made.rows = playlist.annotation, [dict(row) for row in playlist.rows]
    return {"status": "ok", "playlist_mbid": made.id}


def add_items(call: MetaBrainzCall) -> Json:
    """Add up to 100 tracks, at the end or at an offset."""
    caller, playlist = _editable(call, "add recordings to this playlist")
    tracks = _jspf(call).get("track")
    if not isinstance(tracks, list):
        raise MetaBrainzError(500, "Internal server error")
    if len(tracks) > MAX_ADDED:
        raise MetaBrainzError(400, f"You may only add max {MAX_ADDED} recordings per call.")
    recordings = [_identified(row, at, first=False) for at, row in enumerate(tracks)]
    offset = int(call.path.get("offset", len(playlist.rows)))
    done = _carried_out(call, caller, _rows(call, recordings, caller))
    if playlist_fault(call, "repeated_write", caller):
        done = done + [dict(row) for row in done]
    _remember(call, playlist)
    playlist.rows[offset:offset] = done
    return {"status": "ok"}


def delete_items(call: MetaBrainzCall) -> Json:
    """Remove some tracks from an index on."""
    caller, playlist = _editable(call, "remove recordings from this playlist")
    body = call.json_object()
    index, count = _number(body, "index"), _number(body, "count")
    if count < 1 or not 0 <= index < len(playlist.rows) or index + count > len(playlist.rows):
        raise MetaBrainzError(500, "Failed to deleting recordings from the playlist. "
                                   "Please try again.")  # fmt: skip
    gone = _carried_out(call, caller, list(range(index, index + count)))
    _remember(call, playlist)
    playlist.rows = [row for at, row in enumerate(playlist.rows) if at not in gone]
    return {"status": "ok"}


def move_items(call: MetaBrainzCall) -> Json:
    """Move some tracks from one index to another."""
    caller, playlist = _editable(call, "move recordings in this playlist")
    body = call.json_object()
    begin, target, count = (_number(body, name) for name in ("from", "to", "count"))
    if count < 1 or begin < 0 or target < 0 or begin + count > len(playlist.rows):
        raise MetaBrainzError(500, "Failed to move recordings in the playlist. Please try again.")
    count = len(_carried_out(call, caller, list(range(count))))
    _remember(call, playlist)
    moved = playlist.rows[begin : begin + count]
    del playlist.rows[begin : begin + count]
    playlist.rows[target:target] = moved
    return {"status": "ok"}


def _editable(call: MetaBrainzCall, what: str) -> tuple[str, ListenBrainzPlaylist]:
    caller = call.require_token()
    playlist = visible_playlist(call, caller)
    if not may_edit(playlist, caller):
        raise MetaBrainzError(403, f"You are not allowed to {what}.")
    return caller, playlist


def _remember(call: MetaBrainzCall, playlist: ListenBrainzPlaylist) -> None:
    """Keep the playlist as it is now, before a write, for reads that lag behind."""
    playlist.former, playlist.reads = replace(playlist, rows=list(playlist.rows), former=None), 0
    playlist.modified = call.state.now


def _carried_out(call: MetaBrainzCall, caller: str, items: list[Any]) -> list[Any]:
    """Return those items of a write that are done: all, unless a fault says otherwise."""
    if playlist_fault(call, "ignored_write", caller):
        return []
    partial = playlist_fault(call, "partial_write", caller)
    return items[: partial.count] if partial else items


# -- what is sent -------------------------------------------------------------------------------


def _jspf(call: MetaBrainzCall) -> Json:
    jspf = call.json_object().get("playlist")
    if not isinstance(jspf, dict):
        raise MetaBrainzError(400, "JSPF playlist requires 'playlist' element")
    return jspf


def _tracks(jspf: Json) -> list[Any]:
    tracks = jspf.get("track") or []
    return tracks if isinstance(tracks, list) else []


def _extension(jspf: Json) -> Json:
    extension = (jspf.get("extension") or {}).get(PLAYLIST_EXTENSION) or {}
    return extension if isinstance(extension, dict) else {}


def _public(call: MetaBrainzCall, extension: Json, user: str) -> bool:
    public = extension["public"]
    if not isinstance(public, bool):
        raise MetaBrainzError(400, "JSPF playlist public field must contain a boolean.")
    return public or playlist_fault(call, "public_anyway", user) is not None


def _collaborators(call: MetaBrainzCall, extension: Json, owner: str) -> list[str]:
    names = extension.get("collaborators") or []
    for name in names:
        if name not in call.state.world.listeners:
            raise MetaBrainzError(400, f"Collaborator {name} doesn't exist")
    return [name for name in dict.fromkeys(names) if name != owner]


def _identified(row: Any, at: int, *, first: bool) -> str:
    """Return the recording that a track names."""
    held = row.get("identifier") if isinstance(row, dict) else None
    named = [held] if isinstance(held, str) else held if isinstance(held, list) else []
    fitting = [
        each for each in named if isinstance(each, str) and is_uuid(each.removeprefix(RECORDING))
    ]
    if not any(each.startswith(RECORDING) for each in fitting):
        raise MetaBrainzError(
            400,
            f"JSPF playlist track {at} must contain a identifier field having a fully qualified "
            "URI to a recording_mbid.",
        )
    if first and named[0] not in fitting:
        raise MetaBrainzError(500, "Failed to create the playlist. Please try again.")
    return next(each for each in fitting if each.startswith(RECORDING))[len(RECORDING) :].lower()


def _number(body: Json, name: str) -> int:
    number = body.get(name)
    if not isinstance(number, int):
        raise MetaBrainzError(500, "Internal server error")
    return number


def _rows(call: MetaBrainzCall, recordings: list[str], user: str) -> list[Json]:
    return [
        {
            "recording_mbid": each,
            "track": call.index.resolved(each),
            "added_by": user,
            "added_at": call.state.now,
        }
        for each in recordings
    ]


def _cleaned(annotation: str) -> str:
    """Return a description with the permitted HTML only, and links to MetaBrainz' hosts only."""

    def kept(tag: re.Match[str]) -> str:
        slash, name, rest = tag[1], tag[2].lower(), tag[3]
        if name not in _ALLOWED:
            return ""
        linked = name == "a" and not slash and _OUR_HOSTS.search(rest)
        return f"<{slash}{name}{rest if linked else ''}>"

    return _HTML.sub(kept, annotation)


PLAYLIST_WRITES: Mapping[tuple[str, str], Handler] = {
    ("POST", "/playlist/create"): create,
    ("POST", "/playlist/edit/{playlist}"): edit,
    ("POST", "/playlist/{playlist}/item/add"): add_items,
    ("POST", "/playlist/{playlist}/item/add/{offset:int}"): add_items,
    ("POST", "/playlist/{playlist}/item/delete"): delete_items,
    ("POST", "/playlist/{playlist}/item/move"): move_items,
    ("POST", "/playlist/{playlist}/delete"): delete,
    ("POST", "/playlist/{playlist}/copy"): copy,
}
