"""A night's list as a file for other players: M3U8, CSV or JSPF.

JSPF is XSPF in JSON (xspf.org/jspf); ListenBrainz and others import it, and know recordings by
their MusicBrainz ids.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from smallhours.places.place import ListedTrack

UNKNOWN_LENGTH = -1  # as M3U writes it


def address(track: ListedTrack) -> str:
    """Return where a track is, or its page at Spotify; if neither is known, `artist - title`.

    A local player may find the last.
    """
    if track.location:
        return track.location
    if track.spotify_id:
        return f"https://open.spotify.com/track/{track.spotify_id}"
    return f"{track.artist} - {track.title}"


def as_m3u8(items: Sequence[ListedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as extended M3U, UTF-8."""
    lines = ["#EXTM3U", f"#PLAYLIST:{one_line(name)}, {night}"]
    for item in items:
        lines += m3u8_row(item)
    return "\n".join(lines) + "\n"


def m3u8_row(item: ListedTrack) -> list[str]:
    """Return the lines of one track of an extended M3U."""
    seconds = UNKNOWN_LENGTH if item.duration_ms is None else round(item.duration_ms / 1000)
    names = f"#EXTINF:{seconds},{one_line(item.artist)} - {one_line(item.title)}"
    album = [f"#EXTALB:{one_line(item.album)}"] if item.album else []
    return [names, *album, one_line(address(item))]


def as_csv(items: Sequence[ListedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as comma-separated values with a header and one row per track."""
    del name
    columns = [
        "night", "position", "artist", "title", "album", "duration_ms", "spotify_url", "isrc",
        "mbid", "reason",
    ]  # fmt: skip
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for item in items:
        writer.writerow(
            [
                night,
                item.position,
                _cell(item.artist),
                _cell(item.title),
                _cell(item.album),
                "" if item.duration_ms is None else item.duration_ms,
                address(item) if item.spotify_id else "",
                item.isrc,
                item.mbid,
                _cell(item.reason),
            ]
        )
    return out.getvalue()


def as_jspf(items: Sequence[ListedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as JSPF."""
    tracks = [jspf_row(item) for item in items]
    playlist = {
        "title": name,
        "creator": "Smallhours",
        "date": f"{night}T00:00:00Z",
        "track": tracks,
    }
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"


def jspf_row(item: ListedTrack) -> dict[str, object]:
    """Return one track of a JSPF."""
    track: dict[str, object] = {
        "title": item.title,
        "creator": item.artist,
        "trackNum": item.position,
        "annotation": item.reason,
    }
    if item.album:
        track["album"] = item.album
    if item.duration_ms is not None:
        track["duration"] = item.duration_ms
    if item.spotify_id or item.location:
        track["location"] = [address(item)]
    if item.mbid:
        track["identifier"] = [f"https://musicbrainz.org/recording/{item.mbid}"]
    return track


def one_line(text: str) -> str:
    """Return a name on one line; a leading # gets a space before it, or it would be a command."""
    flat = " ".join(text.split())
    return f" {flat}" if flat.startswith("#") else flat


def _cell(text: str) -> str:
    """Return a text with a space before it where a spreadsheet would read it as a formula."""
    return f" {text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


FORMATS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {"m3u8": as_m3u8, "csv": as_csv, "jspf": as_jspf}
)
