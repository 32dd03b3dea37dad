"""Formats of Last.fm Scrubbler (CSV and JSON) and Universal Scrobbler (CSV): two near twins.

| trap | here |
|---|---|
| no header, six columns | told by the time in the fourth and the length in the sixth |
| the Scrubbler has artist, **album, track**; Universal Scrobbler artist, **track, album** | told apart: the first writes 00:03:34 or 0 for the length, the second quotes every field and writes seconds |
| local time without a zone | the person is asked for the zone |
| 01/02/2024, in the order of the machine's country | the larger numbers tell, or the person does |
| a time that comes twice in autumn, or never in spring | the first; left out |
"""  # noqa: E501 - a table

import re
from collections.abc import Iterator, Sequence
from functools import partial
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
    day_comes_first,
    is_local_date,
    is_to_the_minute,
    iso_us,
    length_ms,
    lines,
    local_us,
    play,
    table_rows,
    text_of,
)

_COLUMNS = 6
_TIME_SPAN = re.compile(r"(?:(?:([0-9]+)\.)?([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?|0)")


def _rows(head: Head, delimiter: str) -> list[list[str]]:
    """Return the first rows, if they are of one of the two."""
    rows = head.rows(delimiter)
    fitting = [row for row in rows if len(row) == _COLUMNS and _is_time(row[3])]
    return fitting if len(fitting) > len(rows) / 2 else []


def _is_time(value: str) -> bool:
    return not value or is_local_date(value)


def _delimiter(head: Head) -> str:
    return next((each for each in (",", ";", "\t") if _rows(head, each)), ",")


def _matches_scrubbler(head: Head) -> bool:
    rows = _rows(head, _delimiter(head))
    return bool(rows) and all(_TIME_SPAN.fullmatch(row[5]) for row in rows)


def _matches_universal(head: Head) -> bool:
    rows = _rows(head, _delimiter(head))
    lengths = all(not row[5] or row[5].isdecimal() for row in rows)
    return bool(rows) and lengths and not _matches_scrubbler(head)


def _read(
    text: TextIO, head: Head, options: ReadOptions, *, album: int, title: int
) -> Iterator[Parsed]:
    delimiter = _delimiter(head)
    times = [row[3] for row in _rows(head, delimiter)]
    day_first = day_comes_first(times, options)
    parse = partial(_parse, options=options, day_first=day_first, album=album, title=title)
    return map(parse, table_rows(lines(text), delimiter))


def _parse(
    row: Sequence[str], *, options: ReadOptions, day_first: bool, album: int, title: int
) -> Parsed:
    if len(row) != _COLUMNS:
        return ExclusionReason.UNUSABLE
    at_us = local_us(row[3], options, day_first=day_first)
    return play(
        at_us,
        text_of(row[0]),
        text_of(row[title]),
        album=text_of(row[album]),
        duration_ms=_length(row[5]),
        to_the_minute=is_to_the_minute(row[3]),
    )


def _length(value: object) -> int | None:
    found = _TIME_SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] is None:
        return length_ms(value, 1000)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return length_ms(((days * 24 + hours) * 60 + minutes) * 60 + seconds, 1000)


def _matches_json(head: Head) -> bool:
    return head.sign == "[" and head.has("trackName", "artistName", "time")


def _read_json(text: TextIO, _: Head, options: ReadOptions) -> Iterator[Parsed]:
    return map(partial(_parse_json, options), iter_elements(blocks(text)))


def _parse_json(options: ReadOptions, row: Any) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    return play(
        iso_us(row.get("time"), options),
        text_of(row.get("artistName")),
        text_of(row.get("trackName")),
        album=text_of(row.get("albumName")),
        duration_ms=_length(row.get("duration")),
    )


SCRUBBLER_CSV = Format(
    "Last.fm Scrubbler (CSV)",
    _matches_scrubbler,
    partial(_read, album=1, title=2),
    plays_of_file,
)
UNIVERSAL_SCROBBLER = Format(
    "Universal Scrobbler (CSV)",
    _matches_universal,
    partial(_read, album=2, title=1),
    plays_of_file,
)
SCRUBBLER_JSON = Format("Last.fm Scrubbler (JSON)", _matches_json, _read_json, plays_of_file)
