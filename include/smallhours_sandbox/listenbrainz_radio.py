"""ListenBrainz' routes that lead to recordings: popular ones of an artist, radio by tag or artist.

The radios choose at random at each call; the generator follows the number of calls so far.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from smallhours_sandbox.identifiers import is_uuid
from smallhours_sandbox.listenbrainz_listens import cover
from smallhours_sandbox.listenbrainz_metadata import length_of
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex

Json = dict[str, Any]

_TOKEN_ONLY = (
    "Due to bad actors and AI scrapers causing undue traffic on our sites, you need to provide an "
    "Auth token to use this endpoint."
)
_MODES = {"easy": (0, 25), "medium": (25, 50), "hard": (50, 100)}


def top_recordings(call: MetaBrainzCall) -> list[Json]:
    """Answer with all recordings of an artist, the most listened first."""
    found = call.path["artist"]
    if not is_uuid(found):
        raise MetaBrainzError(400, f"artist_mbid: '{found}' is not a valid uuid")
    call.require_token(_TOKEN_ONLY)
    index = call.index
    artist = index.artist_by_id.get(found.lower())
    tracks = [] if artist is None else index.recordings_of[artist][0].tolist()
    return [_top_row(index, track) for track in tracks]


def _top_row(index: MusicBrainzIndex, track: int) -> Json:
    users = int(index.users[track])
    return {
        "recording_mbid": index.ids[track],
        "recording_name": index.title(track),
        "length": length_of(index, track),
        "artist_name": index.credit(track),
        "artist_mbids": index.credit_ids(track),
        "artists": index.credit_rows(track),
        "release_name": index.release(track),
        "release_mbid": index.release_id(track),
        "caa_id": None,
        "caa_release_mbid": None,
        **cover(track),
        "tags": [vote.row() for vote in index.recording_tags(track)] or None,
        "release_color": {},
        "total_listen_count": index.plays(users, index.ids[track]),
        "total_user_count": users,
    }


def tag_radio(call: MetaBrainzCall) -> list[Json]:
    """Answer with recordings of tags, chosen at random among those that are so popular."""
    tags = [tag.casefold() for tag in call.query.getlist("tag")]
    operator = call.query.get("operator", "").upper()
    if len(tags) != 1 and not operator:
        raise MetaBrainzError(400, "multiple tags are specified but the operator param is missing")
    if operator and operator not in ("AND", "OR"):
        raise MetaBrainzError(400, "operator param should be either 'AND' or 'OR'")
    low, high = _bound(call, "pop_begin"), _bound(call, "pop_end")
    count = _positive(call, "count")
    by_tag, percent = call.shared.tagged.by_tag, call.shared.tagged.percent
    sets = [by_tag.get(tag, {}) for tag in tags]
    joined = {track: held for found in sets for track, held in found.items()}
    if operator == "AND":
        joined = {t: held for t, held in joined.items() if all(t in found for found in sets)}
    inside = [track for track in joined if low <= percent[track] <= high]
    # With too few, the bounds are left aside silently.
    chosen = inside if len(inside) >= count else list(joined)
    rng = _random(call)
    order = rng.permutation(len(chosen))[:count].tolist()
    return [
        {
            "recording_mbid": call.index.ids[chosen[at]],
            "tag_count": joined[chosen[at]][0],
            "percent": round(float(percent[chosen[at]]), 3),
            "source": joined[chosen[at]][1],
        }
        for at in order
    ]


def artist_radio(call: MetaBrainzCall) -> Json:
    """Answer with recordings of an artist and of similar ones, by artist."""
    seed = call.path["artist"]
    if not is_uuid(seed):
        raise MetaBrainzError(400, "Seed artist mbid is not a valid UUID.")
    mode = call.query.get("mode", "")
    if mode not in _MODES:
        raise MetaBrainzError(400, "mode must be one of: easy, medium or hard.")
    artists, per_artist = (
        _required(call, name) for name in ("max_similar_artists", "max_recordings_per_artist")
    )
    low, high = _bound(call, "pop_begin"), _bound(call, "pop_end")
    index, rng = call.index, _random(call)
    artist = index.artist_by_id.get(seed.lower())
    if artist is None:
        return {}
    first, past = _MODES[mode]
    near = [other for other, _ in call.shared.similar.artists(artist)]
    part = near[len(near) * first // 100 : max(1, len(near) * past // 100)]
    picked = [part[at] for at in rng.permutation(len(part))[:artists].tolist()]
    reply: Json = {}
    for other in (artist, *picked):
        tracks = index.recordings_of[other][0]
        rank = 100.0 * (len(tracks) - np.arange(len(tracks))) / max(1, len(tracks))
        chosen = tracks[(rank >= low) & (rank < high)]
        reply[index.artist_ids[other]] = [
            {
                "similar_artist_mbid": index.artist_ids[other],
                "similar_artist_name": index.world.artist_name[other],
                "recording_mbid": index.ids[track],
                "total_listen_count": index.plays(int(index.users[track]), index.ids[track]),
            }
            for track in chosen[rng.permutation(len(chosen))[:per_artist]].tolist()
        ]
    return reply


def _random(call: MetaBrainzCall) -> np.random.Generator:
    return np.random.default_rng([call.index.world.seed, call.state.calls.total()])


def _bound(call: MetaBrainzCall, name: str) -> float:
    try:
        value = float(call.query.get(name, ""))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise MetaBrainzError(400, f"{name} should be between the range: 0 to 100")
    return value


def _positive(call: MetaBrainzCall, name: str) -> int:
    text = call.query.get(name, "")
    if not text.isdecimal() or not int(text):
        raise MetaBrainzError(400, f"{name} should be a positive number")
    return int(text)


def _required(call: MetaBrainzCall, name: str) -> int:
    if name not in call.query:
        raise MetaBrainzError(400, f"Argument {name} must be specified.")
    return _positive(call, name)


RADIO_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/popularity/top-recordings-for-artist/{artist}"): top_recordings,
    ("GET", "/lb-radio/tags"): tag_radio,
    ("GET", "/lb-radio/artist/{artist}"): artist_radio,
}
