"""Parsers of Spotify's replies into typed rows.

Each parser takes a parsed JSON reply and returns frozen rows, or raises `BrokenReply`. What
Spotify leaves out by design - local files, withdrawn tracks, episodes - is None, never an error.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smallhours.errors import BrokenReply
from smallhours.lake.tables import FEATURES
from smallhours.services.audio_features import read_features
from smallhours.services.json_cursor import JsonCursor
from smallhours.services.playlists import PlaylistDetails, PlaylistRow

SERVICE: Final = "Spotify"


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
        cover: Address of the album's cover, the smallest of at least `COVER_PX`; may be empty.
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
    cover: str = ""

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
class SpotifyPlaylistItem(PlaylistRow):
    """One row of a playlist, as Spotify tells it.

    Attributes:
        track: None for an episode, and for what is no longer there.
        added_at: UTC; None in very old playlists.
        added_by: Account id; None when not told.
    """

    track: SpotifyTrack | None = None
    added_at: datetime | None = None
    added_by: str | None = None


def parse_track(reply: JsonCursor) -> SpotifyTrack:
    """Parse a track object: its URI, title, artists and length are needed, the rest is not."""
    artists = [SpotifyArtist(each["name"].text(), _text(each, "id")) for each in reply["artists"]]
    return SpotifyTrack(
        id=_text(reply, "id"),
        uri=reply["uri"].some_text(),
        title=reply["name"].text(),
        artists=tuple(artists or [SpotifyArtist("", None)]),
        album=_text(reply, "album", "name"),
        album_released=_text(reply, "album", "release_date"),
        duration_ms=reply["duration_ms"].whole(),
        isrc=(_text(reply, "external_ids", "isrc") or "").strip().upper() or None,
        explicit=reply["explicit"].value is True,
        playable=reply["is_playable"].value is not False and not reply["restrictions"].value,
        cover=_cover(reply),
    )


# Spotify's covers are 640, 300 and 64 pixels wide; the pages show them at up to 48.
COVER_PX: Final = 128


def _cover(reply: JsonCursor) -> str:
    """Return the address of a track's cover; empty when there is none that can be read."""
    album = reply.value.get("album") if isinstance(reply.value, dict) else None
    images = album.get("images") if isinstance(album, dict) else None
    widths = {
        url: image["width"] if isinstance(image.get("width"), int) else 0
        for image in (images if isinstance(images, list) else ())
        if isinstance(image, dict) and isinstance(url := image.get("url"), str) and url.isascii()
    }
    wide = {url: width for url, width in widths.items() if width >= COVER_PX}
    return min(wide or widths, key=lambda url: widths[url], default="")


def _text(reply: JsonCursor, *path: str) -> str | None:
    """Return a text that is not acted on; None when there is none, whatever else is there."""
    for step in path:
        if not isinstance(reply.value, dict):
            return None
        reply = reply[step]
    return reply.text_or_none() if isinstance(reply.value, str) else None


def parse_top(reply: JsonCursor) -> list[SpotifyTrack]:
    """Parse a page of `me/top/tracks`."""
    return reply["items"].rows(lambda item: None if item.absent else parse_track(item))


def parse_saved(reply: JsonCursor) -> list[SavedTrack]:
    """Parse a page of `me/tracks`; rows whose track is gone are left out."""
    return reply["items"].rows(
        lambda item: (
            SavedTrack(item["added_at"].moment(), parse_track(item["track"]))
            if _has_track(item)
            else None
        )
    )


def parse_recent(reply: JsonCursor) -> list[RecentPlay]:
    """Parse `me/player/recently-played`, oldest first; a row that is there twice is one play."""
    plays = reply["items"].rows(
        lambda item: (
            RecentPlay(item["played_at"].moment(), parse_track(item["track"]))
            if _has_track(item)
            else None
        )
    )
    once = {(play.played_at, play.track.uri): play for play in plays}
    return sorted(once.values(), key=lambda play: play.played_at)


def _has_track(item: JsonCursor) -> bool:
    return not item.absent and not item["track"].absent


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


def parse_playlist(reply: JsonCursor) -> PlaylistDetails:
    """Parse a playlist, full or simplified; `items` was called `tracks` before 2026.

    The name may be missing; whose it is has to be there.
    """
    items = reply["tracks"] if reply["items"].absent else reply["items"]
    public = reply["public"].value
    return PlaylistDetails(
        id=reply["id"].some_text(),
        name=reply["name"].text_or_none() or "",
        description=_text(reply, "description") or "",
        owner_id=reply["owner"]["id"].some_text(),
        public=public if isinstance(public, bool) else None,
        snapshot_id=reply["snapshot_id"].some_text(),
        total=None if items.absent else items["total"].whole_or_none(),
    )


def parse_playlists(reply: JsonCursor) -> list[PlaylistDetails]:
    """Parse a page of `me/playlists`."""
    return reply["items"].rows(lambda item: None if item.absent else parse_playlist(item))


def parse_playlist_items(reply: JsonCursor) -> list[SpotifyPlaylistItem]:
    """Parse a page of `playlists/{id}/items`; rows that can't be read are kept as far as known."""
    return [_playlist_item(item) for item in reply["items"]]


def parse_snapshot(reply: JsonCursor) -> str:
    """Return the snapshot id that a write answers with."""
    return reply["snapshot_id"].some_text()


def has_next(reply: JsonCursor) -> bool:
    """Return whether another page follows."""
    return reply["next"].text_or_none() is not None


def _playlist_item(entry: JsonCursor) -> SpotifyPlaylistItem:
    """Return a row of a playlist; each stands in its place, whatever is known of it."""
    if not isinstance(entry.value, dict):
        return SpotifyPlaylistItem(None)
    content = entry["track"] if entry["item"].absent else entry["item"]
    track = added_at = None
    with contextlib.suppress(BrokenReply):
        added_at = entry["added_at"].moment()
    with contextlib.suppress(BrokenReply):
        if content["type"].text_or_none() in (None, "track"):
            track = parse_track(content)
    return SpotifyPlaylistItem(
        uri=_text(content, "uri"),
        artist=track.artist if track else "",
        title=track.title if track else "",
        cover=track.cover if track else "",
        track=track,
        added_at=added_at,
        added_by=_text(entry, "added_by", "id"),
    )


def parse_features(reply: JsonCursor, asked: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the rows of `audio-features` by track id; unknown tracks are null in it.

    Only apps from before 2024-11-27 with extended quota are given any; all others get a 403
    (developer.spotify.com/blog/2024-11-27-changes-to-the-web-api).

    Raises:
        BrokenReply: when it is not as documented.
    """
    rows = reply["audio_features"].rows(
        lambda row: None if row.absent else (row["id"].some_text(), read_features(row, FEATURES))
    )
    wanted = set(asked)
    return {track: features for track, features in rows if track in wanted and features}
