"""Formats of lastfmstats.com: a CSV file with semicolons, and a JSON file.

| trap | here |
|---|---|
| a byte-order mark, semicolons | both are expected |
| the header ends in `Date#<user>`; older ones have no `AlbumId` | columns are found by name |
| times are milliseconds | told by their size |
| `albumId` is often empty or dead | not used |
"""

from collections.abc import Iterator
from typing import Any, TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.json_array import iter_elements
from smallhours.listening.formats.reading import (
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    blocks,
    lines,
    play,
    table_rows,
    text_of,
    unix_us,
)

_TIME = "Date#"


def _delimiter(head: Head) -> str | None:
    for delimiter in (";", ",", "\t"):
        header = next(iter(head.rows(delimiter)), [])
        if {"Artist", "Track"} <= set(header) and header[-1].startswith(_TIME):
            return delimiter
    return None


def _matches_csv(head: Head) -> bool:
    return _delimiter(head) is not None


def _read_csv(text: TextIO, head: Head, _: ReadOptions) -> Iterator[Parsed]:
    rows = table_rows(lines(text), _delimiter(head) or ";")
    names = ["Date" if name.startswith(_TIME) else name for name in next(rows)]
    artist, album, title, time = (
        names.index(name) if name in names else -1 for name in ("Artist", "Album", "Track", "Date")
    )
    for row in rows:
        if len(row) != len(names):
            yield ExclusionReason.UNUSABLE
        else:
            known = text_of(row[album]) if album >= 0 else None
            yield play(unix_us(row[time]), text_of(row[artist]), text_of(row[title]), album=known)


def _matches_json(head: Head) -> bool:
    return head.sign == "{" and head.has("username", "scrobbles")


def _read_json(text: TextIO, _: Head, __: ReadOptions) -> Iterator[Parsed]:
    return map(_parse, iter_elements(blocks(text), "scrobbles"))


def _parse(row: Any) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    return play(
        unix_us(row.get("date")),
        text_of(row.get("artist")),
        text_of(row.get("track")),
        album=text_of(row.get("album")),
    )


LASTFMSTATS_CSV = Format("Last.fm, by lastfmstats (CSV)", _matches_csv, _read_csv, plays_of_file)
LASTFMSTATS_JSON = Format(
    "Last.fm, by lastfmstats (JSON)", _matches_json, _read_json, plays_of_file
)
