"""Export of a night's list for other players, as M3U8, CSV or JSPF.

JSPF is XSPF in JSON (xspf.org/jspf); ListenBrainz and others import it, and know recordings by
their MusicBrainz ids.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from smallhours.errors import NotEnoughData
from smallhours.identity import artist_key_in
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import TRACKS

UNKNOWN_LENGTH = -1  # as M3U writes it


@dataclass(frozen=True)
class ExportedTrack:
    """One track of a list; unknown values are empty or None."""

    position: int
    artist: str
    title: str
    album: str
    duration_ms: int | None
    spotify_id: str
    isrc: str
    mbid: str
    reason: str
    track_key: str

    @property
    def address(self) -> str:
        """Its page at Spotify; without an id, `artist - title`, which a local player may find."""
        if self.spotify_id:
            return f"https://open.spotify.com/track/{self.spotify_id}"
        return f"{self.artist} - {self.title}"


def exported_tracks(
    lake: Lake, listener: str, night: dt.date, *, intent: str
) -> list[ExportedTrack]:
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
    prefixes = sorted({prefix_of(artist_key_in(key)) for key in rows["track_key"]})
    known = lake.frame(
        TRACKS,
        columns=["track_key", "album", "duration_ms", "spotify_id", "isrc", "mbid"],
        where={"prefix": prefixes},
    )
    joined = rows.merge(known.drop_duplicates("track_key"), on="track_key", how="left")
    return [
        ExportedTrack(
            int(row["position"]),
            row["artist"],
            row["title"],
            _text(row["album"]),
            None if pd.isna(row["duration_ms"]) else int(row["duration_ms"]),
            _text(row["spotify_id"]),
            _text(row["isrc"]),
            _text(row["mbid"]),
            row["reason"],
            row["track_key"],
        )
        for row in joined.to_dict("records")
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def as_m3u8(items: Sequence[ExportedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as extended M3U, UTF-8."""
    lines = ["#EXTM3U", f"#PLAYLIST:{_line(name)}, {night}"]
    for item in items:
        seconds = UNKNOWN_LENGTH if item.duration_ms is None else round(item.duration_ms / 1000)
        lines += [f"#EXTINF:{seconds},{_line(item.artist)} - {_line(item.title)}"]
        lines += [_line(item.address)]
    return "\n".join(lines) + "\n"


def as_csv(items: Sequence[ExportedTrack], *, name: str, night: dt.date) -> str:
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
                item.address if item.spotify_id else "",
                item.isrc,
                item.mbid,
                _cell(item.reason),
            ]
        )
    return out.getvalue()


def as_jspf(items: Sequence[ExportedTrack], *, name: str, night: dt.date) -> str:
    """Return the list as JSPF."""
    tracks = [_jspf_track(item) for item in items]
    playlist = {
        "title": name,
        "creator": "Smallhours",
        "date": f"{night}T00:00:00Z",
        "track": tracks,
    }
    return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"


def _jspf_track(item: ExportedTrack) -> dict[str, object]:
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
        track["location"] = [item.address]
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
