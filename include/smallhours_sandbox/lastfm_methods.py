"""Last.fm's methods about artists, tracks, tags and charts.

Each takes the index of the world and the request's parameters and returns the reply as a tree
(see ``lastfm_render``), or raises ``LastfmError`` with the number, message and HTTP status
that Last.fm uses: these methods say "not found" with status 200, except ``artist.getInfo``. The
two ``getInfo`` methods may tell of a listener's plays, too.
"""

from collections.abc import Callable
from typing import Any

from smallhours_sandbox.lastfm_index import LastfmIndex, TrackPage
from smallhours_sandbox.lastfm_render import (
    ARTIST_IMAGES,
    IMAGES,
    SIX_IMAGES,
    artist_url,
    paging,
    tag_url,
    track_url,
)
from smallhours_sandbox.lastfm_request import (
    NO_ARTIST,
    NO_TRACK,
    LastfmError,
    LastfmParams,
    LastfmReply,
)
from smallhours_sandbox.lastfm_users import ListenerCall, UserMethod, find_listener
from smallhours_sandbox.ragged import Ints

Method = Callable[[LastfmIndex, LastfmParams], LastfmReply]


def _artist(index: LastfmIndex, params: LastfmParams, *, status: int = 200) -> int:
    mbid = params.get("mbid")
    name = "" if mbid else params.need("artist")
    found = index.artist(name, mbid, autocorrect=params.autocorrect)
    if found is None:
        raise LastfmError(6, NO_ARTIST, status, links=True)
    return found


def _track(index: LastfmIndex, params: LastfmParams) -> TrackPage:
    mbid = params.get("mbid")
    artist, title = ("", "") if mbid else (params.need("artist"), params.need("track"))
    found = index.track(artist, title, mbid, autocorrect=params.autocorrect)
    if found is None:
        raise LastfmError(6, NO_TRACK, 200, links=True)
    return found


def _with_mbid(node: dict[str, Any], mbid: str, after: str) -> dict[str, Any]:
    """Return ``node`` with an ``mbid`` after the key ``after``, or unchanged when it is unknown."""
    if not mbid:
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        out[key] = value
        if key == after:
            out["mbid"] = mbid
    return out


def _artist_node(index: LastfmIndex, artist: int) -> dict[str, Any]:
    name = index.world.artist_name[artist]
    node = {"name": name, "url": artist_url(name)}
    return _with_mbid(node, index.world.artist_mbid[artist], "name")


def _streamable() -> dict[str, str]:
    return {"fulltrack": "0", "#text": "0"}


def _tags(index: LastfmIndex, ids: list[int], counts: list[int]) -> list[dict[str, Any]]:
    names = [index.world.tags[each] for each in ids]
    return [
        {"count": count, "name": name, "url": tag_url(name)}
        for name, count in zip(names, counts, strict=True)
    ]


def artist_top_tags(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``artist.getTopTags``: counts are relative to the top tag's 100; may be empty."""
    artist = _artist(index, params)
    ids, counts = index.world.artist_tags[artist]
    rows = _tags(index, ids.tolist(), counts.tolist())
    named = {"artist": index.world.artist_name[artist]}
    return LastfmReply("toptags", {"@attr": named, "tag": rows})


def track_top_tags(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``track.getTopTags``: about half of the tracks have none, which is an empty list."""
    page = _track(index, params)
    rows: list[dict[str, Any]] = []
    if page.track is not None:
        ids, counts = index.world.track_tags[page.track]
        rows = _tags(index, ids.tolist(), counts.tolist())
    return LastfmReply(
        "toptags", {"@attr": {"artist": page.artist, "track": page.title}, "tag": rows}
    )


def artist_similar(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``artist.getSimilar``, in which ``match`` is a string."""
    limit = params.limit(100)
    artist = _artist(index, params)
    ids, matches = index.world.artist_similar[artist]
    rows = []
    for other, match in zip(ids[:limit].tolist(), matches[:limit].tolist(), strict=True):
        name = index.world.artist_name[other]
        node = {
            "name": name,
            "match": f"{match:.6g}",
            "url": artist_url(name),
            "image": SIX_IMAGES,
            "streamable": "0",
        }
        rows.append(_with_mbid(node, index.world.artist_mbid[other], "name"))
    named = {"artist": index.world.artist_name[artist]}
    return LastfmReply("similarartists", {"@attr": named, "artist": rows})


def track_similar(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``track.getSimilar``; ``match``, ``playcount`` and ``duration`` are JSON numbers."""
    limit = params.limit(100)
    page = _track(index, params)
    rows: list[dict[str, Any]] = []
    if page.track is not None:
        world = index.world
        ids, matches = world.track_similar[page.track]
        best: dict[int, float] = {}
        for other, match in zip(index.page_of[ids].tolist(), matches.tolist(), strict=True):
            if other != page.track:
                best.setdefault(other, round(match, 6))
        for other, match in list(best.items())[:limit]:
            shown = index.page(other)
            node = {
                "name": shown.title,
                "playcount": index.playcount(int(index.track_listeners[other])),
                "match": match,
                "url": track_url(shown.artist, shown.title),
                "streamable": _streamable(),
                "duration": int(world.track_duration_ms[other]) // 1000,
                "artist": _artist_node(index, int(world.track_artist[other])),
                "image": SIX_IMAGES,
            }
            rows.append(_with_mbid(node, world.track_mbid[other], "playcount"))
    named = {"artist": page.artist, "track": page.title}
    return LastfmReply("similartracks", {"@attr": named, "track": rows})


def _paged(params: LastfmParams, ranked: list[int]) -> tuple[dict[str, str], list[tuple[int, int]]]:
    """Return the attributes of a page of ``ranked`` and its (rank, id) rows, if any."""
    limit, page = params.limit(), params.page
    first = (page - 1) * limit
    rows = list(enumerate(ranked[first : first + limit], start=first + 1))
    return paging(page, limit, len(ranked)), rows


def tag_top_tracks(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``tag.getTopTracks``, rank only, under the root ``tracks``; empty for unknown tags."""
    tag = params.need("tag")
    attributes, ranked = _paged(params, index.tag_tracks(tag))
    world = index.world
    rows = []
    for rank, track in ranked:
        shown = index.page(track)
        node = {
            "@attr": {"rank": str(rank)},
            "name": shown.title,
            "duration": str(int(world.track_duration_ms[track]) // 1000),
            "url": track_url(shown.artist, shown.title),
            "streamable": _streamable(),
            "artist": _artist_node(index, int(world.track_artist[track])),
            "image": IMAGES,
        }
        rows.append(_with_mbid(node, world.track_mbid[track], "duration"))
    return LastfmReply(
        "tracks", {"@attr": {"tag": index.tag_name(tag), **attributes}, "track": rows}
    )


def tag_top_artists(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``tag.getTopArtists``: rank only; empty for an unknown tag."""
    tag = params.need("tag")
    attributes, ranked = _paged(params, index.tag_artists(tag))
    rows = [
        {
            "@attr": {"rank": str(rank)},
            **_artist_node(index, artist),
            "streamable": "0",
            "image": ARTIST_IMAGES,
        }
        for rank, artist in ranked
    ]
    named = {"tag": index.tag_name(tag), **attributes}
    return LastfmReply("topartists", {"@attr": named, "artist": rows})


def tag_info(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``tag.getInfo``: a tag that nobody uses exists as well, with zeros."""
    tag = params.need("tag")
    total, reach = index.tag_statistics(tag)
    more = f' <a href="{tag_url(tag)}">Read more on Last.fm</a>.'
    node = {
        "name": index.tag_name(tag),
        "total": total,
        "reach": reach,
        "wiki": {"summary": more, "content": ""},
    }
    return LastfmReply("tag", node)


def tag_similar(_index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``tag.getSimilar``: broken since 2023 at the latest, always empty."""
    params.need("tag")
    return LastfmReply("similartags", {"@attr": {"tag": "n/a"}, "tag": []})


def artist_top_tracks(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``artist.getTopTracks``, with play counts and listeners."""
    artist = _artist(index, params)
    world = index.world
    pages = dict.fromkeys(index.page_of[world.tracks_of(artist)].tolist())
    attributes, ranked = _paged(params, list(pages))
    name = world.artist_name[artist]
    rows = []
    for rank, track in ranked:
        heard = int(index.track_listeners[track])
        title = world.lastfm_title(track)
        node = {
            "@attr": {"rank": str(rank)},
            "name": title,
            "playcount": str(index.playcount(heard)),
            "listeners": str(heard),
            "url": track_url(name, title),
            "streamable": "0",
            "artist": _artist_node(index, artist),
            "image": IMAGES,
        }
        rows.append(_with_mbid(node, world.track_mbid[track], "listeners"))
    return LastfmReply("toptracks", {"@attr": {"artist": name, **attributes}, "track": rows})


def chart_top_tags(index: LastfmIndex, params: LastfmParams) -> LastfmReply:
    """Answer ``chart.getTopTags``: the most used tags of all listeners."""
    ranked = sorted(range(len(index.tag_reach)), key=lambda tag: (-index.tag_reach[tag][0], tag))
    attributes, shown = _paged(params, ranked)
    rows = []
    for _, tag in shown:
        total, reach = index.tag_reach[tag]
        name = index.world.tags[tag]
        rows.append(
            {
                "name": name,
                "url": tag_url(name),
                "reach": str(reach),
                "taggings": str(total),
                "streamable": "1",
                "wiki": {},
            }
        )
    return LastfmReply("tags", {"@attr": attributes, "tag": rows})


# Methods whose replies depend on the catalogue alone and can be cached.
CATALOGUE_METHODS: dict[str, Method] = {
    "artist.getTopTags": artist_top_tags,
    "track.getTopTags": track_top_tags,
    "artist.getSimilar": artist_similar,
    "track.getSimilar": track_similar,
    "tag.getTopTracks": tag_top_tracks,
    "tag.getTopArtists": tag_top_artists,
    "tag.getInfo": tag_info,
    "tag.getSimilar": tag_similar,
    "artist.getTopTracks": artist_top_tracks,
    "chart.getTopTags": chart_top_tags,
}


def track_info(call: ListenerCall) -> LastfmReply:
    """Answer ``track.getInfo``, with the listener's plays and love when ``username`` names one."""
    params, world = call.params, call.state.world
    mbid = params.get("mbid")
    asked = ("", "") if mbid else (params.need("artist"), params.need("track"))
    page = call.index.track(*asked, mbid, autocorrect=params.autocorrect)
    if page is None:
        raise LastfmError(6, NO_TRACK, 200, links=True)
    track = page.track
    heard = 2 if track is None else int(call.index.track_listeners[track])
    by: dict[str, Any] = {"name": page.artist, "url": artist_url(page.artist)}
    node: dict[str, Any] = {"name": page.title, "url": track_url(page.artist, page.title)}
    if track is not None and world.track_mbid[track]:
        node["mbid"] = world.track_mbid[track]
    node["duration"] = "0" if track is None else str(int(world.track_duration_ms[track]))
    node["streamable"] = {"fulltrack": "0", "#text": "0"}
    node["listeners"] = str(heard)
    node["playcount"] = str(call.index.playcount(heard))
    node["artist"] = by
    tags: list[dict[str, str]] = []
    if track is not None:
        title = world.album_title[int(world.track_album[track])]
        node["album"] = {
            "@attr": {"position": str(int(world.track_number[track]))},
            "artist": page.artist,
            "title": title,
            "url": f"{artist_url(page.artist)}/{track_url('', title).rpartition('/')[2]}",
            "image": IMAGES,
        }
        tags = _five_tags(call, world.track_tags[track][0])
    person = find_listener(call.state, params.get("username"))
    if person is not None and track is not None:
        played = call.index.page_of[call.scrobbles(person.name)[1]]
        loved = {int(call.index.page_of[each]) for each in person.loved}
        node["userplaycount"] = str(int((played == track).sum()))
        node["userloved"] = "1" if track in loved else "0"
    node["toptags"] = {"tag": tags}
    return LastfmReply("track", node)


def artist_info(call: ListenerCall) -> LastfmReply:
    """Answer ``artist.getInfo``: unlike the other methods it says "not found" with status 404."""
    params, world = call.params, call.state.world
    mbid = params.get("mbid")
    name = "" if mbid else params.need("artist")
    artist = call.index.artist(name, mbid, autocorrect=params.autocorrect)
    if artist is None:
        raise LastfmError(6, NO_ARTIST, 404, links=True)
    name = world.artist_name[artist]
    heard = int(call.index.artist_listeners[artist])
    stats = {"listeners": str(heard), "playcount": str(call.index.playcount(heard))}
    person = find_listener(call.state, params.get("username"))
    if person is not None:
        played = world.track_artist[call.scrobbles(person.name)[1]]
        stats["userplaycount"] = str(int((played == artist).sum()))
    similar = [world.artist_name[each] for each in world.artist_similar[artist][0][:5].tolist()]
    url = artist_url(name)
    node: dict[str, Any] = {"name": name}
    if world.artist_mbid[artist]:
        node["mbid"] = world.artist_mbid[artist]
    node |= {
        "url": url,
        "image": SIX_IMAGES,
        "streamable": "0",
        "ontour": "0",
        "stats": stats,
        "similar": {
            "artist": [
                {"name": each, "url": artist_url(each), "image": SIX_IMAGES} for each in similar
            ]
        },
        "tags": {"tag": _five_tags(call, world.artist_tags[artist][0])},
        "bio": {
            "links": {"link": {"rel": "original", "href": f"{url}/+wiki", "#text": ""}},
            "published": "01 Jan 1970, 00:00",
            "summary": f' <a href="{url}">Read more on Last.fm</a>',
            "content": "",
        },
    }
    return LastfmReply("artist", node)


def _five_tags(call: ListenerCall, ids: Ints) -> list[dict[str, str]]:
    names = [call.state.world.tags[each] for each in ids[:5].tolist()]
    return [{"name": name, "url": tag_url(name)} for name in names]


DETAIL_METHODS: dict[str, UserMethod] = {
    "track.getInfo": track_info,
    "artist.getInfo": artist_info,
}
