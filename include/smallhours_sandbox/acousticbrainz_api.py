"""The sandbox's AcousticBrainz API (https://acousticbrainz.readthedocs.io), frozen since 2022.

It knows only recordings with a MusicBrainz id that came out before it closed in 2022, and not all
of those. Tempo, key and loudness are reliable; its mood classifiers are noisy, as the real ones.
"""

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smallhours_sandbox.identifiers import hashed_share
from smallhours_sandbox.oddities import has_oddities
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import FEATURES, World

MAX_IDS = 25
COVERAGE = 0.75
LAST_YEAR = 2021
REPLAY_GAIN_REFERENCE_DB = -20.0

_KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
Json = dict[str, Any]


class AcousticBrainz:
    """Low- and high-level documents by MusicBrainz recording id."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, mbid: str) -> int | None:
        """Return the track of a recording that AcousticBrainz covers, or None."""
        track = self._world.lookup.track_mbid.get(mbid)
        if track is None or np.isnan(self._world.track_features[track]).any():
            return None
        released = self._world.album_released[self._world.track_album[track]]
        if int(released[:4] or 0) > LAST_YEAR or hashed_share(f"coverage {mbid}") >= COVERAGE:
            return None
        return track

    def low_level(self, mbid: str, track: int) -> Json:
        """Return the low-level document, reduced to the fields that clients use."""
        sound = self._sound(track)
        return {
            "lowlevel": {
                # The service's scale is 0..1: -60 dB is silence, 0 dB is full scale.
                "average_loudness": round(min(1.0, max(0.0, 1 + sound["loudness"] / 60)), 4)
            },
            "rhythm": {
                "bpm": round(sound["tempo"], 3),
                "danceability": round(0.5 + 1.5 * sound["danceability"], 4),
            },
            "tonal": {
                "key_key": _KEYS[int(sound["key"]) % 12],
                "key_scale": "major" if sound["mode"] >= 0.5 else "minor",
                "key_strength": round(0.5 + 0.4 * hashed_share(f"key {mbid}"), 4),
            },
            "metadata": self._metadata(mbid, track, gain=has_oddities(self._world)),
        }

    def high_level(self, mbid: str, track: int) -> Json:
        """Return the high-level document: two-class labels with probabilities."""
        sound = self._sound(track)
        truths = {
            "danceability": ("danceable", "not_danceable", sound["danceability"]),
            "mood_acoustic": ("acoustic", "not_acoustic", sound["acousticness"]),
            "mood_aggressive": ("aggressive", "not_aggressive", sound["energy"] ** 2),
            "mood_electronic": ("electronic", "not_electronic", 1 - sound["acousticness"]),
            "mood_happy": ("happy", "not_happy", sound["valence"]),
            "mood_party": ("party", "not_party", sound["energy"] * sound["danceability"]),
            "mood_relaxed": ("relaxed", "not_relaxed", 1 - sound["energy"]),
            "mood_sad": ("sad", "not_sad", 1 - sound["valence"]),
            "voice_instrumental": ("instrumental", "voice", sound["instrumentalness"]),
        }
        verdicts = {}
        for name, (yes, no, truth) in truths.items():
            noisy = min(0.999, max(0.001, truth + 0.5 * (hashed_share(f"{name} {mbid}") - 0.5)))
            verdicts[name] = {
                "all": {yes: round(noisy, 6), no: round(1 - noisy, 6)},
                "probability": round(max(noisy, 1 - noisy), 6),
                "value": yes if noisy >= 0.5 else no,
            }
        return {"highlevel": verdicts, "metadata": self._metadata(mbid, track)}

    def _sound(self, track: int) -> dict[str, float]:
        row = self._world.track_features[track].tolist()
        return dict(zip(FEATURES, row, strict=True))

    def _metadata(self, mbid: str, track: int, *, gain: bool = False) -> Json:
        audio: Json = {"length": int(self._world.track_duration_ms[track]) / 1000}
        if gain:
            # Essentia's reference of 83 dB: what has a loudness of -20 dB of full scale needs none.
            loudness = self._sound(track)["loudness"]
            audio["replay_gain"] = round(REPLAY_GAIN_REFERENCE_DB - loudness, 6)
        return {
            "audio_properties": audio,
            "tags": {
                "artist": [self._world.artist_name[self._world.track_artist[track]]],
                "musicbrainz_recordingid": [mbid],
                "title": [self._world.track_title[track]],
            },
        }


def acousticbrainz_routes(state: SandboxState) -> list[Route]:
    """Return the bulk routes /acousticbrainz/api/v1/{low-level,high-level}?recording_ids=a;b."""
    service = AcousticBrainz(state.world)

    def bulk(level: str, document: Callable[[str, int], Json]) -> Route:
        path = f"/acousticbrainz/api/v1/{level}"

        async def serve(request: Request) -> Response:
            state.count("acousticbrainz", f"GET {path}")
            given = request.query_params.get("recording_ids", "")
            # An id may carry the number of the submission: "mbid:0".
            mbids = [part.partition(":")[0].strip().lower() for part in given.split(";") if part]
            trouble = _trouble(mbids)
            if trouble:
                return JSONResponse({"message": trouble}, 400)
            parts = request.query_params.get("features", "").split(";")
            selected = [part for part in parts if part and level == "low-level"]
            body: Json = {"mbid_mapping": {}}
            for mbid in mbids:
                track = service.find(mbid)
                if track is not None:
                    whole = document(mbid, track)
                    body[mbid] = {"0": _selected(whole, selected) if selected else whole}
            return JSONResponse(body)

        return Route(path, serve, methods=["GET"])

    return [bulk("low-level", service.low_level), bulk("high-level", service.high_level)]


def _selected(document: Json, paths: list[str]) -> Json:
    """Return only these parts of a document, null where it has none."""
    chosen: Json = {}
    for path in paths:
        value: Any = document
        inner = chosen
        *folders, last = path.split(".")
        for name in folders:
            inner = inner.setdefault(name, {})
            value = value.get(name) if isinstance(value, dict) else None
        inner[last] = value.get(last) if isinstance(value, dict) else None
    return chosen


def _trouble(mbids: list[str]) -> str:
    if not mbids:
        return "Missing `recording_ids` parameter"
    if len(mbids) > MAX_IDS:
        return f"More than {MAX_IDS} recordings not allowed per request"
    for mbid in mbids:
        try:
            uuid.UUID(mbid)
        except ValueError:
            return f"'{mbid}' is not a valid UUID"
    return ""
