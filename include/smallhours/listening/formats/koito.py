"""Format of Koito's export: one JSON object with a list of listens.

| trap | here |
|---|---|
| no field holds a name | the alias that is `is_primary`, else that of source "Canonical", else the first |
| `is_primary` may be false for every artist | the first artist is taken |
| the user's name is not escaped, so the start may not be JSON | the list is looked for, the start is not read |
| times are RFC 3339, with nanoseconds or none | read to the microsecond |
"""  # noqa: E501 - a table

import re
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
    iso_us,
    length_ms,
    mbid_of,
    play,
    text_of,
)

_BEYOND_MICROSECONDS = re.compile(r"(?<=\.[0-9]{6})[0-9]+")


def _matches(head: Head) -> bool:
    return head.sign == "{" and head.has("exported_at", "listens")


def _read(text: TextIO, _: Head, options: ReadOptions) -> Iterator[Parsed]:
    for row in iter_elements(blocks(text), "listens"):
        yield _parse(row, options)


def _parse(row: Any, options: ReadOptions) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    track, artists, time = row.get("track"), row.get("artists"), row.get("listened_at")
    artist = artists[0] if isinstance(artists, list) and artists else None
    if not isinstance(track, dict):
        return ExclusionReason.UNUSABLE
    return play(
        iso_us(_BEYOND_MICROSECONDS.sub("", time), options) if isinstance(time, str) else None,
        _name(artist),
        _name(track),
        album=_name(row.get("album")),
        artist_mbid=mbid_of(artist.get("mbid")) if isinstance(artist, dict) else None,
        track_mbid=mbid_of(track.get("mbid")),
        duration_ms=length_ms(track.get("duration"), 1000),
    )


def _name(thing: Any) -> str | None:
    """Return the name of a track, an album or an artist."""
    found = thing.get("aliases") if isinstance(thing, dict) else None
    aliases = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    aliases.sort(key=lambda each: (not each.get("is_primary"), each.get("source") != "Canonical"))
    return text_of(aliases[0].get("alias")) if aliases else None


KOITO = Format("Koito's export", _matches, _read, plays_of_file)
