"""Spotify as a place for a list."""

from collections.abc import Sequence
from typing import ClassVar

from smallhours.places.place import ListedTrack, ServicePlace
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_replies import SERVICE
from smallhours.vocabulary import PlaceName


class SpotifyPlace(ServicePlace[SpotifyClient]):
    """A listener's Spotify account.

    Args:
        client: With their login.
    """

    name: ClassVar = PlaceName.SPOTIFY
    service: ClassVar = SERVICE
    holds_all: ClassVar = True
    relinks: ClassVar = True
    only_appends: ClassVar = False
    recovery: ClassVar = "restore it under Spotify's account page, `Recover playlists`"

    def __init__(self, client: SpotifyClient) -> None:
        self.client = client
        # Spotify is asked for these as every place is: they are the client's own.
        self.playlists, self.playlist, self.rows = (
            client.playlists,
            client.playlist,
            client.playlist_items,
        )
        self.change_details = client.change_details
        self.add = client.add_items
        self.remove, self.move = client.remove_items, client.move_items

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

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return whether a playlist is the account's own."""
        return self.client.me().id == playlist.owner_id

    def has_playlist(self, playlist_id: str) -> bool:
        """Return whether a playlist is in the listener's library; deleted ones can be read."""
        return self.client.has_in_library(f"spotify:playlist:{playlist_id}")

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty, private playlist."""
        return self.client.create_playlist(name, description, public=False)
