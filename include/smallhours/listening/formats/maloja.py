"""Format of Maloja's export: one JSON object with a list of scrobbles.

| trap | here |
|---|---|
| one scrobble a second at most, so times wander by some seconds | a play of another source so near is the same |
| artists are split, and in no order | the album's among them is taken, else the first |
| `album`, `length` and `duration` may be null | unknown then |
| a history that came from Spotify has the ends of plays for starts | see `report_matching` |
"""  # noqa: E501 - a table

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
    length_ms,
    play,
    text_of,
    unix_us,
)


def _matches(head: Head) -> bool:
    return head.sign == "{" and head.has("maloja", "scrobbles")


def _read(text: TextIO, _: Head, __: ReadOptions) -> Iterator[Parsed]:
    return map(_parse, iter_elements(blocks(text), "scrobbles"))


def _parse(row: Any) -> Parsed:
    track = row.get("track") if isinstance(row, dict) else None
    if not isinstance(track, dict):
        return ExclusionReason.UNUSABLE
    album = track["album"] if isinstance(track.get("album"), dict) else {}
    return play(
        unix_us(row.get("time")),
        text_of(_artist(track.get("artists"), album.get("artists"))),
        text_of(track.get("title")),
        album=text_of(album.get("albumtitle")),
        duration_ms=length_ms(track.get("length"), 1000),
    )


def _artist(artists: Any, of_album: Any) -> Any:
    """Return the track's artist who is also the album's; otherwise the first."""
    if not isinstance(artists, list) or not artists:
        return None
    known = of_album if isinstance(of_album, list) else []
    return next((each for each in artists if each in known), artists[0])


MALOJA = Format("Maloja's export", _matches, _read, plays_of_file)
