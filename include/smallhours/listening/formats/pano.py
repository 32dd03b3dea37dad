"""Format of Pano Scrobbler's log as JSON lines; its CSV is a table with a header.

| trap | here |
|---|---|
| `event` is `scrobble`, `love` or `unlove`; the time of a love is that of the click | loves are no plays: counted, left out |
| `timeMs` is in milliseconds, `timeHuman` in the phone's language | the first is read |
"""  # noqa: E501 - a table

from collections.abc import Iterator
from typing import Any, TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.reading import (
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    json_lines,
    length_ms,
    play,
    text_of,
    unix_us,
)


def _matches(head: Head) -> bool:
    return head.sign == "{" and head.has("timeMs", "artist", "track")


def _read(text: TextIO, _: Head, __: ReadOptions) -> Iterator[Parsed]:
    return map(_parse, json_lines(text))


def _parse(row: Any) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    if row.get("event") in ("love", "unlove"):
        return ExclusionReason.REACTION
    return play(
        unix_us(row.get("timeMs")),
        text_of(row.get("artist")),
        text_of(row.get("track")),
        album=text_of(row.get("album")),
        duration_ms=length_ms(row.get("durationMs")),
    )


PANO = Format("Pano Scrobbler's log", _matches, _read, plays_of_file)
