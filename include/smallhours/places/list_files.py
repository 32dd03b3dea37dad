"""Lists in files that a person may edit: reading and writing M3U8 and JSPF.

What a row holds that we did not write comes out again as it was. A row is named by its location;
one without a location, by `artist - title`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from smallhours.places.export_formats import address, jspf_row, m3u8_row, one_line
from smallhours.places.place import ListedTrack

_TITLE = re.compile(r"#EXTINF:[^,]*,(?P<artist>.*?) - (?P<title>.*)")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row of a list.

    Attributes:
        uri: Its location, or `artist - title`.
        artist: Empty when the file does not say.
        title: Empty when the file does not say.
        raw: The row as the file's format has it; None for a new one.
    """

    uri: str
    artist: str = ""
    title: str = ""
    raw: Any = None


@dataclass(frozen=True, slots=True)
class ListFile:
    """A list as a file holds it."""

    name: str
    description: str
    rows: tuple[FileRow, ...] = ()


class ListFormat(Protocol):
    """A format of such files."""

    def read(self, text: str) -> ListFile:
        """Return what a file holds.

        Raises:
            ValueError: it is not of this format.
        """

    def write(self, content: ListFile, known: Mapping[str, ListedTrack]) -> str:
        """Return the text of a file.

        Args:
            content: The list.
            known: What the rows are, by URI, as far as known.
        """


def uri_of(track: ListedTrack) -> str:
    """Return the URI of a track of ours."""
    return one_line(address(track))


class _M3u8:
    """Extended M3U, UTF-8. The description is a comment, which players skip."""

    def read(self, text: str) -> ListFile:
        """Return what a file holds; a comment belongs to the next location."""
        head = {"PLAYLIST": "", "DESCRIPTION": ""}
        rows: list[FileRow] = []
        lines: list[str] = []
        for line in text.removeprefix("\ufeff").splitlines():
            name, colon, value = line.removeprefix("#").partition(":")
            if line.startswith("#") and colon and name in head:
                head[name] = value.strip()
            elif line.strip() and line.rstrip() != "#EXTM3U":
                lines.append(line.rstrip())
                if not line.startswith("#"):
                    rows.append(_m3u8_row(lines))
                    lines = []
        return ListFile(head["PLAYLIST"], head["DESCRIPTION"], tuple(rows))

    def write(self, content: ListFile, known: Mapping[str, ListedTrack]) -> str:
        """Return the text of a file."""
        head = ["#EXTM3U", f"#PLAYLIST:{content.name}", f"#DESCRIPTION:{content.description}"]
        lines = [
            line
            for row in content.rows
            for line in row.raw or [*m3u8_row(_track(row, known))[:-1], row.uri]
        ]
        return "\n".join([*head, *lines]) + "\n"


def _m3u8_row(lines: Sequence[str]) -> FileRow:
    named = next((found for line in lines if (found := _TITLE.fullmatch(line))), None)
    artist, title = named.group("artist", "title") if named else ("", "")
    return FileRow(lines[-1], artist.strip(), title.strip(), raw=tuple(lines))


class _Jspf:
    """XSPF in JSON."""

    def read(self, text: str) -> ListFile:
        """Return what a file holds.

        Raises:
            ValueError: it is not JSPF.
        """
        try:
            playlist = json.loads(text)["playlist"]
            rows = tuple(_jspf_row(raw) for raw in playlist.get("track") or ())
            name, description = (playlist.get(key) or "" for key in ("title", "annotation"))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("it has no playlist") from error
        return ListFile(str(name), str(description), rows)

    def write(self, content: ListFile, known: Mapping[str, ListedTrack]) -> str:
        """Return the text of a file."""
        rows = [
            {**(row.raw or jspf_row(_track(row, known))), "trackNum": number}
            for number, row in enumerate(content.rows, start=1)
        ]
        playlist = {
            "title": content.name,
            "creator": "Smallhours",
            "annotation": content.description,
            "track": rows,
        }
        return json.dumps({"playlist": playlist}, ensure_ascii=False, indent=2) + "\n"


def _jspf_row(raw: Mapping[str, Any]) -> FileRow:
    artist, title = (str(raw.get(key) or "") for key in ("creator", "title"))
    places = raw.get("location") or ()
    uri = places if isinstance(places, str) else next(iter(places), f"{artist} - {title}")
    return FileRow(one_line(str(uri)), artist, title, raw=dict(raw))


def _track(row: FileRow, known: Mapping[str, ListedTrack]) -> ListedTrack:
    """Return what a row is; of a row of the listener's only its names and location are known."""
    if row.uri in known:
        return known[row.uri]
    artist, dash, title = row.uri.partition(" - ")
    if row.title or not dash:
        artist, title = row.artist, row.title
    location = "" if row.uri == one_line(f"{artist} - {title}") else row.uri
    return ListedTrack(0, artist, title, "", None, "", "", "", "", "", location)


FORMATS: Mapping[str, ListFormat] = MappingProxyType({"m3u8": _M3u8(), "jspf": _Jspf()})
