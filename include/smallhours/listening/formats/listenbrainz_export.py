"""Format of ListenBrainz' export: a zip with one file of JSON lines for each month.

| trap | here |
|---|---|
| `listened_at` may be written 1700000000.000000 | any number |
| `mbid_mapping` is null where MusicBrainz does not know the recording | no ids then |
| `additional_info` is nested and holds what the player sent | read, never required |
| `feedback.jsonl`, `pinned_recording.jsonl` and `user.json` beside it | no history: passed over |
| exports of before 2025 are one array | read, too |
| a history that came from Spotify has the ends of plays for starts | see `report_matching` |

Files that `smallhours export-history` wrote hold all columns of `plays` beside that.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from smallhours.listening.formats.file_plays import plays_of_file
from smallhours.listening.formats.json_array import iter_elements
from smallhours.listening.formats.reading import (
    SECOND_US,
    ExclusionReason,
    Format,
    Head,
    Parsed,
    ReadOptions,
    blocks,
    json_lines,
    length_ms,
    mbid_of,
    play,
    spotify_id_of,
    text_of,
    unix_us,
)
from smallhours.listening.plays import COLUMNS, REPORTED_AT

# The member of `additional_info` with what `export-history` adds.
OURS = "smallhours"
# What is told in ListenBrainz' own members, or follows from them.
TOLD_ELSEWHERE = ("artist", "album", "title", "track_key", "ordinal")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOMENTS = ("played_at", *REPORTED_AT.values())


def _matches(head: Head) -> bool:
    return head.has("listened_at", "track_metadata") and head.sign in ("{", "[")


def _read(text: TextIO, head: Head, _: ReadOptions) -> Iterator[Parsed]:
    rows = iter_elements(blocks(text)) if head.sign == "[" else json_lines(text)
    return map(parse_listen, rows)


def parse_listen(row: Any) -> Parsed:
    """Parse one listen."""
    told = _member(row, "track_metadata")
    if not told:
        return ExclusionReason.UNUSABLE
    if row.get("listened_at") is None and row.get("playing_now"):
        return ExclusionReason.NOW_PLAYING
    info, mapping = _member(told, "additional_info"), _member(told, "mbid_mapping")
    at_us = unix_us(row.get("listened_at"))
    columns = own_columns(info[OURS]) if isinstance(info.get(OURS), dict) else None
    if columns and "played_at" in columns:
        at_us = (columns.pop("played_at") - EPOCH) // dt.timedelta(microseconds=1)
    return play(
        at_us,
        text_of(told.get("artist_name")),
        text_of(told.get("track_name")),
        album=text_of(told.get("release_name")),
        artist_mbid=mbid_of(_first(mapping.get("artist_mbids") or info.get("artist_mbids"))),
        track_mbid=mbid_of(mapping.get("recording_mbid") or info.get("recording_mbid")),
        isrc=text_of(info.get("isrc")),
        spotify_id=spotify_id_of(info.get("spotify_id")),
        duration_ms=length_ms(info.get("duration_ms"))
        or length_ms(info.get("duration"), SECOND_US // 1000),
        columns=columns,
    )


def own_columns(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of `plays` that Smallhours wrote; unknown names are passed over."""
    columns = {
        name: value
        for name, value in told.items()
        if name in COLUMNS and name not in TOLD_ELSEWHERE
    }
    for name in _MOMENTS:
        if columns.get(name):
            columns[name] = dt.datetime.fromisoformat(columns[name])
    return columns


def _member(row: Any, name: str) -> Mapping[str, Any]:
    value = row.get(name) if isinstance(row, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _first(value: object) -> object:
    return value[0] if isinstance(value, list) and value else None


LISTENBRAINZ = Format("ListenBrainz' export", _matches, _read, plays_of_file)
