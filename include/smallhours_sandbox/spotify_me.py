"""A listener's own Spotify data: profile, top, saved and recently played tracks."""

from collections.abc import Callable

import numpy as np
from starlette.responses import Response

from smallhours_sandbox.oddities import has_oddities, is_odd
from smallhours_sandbox.ragged import Ints
from smallhours_sandbox.spotify_http import ApiCall, ApiError, Endpoint, Json, page, reply
from smallhours_sandbox.spotify_objects import SITE, SpotifyCatalog, timestamp, timestamp_ms
from smallhours_sandbox.world import PlayLog, SandboxListener

# "approximately last 4 weeks", "approximately last 6 months", "about 1 year"
# (https://developer.spotify.com/documentation/web-api/reference/get-users-top-artists-and-tracks)
TIME_RANGES_S = {
    "short_term": 28 * 86_400,
    "medium_term": 182 * 86_400,
    "long_term": 365 * 86_400,
}
# As deep as it once was; in worlds of the generator's second version there is no limit.
TOP_DEPTH = 99
RECENT_DEPTH = 50
COUNTED_MS = 30_000


class ListeningEndpoints:
    """The endpoints below /me that read played and saved tracks."""

    def __init__(self, catalog: SpotifyCatalog) -> None:
        self._catalog = catalog
        self._ranked: dict[tuple[str, str, str], tuple[float, int, list[int]]] = {}

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints to serve."""
        return [
            Endpoint("GET", "/me", self.profile),
            Endpoint("GET", "/me/top/tracks", self.top_tracks, ("user-top-read",)),
            Endpoint("GET", "/me/top/artists", self.top_artists, ("user-top-read",)),
            Endpoint("GET", "/me/tracks", self.saved_tracks, ("user-library-read",)),
            Endpoint(
                "GET",
                "/me/player/recently-played",
                self.recently_played,
                ("user-read-recently-played",),
            ),
        ]

    def profile(self, call: ApiCall) -> Response:
        """Answer GET /me."""
        return reply(self._catalog.me(call.me, call.base))

    def top_tracks(self, call: ApiCall) -> Response:
        """Answer GET /me/top/tracks: rows may be null, and pages short before the last one."""
        return self._top(call, "tracks", self._catalog.track)

    def top_artists(self, call: ApiCall) -> Response:
        """Answer GET /me/top/artists."""
        return self._top(call, "artists", self._catalog.artist)

    def saved_tracks(self, call: ApiCall) -> Response:
        """Answer GET /me/tracks: newest first; entries hold `track`, unlike a playlist's `item`."""
        limit, offset = call.limit(), call.offset()
        saved = [(at, track) for track, at in call.me.saved.items() if at <= call.state.now]
        saved.sort(key=lambda entry: (-entry[0], entry[1]))
        items = [
            {"added_at": timestamp(at), "track": self._catalog.track(track, call.base)}
            for at, track in saved[offset : offset + limit]
        ]
        return reply(page(call, items, total=len(saved), limit=limit, offset=offset))

    def recently_played(self, call: ApiCall) -> Response:
        """Answer GET /me/player/recently-played: the last 50 plays of 30 seconds or more."""
        limit = call.limit()
        after, before = _cursor(call, "after"), _cursor(call, "before")
        if after is not None and before is not None:
            raise ApiError(400, "Only one of 'after' and 'before' can be specified")
        recent = recent_plays(call.state.play_log(call.me.name))
        if after is not None:
            # The oldest ones after the cursor, so that following `after` leaves no gap.
            chosen = [play for play in recent if play[0] > after][-limit:]
        elif before is not None:
            chosen = [play for play in recent if play[0] < before][:limit]
        else:
            chosen = recent[:limit]
        return reply(self._cursor_page(call, chosen, limit, forward=after is not None))

    def _cursor_page(
        self, call: ApiCall, plays: list[tuple[int, int, int]], limit: int, *, forward: bool
    ) -> Json:
        cursors, following = None, None
        if plays:
            cursors = {"after": str(plays[0][0]), "before": str(plays[-1][0])}
            # A full page links to the next one, even when that is empty.
            if len(plays) == limit:
                following = call.address(
                    limit=limit,
                    after=plays[0][0] if forward else None,
                    before=None if forward else plays[-1][0],
                )
        return {
            "items": [
                {
                    "track": self._catalog.track(track, call.base),
                    "played_at": timestamp_ms(played_at),
                    "context": self._context(call, track, began),
                }
                for played_at, track, began in plays
            ],
            "next": following,
            "cursors": cursors,
            "limit": limit,
            "href": call.address(limit=limit),
        }

    def _context(self, call: ApiCall, track: int, began: int) -> Json | None:
        """Return where a play came from: a playlist, the library, an album, an artist, or null."""
        playlist = call.me.play_context.get(began)
        if playlist is not None:
            return _context(call.base, "playlist", playlist)
        if not has_oddities(self._catalog.world):
            return None
        world = self._catalog.world
        album, artist = int(world.track_album[track]), int(world.track_artist[track])
        return (
            None,
            _context(call.base, "album", self._catalog.album_ids[album]),
            _context(call.base, "artist", self._catalog.artist_ids[artist]),
            # The library has no id of its own, and its address is that of the saved tracks.
            _context(call.base, "collection", "", f"spotify:user:{call.me.spotify_id}:collection"),
        )[began % 4]

    def _top(self, call: ApiCall, kind: str, render: Callable[[int, str], Json]) -> Response:
        limit, offset = call.limit(minimum=0), call.offset()
        time_range = call.query.get("time_range", "medium_term")
        if time_range not in TIME_RANGES_S:
            raise ApiError(400, "Invalid time range")
        ranked = self._ranking(call, call.me, kind, time_range)
        items: list[Json | None] = []
        for index in ranked[offset : offset + limit]:
            if not is_odd(call.state.world, "missing_row", f"{kind} {index}"):
                odd = is_odd(call.state.world, "null_row", f"{kind} {index}")
                items.append(None if odd else render(index, call.base))
        return reply(page(call, items, total=len(ranked), limit=limit, offset=offset))

    def _ranking(
        self, call: ApiCall, person: SandboxListener, kind: str, time_range: str
    ) -> list[int]:
        plays = call.state.play_log(person.name)
        key = (person.name, kind, time_range)
        kept = self._ranked.get(key)
        if kept is None or kept[:2] != (call.state.now, len(plays)):
            recent = plays.where(
                (plays.at >= call.state.now - TIME_RANGES_S[time_range]) & (plays.ms >= COUNTED_MS)
            )
            depth = None if has_oddities(self._catalog.world) else TOP_DEPTH
            owner = recent.track
            if kind == "artists":
                owner = self._catalog.world.track_artist[recent.track]
            kept = (call.state.now, len(plays), most_played(owner)[:depth])
            self._ranked[key] = kept
        return kept[2]


def most_played(owner: Ints) -> list[int]:
    """Return the distinct values of a chronological array, most frequent first, ties by recency."""
    if not len(owner):
        return []
    count = np.bincount(owner)
    last = np.zeros(len(count), dtype=np.int64)
    np.maximum.at(last, owner, np.arange(len(owner)))
    found = np.flatnonzero(count)
    ranked: list[int] = found[np.lexsort((-last[found], -count[found]))].tolist()
    return ranked


def recent_plays(plays: PlayLog) -> list[tuple[int, int, int]]:
    """Return the last 50 counted plays, newest first: (played_at in ms, track, start in s).

    About three in ten carry the end of the play instead of its start, as Spotify's do.
    """
    heard = plays.where(plays.ms >= COUNTED_MS)
    rows = []
    for at, track, ms in zip(
        heard.at[-RECENT_DEPTH:].tolist(),
        heard.track[-RECENT_DEPTH:].tolist(),
        heard.ms[-RECENT_DEPTH:].tolist(),
        strict=True,
    ):
        mixed = at * 2_654_435_761 + track * 40_503
        ended = mixed // 1000 % 10 < 3
        rows.append((at * 1000 + (ms if ended else mixed % 1000), track, at))
    rows.sort(reverse=True)
    return rows


def _cursor(call: ApiCall, name: str) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ApiError(400, f"Invalid {name}")
    return int(text)


def _context(base: str, kind: str, key: str, uri: str = "") -> Json:
    path = f"{kind}s/{key}" if key else "me/tracks"
    return {
        "type": kind,
        "href": f"{base}/v1/{path}",
        "external_urls": {
            "spotify": f"{SITE}/{kind}/{key}" if key else f"{SITE}/collection/tracks"
        },
        "uri": uri or f"spotify:{kind}:{key}",
    }
