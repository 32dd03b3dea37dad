"""Reads of ListenBrainz' playlists: one with its tracks, or lists without any tracks.

Another's private playlist is not found, and tracks that MusicBrainz does not know have no names.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from smallhours_sandbox.faults import Fault, active_fault
from smallhours_sandbox.identifiers import is_uuid
from smallhours_sandbox.listenbrainz_listens import cover
from smallhours_sandbox.listenbrainz_metadata import length_of
from smallhours_sandbox.listenbrainz_state import ListenBrainzPlaylist
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError

Json = dict[str, Any]

PLAYLIST_EXTENSION = "https://musicbrainz.org/doc/jspf#playlist"
TRACK_EXTENSION = "https://musicbrainz.org/doc/jspf#track"
RECORDING = "https://musicbrainz.org/recording/"


def read(call: MetaBrainzCall) -> Json:
    """Answer with one playlist and its tracks."""
    caller = call.caller()
    playlist = _as_read(call, visible_playlist(call, caller))
    named = call.query.get("fetch_metadata", "true").lower() != "false"
    shown = _about(playlist)
    shown["track"] = [_track(call, row, named=named) for row in playlist.rows]
    return {"playlist": shown}


def own_playlists(call: MetaBrainzCall) -> Json:
    """Answer with a user's playlists without tracks, the newest first."""
    name, caller = call.user(), call.caller()
    mine = [each for each in call.accounts.playlists.values() if each.owner == name]
    return _listing(call, [each for each in mine if each.public or caller == name], caller)


def shared_playlists(call: MetaBrainzCall) -> Json:
    """Answer with the playlists in which a user is a collaborator."""
    name, caller = call.user(), call.caller()
    shared = [each for each in call.accounts.playlists.values() if name in each.collaborators]
    return _listing(call, [each for each in shared if each.public or caller == name], caller)


def no_playlists(call: MetaBrainzCall) -> Json:
    """Answer with no playlists: nothing was made for this user."""
    call.user()
    return _listing(call, [], None)


def _listing(
    call: MetaBrainzCall, playlists: list[ListenBrainzPlaylist], caller: str | None
) -> Json:
    offset, count = call.number("offset", 0, None), call.number("count", 25, None)
    ordered = playlists[::-1]
    page = ordered[offset : offset + count if count else None]
    rows: list[Json | None] = [{"playlist": {**_about(each), "track": []}} for each in page]
    odd = playlist_fault(call, "odd_listing", caller or "")
    if odd is not None:
        ways: dict[str | None, list[Json | None]] = {
            "doubled": rows * 2,
            "null": [None] * len(rows),
        }
        rows = ways.get(odd.words, [])
    return {
        "count": len(rows),
        "offset": offset,
        "playlist_count": len(playlists),
        "playlists": rows,
    }


def _about(playlist: ListenBrainzPlaylist) -> Json:
    extension: Json = {
        "public": playlist.public,
        "creator": playlist.owner,
        "last_modified_at": _iso(playlist.modified),
    }
    if playlist.collaborators:
        extension["collaborators"] = playlist.collaborators
    if playlist.additional:
        extension["additional_metadata"] = playlist.additional
    shown: Json = {
        "title": playlist.title,
        "creator": playlist.owner,
        "identifier": f"https://listenbrainz.org/playlist/{playlist.id}",
        "date": _iso(playlist.created),
        "extension": {PLAYLIST_EXTENSION: extension},
    }
    return {**shown, "annotation": playlist.annotation} if playlist.annotation else shown


def _track(call: MetaBrainzCall, row: Json, *, named: bool) -> Json:
    extension: Json = {"added_by": row["added_by"], "added_at": _iso(row["added_at"])}
    shown: Json = {"identifier": [RECORDING + row["recording_mbid"]]}
    track = call.index.recording(row["recording_mbid"])
    if named and track is not None:
        index = call.index
        shown |= {
            "title": index.title(track),
            "creator": index.credit(track),
            "album": index.release(track),
        }
        length = length_of(index, track)
        if length is not None:
            shown["duration"] = length
        extension |= {
            "artist_identifiers": [
                f"https://musicbrainz.org/artist/{each}" for each in index.credit_ids(track)
            ],
            "release_identifier": f"https://musicbrainz.org/release/{index.release_id(track)}",
            "additional_metadata": {"artists": index.credit_rows(track), **cover(track)},
        }
    return {**shown, "extension": {TRACK_EXTENSION: extension}}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def visible_playlist(call: MetaBrainzCall, caller: str | None) -> ListenBrainzPlaylist:
    """Return the playlist in the path.

    Raises:
        MetaBrainzError: 404, when there is none, or none that the caller may see.
    """
    found = call.path["playlist"]
    if not is_uuid(found):
        raise MetaBrainzError(400, "Provided playlist ID is invalid.")
    playlist = call.accounts.playlists.get(found.lower())
    if playlist is None or not (playlist.public or may_edit(playlist, caller)):
        raise MetaBrainzError(404, f"Cannot find playlist: {found}")
    return playlist


def may_edit(playlist: ListenBrainzPlaylist, caller: str | None) -> bool:
    """Return whether the caller may change the tracks of a playlist."""
    return caller is not None and caller in (playlist.owner, *playlist.collaborators)


def _as_read(call: MetaBrainzCall, playlist: ListenBrainzPlaylist) -> ListenBrainzPlaylist:
    """Return the playlist, or what it was before the last write where reads lag behind."""
    playlist.reads += 1
    late = playlist_fault(call, "late_reads", playlist.owner)
    stale = playlist_fault(call, "stale_reads", playlist.owner) or (
        late is not None and playlist.reads <= late.count
    )
    return playlist.former or playlist if stale else playlist


def playlist_fault(call: MetaBrainzCall, kind: str, user: str) -> Fault | None:
    """Return the rule of a kind that fires for this call, or None."""
    return active_fault(call.state, kind, service="listenbrainz", route=call.route, user=user)


PLAYLIST_READS: Mapping[tuple[str, str], Handler] = {
    ("GET", "/user/{user}/playlists"): own_playlists,
    ("GET", "/user/{user}/playlists/collaborator"): shared_playlists,
    ("GET", "/user/{user}/playlists/createdfor"): no_playlists,
    ("GET", "/user/{user}/playlists/recommendations"): no_playlists,
    ("GET", "/playlist/{playlist}"): read,
}
