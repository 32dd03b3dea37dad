"""Last.fm's methods about one listener: scrobbles, loved tracks, top tracks and profile.

Peculiarities of recent tracks: ``from`` is inclusive and ``to`` exclusive; the track that is
playing now comes first on every page, whatever the window, and is not counted; a page beyond the
end is an error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from smallhours_sandbox.faults import Fault, active_fault, fault_rules_of
from smallhours_sandbox.lastfm_index import LastfmIndex
from smallhours_sandbox.lastfm_render import (
    IMAGES,
    artist_url,
    date_node,
    paging,
    track_url,
)
from smallhours_sandbox.lastfm_request import (
    NO_PAGE,
    NO_USER,
    LastfmError,
    LastfmParams,
    LastfmReply,
    lastfm_error,
)
from smallhours_sandbox.oddities import is_odd
from smallhours_sandbox.ragged import Ints, Longs
from smallhours_sandbox.scrobble_drift import ScrobbleDrift
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import SandboxListener

_PERIOD_DAYS = {"7day": 7, "1month": 30, "3month": 91, "6month": 182, "12month": 365}
_DAY_S = 86_400
_DRIFTS = {"late_scrobbles": 5.0, "deleted_scrobbles": 5.0, "duplicate_rows": 1.0}


@dataclass(slots=True, frozen=True)
class ListenerCall:
    """One request about a listener.

    Attributes:
        state: the sandbox.
        index: names and figures of its world.
        params: the request's parameters.
        method: documented method name, which fault rules match.
    """

    state: SandboxState
    index: LastfmIndex
    params: LastfmParams
    method: str

    def fault(self, kind: str, user: str) -> Fault | None:
        """Return the fault rule of that kind that fires now, or None."""
        return active_fault(self.state, kind, service="lastfm", route=self.method, user=user)

    def person(self) -> SandboxListener:
        """Return the listener that ``user`` names.

        Raises:
            LastfmError: 6 when there is none, 17 when they hide their listening.
        """
        found = find_listener(self.state, self.params.need("user"))
        if found is None:
            raise LastfmError(6, NO_USER, 404)
        if self.method == "user.getRecentTracks" and self.fault("private_profile", found.name):
            raise lastfm_error(17)
        return found

    def scrobbles(self, name: str) -> tuple[Longs, Ints]:
        """Return start times and tracks of a listener's scrobbles on Last.fm, in ascending time."""
        log = self.state.scrobbles(name)
        drift = fault_rules_of(self.state).drift.get(name)
        return drift.apply(log.at, log.track) if drift else (log.at, log.track)

    def inflation(self, name: str) -> int:
        """Return by how much a fault rule inflates the totals."""
        fault = self.fault("total_mismatch", name)
        return fault.count if fault else 0


UserMethod = Callable[[ListenerCall], LastfmReply]


def find_listener(state: SandboxState, name: str) -> SandboxListener | None:
    """Return the listener with that Last.fm name, ignoring case, or None."""
    world, wanted = state.world, name.casefold()
    people = [each for each in world.listeners.values() if world.has_account(each.name, "lastfm")]
    return next((each for each in people if each.name.casefold() == wanted), None)


def _last_page_check(page: int, per_page: int, total: int) -> None:
    if page > max(1, -(-total // per_page)):
        raise LastfmError(6, NO_PAGE, 400)


def recent_tracks(call: ListenerCall) -> LastfmReply:
    """Answer ``user.getRecentTracks``, newest first, 50 a page unless 1 to 1000 are requested."""
    person, params = call.person(), call.params
    limit, page = params.limit(), params.page
    _drift(call, person, page)
    if call.fault("wrong_user", person.name):
        others = [each for each in call.state.world.listeners.values() if each is not person]
        person = others[0] if others else person
    at, track = call.scrobbles(person.name)
    first = int(np.searchsorted(at, params.number("from"), side="left"))
    end = params.number("to")
    past = int(np.searchsorted(at, end, side="left")) if end else len(at)
    total = max(0, past - first) + call.inflation(person.name)
    _last_page_check(page, limit, total)
    newest = past - (page - 1) * limit
    rows = range(newest - 1, max(first, newest - limit) - 1, -1)
    extended = params.get("extended") == "1"

    def row(which: int) -> dict[str, Any]:
        return _scrobble(call, person, which, extended=extended)

    shown = [_dated(call, row(int(track[each])), int(at[each])) for each in rows]
    if shown and call.fault("row_1970", person.name):
        shown.append({**row(int(track[rows[-1]])), "date": date_node(0)})
    if shown and call.fault("dateless_row", person.name):
        shown.append(row(int(track[rows[-1]])))
    playing = _playing(call, person, track)
    if playing is not None:
        shown.insert(0, {"@attr": {"nowplaying": "true"}, **row(playing)})
    named = {"user": person.name, **paging(page, limit, total)}
    return LastfmReply("recenttracks", {"@attr": named, "track": shown}, indented=True)


def _dated(call: ListenerCall, row: dict[str, Any], at: int) -> dict[str, Any]:
    """Return a row with its date; what was scrobbled in the early years often has no album."""
    world = call.state.world
    early = at < world.begins.timestamp() + (world.ends - world.begins).total_seconds() / 5
    if early and is_odd(world, "no_album", at):
        row = {**row, "album": {"mbid": "", "#text": ""}}
    return {**row, "date": date_node(at)}


def _playing(call: ListenerCall, person: SandboxListener, known: Ints) -> int | None:
    playing = call.state.playing(person.name)
    if playing is None and call.fault("now_playing", person.name) and len(known):
        playing = int(known[-1])
    return playing


def _drift(call: ListenerCall, person: SandboxListener, page: int) -> None:
    """Apply the fault rules that change the history before it is read."""
    rules = fault_rules_of(call.state)
    if not rules.rules:
        return
    now, seed = int(call.state.now), call.state.world.seed
    for kind, days in _DRIFTS.items():
        fault = call.fault(kind, person.name)
        if fault is None:
            continue
        before = now - round((days if fault.days is None else fault.days) * _DAY_S)
        at, track = call.scrobbles(person.name)
        drift = rules.drift.setdefault(person.name, ScrobbleDrift())
        if kind == "late_scrobbles":
            drift.add_late(before, fault.count, seed, person.name, track)
        elif kind == "deleted_scrobbles":
            drift.delete_last(before, fault.count, at, track)
        else:
            drift.duplicate_last(before, fault.count, at, track)
    if page >= 2:
        fault = call.fault("page_drift", person.name)
        if fault is not None:
            at, track = call.scrobbles(person.name)
            newest = max(now, int(at[-1]) + 1 if len(at) else 0)
            drift = rules.drift.setdefault(person.name, ScrobbleDrift())
            drift.add_late(newest, fault.count, seed, person.name, track)


def _scrobble(
    call: ListenerCall, person: SandboxListener, track: int, *, extended: bool
) -> dict[str, Any]:
    world = call.state.world
    artist = int(world.track_artist[track])
    name, title = world.artist_name[artist], world.lastfm_title(track)
    node: dict[str, Any]
    if extended:
        url = artist_url(name)
        by = {"name": name, "mbid": world.artist_mbid[artist], "url": url, "image": IMAGES}
        node = {"artist": by, "name": title, "loved": "1" if track in person.loved else "0"}
    else:
        node = {"artist": {"mbid": world.artist_mbid[artist], "#text": name}, "name": title}
    node["streamable"] = "0"
    node["mbid"] = world.track_mbid[track]
    node["album"] = {"mbid": "", "#text": world.album_title[int(world.track_album[track])]}
    node["url"] = track_url(name, title)
    node["image"] = IMAGES
    return node


def _listed(call: ListenerCall, track: int) -> dict[str, Any]:
    """Return the fields that loved and top tracks share."""
    world = call.state.world
    artist = int(world.track_artist[track])
    name, title = world.artist_name[artist], world.lastfm_title(track)
    return {
        "mbid": world.track_mbid[track],
        "url": track_url(name, title),
        "streamable": {"fulltrack": "0", "#text": "0"},
        "artist": {
            "name": name,
            "mbid": world.artist_mbid[artist],
            "url": artist_url(name),
        },
        "image": IMAGES,
    }


def loved_tracks(call: ListenerCall) -> LastfmReply:
    """Answer ``user.getLovedTracks``, last loved first."""
    person, params = call.person(), call.params
    limit, page = params.limit(), params.page
    loved = sorted(person.loved.items(), key=lambda each: (-each[1], each[0]))
    total = len(loved) + call.inflation(person.name)
    _last_page_check(page, limit, total)
    world = call.state.world
    rows = [
        {
            "name": world.lastfm_title(track),
            "date": date_node(0 if is_odd(world, "undated", track) else when),
            **_listed(call, track),
            **({"mbid": ""} if is_odd(world, "no_mbid", track) else {}),
        }
        for track, when in loved[(page - 1) * limit : page * limit]
    ]
    named = {"user": person.name, **paging(page, limit, total)}
    return LastfmReply("lovedtracks", {"@attr": named, "track": rows}, indented=True)


def top_tracks(call: ListenerCall) -> LastfmReply:
    """Answer ``user.getTopTracks`` for a ``period`` that ends now, most played first."""
    person, params = call.person(), call.params
    limit, page = params.limit(), params.page
    days = _PERIOD_DAYS.get(params.get("period"))
    at, track = call.scrobbles(person.name)
    if days is not None:
        track = track[np.searchsorted(at, call.state.now - days * _DAY_S, side="left") :]
    pages, counts = np.unique(call.index.page_of[track], return_counts=True)
    order = np.lexsort((pages, -counts))
    total = len(pages) + call.inflation(person.name)
    _last_page_check(page, limit, total)
    chosen = order[(page - 1) * limit : page * limit].tolist()
    world = call.state.world
    rows = [
        {
            "@attr": {"rank": str((page - 1) * limit + place)},
            "name": world.lastfm_title(int(pages[each])),
            "duration": str(int(world.track_duration_ms[pages[each]]) // 1000),
            "playcount": str(int(counts[each])),
            **_listed(call, int(pages[each])),
        }
        for place, each in enumerate(chosen, start=1)
    ]
    named = {"user": person.name, **paging(page, limit, total)}
    return LastfmReply("toptracks", {"@attr": named, "track": rows}, indented=True)


def user_info(call: ListenerCall) -> LastfmReply:
    """Answer ``user.getInfo``; its play count includes undated imports, which no list shows."""
    person = call.person()
    _, track = call.scrobbles(person.name)
    world = call.state.world
    joined = str(int(world.begins.timestamp()) - 30 * _DAY_S)
    node = {
        "name": person.name,
        "realname": person.display_name,
        "image": [{**image, "#text": ""} for image in IMAGES],
        "url": f"https://www.last.fm/user/{person.name}",
        "country": "None",
        "age": "0",
        "gender": "n",
        "playcount": str(len(track) + call.inflation(person.name)),
        "playlists": "0",
        "bootstrap": "0",
        "registered": {"unixtime": joined, "#text": int(joined)},
        "type": "user",
        "artist_count": str(len(np.unique(world.track_artist[track]))),
        "album_count": str(len(np.unique(world.track_album[track]))),
        "track_count": str(len(np.unique(call.index.page_of[track]))),
    }
    subscriber = call.state.subscriber.get(person.name, "0")
    if subscriber is not None:
        node["subscriber"] = subscriber
    return LastfmReply("user", node, indented=True)


USER_METHODS: dict[str, UserMethod] = {
    "user.getRecentTracks": recent_tracks,
    "user.getLovedTracks": loved_tracks,
    "user.getTopTracks": top_tracks,
    "user.getInfo": user_info,
}
