"""Format of JSON back-ups of Last.fm's own replies: lastfm-backup, and lastfm.ghan.nl's JSON.

| trap | here |
|---|---|
| a list of tracks, or a list of pages with a list `track` each | both; pages may be replies, too |
| the time is a text of seconds in `date.uts` | any number |
| a track that plays now has no `date`, once a page | counted, left out |
| pages overlap while they are taken | rows that are there twice are one play |
| `mbid` of a track is often dead, or not of a recording | not used; the artist's is |
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
    mbid_of,
    play,
    text_of,
    unix_us,
)


def _matches(head: Head) -> bool:
    return head.has("artist", "name", "#text") and (head.has("uts") or head.has("nowplaying"))


def _read(text: TextIO, head: Head, _: ReadOptions) -> Iterator[Parsed]:
    member = "track" if head.sign == "{" else None
    for element in iter_elements(blocks(text), member):
        yield from map(_parse, _tracks(element))


def _tracks(element: Any) -> Iterator[Any]:
    """Yield the tracks of a page, of a reply with a page, or the one track that it is."""
    if isinstance(element, list):
        for each in element:
            yield from _tracks(each)
    elif isinstance(element, dict) and isinstance(element.get("recenttracks"), dict):
        yield from _tracks(element["recenttracks"])
    elif isinstance(element, dict) and isinstance(element.get("track"), list | dict):
        yield from _tracks(element["track"])
    else:
        yield element


def _parse(row: Any) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    date, artist = row.get("date"), row.get("artist")
    if not date:
        return ExclusionReason.NOW_PLAYING
    return play(
        unix_us(date.get("uts") if isinstance(date, dict) else date),
        _name(artist),
        text_of(row.get("name")),
        album=_name(row.get("album")),
        artist_mbid=mbid_of(artist.get("mbid")) if isinstance(artist, dict) else None,
    )


def _name(value: Any) -> str | None:
    """Return a name; Last.fm's extended replies have it as `name`."""
    if isinstance(value, dict):
        return text_of(value.get("#text")) or text_of(value.get("name"))
    return text_of(value)


LASTFM_PAGES = Format("Last.fm, a JSON back-up", _matches, _read, plays_of_file)
