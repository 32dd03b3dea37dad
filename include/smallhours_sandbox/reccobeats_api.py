"""The sandbox's ReccoBeats API: audio features of tracks (https://reccobeats.com/docs).

A request names up to 40 Spotify ids, ISRCs or ids of its own. Unknown ones are missing from the
answer, so that an answer can only be joined by `href`, never by position.
"""

import hashlib
import uuid
from functools import cached_property
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.oddities import is_odd
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import FEATURES, World

MAX_IDS = 40
COVERAGE = 0.8
NO_KEY = -1  # none detected

# All of `FEATURES` but the time signature.
_SHOWN = [(name, column) for column, name in enumerate(FEATURES) if name != "time_signature"]
_WHOLE = {"key", "mode"}


class ReccoBeats:
    """Audio features by id."""

    def __init__(self, world: World) -> None:
        self._world = world

    def known(self, track: int) -> bool:
        """Return whether the service has the track: a fixed 80 % of all tracks."""
        if np.isnan(self._world.track_features[track]).any():
            return False
        return hashed_share(self._world.track_spotify_id[track]) < COVERAGE

    def find(self, key: str) -> list[int]:
        """Return the tracks behind a Spotify id, an ISRC (possibly several) or an id of its own."""
        lookup = self._world.lookup
        if key in lookup.spotify:
            found = [lookup.spotify[key]]
        elif len(key) == 36:
            own = self._by_own_id.get(key.lower())
            found = [] if own is None else [own]
        else:
            found = lookup.isrc.get(key.upper(), [])
        return [track for track in found if self.known(track)]

    def body(self, track: int) -> dict[str, Any]:
        """Return one entry of `content`."""
        spotify_id = self._world.track_spotify_id[track]
        row = self._world.track_features[track]
        values: dict[str, Any] = {
            name: int(row[column]) if name in _WHOLE else round(float(row[column]), 4)
            for name, column in _SHOWN
        }
        if is_odd(self._world, "no_key", spotify_id):
            values["key"] = NO_KEY
        if is_odd(self._world, "null_feature", spotify_id):
            values[_SHOWN[track % len(_SHOWN)][0]] = None
        return {
            "id": own_id(spotify_id),
            "href": f"https://open.spotify.com/track/{spotify_id}",
            "isrc": self._world.track_isrc[track] or None,
            **values,
        }

    @cached_property
    def _by_own_id(self) -> dict[str, int]:
        return {own_id(key): track for track, key in enumerate(self._world.track_spotify_id)}


def own_id(spotify_id: str) -> str:
    """Return ReccoBeats' id of a track: a version 4 UUID, stable for the track."""
    digest = hashlib.blake2b(f"reccobeats {spotify_id}".encode(), digest_size=16).digest()
    return str(uuid.UUID(bytes=digest, version=4))


def reccobeats_routes(state: SandboxState) -> list[Route]:
    """Return the route GET /reccobeats/v1/audio-features."""
    service = ReccoBeats(state.world)

    async def audio_features(request: Request) -> Response:
        state.count("reccobeats", "GET /reccobeats/v1/audio-features")
        given = request.query_params.getlist("ids")
        ids = [key.strip() for part in given for key in part.split(",") if key.strip()]
        if not 1 <= len(ids) <= MAX_IDS:
            return _refuse(f"ids: size must be between 1 and {MAX_IDS}")
        tracks = dict.fromkeys(track for key in ids for track in service.find(key))
        return JSONResponse({"content": [service.body(track) for track in tracks]})

    return [Route("/reccobeats/v1/audio-features", audio_features, methods=["GET"])]


def _refuse(message: str) -> Response:
    body = {"error": 4001, "path": "/v1/audio-features", "errors": [{"message": message}]}
    return JSONResponse(body, 400)
