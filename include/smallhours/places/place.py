"""The interface of a place for a list: the requests that publishing makes of it.

A place holds playlists. A row of a playlist has a URI, which means something at that place only: a
Spotify URI, the address of a recording at MusicBrainz, the id of a song on a server at home, a line
of a file. What a place lacks, its module makes up for: a place without versions of a playlist
gives an empty `snapshot_id` in answer to a write, and one that removes by row number computes the
numbers from what it has just read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

from smallhours.services.playlists import PlaylistDetails, PlaylistRow
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.transport import Client
from smallhours.vocabulary import PlaceName

ServiceClient = TypeVar("ServiceClient", bound=Client)


@dataclass(frozen=True)
class ListedTrack:
    """One track of a night's list; unknown values are empty or None."""

    position: int
    artist: str
    title: str
    album: str
    duration_ms: int | None
    spotify_id: str
    isrc: str
    mbid: str
    reason: str
    track_key: str
    location: str = ""


# The pages of playlists in a browser, by place.
_PAGES: Mapping[str, str] = MappingProxyType(
    {
        PlaceName.SPOTIFY: "https://open.spotify.com/playlist/{}",
        PlaceName.LISTENBRAINZ: "https://listenbrainz.org/playlist/{}/",
    }
)


def page_of(place: str, playlist_id: object) -> str:
    """Return the address of a playlist's page; empty where a place has none."""
    return _PAGES.get(place, "").format(playlist_id) if playlist_id else ""


class Place(Protocol):
    """A place for a list."""

    @property
    def name(self) -> str:
        """Its name in the settings and in the ledger."""

    @property
    def service(self) -> str:
        """Its name for people."""

    @property
    def holds_all(self) -> bool:
        """Whether nearly every track is there; if not, a list is what there is of it."""

    @property
    def relinks(self) -> bool:
        """Whether a track may read under the URI of another release."""

    @property
    def only_appends(self) -> bool:
        """Whether tracks are added at the end only."""

    @property
    def recovery(self) -> str:
        """How a listener gets a playlist back that they deleted; empty where they can't."""

    @property
    def odd_rows(self) -> Counter[str]:
        """The rows of replies so far that could not be read and were left out."""

    @property
    def access(self) -> str:
        """A fingerprint of the address and the credentials."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """The waits between two looks."""

    def find(self, tracks: Sequence[ListedTrack]) -> dict[str, str]:
        """Return the URIs of the tracks that are there, by track key."""

    def playlists(self) -> Iterable[PlaylistDetails]:
        """Return the listener's playlists."""

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        """Return a playlist without its rows."""

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return whether a playlist is the listener's own."""

    def has_playlist(self, playlist_id: str) -> bool:
        """Return whether the listener still has a playlist."""

    def rows(self, playlist_id: str) -> Sequence[PlaylistRow]:
        """Return all rows of a playlist."""

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty, private playlist."""

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist."""

    def add(self, playlist_id: str, uris: Sequence[str], position: int) -> str:
        """Add at most 100 tracks before a row, from 0; return the new version, empty if unknown."""

    def remove(self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None = None) -> str:
        """Remove all copies of at most 100 tracks; return the new version, empty if unknown."""

    def move(self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str) -> str:
        """Move a range of rows before a row, both counted before the move."""

    def close(self) -> None:
        """Close its connections."""


class ServicePlace(Generic[ServiceClient]):
    """What all places have in common that are a service's.

    Attributes:
        client: The service's client, with the listener's login.
    """

    client: ServiceClient

    @property
    def odd_rows(self) -> Counter[str]:
        """The client's count."""
        return self.client.odd_rows

    @property
    def access(self) -> str:
        """A fingerprint of the address and the credentials."""
        return self.client.access

    def close(self) -> None:
        """Close the client."""
        self.client.close()
