"""ListenBrainz' routes about recordings and artists: metadata, popularity and look-up by name.

Unknown and merged ids are absent from the metadata, without an error. A look-up by POST finds exact
names only, one by GET also names that are alike.
"""

from collections.abc import Mapping
from typing import Any

from smallhours_sandbox.identifiers import hashed_share, is_uuid
from smallhours_sandbox.listenbrainz_listens import cover, spotify_url
from smallhours_sandbox.metabrainz_http import Handler, MetaBrainzCall, MetaBrainzError
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex

Json = dict[str, Any]

MAX_IDS = 1000
_INC_RECORDING, _INC_ARTIST = ("artist", "tag", "release"), ("tag", "release_group")
_NO_LENGTH, _NO_ISRC, _NO_RELEASE, _PARTIAL_DATE, _SPOTIFY_LINK = 0.05, 0.2, 0.03, 0.2, 0.4
_MAX_LOOKUPS, _MAX_NAMES = 50, 250


# -- by id --------------------------------------------------------------------------------------


def recordings_by_get(call: MetaBrainzCall) -> Json:
    """Answer with the recordings of the ids in the query, separated by commas."""
    given = call.query.get("recording_mbids")
    if given is None:
        raise MetaBrainzError(
            400,
            "recording_mbids argument must be present and contain a comma separated list of "
            "recording_mbids",
        )
    ids = [each.strip() for each in given.split(",") if each.strip()]
    if len(ids) > MAX_IDS:
        raise MetaBrainzError(500, "Internal server error")
    return _recordings(call, ids, call.query.get("inc", ""))


def recordings_by_post(call: MetaBrainzCall) -> Json:
    """Answer with the recordings of up to 1,000 ids in the body."""
    body = call.json_object()
    ids = body.get("recording_mbids")
    if not isinstance(ids, list):
        raise MetaBrainzError(
            400,
            "recording_mbids JSON element must be present and contain a list of recording_mbids",
        )
    _at_most(ids, "recording_mbids")
    return _recordings(call, ids, body.get("inc") or "")


def _at_most(ids: list[Any], name: str) -> None:
    if len(ids) > MAX_IDS:
        raise MetaBrainzError(
            400, f"Maximum number of {name} that can be fetched at once is {MAX_IDS}"
        )


def _valid(ids: list[Any], name: str) -> None:
    if not ids:
        raise MetaBrainzError(400, f"At least one valid {name} must be present.")
    for each in ids:
        if not is_uuid(each):
            raise MetaBrainzError(400, f"{name} {each} is not valid.")


def _includes(inc: str, allowed: tuple[str, ...]) -> list[str]:
    chosen = inc.split()
    for each in chosen:
        if each not in allowed:
            raise MetaBrainzError(400, f"invalid inc argument '{each}'. Must be one of {allowed}.")
    return chosen


def _recordings(call: MetaBrainzCall, ids: list[Any], inc: str) -> Json:
    _valid(ids, "recording_mbid")
    parts = _includes(inc, _INC_RECORDING)
    found = {each: call.index.recording(each.lower()) for each in ids}
    return {
        each: recording_entry(call.index, track, parts)
        for each, track in found.items()
        if track is not None
    }


def recording_entry(index: MusicBrainzIndex, track: int, parts: list[str]) -> Json:
    """Return the metadata of one recording with the parts that were asked for."""
    entry: Json = {"recording": _recording(index, track)}
    if "artist" in parts:
        entry["artist"] = {
            "name": index.credit(track),
            "artist_credit_id": 1 + track,
            "artists": [
                {**_artist(index, artist), "join_phrase": join}
                for artist, join in index.credits(track)
            ],
        }
    if "tag" in parts:
        entry["tag"] = {
            "recording": [vote.row() for vote in index.recording_tags(track)],
            "artist": artist_tag_rows(index, track),
            "release_group": [vote.row() for vote in index.group_tags(track)],
        }
    if "release" in parts:
        entry["release"] = _release(index, track)
    return entry


def artist_tag_rows(index: MusicBrainzIndex, track: int) -> list[Json]:
    """Return the tags of all artists of a recording."""
    return [
        {**vote.row(), "artist_mbid": index.artist_ids[artist]}
        for artist, _ in index.credits(track)
        for vote in index.artist_tags(artist)
    ]


def length_of(index: MusicBrainzIndex, track: int) -> int | None:
    """Return a recording's length in milliseconds, None where MusicBrainz does not know it."""
    if hashed_share(f"{index.world.seed} length {track}") < _NO_LENGTH:
        return None
    return int(index.world.track_duration_ms[track])


def isrcs_of(index: MusicBrainzIndex, track: int) -> list[str]:
    """Return the ISRCs that MusicBrainz knows of a recording."""
    code = index.world.track_isrc[track]
    known = code and hashed_share(f"{index.world.seed} isrc {track}") >= _NO_ISRC
    return [code] if known else []


def _recording(index: MusicBrainzIndex, track: int) -> Json:
    world = index.world
    about: Json = {"name": index.title(track), "rels": [], "isrcs": isrcs_of(index, track) or None}
    length = length_of(index, track)
    if length is not None:
        about["length"] = length
    if hashed_share(f"{world.seed} date {track}") >= _PARTIAL_DATE:
        about["first_release_date"] = world.album_released[int(world.track_album[track])]
    if has_spotify_link(index, track):
        about["url_rels"] = [{"type": "free streaming", "url": spotify_url(world, track)}]
    return about


def has_spotify_link(index: MusicBrainzIndex, track: int) -> bool:
    """Return whether MusicBrainz links a recording to its track at Spotify."""
    return hashed_share(f"{index.world.seed} link {track}") < _SPOTIFY_LINK


def _artist(index: MusicBrainzIndex, artist: int) -> Json:
    found = index.artist_ids[artist]
    about: Json = {"name": index.world.artist_name[artist], "artist_mbid": found}
    drawn = hashed_share(f"about {found}")
    if drawn < 0.9:
        about |= {"type": "Person" if drawn < 0.3 else "Group", "area": "Wales"}
        about |= {"begin_year": 1960 + int(drawn * 60), "rels": {}}
    if drawn < 0.3:
        about["gender"] = "Female" if drawn < 0.15 else "Male"
    return about


def _release(index: MusicBrainzIndex, track: int) -> Json:
    world = index.world
    if hashed_share(f"{world.seed} release {track}") < _NO_RELEASE:
        return {}
    return {
        "mbid": index.release_id(track),
        "name": index.release(track),
        "release_group_mbid": index.group_id(track),
        "album_artist_name": world.artist_name[int(world.track_artist[track])],
        "year": int(world.album_released[int(world.track_album[track])][:4]),
        **cover(track),
    }


def artists_by_get(call: MetaBrainzCall) -> list[Json]:
    """Answer with a list of artists; unknown ids are left out."""
    given = call.query.get("artist_mbids")
    if given is None:
        raise MetaBrainzError(
            400,
            "artist_mbids argument must be present and contain a comma separated list of "
            "artist_mbids",
        )
    ids = [each.strip().lower() for each in given.split(",") if each.strip()]
    if len(ids) > MAX_IDS:
        raise MetaBrainzError(500, "Internal server error")
    _valid(ids, "artist_mbid")
    parts = _includes(call.query.get("inc", ""), _INC_ARTIST)
    index, rows = call.index, []
    for each in dict.fromkeys(ids):
        artist = index.artist_by_id.get(each)
        if artist is None:
            continue
        row = {**_artist(index, artist), "mbid": each}
        if "tag" in parts:
            tags = [{**vote.row(), "artist_mbid": each} for vote in index.artist_tags(artist)]
            row["tag"] = {"artist": tags}
        if "release_group" in parts:
            row["release_group"] = _release_groups(index, artist)
        rows.append(row)
    return rows


def _release_groups(index: MusicBrainzIndex, artist: int) -> list[Json]:
    tracks = {index.group_id(track): track for track in index.recordings_of[artist][0].tolist()}
    return [
        {
            "name": index.release(track),
            "mbid": group,
            "artist_credit_name": index.world.artist_name[artist],
            "artists": index.credit_rows(track)[:1],
            "date": index.world.album_released[int(index.world.track_album[track])],
            "type": "Album",
        }
        for group, track in tracks.items()
    ]


# -- popularity ---------------------------------------------------------------------------------


def recording_popularity(call: MetaBrainzCall) -> list[Json]:
    """Answer with the listen and user counts of recordings."""
    return _popularity(call, "recording_mbid")


def artist_popularity(call: MetaBrainzCall) -> list[Json]:
    """Answer with the listen and user counts of artists."""
    return _popularity(call, "artist_mbid")


def _popularity(call: MetaBrainzCall, name: str) -> list[Json]:
    body = call.json_object()
    ids = body.get(f"{name}s")
    if not isinstance(ids, list) or not ids:
        raise MetaBrainzError(
            400, f"{name}s JSON element must be present and contain a list of {name}s"
        )
    for each in ids:
        if not is_uuid(each):
            raise MetaBrainzError(400, f"{name} {each} is not valid.")
    _at_most(ids, f"{name}s")
    index = call.index
    known, users = (
        (index.by_id, index.users)
        if name == "recording_mbid"
        else (index.artist_by_id, index.artist_users)
    )
    rows = []
    for each in ids:
        at = known.get(each.lower())
        # An id that was sent twice is counted twice.
        heard = 0 if at is None else int(users[at]) * ids.count(each)
        plays = index.plays(heard, each.lower())
        rows.append(
            {
                name: each,
                "total_listen_count": plays or None,
                "total_user_count": heard or None,
            }
        )
    return rows


# -- by name ------------------------------------------------------------------------------------


def _matched(index: MusicBrainzIndex, track: int) -> Json:
    return {
        "artist_credit_name": index.credit(track),
        "artist_mbids": index.credit_ids(track),
        "recording_mbid": index.ids[track],
        "recording_name": index.title(track),
        "release_mbid": index.release_id(track),
        "release_name": index.release(track),
    }


def lookup_one(call: MetaBrainzCall) -> Json:
    """Answer with the recording of a name or of one that is alike; {} without one."""
    call.require_token()
    artist, title = (call.query.get(name, "") for name in ("artist_name", "recording_name"))
    for name, value in (("artist_name", artist), ("recording_name", title)):
        if not value:
            raise MetaBrainzError(400, f"{name} is invalid or not present in arguments")
    release = call.query.get("release_name", "")
    if len(artist) + len(title) + len(release) > _MAX_NAMES:
        raise MetaBrainzError(
            400,
            "total number of characters in artist_name, recording_name and release_name "
            "arguments must be less than 250",
        )
    track = call.shared.names.near(artist, title, release)
    if track is None:
        return {}
    reply = _matched(call.index, track)
    if call.query.get("metadata", "false").lower() == "true":
        parts = _includes(call.query.get("inc", ""), _INC_RECORDING)
        reply["metadata"] = recording_entry(call.index, track, parts)
    return reply


def lookup_many(call: MetaBrainzCall) -> list[Json]:
    """Answer with the recordings of up to 50 exact names."""
    call.require_token()
    wanted = call.json_object().get("recordings")
    if not isinstance(wanted, list) or not wanted:
        raise MetaBrainzError(400, "recordings is invalid or not present in body")
    if len(wanted) > _MAX_LOOKUPS:
        raise MetaBrainzError(
            400,
            f"Number of recordings in request body exceeds maximum permitted. ({_MAX_LOOKUPS})",
        )
    names = [_names(row, number) for number, row in enumerate(wanted)]
    # Of equal entries only the last one is matched.
    last = {each: number for number, each in enumerate(names)}
    reply = []
    for number, (artist, title, release) in enumerate(names):
        row: Json = {
            "index": number,
            "artist_name_arg": artist,
            "recording_name_arg": title,
            "release_name_arg": release or None,
        }
        track = call.shared.names.exact(artist, title, release)
        if track is not None and last[artist, title, release] == number:
            row |= {**_matched(call.index, track), "artist_credit_id": 1 + track}
        reply.append(row)
    return reply


def _names(row: Any, number: int) -> tuple[str, str, str]:
    names = []
    for name in ("artist_name", "recording_name"):
        value = row.get(name) if isinstance(row, dict) else None
        if not isinstance(value, str) or not value:
            raise MetaBrainzError(400, f"Recording {number} {name} is invalid or not present")
        names.append(value)
    if row.get("release_name", "") is None:
        raise MetaBrainzError(500, "Server failed to lookup recording")
    names.append(str(row.get("release_name", "")))
    if sum(map(len, names)) > _MAX_NAMES:
        raise MetaBrainzError(
            400,
            f"Recording {number} total number of characters in artist_name, recording_name and "
            "release_name must be less than 250",
        )
    return names[0], names[1], names[2]


METADATA_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/metadata/recording/"): recordings_by_get,
    ("POST", "/metadata/recording/"): recordings_by_post,
    ("GET", "/metadata/artist/"): artists_by_get,
    ("GET", "/metadata/lookup/"): lookup_one,
    ("POST", "/metadata/lookup/"): lookup_many,
    ("POST", "/popularity/recording"): recording_popularity,
    ("POST", "/popularity/artist"): artist_popularity,
}
