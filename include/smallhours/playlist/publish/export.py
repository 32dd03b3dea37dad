"""Export of a night's list for other players, as M3U8, CSV or JSPF.

JSPF is XSPF in JSON (xspf.org/jspf); ListenBrainz and others import it, and know recordings by
their MusicBrainz ids.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from smallhours.errors import NotEnoughData
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.places.place import ListedTrack
from smallhours.playlist.publish.target_list import listed_tracks

UNKNOWN_LENGTH = -1  # as M3U writes it


def address(track: ListedTrack) -> str:
    """Return a track's page at Spotify; without an id, `artist - title`.

    A local player may find the latter.
    """
    if track.spotify_id:
        return f"https://open.spotify.com/track/{track.spotify_id}"
    return f"{track.artist} - {track.title}"


def exported_tracks(lake: Lake, listener: str, night: dt.date, *, intent: str) -> list[ListedTrack]:
    """Return a night's list in its order.

    Raises:
        NotEnoughData: there is none.
    """
    rows = lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "artist", "title", "position", "reason"],
        where={"listener": listener, "night": night.isoformat()},
    )
    rows = rows[(rows["intent"] == intent) & rows["position"].notna()].sort_values("position")
    if rows.empty:
        raise NotEnoughData(
            f"There is no list for the night of {night}.",
            remedy="`smallhours history` shows the nights that have one.",
        )
    return listed_tracks(lake, rows)


def as_m3u8(items: Sequence[ListedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as extended M3U, UTF-8."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(name)}, {night}"]
    for item in items:
        seconds = UNKNOWN_LENGTH if item.duration_ms is None else round(item.duration_ms / 1000)
        lines += [f"#EXTINF:{seconds},{_line(item.artist)} - {_line(item.title)}"]
        lines += [_line(address(item))]
    return "\n".join(lines) + "\n"


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
    tracks = [_jspf_track(item) for item in items]
    playlist = {
        "title": name,
        "creator": "Smallhours",
        "date": f"{night}T00:00:00Z",
        "track": tracks,
    }
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"


def _jspf_track(item: ListedTrack) -> dict[str, object]:
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
    if item.spotify_id:
        track["location"] = [address(item)]
    if item.mbid:
        track["identifier"] = [f"https://musicbrainz.org/recording/{item.mbid}"]
    return track


def _line(text: str) -> str:
    """Return a name on one line; a leading # gets a space before it, or it would be a command."""
    flat = " ".join(text.split())
    return f" {flat}" if flat.startswith("#") else flat


def _cell(text: str) -> str:
    """Return a text with a space before it where a spreadsheet would read it as a formula."""
    return f" {text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


FORMATS: Mapping[str, Callable[..., str]] = MappingProxyType(
    {"m3u8": as_m3u8, "csv": as_csv, "jspf": as_jspf}
)
