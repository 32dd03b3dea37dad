"""Spotify as a place for a list."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smallhours.places.place import ListedTrack, PlaylistDetails, PlaylistRow, ServicePlace
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import SERVICE, SpotifyPlaylist
from smallhours.vocabulary import PlaceName


@dataclass(frozen=True)
class SpotifyPlace(ServicePlace[SpotifyClient]):
    """A listener's Spotify account.

    Attributes:
        client: With their login.
    """

    client: SpotifyClient

    name: ClassVar = PlaceName.SPOTIFY
    service: ClassVar = SERVICE
    holds_all: ClassVar = True
    relinks: ClassVar = True
    only_appends: ClassVar = False
    recovery: ClassVar = "restore it under Spotify's account page, `Recover playlists`"

    @property
    def retry_policy(self) -> RetryPolicy:
        """The client's waits."""
        return self.client.retry_policy

    def find(self, tracks: Sequence[ListedTrack]) -> dict[str, str]:
        """Return the URIs of the tracks that `resolve_tracks` has found."""
        return {
            track.track_key: f"spotify:track:{track.spotify_id}"
            for track in tracks
            if track.spotify_id
        }

    def playlists(self) -> Iterator[PlaylistDetails]:
        """Yield the listener's playlists, followed ones too."""
        return map(_playlist, self.client.playlists())

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        """Return a playlist without its rows."""
        return _playlist(self.client.playlist(playlist_id))

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return whether a playlist is the account's own."""
        return self.client.me().id == playlist.owner_id

    def has_playlist(self, playlist_id: str) -> bool:
        """Return whether a playlist is in the listener's library; deleted ones can be read."""
        return self.client.has_in_library(f"spotify:playlist:{playlist_id}")

    def rows(self, playlist_id: str) -> list[PlaylistRow]:
        """Return all rows of a playlist."""
        return [
            PlaylistRow(item.uri, item.track.artist, item.track.title, item.track.cover)
            if item.track is not None
            else PlaylistRow(item.uri)
            for item in self.client.playlist_items(playlist_id)
        ]

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty, private playlist."""
        return _playlist(self.client.create_playlist(name, description, public=False))

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist."""
        self.client.change_details(playlist_id, name=name, description=description, public=public)

    def add(self, playlist_id: str, uris: Sequence[str], position: int) -> str:
        """Add tracks before a row; return the new version."""
        return self.client.add_items(playlist_id, uris, position=position)

    def remove(self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None = None) -> str:
        """Remove all copies of tracks; return the new version."""
        return self.client.remove_items(playlist_id, uris, snapshot_id)

    def move(self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str) -> str:
        """Move a range of rows; return the new version."""
        return self.client.move_items(playlist_id, start, length, before, snapshot_id)


def _playlist(playlist: SpotifyPlaylist) -> PlaylistDetails:
    return PlaylistDetails(
        playlist.id,
        playlist.name,
        playlist.description,
        playlist.owner_id,
        playlist.public,
        playlist.snapshot_id,
        playlist.total,
    )
