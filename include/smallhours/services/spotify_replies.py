"""Parsers of Spotify's replies into typed rows.

Each parser takes a parsed JSON reply and returns frozen rows, or raises `BrokenReply`. What
Spotify leaves out by design - local files, withdrawn tracks, episodes - is None, never an error.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smallhours.errors import BrokenReply
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.spotify_auth import SERVICE


@dataclass(frozen=True, slots=True)
class SpotifyArtist:
    """An artist's name; the id is None on local files."""

    name: str
    id: str | None


@dataclass(frozen=True, slots=True)
class SpotifyTrack:
    """One track of the catalogue.

    Attributes:
        id: 22 characters; None for a local file.
        uri: `spotify:track:...`, or `spotify:local:...`.
        title: As Spotify shows it, with "- 2011 Remaster" and the like.
        artists: The first is the main one.
        album: The album's title.
        album_released: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, as far as known.
        duration_ms: Length in milliseconds.
        isrc: The recording's code, upper case.
        explicit: Marked as explicit.
        playable: The listener can play it; Spotify says so, for their country, where they can't.
    """

    id: str | None
    uri: str
    title: str
    artists: tuple[SpotifyArtist, ...]
    album: str | None
    album_released: str | None
    duration_ms: int
    isrc: str | None
    explicit: bool
    playable: bool = True

    @property
    def artist(self) -> str:
        """The main artist's name."""
        return self.artists[0].name


@dataclass(frozen=True, slots=True)
class SavedTrack:
    """A track in the listener's library, and since when (UTC)."""

    added_at: datetime
    track: SpotifyTrack


@dataclass(frozen=True, slots=True)
class RecentPlay:
    """One of the listener's last 50 plays.

    Attributes:
        played_at: UTC; mostly the end of the play.
        track: What was played.
    """

    played_at: datetime
    track: SpotifyTrack


@dataclass(frozen=True, slots=True)
class SpotifyAccount:
    """A Spotify account; `account_id` never changes, where Spotify tells it."""

    id: str
    account_id: str | None
    display_name: str | None


@dataclass(frozen=True, slots=True)
class SpotifyPlaylist:
    """A playlist without its items.

    Attributes:
        id: 22 characters.
        name: Its title.
        description: Free text; may be empty.
        owner_id: The owner's account id (`SpotifyAccount.id`).
        public: On the owner's profile; None when Spotify does not say.
        collaborative: Others may edit it.
        snapshot_id: Changes with every change of the items.
        total: How many items; None when it is not the listener's.
    """

    id: str
    name: str
    description: str
    owner_id: str
    public: bool | None
    collaborative: bool
    snapshot_id: str
    total: int | None


@dataclass(frozen=True, slots=True)
class SpotifyPlaylistItem:
    """One row of a playlist.

    Attributes:
        uri: None when Spotify has lost what it was.
        track: None for an episode, and for what is no longer there.
        added_at: UTC; None in very old playlists.
        added_by: Account id; None when not told.
    """

    uri: str | None
    track: SpotifyTrack | None
    added_at: datetime | None
    added_by: str | None


def parse_track(reply: JsonCursor) -> SpotifyTrack:
    """Parse a track object."""
    artists = tuple(
        SpotifyArtist(artist["name"].text(), artist["id"].text_or_none())
        for artist in reply["artists"]
    )
    if not artists:
        artists = (SpotifyArtist("", None),)
    album = reply["album"]
    external = reply["external_ids"]
    isrc = None if external.absent else external["isrc"].text_or_none()
    return SpotifyTrack(
        id=reply["id"].text_or_none(),
        uri=reply["uri"].some_text(),
        title=reply["name"].text(),
        artists=artists,
        album=None if album.absent else album["name"].text_or_none(),
        album_released=None if album.absent else album["release_date"].text_or_none(),
        duration_ms=reply["duration_ms"].whole(),
        isrc=isrc.strip().upper() or None if isrc else None,
        explicit=reply["explicit"].flag(default=False),
        playable=reply["is_playable"].value is not False and not reply["restrictions"].value,
    )


def parse_top(reply: JsonCursor) -> list[SpotifyTrack]:
    """Parse a page of `me/top/tracks`."""
    return [parse_track(item) for item in reply["items"] if not item.absent]


def parse_saved(reply: JsonCursor) -> list[SavedTrack]:
    """Parse a page of `me/tracks`; rows whose track is gone are left out."""
    return [
        SavedTrack(item["added_at"].moment(), parse_track(item["track"]))
        for item in _present(reply)
        if not item["track"].absent
    ]


def parse_recent(reply: JsonCursor) -> list[RecentPlay]:
    """Parse `me/player/recently-played`, oldest first."""
    plays = [
        RecentPlay(item["played_at"].moment(), parse_track(item["track"]))
        for item in _present(reply)
        if not item["track"].absent
    ]
    return sorted(plays, key=lambda play: play.played_at)


def parse_search(reply: JsonCursor) -> list[SpotifyTrack]:
    """Parse the tracks of a `search`, best first."""
    return parse_top(reply["tracks"])


def parse_account(reply: JsonCursor) -> SpotifyAccount:
    """Parse `me`."""
    return SpotifyAccount(
        reply["id"].some_text(),
        reply["account_id"].text_or_none(),
        reply["display_name"].text_or_none(),
    )


def parse_playlist(reply: JsonCursor) -> SpotifyPlaylist:
    """Parse a playlist, full or simplified; `items` was called `tracks` before 2026."""
    items = reply["tracks"] if reply["items"].absent else reply["items"]
    public = reply["public"]
    return SpotifyPlaylist(
        id=reply["id"].some_text(),
        name=reply["name"].text(),
        description=reply["description"].text_or_none() or "",
        owner_id=reply["owner"]["id"].some_text(),
        public=None if public.absent else public.flag(default=False),
        collaborative=reply["collaborative"].flag(default=False),
        snapshot_id=reply["snapshot_id"].some_text(),
        total=None if items.absent else items["total"].whole_or_none(),
    )


def parse_playlists(reply: JsonCursor) -> list[SpotifyPlaylist]:
    """Parse a page of `me/playlists`; an entry that can't be read is left out.

    Most of them are nobody's concern; one of ours is asked for by its id.
    """
    found = []
    for item in _present(reply):
        with contextlib.suppress(BrokenReply):
            found.append(parse_playlist(item))
    return found


def parse_playlist_items(reply: JsonCursor) -> list[SpotifyPlaylistItem]:
    """Parse a page of `playlists/{id}/items`; rows without content are kept, too."""
    return [_playlist_item(item) for item in reply["items"]]


def parse_snapshot(reply: JsonCursor) -> str:
    """Return the snapshot id that a write answers with."""
    return reply["snapshot_id"].some_text()


def has_next(reply: JsonCursor) -> bool:
    """Return whether another page follows."""
    return reply["next"].text_or_none() is not None


def spotify_json(value: Any) -> JsonCursor:
    """Return a cursor over a parsed reply."""
    return JsonCursor(SERVICE, value)


def _present(reply: JsonCursor) -> Iterator[JsonCursor]:
    return (item for item in reply["items"] if not item.absent)


def _playlist_item(entry: JsonCursor) -> SpotifyPlaylistItem:
    if entry.absent:
        return SpotifyPlaylistItem(None, None, None, None)
    content = entry["track"] if entry["item"].absent else entry["item"]
    is_track = not content.absent and content["type"].text_or_none() in (None, "track")
    added_at, added_by = entry["added_at"], entry["added_by"]
    return SpotifyPlaylistItem(
        uri=None if content.absent else content["uri"].text_or_none(),
        track=parse_track(content) if is_track and not content["uri"].absent else None,
        added_at=None if added_at.absent else added_at.moment(),
        added_by=None if added_by.absent else added_by["id"].text_or_none(),
    )
