"""Playlists that misbehave on request: writes that are not done, reads that lag, odd listings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from smallhours_sandbox.faults import Fault, active_fault
from smallhours_sandbox.spotify_http import ApiCall, Json
from smallhours_sandbox.state import SandboxPlaylist, SandboxPlaylistItem

T = TypeVar("T")


def playlist_fault(call: ApiCall, kind: str, method: str, user: str) -> Fault | None:
    """Return the rule of a kind that fires for this call, or None."""
    return active_fault(
        call.state,
        kind,
        service="spotify",
        route=f"{method} {call.url.removeprefix(call.base)}",
        user=user,
    )


def after_write(call: ApiCall, method: str, playlist: SandboxPlaylist, *, done: bool) -> str:
    """Return the snapshot id after a write: a new one if it was done, unless a fault says so."""
    before = playlist.snapshot_id
    if done or playlist_fault(call, "moved_snapshot", method, call.me.name):
        playlist.touch()
    if playlist_fault(call, "same_snapshot", method, call.me.name):
        playlist.snapshot_id = before
    return playlist.snapshot_id


def oddly_listed(item: Json, by_app: set[str], how: str | None) -> list[Json | None]:
    """Return what a listing shows of a playlist: once as it is, unless it is one of the app's."""
    if item["id"] not in by_app:
        return [item]
    match how:
        case "null":
            return [None]
        case "doubled":
            return [item, item]
        case "without owner":
            return [{**item, "owner": None}]
        case "without owner id":
            return [{**item, "owner": {**item["owner"], "id": None}}]
        case "without name":
            return [{**item, "name": None}]
        case _:
            return []


def carried_out(call: ApiCall, method: str, items: Sequence[T]) -> Sequence[T]:
    """Return those items of a write that are done: all, unless a fault says otherwise."""
    user = call.me.name
    if playlist_fault(call, "ignored_write", method, user):
        return items[:0]
    partial = playlist_fault(call, "partial_write", method, user)
    return items[: partial.count] if partial else items


def withdrawn_ids(call: ApiCall) -> list[str]:
    """Return the ids of tracks that do not exist any more, by a fault."""
    withdrawn = playlist_fault(call, "withdrawn_tracks", "POST", call.me.name)
    return (withdrawn.words or "").split() if withdrawn else []


def added_rows(call: ApiCall, added: Sequence[SandboxPlaylistItem]) -> list[SandboxPlaylistItem]:
    """Return the rows that an add makes, some of which may read as lost or under another id."""
    done = list(carried_out(call, "POST", added))
    if lost := playlist_fault(call, "lost_adds", "POST", call.me.name):
        for item in done[: lost.count]:
            item.track = None
    if relinked := playlist_fault(call, "relinked_adds", "POST", call.me.name):
        for item in done[: relinked.count]:
            item.relinked = item.uri.rpartition(":")[2][::-1]
    if playlist_fault(call, "repeated_write", "POST", call.me.name):
        done += [replace(item) for item in done]
    return done


def as_read(call: ApiCall, playlist: SandboxPlaylist) -> SandboxPlaylist:
    """Return the playlist, or what it was before the last write where reads lag behind."""
    playlist.reads += 1
    late = playlist_fault(call, "late_reads", "GET", playlist.owner)
    stale = playlist_fault(call, "stale_reads", "GET", playlist.owner) or (
        late is not None and playlist.reads <= late.count
    )
    return playlist.former or playlist if stale else playlist
