"""Format of .scrobbler.log, which Rockbox and old players write.

| trap | here |
|---|---|
| tabs, and nothing is ever quoted: `"` and `#` belong to names | read so; only lines *beginning* with `#` are comments |
| `#TZ/UNKNOWN`: the times are those of the wall, dressed as UTC | the person is asked for the zone |
| rating S: the track was skipped | counted, left out |
| a clock that was never set: times in 1970 or 2000 | counted, left out |
| `<Untagged>` for a name | left out |
| broken bytes | replaced |
"""  # noqa: E501 - a table

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.reading import (
    BROKEN,
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    iso_us,
    length_ms,
    mbid_of,
    play,
    table_rows,
    text_of,
    unix_us,
)

_MIN_COLUMNS = 7
_UNTAGGED = "<Untagged>"


def _matches(head: Head) -> bool:
    return head.text.startswith("#AUDIOSCROBBLER/")


def _read(text: TextIO, head: Head, options: ReadOptions) -> Iterator[Parsed]:
    in_utc = any(line.strip() == "#TZ/UTC" for line in head.lines())
    for row in table_rows(_mended(text), "\t", csv.QUOTE_NONE):
        if not row[0].startswith("#"):
            yield _parse(row, options, in_utc=in_utc)


def _mended(text: TextIO) -> Iterator[str]:
    """Yield the lines; a byte that is not UTF-8 is a replacement character."""
    return (BROKEN.sub("\ufffd", line) for line in text)


def _parse(row: Sequence[str], options: ReadOptions, *, in_utc: bool) -> Parsed:
    if len(row) < _MIN_COLUMNS:
        return ExclusionReason.UNUSABLE
    artist, album, title, _, length, rating, time = row[:_MIN_COLUMNS]
    if rating.strip().upper() == "S":
        return ExclusionReason.SKIPPED
    if _UNTAGGED in (artist, title):
        return ExclusionReason.UNUSABLE
    at_us = unix_us(time)
    if at_us is not None and not in_utc:
        wall = dt.datetime.fromtimestamp(at_us // 1_000_000, dt.UTC).replace(tzinfo=None)
        at_us = iso_us(wall.isoformat(), options)
    return play(
        at_us,
        text_of(artist),
        text_of(title),
        album=None if album == _UNTAGGED else text_of(album),
        duration_ms=length_ms(length, 1000),
        track_mbid=mbid_of(row[7]) if len(row) > _MIN_COLUMNS else None,
    )


SCROBBLER_LOG = Format(".scrobbler.log of Rockbox", _matches, _read, plays_of_file)
