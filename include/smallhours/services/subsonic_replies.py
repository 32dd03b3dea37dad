"""Replies of Subsonic servers, as far as we use them, and how they are read.

Servers differ: a list of one may be that one, a number a text, and most members may be missing.
"""

from dataclasses import dataclass
from typing import Final

from smallhours.services.json_cursor import JsonCursor

SERVICE: Final = "Subsonic"


@dataclass(frozen=True, slots=True)
class ServerSong:
    """A song on the server.

    Attributes:
        id: Names it there.
        title, artist, album: As the server shows them.
        duration_s: None when not told.
        mbid: MusicBrainz recording id, from newer servers.
        isrcs: From newer servers.
    """

    id: str
    title: str
    artist: str
    album: str
    duration_s: int | None
    mbid: str
    isrcs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServerPlaylist:
    """A playlist on the server; in a list of playlists without its songs."""

    id: str
    name: str
    comment: str
    owner: str
    public: bool
    song_count: int | None
    songs: tuple[ServerSong, ...] = ()


def parse_list(reply: JsonCursor) -> list[JsonCursor]:
    """Return the items of a list; some servers write a list of one as that one."""
    if isinstance(reply.value, dict):
        return [reply]
    return [] if reply.absent else list(reply)


def parse_rows(reply: JsonCursor, outer: str, inner: str) -> list[JsonCursor]:
    """Return the rows of an answer; an empty answer may lack its members, or be a text."""
    holder = reply[outer]
    return parse_list(holder[inner]) if isinstance(holder.value, dict) else []


def parse_songs(reply: JsonCursor, outer: str, inner: str) -> list[ServerSong]:
    """Return the songs of an answer."""
    return [_song(row) for row in parse_rows(reply, outer, inner)]


def _text(row: JsonCursor, name: str) -> str:
    value = row[name].value
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _song(row: JsonCursor) -> ServerSong:
    isrcs, length = row["isrc"].value, row["duration"].value
    told = isrcs if isinstance(isrcs, list) else [isrcs]
    return ServerSong(
        _text(row, "id"),
        _text(row, "title"),
        _text(row, "artist"),
        _text(row, "album"),
        length if isinstance(length, int) else None,
        _text(row, "musicBrainzId").lower(),
        tuple(each.upper() for each in told if isinstance(each, str) and each),
    )


def parse_playlist(row: JsonCursor) -> ServerPlaylist:
    """Return a playlist, with its songs where the row has them."""
    count = row["songCount"].value
    return ServerPlaylist(
        _text(row, "id"),
        _text(row, "name"),
        _text(row, "comment"),
        _text(row, "owner"),
        row["public"].value is True,
        count if isinstance(count, int) else None,
        tuple(_song(each) for each in parse_list(row["entry"])),
    )
