"""Format of lastfm-to-csv (benjaminbenben.com): artist, album, track and the minute, no header.

| trap | here |
|---|---|
| no header | told by four columns, the last one like `02 Jan 2024 15:04` |
| the minute only, UTC, English months | `file_minutes`; parsed without the machine's language |
| commas and quotation marks are removed from names | names are compared without them |
| a track that plays now has no date, once a page | counted, left out |
| pages overlap while they are taken | rows that are there twice are one play |
| a page that failed is missing, without a word | import a second export beside it |
"""

from collections.abc import Iterator, Sequence
from typing import TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.reading import (
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    english_us,
    is_english_date,
    lines,
    play,
    table_rows,
    text_of,
)

_COLUMNS = 4


def _delimiter(head: Head) -> str | None:
    """Return the delimiter; Excel writes semicolons in much of Europe."""
    for delimiter in (",", ";", "\t"):
        rows = [row for row in head.rows(delimiter) if len(row) == _COLUMNS]
        dated = [row for row in rows if is_english_date(row[3])]
        undated = sum(not row[3] for row in rows)
        if dated and len(dated) + undated > len(head.rows(delimiter)) / 2:
            return delimiter
    return None


def _matches(head: Head) -> bool:
    return _delimiter(head) is not None


def _read(text: TextIO, head: Head, _: ReadOptions) -> Iterator[Parsed]:
    return map(_parse, table_rows(lines(text), _delimiter(head) or ","))


def _parse(row: Sequence[str]) -> Parsed:
    if len(row) != _COLUMNS:
        return ExclusionReason.UNUSABLE
    artist, album, title, date = row
    if not date:
        return ExclusionReason.NOW_PLAYING
    known = {"album": text_of(album), "to_the_minute": True}
    return play(english_us(date), text_of(artist), text_of(title), **known)


LASTFM_TO_CSV = Format("Last.fm, by lastfm-to-csv", _matches, _read, plays_of_file)
