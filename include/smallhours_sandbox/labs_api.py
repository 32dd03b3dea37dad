"""ListenBrainz' labs ``/labs/SLUG/json``: neighbours, Spotify ids, repair of ids, tags in bulk.

Bad input is answered 400 with an HTML page that quotes the validator, the permitted algorithms
included. Of the objects in a POST the similarity routes use the first alone; rows may be null in
every field, or come twice.
"""

import html
import json
from collections.abc import Callable
from typing import Any

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from smallhours_sandbox.identifiers import hashed_share, is_uuid
from smallhours_sandbox.listenbrainz_listens import cover
from smallhours_sandbox.listenbrainz_metadata import length_of
from smallhours_sandbox.listenbrainz_similar import Neighbours
from smallhours_sandbox.metabrainz_http import (
    MetaBrainz,
    MetaBrainzCall,
    MetaBrainzError,
    metabrainz_route,
)
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex

Json = dict[str, Any]
Rows = list[Json]
Query = Callable[[MetaBrainzCall, Rows], Rows]

_SESSIONS = "session_based_days_{}_session_300_contribution_{}_threshold_{}_limit_{}"
ARTIST_ALGORITHMS = (
    *(_SESSIONS.format(days, 3, 10, 100) + "_filter_True_skip_30" for days in (1800, 1825, 7500)),
    *(_SESSIONS.format(days, 5, 10, 100) + "_filter_True_skip_30" for days in (75, 7500)),
    _SESSIONS.format(9000, 5, 15, 50) + "_skip_30",
)
RECORDING_ALGORITHMS = (
    *(_SESSIONS.format(days, 5, 15, 50) + "_skip_30" for days in (180, 7500, 9000)),
    *(_SESSIONS.format(days, 5, 15, 50) + "_skip_30_top_n_listeners_1000" for days in (1500, 7500)),
    _SESSIONS.format(7500, "sqrt", 15, 50) + "_skip_30_top_n_listeners_1000",
)
_DEFAULT_COUNT, _MAX_TAGGED = 100, 1000
_NULL_ROW, _LOST_REFERENCE, _REPEATED = 0.01, 0.01, 0.05
_NO_SPOTIFY = 0.2


def similar_artists(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with the neighbours of the artists of the first object."""
    algorithm = _algorithm(given[0], ARTIST_ALGORITHMS)
    index, found = call.index, dict[str, Neighbours]()
    for each in _ids(given[0], "artist_mbids"):
        artist = index.artist_by_id.get(each)
        found[each] = [] if artist is None else call.shared.similar.artists(artist)
    rows: Rows = []
    for other, score, seed in _referenced(found, algorithm):
        known = index.artist_ids[other]
        drawn = hashed_share(f"about {known}")
        row: Json = {
            "artist_mbid": known,
            "name": index.world.artist_name[other],
            "comment": "",
            "type": ("Person" if drawn < 0.3 else "Group") if drawn < 0.9 else None,
            "gender": None,
            "score": score,
            "reference_mbid": seed,
        }
        if hashed_share(f"{algorithm} lost {known}") < _LOST_REFERENCE:
            row["reference_mbid"] = None
        rows += _with_oddities(row, f"{seed} {known}", algorithm)
    return rows


def similar_recordings(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with the neighbours of the recordings of the first object."""
    algorithm = _algorithm(given[0], RECORDING_ALGORITHMS)
    index, found = call.index, dict[str, Neighbours]()
    for each in _ids(given[0], "recording_mbids"):
        track = index.recording(each)
        found[each] = [] if track is None else call.shared.similar.recordings(track)
    rows: Rows = []
    for other, score, seed in _referenced(found, algorithm):
        row: Json = {
            "recording_mbid": index.ids[other],
            "recording_name": index.title(other),
            "artist_credit_name": index.credit(other),
            "artist_credit_mbids": index.credit_ids(other),
            "release_name": index.release(other),
            "release_mbid": index.release_id(other),
            "caa_id": None,
            "caa_release_mbid": None,
            **cover(other),
            "score": score,
            "reference_mbid": seed,
        }
        rows += _with_oddities(row, f"{seed} {index.ids[other]}", algorithm)
    return rows


def _referenced(found: dict[str, Neighbours], algorithm: str) -> list[tuple[int, int, str]]:
    """Return (neighbour, score, seed): of a neighbour of two seeds both rows name the last one."""
    scale = 0.2 + 4 * hashed_share(algorithm)
    last = {other: (score, seed) for seed, near in found.items() for other, score in near}
    return [
        (other, max(1, round(last[other][0] * scale)), last[other][1])
        for near in found.values()
        for other, _ in near
    ]


def _with_oddities(row: Json, key: str, algorithm: str) -> Rows:
    drawn = hashed_share(f"{algorithm} odd {key}")
    if drawn < _NULL_ROW:
        return [row, dict.fromkeys(row)]
    if "days_9000" in algorithm and drawn < _REPEATED:
        return [row, {**row, "score": max(1, row["score"] // 2)}]
    return [row]


def _algorithm(given: Json, permitted: tuple[str, ...]) -> str:
    asked = given.get("algorithm")
    if asked not in permitted:
        *names, last = (f"'{each}'" for each in permitted)
        raise MetaBrainzError(
            400,
            "1 validation error\nalgorithm\n  Input should be "
            f"{', '.join(names)} or {last} [type=enum, input_value={asked!r}]",
        )
    return str(asked)


def _ids(given: Json, name: str) -> list[str]:
    """Return the ids of a member that holds a list of them, or one."""
    held = given.get(name)
    ids = held if isinstance(held, list) else [held]
    for each in ids:
        if not is_uuid(each):
            raise MetaBrainzError(
                400,
                f"1 validation error\n{name}\n  Input should be a valid UUID "
                f"[type=uuid_parsing, input_value={each!r}]",
            )
    return [str(each).lower() for each in ids]


def _one_id(row: Json) -> str:
    return _ids(row, "recording_mbid")[0]


def spotify_by_mbid(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with Spotify's ids of recordings; merged and unknown ones are left out."""
    rows = []
    for each in dict.fromkeys(_one_id(row) for row in given):
        track = call.index.recording(each)
        if track is not None:
            rows.append(_spotify_row(call.index, each, track))
    return rows


def spotify_by_names(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with Spotify's ids of names, all three of which have to be sent."""
    rows = []
    for row in given:
        names = [row.get(name) for name in ("artist_name", "track_name", "release_name")]
        if not all(isinstance(name, str) for name in names):
            raise MetaBrainzError(400, "1 validation error\n  Field required [type=missing]")
        artist, title, release = (str(name) for name in names)
        track = call.shared.names.near(artist, title, release)
        if track is None:
            rows.append({**row, "recording_mbid": None, "spotify_track_ids": []})
        else:
            ids = _spotify_row(call.index, "", track)["spotify_track_ids"]
            rows.append({**row, "recording_mbid": None, "spotify_track_ids": ids})
    return rows


def _spotify_row(index: MusicBrainzIndex, asked: str, track: int) -> Json:
    world = index.world
    same = [
        each
        for each in world.tracks_of(int(world.track_artist[track])).tolist()
        if each == track or world.track_recording[each] == world.track_recording[track]
    ]
    missed = hashed_share(f"{world.seed} no spotify {track}") < _NO_SPOTIFY
    ranked = sorted(same, key=lambda each: each != track)
    return {
        "recording_mbid": asked or None,
        "artist_name": index.credit(track),
        "release_name": index.release(track),
        "track_name": index.title(track),
        "spotify_track_ids": [] if missed else [world.track_spotify_id[each] for each in ranked],
    }


def repaired_ids(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with one row per id, which tells what the id was merged into."""
    index, rows = call.index, []
    for asked in map(_one_id, given):
        track = index.resolved(asked)
        row: Json = {"recording_mbid": None, "original_recording_mbid": asked}
        row["canonical_recording_mbid"] = None
        if track is not None:
            row |= {
                "recording_mbid": index.ids[track],
                "canonical_recording_mbid": index.ids[track],
                "recording_name": index.title(track),
                "length": length_of(index, track),
                "artist_credit_name": index.credit(track),
                "artist_credit_id": 1 + track,
                "artist_credit_mbids": index.credit_ids(track),
                "artists": index.credit_rows(track),
                "release_name": index.release(track),
                "release_mbid": index.release_id(track),
                "tags": [vote.row() for vote in index.recording_tags(track)] or None,
            }
        rows.append(row)
    return rows


def bulk_tags(call: MetaBrainzCall, given: Rows) -> Rows:
    """Answer with the tags of up to 1,000 recordings, a row for each tag and what carries it."""
    if len(given) > _MAX_TAGGED:
        raise MetaBrainzError(500, "Internal Server Error")
    index, rows = call.index, []
    for each in map(_one_id, given):
        track = index.recording(each)
        if track is None:
            continue
        of_artist = index.artist_tags(int(index.world.track_artist[track]))
        for source, votes in (
            ("recording", index.recording_tags(track)),
            ("artist", of_artist),
            ("release-group", index.group_tags(track)),
        ):
            percent = round(float(call.shared.tagged.percent[track]) / 100, 5)
            rows += [
                {
                    "recording_mbid": each,
                    "tag": vote.tag,
                    "tag_count": vote.count,
                    "percent": percent,
                    "source": source,
                }
                for vote in votes
            ]
    return rows


# By slug: what answers, and the fields of the input.
_QUERIES: dict[str, tuple[Query, tuple[str, ...]]] = {
    "similar-artists": (similar_artists, ("artist_mbids", "algorithm")),
    "similar-recordings": (similar_recordings, ("recording_mbids", "algorithm")),
    "spotify-id-from-mbid": (spotify_by_mbid, ("recording_mbid",)),
    "spotify-id-from-metadata": (
        spotify_by_names,
        ("artist_name", "release_name", "track_name"),
    ),
    "recording-mbid-lookup": (repaired_ids, ("recording_mbid",)),
    "bulk-tag-lookup": (bulk_tags, ("recording_mbid",)),
}
_WHOLE = ("similar-artists", "similar-recordings", "bulk-tag-lookup")


def labs_routes(shared: MetaBrainz) -> list[Route]:
    """Return the routes of labs: GET and POST of each query."""
    return [
        metabrainz_route(shared, "/labs", verb, f"/{slug}/json", handler, _refused)
        for slug, (query, fields) in _QUERIES.items()
        for verb, handler in (
            ("GET", _by_get(query, fields)),
            ("POST", _by_post(query, whole=slug in _WHOLE)),
        )
    ]


def _by_get(query: Query, fields: tuple[str, ...]) -> Callable[[MetaBrainzCall], Rows]:
    def handler(call: MetaBrainzCall) -> Rows:
        for name in call.query:
            if name not in fields:
                raise MetaBrainzError(
                    400, f"1 validation error\n{name}\n  Extra inputs are not permitted"
                )
        lists = {name: call.query.getlist(name) for name in fields}
        several = max(map(len, lists.values())) if len(fields) == 1 else 1
        given: Rows = [
            {
                name: held if name.endswith("s") else held[at] if at < len(held) else None
                for name, held in lists.items()
            }
            for at in range(max(1, several))
        ]
        return query(call, given)

    return handler


def _by_post(query: Query, *, whole: bool) -> Callable[[MetaBrainzCall], Rows]:
    def handler(call: MetaBrainzCall) -> Rows:
        try:
            given = json.loads(call.body)
        except ValueError:
            given = None
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(row, dict) for row in given)
        ):
            raise MetaBrainzError(400, "The body has to be a JSON array of objects.")
        rows = query(call, given)
        if whole:
            return rows
        first = call.number("offset", 0, None)
        return rows[first : first + call.number("count", _DEFAULT_COUNT, None)]

    return handler


def _refused(error: MetaBrainzError) -> Response:
    words = html.escape(error.message, quote=False).replace("'", "&#39;")
    page = f"<!doctype html>\n<title>Error</title>\n<h1>Error {error.status}</h1>\n<p>{words}</p>\n"
    return HTMLResponse(page, error.status)
