"""The requests to Spotify that publishing needs, as protocols: tests stand in for the client."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from smallhours.services.retry import RetryPolicy
from smallhours.services.spotify_replies import (
    SpotifyAccount,
    SpotifyPlaylist,
    SpotifyPlaylistItem,
)


class PlaylistWriter(Protocol):
    """The requests to Spotify that writing needs."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """The waits between looks for a write."""

    def playlist(self, playlist_id: str) -> SpotifyPlaylist:
        """A playlist without its items."""

    def playlist_items(self, playlist_id: str) -> list[SpotifyPlaylistItem]:
        """All rows of a playlist."""

    def add_items(self, playlist_id: str, uris: Sequence[str], *, position: int | None) -> str:
        """Add before a row; the new snapshot id."""

    def remove_items(self, playlist_id: str, uris: Sequence[str], snapshot_id: str) -> str:
        """Remove by URI; the new snapshot id."""

    def move_items(
        self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str
    ) -> str:
        """Move a range of rows; the new snapshot id."""


class PlaylistService(PlaylistWriter, Protocol):
    """The requests to Spotify that this stage needs."""

    def me(self) -> SpotifyAccount:
        """Return the account of this login."""

    def playlists(self) -> Iterable[SpotifyPlaylist]:
        """The listener's playlists, followed ones too."""

    def create_playlist(
        self, name: str, description: str, *, public: bool = ...
    ) -> SpotifyPlaylist:
        """Make an empty playlist."""

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = ...,
        description: str | None = ...,
        public: bool | None = ...,
    ) -> None:
        """Change a playlist's title, description or visibility."""

    def upload_cover(self, playlist_id: str, jpeg: bytes) -> None:
        """Give a playlist a picture."""
