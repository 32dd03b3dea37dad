"""Format of Your Spotify's database: the plays that it noted, each with its track and artist.

Your Spotify has no export of its own; `docs/history-files.md` has the command that writes this one,
a line of JSON for each play.

| trap | here |
|---|---|
| a play has Spotify's ids only | the command adds names; without them the person is told so |
| times are `{"$date": ...}` or a text | both |
| times are those of Spotify's recent plays, starts or ends | merged as what Spotify tells itself |
| `blacklistedBy`: an artist that the listener hid | a play all the same |
"""

from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.json_array import iter_elements
from smallhours.listening.formats.reading import (
    ChoiceNeeded,
    ExclusionReason,
    Format,
    Head,
    HistoryRow,
    Parsed,
    ReadOptions,
    blocks,
    iso_us,
    json_lines,
    length_ms,
    play,
    spotify_id_of,
    text_of,
    unix_us,
)
from smallhours.listening.plays import REPORTED_AT, SPOTIFY


def _matches(head: Head) -> bool:
    return head.has("played_at", "owner", "id") and head.sign in ("{", "[")


def _read(text: TextIO, head: Head, options: ReadOptions) -> Iterator[Parsed]:
    rows = iter_elements(blocks(text)) if head.sign == "[" else json_lines(text)
    for row in rows:
        yield _parse(row, options)


def _parse(row: Any, options: ReadOptions) -> Parsed:
    if not isinstance(row, dict):
        return ExclusionReason.UNUSABLE
    if "track" not in row or "artist" not in row:
        raise ChoiceNeeded(
            "it has Spotify's ids and no names",
            "Export it with the command in docs/history-files.md.",
        )
    track, ids = _first(row["track"]), _first(row["track"]).get("external_ids")
    found = play(
        _moment_us(row.get("played_at"), options),
        text_of(_first(row["artist"]).get("name")),
        text_of(track.get("name")),
        album=text_of(_first(row.get("album")).get("name")),
        isrc=text_of(ids.get("isrc")) if isinstance(ids, dict) else None,
        spotify_id=spotify_id_of(row.get("id")),
        duration_ms=length_ms(track.get("duration_ms")),
    )
    if isinstance(found, HistoryRow):
        told = {"sources": [SPOTIFY], REPORTED_AT[SPOTIFY]: found.reported_at}
        return found._replace(columns=told)
    return found


def _moment_us(value: Any, options: ReadOptions) -> int | None:
    if isinstance(value, dict):
        value = value.get("$date", value.get("$numberLong"))
        return _moment_us(value, options)
    return iso_us(value, options) if isinstance(value, str) and "-" in value else unix_us(value)


def _first(found: Any) -> Mapping[str, Any]:
    """Return the one document that was found, or that was put there; empty if there is none."""
    value = found[0] if isinstance(found, list) and found else found
    return value if isinstance(value, Mapping) else {}


YOUR_SPOTIFY = Format("Your Spotify's database", _matches, _read, plays_of_file)
