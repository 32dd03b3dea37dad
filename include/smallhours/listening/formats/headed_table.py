"""Formats of tables whose header names artist, track and time: ghan.nl, Libre.fm, Pano, and others.

| trap | here |
|---|---|
| Libre.fm: lines of comments come first, some begin `+ACM-`; the case of the header varies | the first row that names all three is the header |
| lastfm.ghan.nl: `uts` is the time, `utc_time` the same to the minute | `uts` is preferred |
| rows without a time play now | counted, left out |
| Pano Scrobbler: `event` may be `love` or `unlove` | no play: counted, left out |
| Pano Scrobbler: a missing length is the word "null", `timeHuman` is in the phone's language | neither is used |
| a time may be seconds, milliseconds, a date with or without a zone | told by its form; the person is asked for a zone |
| a track's MusicBrainz id at Last.fm is often dead | not used |
"""  # noqa: E501 - a table

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.reading import (
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    day_comes_first,
    english_us,
    is_english_date,
    is_local_date,
    is_to_the_minute,
    iso_us,
    length_ms,
    lines,
    local_us,
    mbid_of,
    play,
    table_rows,
    text_of,
    unix_us,
)

# What a column may be called, the best name first; in lower case, without blanks and underlines.
_NAMES = {
    "artist": ("artist", "artistname", "creator"),
    "title": ("track", "title", "song", "trackname", "tracktitle", "songname", "name"),
    "time": ("uts", "timems", "timestamp", "unixtime", "listenedat", "playedat", "scrobbletime",
             "datetime", "time", "date", "utctime"),
    "album": ("album", "release", "albumname", "albumtitle", "releasename"),
    "artist_mbid": ("artistmbid",),
    "duration_ms": ("durationms",),
    "event": ("event",),
}  # fmt: skip
_NEEDED = ("artist", "title", "time")
_MAX_LINES_BEFORE = 50


@dataclass(frozen=True, slots=True)
class _Header:
    """Where the columns of a table are.

    Attributes:
        delimiter: What is between two columns.
        width: The number of columns.
        places: The place of each column that is there.
        rows_before: The number of rows up to and with the header.
    """

    delimiter: str
    width: int
    places: dict[str, int]
    rows_before: int


def _header(head: Head) -> _Header | None:
    for delimiter in (",", ";", "\t"):
        for number, row in enumerate(head.rows(delimiter)[:_MAX_LINES_BEFORE], start=1):
            names = [_plain(name) for name in row]
            places = {
                column: names.index(found)
                for column, known in _NAMES.items()
                if (found := next((each for each in known if each in names), None))
            }
            if all(column in places for column in _NEEDED):
                return _Header(delimiter, len(row), places, number)
    return None


def _plain(name: str) -> str:
    return name.casefold().replace("_", "").replace(" ", "").lstrip("#")


def _matches(head: Head) -> bool:
    return head.sign not in ("[", "{") and _header(head) is not None


def _read(text: TextIO, head: Head, options: ReadOptions) -> Iterator[Parsed]:
    header = _header(head)
    assert header is not None  # noqa: S101 - `_matches` saw it
    first = [row[header.places["time"]] for row in head.rows(header.delimiter)[header.rows_before:]
             if len(row) == header.width]  # fmt: skip
    times = _Times([each for each in first if is_local_date(each)], options)
    rows = table_rows(lines(text), header.delimiter)
    for _ in range(header.rows_before):
        next(rows)
    for row in rows:
        yield _parse(row, header, times)


def _parse(row: Sequence[str], header: _Header, times: "_Times") -> Parsed:
    cells = {name: row[place] for name, place in header.places.items() if place < len(row)}
    if any(name not in cells for name in _NEEDED):
        return ExclusionReason.UNUSABLE
    if cells.get("event") in ("love", "unlove"):
        return ExclusionReason.REACTION
    if not cells["time"].strip():
        return ExclusionReason.NOW_PLAYING
    return play(
        times.parse(cells["time"]),
        text_of(cells["artist"]),
        text_of(cells["title"]),
        album=text_of(cells.get("album")),
        artist_mbid=mbid_of(cells.get("artist_mbid")),
        duration_ms=length_ms(cells.get("duration_ms")),
        to_the_minute=is_to_the_minute(cells["time"]),
    )


class _Times:
    """The times of one table."""

    def __init__(self, local: Sequence[str], options: ReadOptions) -> None:
        self._options = options
        self._day_first = bool(local) and day_comes_first(local, options)

    def parse(self, value: str) -> int | None:
        at_us = unix_us(value)
        if at_us is not None:
            return at_us
        if is_english_date(value):
            return english_us(value)
        if is_local_date(value):
            return local_us(value, self._options, day_first=self._day_first)
        return iso_us(value, self._options)


HEADED_TABLE = Format(
    "a table with a header: artist, track and time (lastfm.ghan.nl, Libre.fm, Pano Scrobbler)",
    _matches, _read, plays_of_file,
)  # fmt: skip
