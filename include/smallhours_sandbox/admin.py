"""The ``/_sandbox/`` routes that control and inspect a running sandbox.

They belong to no real service: they read calls and playlists, move the clock, add faults, and
return the truth about the world that tests compare against. Bad input gets status 400
and ``{"error": "what is wrong"}``.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.faults import Fault, FaultError, fault_rules_of
from smallhours_sandbox.spotify_accounts import accounts_of
from smallhours_sandbox.state import SandboxPlaylistItem, SandboxState


class BadRequest(ValueError):
    """A request that can't be carried out; the message says why."""


Handler = Callable[[Request], Awaitable[dict[str, Any]]]


def admin_routes(
    state: SandboxState, *, on_advance: Callable[[], None] | None = None
) -> list[Route]:
    """Return the routes that control ``state``.

    Args:
        state: the sandbox.
        on_advance: called after the clock has moved, for instance to save the state.
    """
    admin = _Admin(state, on_advance)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "health", admin.health),
        ("GET", "now", admin.now),
        ("POST", "advance", admin.advance),
        ("GET", "calls", admin.calls),
        ("POST", "calls/reset", admin.reset_calls),
        ("GET", "faults", admin.faults),
        ("POST", "faults", admin.add_faults),
        ("DELETE", "faults", admin.clear_faults),
        ("POST", "revoke", admin.revoke),
        ("DELETE", "revoke", admin.restore_access),
        ("POST", "subscriber", admin.set_subscriber),
        ("GET", "playlists", admin.playlists),
        ("GET", "truth/tracks", admin.true_tracks),
    ]
    return [Route(f"/_sandbox/{path}", _served(each), methods=[verb]) for verb, path, each in table]


def _served(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except (BadRequest, FaultError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return serve


class _Admin:
    """The request handlers over one state."""

    def __init__(self, state: SandboxState, on_advance: Callable[[], None] | None) -> None:
        self._state = state
        self._advanced = on_advance

    async def health(self, _request: Request) -> dict[str, Any]:
        """Return that the sandbox is up, and the names of its listeners."""
        return {"status": "ok", **self._clock(), "listeners": list(self._state.world.listeners)}

    async def now(self, _request: Request) -> dict[str, Any]:
        """Return the time of the sandbox clock."""
        return self._clock()

    async def advance(self, request: Request) -> dict[str, Any]:
        """Move the clock to ``{"until": ISO time with offset}``, simulating the listeners' days."""
        body = await _json(request)
        until = _parse_time(body.get("until") if isinstance(body, dict) else None)
        try:
            happened = await run_in_threadpool(self._state.advance, until)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if self._advanced is not None:
            await run_in_threadpool(self._advanced)
        return {**happened, **self._clock()}

    async def calls(self, _request: Request) -> dict[str, Any]:
        """Return the number of calls per service route or method since the last reset."""
        counted: dict[str, dict[str, int]] = {}
        with self._state.lock:
            for (service, route), count in sorted(self._state.calls.items()):
                counted.setdefault(service, {})[route] = count
            return {"calls": counted, "total": self._state.calls.total()}

    async def reset_calls(self, request: Request) -> dict[str, Any]:
        """Reset the call counts to zero and return the old ones."""
        with self._state.lock:
            counted = await self.calls(request)
            self._state.calls.clear()
        return counted

    async def faults(self, _request: Request) -> dict[str, Any]:
        """Return the fault rules with their counters, and every available kind."""
        rules = fault_rules_of(self._state)
        with rules.lock:
            listed = [rule.to_json() for rule in rules.rules]
        return {"faults": listed, "kinds": {name: kind.summary for name, kind in KINDS.items()}}

    async def add_faults(self, request: Request) -> dict[str, Any]:
        """Add one rule or a list of them; if any is invalid, none is added."""
        body = await _json(request)
        rules = [Fault.from_json(each) for each in (body if isinstance(body, list) else [body])]
        fault_rules_of(self._state).add(*rules)
        return await self.faults(request)

    async def clear_faults(self, request: Request) -> dict[str, Any]:
        """Remove every rule. Scrobbles that a rule added or deleted stay that way."""
        fault_rules_of(self._state).clear()
        return await self.faults(request)

    async def revoke(self, request: Request) -> dict[str, Any]:
        """Revoke the app's access for ``{"listener": name}``: its tokens stop working at once."""
        body = await _json(request)
        name = body.get("listener") if isinstance(body, dict) else None
        if name not in self._state.world.listeners:
            raise BadRequest(f"no listener is called {name!r}")
        revoked = accounts_of(self._state).revoked
        revoked.add(name)
        return {"revoked": sorted(revoked)}

    async def restore_access(self, _request: Request) -> dict[str, Any]:
        """Restore every listener's grant; the old tokens work again."""
        accounts_of(self._state).revoked.clear()
        return {"revoked": []}

    async def set_subscriber(self, request: Request) -> dict[str, Any]:
        """Let Last.fm tell of a subscription ``{"listener": name, "says": text}``, or null."""
        body = await _json(request)
        name = body.get("listener") if isinstance(body, dict) else None
        if name not in self._state.world.listeners:
            raise BadRequest(f"no listener is called {name!r}")
        says = body.get("says")
        if not isinstance(says, str | None):
            raise BadRequest(f"says is a text or null, not {says!r}")
        self._state.subscriber[name] = says
        return {"subscriber": self._state.subscriber}

    async def playlists(self, _request: Request) -> dict[str, Any]:
        """Return every playlist of every listener, its items as "artist – title"."""
        with self._state.lock:
            listed = [
                {
                    "id": playlist.id,
                    "owner": playlist.owner,
                    "name": playlist.name,
                    "description": playlist.description,
                    "public": playlist.public,
                    "followed": playlist.followed,
                    "snapshot_id": playlist.snapshot_id,
                    "items": [self._words(item) for item in playlist.items],
                    "uris": [item.uri for item in playlist.items],
                }
                for playlist in self._state.playlists.values()
            ]
        return {"playlists": listed}

    async def true_tracks(self, request: Request) -> dict[str, Any]:
        """Return the recording number per Spotify id in ``ids``; null for an unknown id."""
        ids = [each for each in request.query_params.get("ids", "").split(",") if each]
        if not ids:
            raise BadRequest("ids is missing: Spotify track ids, separated by commas")
        world = self._state.world
        known = world.lookup.spotify
        return {
            "tracks": {
                each: int(world.track_recording[known[each]]) if each in known else None
                for each in ids
            }
        }

    def _words(self, item: SandboxPlaylistItem) -> str:
        world = self._state.world
        if item.track is None:
            return item.uri
        artist = world.artist_name[int(world.track_artist[item.track])]
        return f"{artist} – {world.track_title[item.track]}"

    def _clock(self) -> dict[str, Any]:
        now = self._state.now
        return {"now": datetime.fromtimestamp(now, UTC).isoformat(), "uts": now}


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError:
        raise BadRequest("the body is no JSON") from None


def _parse_time(text: object) -> float:
    """Return the Unix seconds of an ISO time.

    Raises:
        BadRequest: When it is not an ISO time, or has no time zone.
    """
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise BadRequest(
            f"until has to be an ISO time such as 2026-11-03T03:00Z, not {text!r}"
        ) from None
    if moment.tzinfo is None:
        raise BadRequest(f"until needs a time zone, such as {moment.isoformat()}Z")
    return moment.timestamp()
