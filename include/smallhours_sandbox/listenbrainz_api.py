"""The ListenBrainz API ``/listenbrainz/1/``: its routes, its errors, and what it tells of a user.

Peculiarities of a user's listens: both bounds are exclusive; ``min_ts`` finds the oldest listens
above it, and delivers them newest first; more than 1,000 are 1,000; an answer is cached for up to
an hour, and only new listens and deletions make it a new one.
"""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smallhours_sandbox.listenbrainz_feedback import FEEDBACK_ROUTES
from smallhours_sandbox.listenbrainz_listens import page_of
from smallhours_sandbox.listenbrainz_metadata import METADATA_ROUTES
from smallhours_sandbox.listenbrainz_playlist_writes import PLAYLIST_WRITES
from smallhours_sandbox.listenbrainz_playlists import PLAYLIST_READS
from smallhours_sandbox.listenbrainz_radio import RADIO_ROUTES
from smallhours_sandbox.listenbrainz_state import listenbrainz_token
from smallhours_sandbox.listenbrainz_submit import SUBMIT_ROUTES
from smallhours_sandbox.metabrainz_http import (
    Handler,
    MetaBrainz,
    MetaBrainzCall,
    MetaBrainzError,
    metabrainz_route,
)

_CACHED_S, _KEPT_PAGES = 3600, 8
_MAX_COUNT = 1000
_MAX_TS = 10**11  # what is larger is milliseconds

Json = dict[str, Any]


class History:
    """The routes about what a user has played."""

    def __init__(self, shared: MetaBrainz) -> None:
        """Serve the listens of a state."""
        self._state = shared.state
        self.listens = shared.listens
        self._kept: dict[tuple[Any, ...], tuple[float, int, Json]] = {}

    def routes(self) -> Mapping[tuple[str, str], Handler]:
        """Return the handler of each method and path."""
        return {
            ("GET", "/user/{user}/listens"): self.page,
            ("GET", "/user/{user}/listen-count"): self.count,
            ("GET", "/user/{user}/playing-now"): self.playing,
            ("GET", "/user/{user}/similar-users"): similar_users,
            ("GET", "/stats/user/{user}/{entity}"): not_computed,
            ("GET", "/cf/recommendation/user/{user}/recording"): not_computed,
            ("GET", "/validate-token"): validate_token,
        }

    def page(self, call: MetaBrainzCall) -> Json:
        """Answer with a page of a user's listens."""
        name = call.user()
        low, high = _bound(call, "min_ts"), _bound(call, "max_ts")
        if low is not None and high is not None and high <= low:
            raise MetaBrainzError(400, "max_ts should be greater than min_ts")
        count = _page_length(call)
        log = self.listens.log(name)
        key = (name, low, high, count)
        kept = self._kept.get(key)
        written = len(log) + log.deleted + call.accounts.revision
        if kept is not None and kept[1] == written and call.state.now - kept[0] < _CACHED_S:
            return kept[2]
        rows = page_of(log, call.state.now, low, high, count)
        payload = {
            "count": len(rows),
            "user_id": name,
            "latest_listen_ts": int(log.at[-1]) if len(log) else 0,
            "oldest_listen_ts": int(log.at[0]) if len(log) else 0,
            "listens": [self.listens.row(name, log, row) for row in rows],
        }
        if len(self._kept) >= _KEPT_PAGES:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (call.state.now, written, {"payload": payload})
        return {"payload": payload}

    def count(self, call: MetaBrainzCall) -> Json:
        """Answer with the number of a user's listens."""
        return {"payload": {"count": len(self.listens.log(call.user()))}}

    def playing(self, call: MetaBrainzCall) -> Json:
        """Answer with what a user is playing now, if anything."""
        name = call.user()
        track = call.state.playing(name)
        rows = []
        if track is not None:
            shown = self.listens.playing(track)
            rows = [{"playing_now": True, "user_name": name, "track_metadata": shown}]
        shared = {"count": len(rows), "user_id": name, "playing_now": True}
        return {"payload": {**shared, "listens": rows}}


def _bound(call: MetaBrainzCall, name: str) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    if not text.lstrip("-").isdecimal() or abs(int(text)) >= _MAX_TS:
        raise MetaBrainzError(400, f"Incorrect {name} timestamp argument: {text}")
    return int(text)


def _page_length(call: MetaBrainzCall) -> int:
    text = call.query.get("count", "25")
    try:
        count = int(text)
    except ValueError:
        raise MetaBrainzError(400, f"Invalid count argument: {text}") from None
    if count < 0:
        raise MetaBrainzError(400, "Number of items requested should be positive")
    return min(count, _MAX_COUNT)


def similar_users(call: MetaBrainzCall) -> Json:
    """Answer with the other listeners."""
    name = call.user()
    others = [each for each in call.state.world.listeners if each != name]
    return {"payload": [{"user_name": each, "similarity": 0.1} for each in others]}


def not_computed(call: MetaBrainzCall) -> Response:
    """Answer that nothing was computed for this user: 204 without a body."""
    call.user()
    return Response(status_code=204)


def validate_token(call: MetaBrainzCall) -> Json:
    """Answer whether a token is valid, always with status 200."""
    token = call.query.get("token", (call.authorization or "").partition(" ")[2])
    if not token:
        raise MetaBrainzError(400, "You need to provide an Authorization token.")
    for name in call.state.world.listeners:
        if token == listenbrainz_token(name):
            return {"code": 200, "message": "Token valid.", "valid": True, "user_name": name}
    return {"code": 200, "message": "Token invalid.", "valid": False}


def listenbrainz_routes(shared: MetaBrainz) -> list[Route]:
    """Return the routes of the ListenBrainz API."""
    table = {
        **History(shared).routes(),
        **FEEDBACK_ROUTES,
        **METADATA_ROUTES,
        **RADIO_ROUTES,
        **PLAYLIST_READS,
        **PLAYLIST_WRITES,
        **SUBMIT_ROUTES,
    }
    return [
        metabrainz_route(shared, "/listenbrainz/1", verb, path, handler, _refused)
        for (verb, path), handler in table.items()
    ]


def _refused(error: MetaBrainzError) -> Response:
    body = {"code": error.status, "error": error.message, **error.more}
    return JSONResponse(body, error.status)
