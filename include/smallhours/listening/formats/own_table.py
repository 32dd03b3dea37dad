"""Format of the CSV file that `smallhours export-history` writes: every column of `plays`.

An empty cell is a value that is missing. The sources are separated by blanks.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.listenbrainz_export import EPOCH, own_columns
from smallhours.listening.formats.reading import (
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    lines,
    play,
    table_rows,
    text_of,
)
from smallhours.listening.plays import COLUMNS

WRITTEN = [name for name in COLUMNS if name not in ("track_key", "ordinal")]
_FLAGS = {"true": True, "false": False}
_NUMBERS = ("duration_ms", "ms_played")
# A text that is there and empty, for nothing in a cell means that the value is missing.
EMPTY = '""'


def _matches(head: Head) -> bool:
    return next(iter(head.rows()), None) == WRITTEN


def _read(text: TextIO, _: Head, __: ReadOptions) -> Iterator[Parsed]:
    rows = table_rows(lines(text))
    next(rows)
    return map(_parse, rows)


def _parse(row: Sequence[str]) -> Parsed:
    if len(row) != len(WRITTEN):
        return ExclusionReason.UNUSABLE
    cells = dict(zip(WRITTEN, row, strict=True))
    try:
        told = {name: _value(name, cell) for name, cell in cells.items()}
        columns = own_columns(told)
        at_us = round((columns.pop("played_at") - EPOCH).total_seconds() * 1e6)
    except (KeyError, TypeError, ValueError):
        return ExclusionReason.UNUSABLE
    known: Mapping[str, Any] = {"album": told["album"], "columns": columns}
    return play(at_us, text_of(told["artist"]), text_of(told["title"]), **known)


def _value(name: str, cell: str) -> Any:
    if cell == "":
        return None
    if name == "sources":
        return cell.split()
    if name in ("skipped", "shuffle"):
        return _FLAGS[cell]
    return int(cell) if name in _NUMBERS else "" if cell == EMPTY else cell


OWN_TABLE = Format("a CSV file of Smallhours", _matches, _read, plays_of_file)
