"""MusicBrainz' web service ``/musicbrainz/ws/2/``: recordings, and artists by search.

Recordings are found by id, ISRC, artist and search. Lengths are milliseconds or null, tags are
sorted by name, and a merged id answers with the recording that it was merged into, whose id is
another one.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from smallhours_sandbox.identifiers import is_uuid
from smallhours_sandbox.listenbrainz_listens import spotify_url
from smallhours_sandbox.listenbrainz_metadata import has_spotify_link, isrcs_of, length_of
from smallhours_sandbox.metabrainz_http import (
    Handler,
    MetaBrainz,
    MetaBrainzCall,
    MetaBrainzError,
    metabrainz_route,
)
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex, Vote

Json = dict[str, Any]

# What is answered without fmt=json: XML, of which the sandbox writes the root only.
_XML = """<?xml version="1.0"?><metadata xmlns="http://musicbrainz.org/ns/mmd-2.0#"/>"""
_HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
_RECORDING_INC = ("artist-credits", "tags", "genres", "isrcs", "releases", "url-rels", "ratings")
_ISRC_INC = ("artist-credits", "tags", "isrcs", "releases", "ratings")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")
_DEFAULT_LIMIT, _MAX_LIMIT = 25, 100
# One term of a Lucene query: a field, and its text in quotes or up to the next blank.
_TERM = re.compile(r'(\w+):(?:"((?:[^"\\]|\\.)*)"|(\S+))')


def recording(call: MetaBrainzCall) -> Json:
    """Answer with the recording of an id, or that into which it was merged."""
    found = call.path["id"]
    if not is_uuid(found):
        raise MetaBrainzError(400, "Invalid mbid.")
    inc = _inc(call, _RECORDING_INC, "recording")
    track = call.index.resolved(found.lower())
    if track is None:
        raise MetaBrainzError(404, "Not Found")
    return _shown(call.index, track, inc)


def by_isrc(call: MetaBrainzCall) -> Json:
    """Answer with the recordings of an ISRC."""
    code = call.path["id"].upper()
    if not _ISRC.fullmatch(code):
        raise MetaBrainzError(400, "Invalid isrc.")
    inc = [each for each in _inc(call, _ISRC_INC, "isrc") if each != "releases"]
    tracks = call.index.world.lookup.isrc.get(code, [])
    known = dict.fromkeys(int(call.index.canonical[track]) for track in tracks)
    named = [track for track in known if call.index.ids[track] and isrcs_of(call.index, track)]
    if not named:
        raise MetaBrainzError(404, "Not Found")
    return {"isrc": code, "recordings": [_shown(call.index, track, inc) for track in named]}


def browse_or_search(call: MetaBrainzCall) -> Json:
    """Answer with the recordings of an artist or a release, or those that a query finds."""
    if "query" in call.query:
        return _search(call)
    for name in ("artist", "release", "work", "collection"):
        if name in call.query:
            return _browse(call, name, call.query[name])
    raise MetaBrainzError(
        400,
        "The given parameters do not match any available query type for the recording resource.",
    )


def _browse(call: MetaBrainzCall, name: str, found: str) -> Json:
    if not is_uuid(found):
        raise MetaBrainzError(400, "Invalid mbid.")
    inc = _inc(call, _RECORDING_INC, "recording")
    index = call.index
    tracks: list[int] = []
    if name == "artist" and found in index.artist_by_id:
        tracks = index.recordings_of[index.artist_by_id[found]][0].tolist()
    elif name == "release":
        tracks = [
            each for each in index.recordings_of.ids.tolist() if index.release_id(each) == found
        ]
    ordered = sorted(tracks, key=lambda track: index.ids[track])
    limit, offset = min(_limit(call), _MAX_LIMIT), _offset(call)
    page = ordered[offset : offset + limit]
    return {
        "recording-count": len(ordered),
        "recording-offset": offset,
        "recordings": [_shown(index, track, inc) for track in page],
    }


def _search(call: MetaBrainzCall) -> Json:
    index = call.index
    inc = ["artist-credits", "isrcs", "releases"]
    found = _searched(index, _terms(call))
    return _page(call, "recordings", found, lambda track: _shown(index, track, inc))


def search_artists(call: MetaBrainzCall) -> Json:
    """Answer with the artists of a name, and after them those whose names hold it."""
    if "query" not in call.query:
        raise MetaBrainzError(
            400,
            "The given parameters do not match any available query type for the artist resource.",
        )
    wanted = " ".join(_terms(call).get("artist", [])).casefold()
    index = call.index
    names = [name.casefold() for name in index.world.artist_name]
    found = [
        (artist, 100 if names[artist] == wanted else 60)
        for artist, mbid in enumerate(index.artist_ids)
        if mbid and wanted and wanted in names[artist]
    ]
    found.sort(key=lambda pair: (-pair[1], index.artist_ids[pair[0]]))
    return _page(call, "artists", found, lambda artist: _artist(index, artist))


def _terms(call: MetaBrainzCall) -> dict[str, list[str]]:
    """Return the texts of a Lucene query, by field."""
    terms: dict[str, list[str]] = {}
    for name, quoted, bare in _TERM.findall(call.query["query"]):
        terms.setdefault(name, []).append(re.sub(r"\\(.)", r"\1", quoted or bare))
    return terms


def _page(
    call: MetaBrainzCall, kind: str, found: list[tuple[int, int]], show: Callable[[int], Json]
) -> Json:
    """Return a page of what a search has found, each with its score."""
    limit, offset = _limit(call), _offset(call)
    limit = limit if 1 <= limit <= _MAX_LIMIT else _DEFAULT_LIMIT
    return {
        "created": "2026-11-26T00:00:00.000Z",
        "count": len(found),
        "offset": offset,
        kind: [{**show(each), "score": score} for each, score in found[offset : offset + limit]],
    }


def _searched(index: MusicBrainzIndex, terms: Mapping[str, list[str]]) -> list[tuple[int, int]]:
    if "arid" in terms:
        artists = [index.artist_by_id[each] for each in terms["arid"] if each in index.artist_by_id]
        return [(track, 100) for each in artists for track in index.recordings_of[each][0].tolist()]
    if "isrc" in terms:
        tracks = [t for code in terms["isrc"] for t in index.world.lookup.isrc.get(code, [])]
        return [(int(index.canonical[t]), 100) for t in tracks if index.id_of(t)]
    title = " ".join(terms.get("recording", [])).casefold()
    artist = " ".join([*terms.get("artist", []), *terms.get("artistname", [])]).casefold()
    found: list[tuple[int, int]] = []
    for track in index.recordings_of.ids.tolist():
        same_title = not title or index.title(track).casefold() == title
        same_artist = not artist or artist in index.credit(track).casefold()
        if (title or artist) and (same_title if title else same_artist):
            found.append((track, 100 if same_title and same_artist else 60))
    return sorted(found, key=lambda pair: (-pair[1], -int(index.users[pair[0]])))


def all_genres(call: MetaBrainzCall) -> Json | Response:
    """Answer with the official genres: a page as JSON, or all names as text."""
    names = sorted(call.index.genres)
    if call.query.get("fmt") == "txt":
        return PlainTextResponse("\n".join(names) + "\n")
    limit, offset = min(_limit(call), _MAX_LIMIT), _offset(call)
    return {
        "genre-count": len(names),
        "genre-offset": offset,
        "genres": [
            {"id": call.index.genres[name], "name": name, "disambiguation": ""}
            for name in names[offset : offset + limit]
        ],
    }


def _inc(call: MetaBrainzCall, allowed: tuple[str, ...], resource: str) -> list[str]:
    given = call.query.getlist("inc")
    if len(given) > 1:
        raise MetaBrainzError(400, "Inc arguments must be combined with a space.")
    chosen = given[0].replace("+", " ").split() if given else []
    for each in chosen:
        if each not in allowed:
            raise MetaBrainzError(
                400, f"{each} is not a valid inc parameter for the {resource} resource."
            )
    return chosen


def _limit(call: MetaBrainzCall) -> int:
    text = call.query.get("limit", "")
    return int(text) if text.isdecimal() else _DEFAULT_LIMIT


def _offset(call: MetaBrainzCall) -> int:
    text = call.query.get("offset", "")
    return int(text) if text.isdecimal() else 0


def _shown(index: MusicBrainzIndex, track: int, inc: list[str]) -> Json:
    world = index.world
    shown: Json = {
        "id": index.ids[track],
        "title": index.title(track),
        "length": length_of(index, track),
        "disambiguation": "",
        "video": False,
        "first-release-date": world.album_released[int(world.track_album[track])],
    }
    if "artist-credits" in inc:
        shown["artist-credit"] = _credit(index, track, inc)
    if "isrcs" in inc:
        shown["isrcs"] = isrcs_of(index, track)
    shown |= _votes(index.recording_tags(track), inc)
    if "releases" in inc:
        shown["releases"] = [
            {
                "id": index.release_id(track),
                "title": index.release(track),
                "status": "Official",
                "date": world.album_released[int(world.track_album[track])],
                "country": "XW",
                "quality": "normal",
                "barcode": "",
            }
        ]
    if "url-rels" in inc:
        address = {"id": index.release_id(track), "resource": spotify_url(world, track)}
        linked = {"type": "free streaming", "url": address}
        shown["relations"] = [linked] if has_spotify_link(index, track) else []
    return shown


def _credit(index: MusicBrainzIndex, track: int, inc: list[str]) -> list[Json]:
    rows = []
    for artist, join in index.credits(track):
        about = _artist(index, artist) | _votes(index.artist_tags(artist), inc)
        rows.append({"name": about["name"], "joinphrase": join, "artist": about})
    return rows


def _artist(index: MusicBrainzIndex, artist: int) -> Json:
    name = index.world.artist_name[artist]
    return {
        "id": index.artist_ids[artist],
        "name": name,
        "sort-name": name,
        "type": None,
        "type-id": None,
        "disambiguation": "",
        "country": None,
    }


def _votes(votes: list[Vote], inc: list[str]) -> Json:
    ordered = sorted(votes, key=lambda vote: vote.tag)
    shown: Json = {}
    if "tags" in inc:
        shown["tags"] = [{"count": vote.count, "name": vote.tag} for vote in ordered]
    if "genres" in inc:
        shown["genres"] = [
            {"id": vote.genre, "name": vote.tag, "disambiguation": "", "count": vote.count}
            for vote in ordered
            if vote.genre
        ]
    return shown


_ROUTES: Mapping[str, Handler] = {
    "/recording/{id}": recording,
    "/isrc/{id}": by_isrc,
    "/recording": browse_or_search,
    "/recording/": browse_or_search,
    "/artist": search_artists,
    "/artist/": search_artists,
    "/genre/all": all_genres,
}


def musicbrainz_routes(shared: MetaBrainz) -> list[Route]:
    """Return the routes of MusicBrainz' web service."""
    return [
        metabrainz_route(shared, "/musicbrainz/ws/2", "GET", path, _as_json(handler), _refused)
        for path, handler in _ROUTES.items()
    ]


def _as_json(handler: Handler) -> Handler:
    """Return a handler that answers in JSON or text where it is asked to, and in XML else."""

    def checked(call: MetaBrainzCall) -> Any:
        if call.query.get("fmt") not in ("json", "txt"):
            return Response(_XML, media_type="application/xml")
        return handler(call)

    return checked


def _refused(error: MetaBrainzError) -> Response:
    if error.status == 503:
        return JSONResponse({"error": error.message}, 503)
    return JSONResponse({"error": error.message, "help": _HELP}, error.status)
