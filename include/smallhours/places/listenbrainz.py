"""ListenBrainz' playlists as a place for a list.

A row is a MusicBrainz recording. There is no replacing of all rows, so that what the listener adds
stays; an edit of the details names the collaborators again, who would be gone otherwise.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar, Final

from smallhours.places.by_row_number import PlaceByRowNumber, WholePlaylist, version_of
from smallhours.places.place import ListedTrack
from smallhours.service_settings import COVER_ART_ARCHIVE
from smallhours.services.listenbrainz import ListenBrainzClient
from smallhours.services.listenbrainz_metadata import TrackNames
from smallhours.services.listenbrainz_playlists import Playlist
from smallhours.services.listenbrainz_replies import SERVICE
from smallhours.services.playlists import PlaylistDetails, PlaylistRow
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.vocabulary import PlaceName

RECORDING: Final = "https://musicbrainz.org/recording/"
_OUR_MARKS: Final = "[smallhours:"


class ListenBrainzPlace(PlaceByRowNumber[ListenBrainzClient]):
    """A listener's playlists at ListenBrainz.

    Args:
        client: With their token.
        user: Their name there.
        retry_policy: The waits between two looks.
        covers_url: Address of the Cover Art Archive.
    """

    name: ClassVar = PlaceName.LISTENBRAINZ
    service: ClassVar = SERVICE
    holds_all: ClassVar = True
    relinks: ClassVar = False
    only_appends: ClassVar = False
    recovery: ClassVar = ""

    def __init__(
        self,
        client: ListenBrainzClient,
        user: str,
        retry_policy: RetryPolicy | None = None,
        *,
        covers_url: str = COVER_ART_ARCHIVE,
    ) -> None:
        super().__init__(client)
        self.retry_policy = retry_policy or RetryPolicy()
        self._user = user
        self._covers_url = covers_url

    def find(self, tracks: Sequence[ListedTrack]) -> dict[str, str]:
        """Return the recordings of the tracks: those that we know, and those of their names."""
        mbids = {track.track_key: track.mbid for track in tracks if track.mbid}
        unknown = {
            TrackNames(track.artist, track.title, track.album or None): track.track_key
            for track in tracks
            if not track.mbid
        }
        found = self.client.lookup(unknown) if unknown else {}
        mbids |= {unknown[names]: match.recording_mbid for names, match in found.items()}
        return {key: f"{RECORDING}{mbid}" for key, mbid in mbids.items()}

    def playlists(self) -> Iterator[PlaylistDetails]:
        """Yield the listener's playlists; with a number of rows where they may be ours."""
        offset, total = 0, 1
        while offset < total:
            page = self.client.playlists(self._user, offset)
            for playlist in page.playlists:
                if _OUR_MARKS in playlist.annotation:
                    yield self.playlist(playlist.mbid)
                else:
                    yield _details(playlist, total=None)
            offset, total = offset + max(page.count, 1), page.total

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return whether a playlist is the listener's own."""
        return playlist.owner_id.casefold() == self._user.casefold()

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty, private playlist."""
        return self.playlist(self.client.create_playlist(name, annotation=description))

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist.

        A description from which the listener has just taken our marker stays.
        """
        now = self.client.playlist(playlist_id)
        self.client.edit_playlist(
            playlist_id,
            title=name,
            annotation=description if _OUR_MARKS in now.annotation else None,
            public=public,
            collaborators=now.collaborators,
        )

    def _read(self, playlist_id: str) -> WholePlaylist:
        found = self.client.playlist(playlist_id)
        rows = tuple(
            PlaylistRow(
                f"{RECORDING}{track.recording_mbid}" if track.recording_mbid else None,
                track.artist,
                track.title,
                f"{self._covers_url}{track.cover}" if track.cover else "",
            )
            for track in found.tracks
        )
        return WholePlaylist(_details(found, total=len(rows)), rows)

    def _insert(self, playlist_id: str, uris: Sequence[str], position: int | None) -> None:
        mbids = [uri.removeprefix(RECORDING) for uri in uris]
        self.client.add_items(playlist_id, mbids, position)

    def _delete(self, playlist_id: str, numbers: Sequence[int]) -> list[int]:
        """Remove the last of the rows that stand together."""
        together = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
        last = [number for _, pairs in together for number in [[n for _, n in pairs]]][-1]
        self.client.delete_items(playlist_id, last[0], len(last))
        return last

    def _reorder(
        self,
        playlist_id: str,
        rows: Sequence[str | None],
        target: Sequence[str | None],
        move: tuple[int, int, int],
    ) -> None:
        del target
        start, length, to = move
        first = (rows[start] or "").removeprefix(RECORDING)
        self.client.move_items(playlist_id, first, start=start, to=to, count=length)


def _details(playlist: Playlist, *, total: int | None) -> PlaylistDetails:
    rows = [
        f"{RECORDING}{track.recording_mbid}" if track.recording_mbid else None
        for track in playlist.tracks
    ]
    return PlaylistDetails(
        playlist.mbid,
        playlist.title,
        playlist.annotation,
        playlist.creator,
        playlist.public,
        version_of(rows),
        total,
    )
