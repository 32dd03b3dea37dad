"""Last.fm's ``track.getInfo`` and ``artist.getInfo``, optionally with a listener's plays."""

from typing import Any

from smallhours_sandbox.lastfm_render import IMAGES, SIX_IMAGES, artist_url, tag_url, track_url
from smallhours_sandbox.lastfm_request import NO_ARTIST, NO_TRACK, LastfmError, LastfmReply
from smallhours_sandbox.lastfm_users import ListenerCall, UserMethod, find_listener
from smallhours_sandbox.ragged import Ints


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
