"""A music server at home as a place for a list: only with the tracks that it has.

A song is the one that was meant where its artist and title mean the same recording, or where the
server names the same MusicBrainz id or ISRC and neither its names nor its length say otherwise.
Nothing is guessed: what is not found is left out, and named.

Songs are added at the end only, so that another order is made by adding songs again and removing
the rows where they stood. The protocol has no description when a playlist is made, and a server may
refuse to change an empty one: until its details are changed it is known by our marker in its name.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import ClassVar

from smallhours.errors import BrokenReply
from smallhours.identity import artist_key_of, identify, plain_title
from smallhours.places.by_row_number import (
    PlaceByRowNumber,
    WholePlaylist,
    hit_by_mistake,
    version_of,
)
from smallhours.places.place import ListedTrack
from smallhours.services.json_cursor import REMEDY
from smallhours.services.playlists import PlaylistDetails, PlaylistRow
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.services.subsonic import SubsonicClient
from smallhours.services.subsonic_replies import SERVICE, ServerPlaylist, ServerSong
from smallhours.vocabulary import PlaceName

MAX_FOUND = 100
# Lengths of one recording differ by this much between services.
MAX_LENGTH_DIFFERENCE_MS = 30_000
_OUR_MARKS = " [smallhours:"
_SUBTITLE = re.compile(r"\s[-–(\[]")


class SubsonicPlace(PlaceByRowNumber[SubsonicClient]):
    """A listener's account on a server.

    Args:
        client: With their login.
    """

    name: ClassVar = PlaceName.SUBSONIC
    service: ClassVar = SERVICE
    holds_all: ClassVar = False
    relinks: ClassVar = False
    only_appends: ClassVar = True
    recovery: ClassVar = ""

    def __init__(self, client: SubsonicClient) -> None:
        super().__init__(client)
        self._found: dict[str, str | None] = {}

    @property
    def retry_policy(self) -> RetryPolicy:
        """The client's waits."""
        return self.client.retry_policy

    def find(self, tracks: Sequence[ListedTrack]) -> dict[str, str]:
        """Return the songs that the server has of these tracks."""
        for track in tracks:
            if track.track_key not in self._found:
                self._found[track.track_key] = self._search(track)
        found = {track.track_key: self._found[track.track_key] for track in tracks}
        return {key: uri for key, uri in found.items() if uri is not None}

    def playlists(self) -> Iterator[PlaylistDetails]:
        """Yield the playlists that the account sees."""
        return (_details(each, each.song_count) for each in self.client.playlists())

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return whether a playlist is the account's own; with an API key alone, whose is unknown.

        The marker says then whose it is.
        """
        user = self.client.user
        return not user or playlist.owner_id.casefold() == user.casefold()

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty, private playlist."""
        marked = f"{name}{_OUR_MARKS}{description.rpartition(_OUR_MARKS)[2]}"
        made = self.client.create_playlist(marked)
        if made is None:
            made = next((each.id for each in self.client.playlists() if each.name == marked), None)
        if made is None:
            raise BrokenReply(SERVICE, "it does not list the playlist just made.", remedy=REMEDY)
        return self.playlist(made)

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a playlist, and take our marker out of its name.

        A description from which the listener has just taken our marker stays.
        """
        now = self.client.playlist(playlist_id)
        if name is None and _OUR_MARKS in now.name:
            name = now.name.partition(_OUR_MARKS)[0]
        if _OUR_MARKS not in f"{now.name} {now.comment}":
            description = None
        self.client.change_details(playlist_id, name=name, comment=description, public=public)

    def _search(self, track: ListedTrack) -> str | None:
        # Servers compare words or whole texts, so that the shortest form finds most.
        title = _SUBTITLE.split(track.title, maxsplit=1)[0]
        for query in (title, f"{track.artist} {title}"):
            songs = [
                song for song in self.client.search(query, count=MAX_FOUND) if _is_same(song, track)
            ]
            if songs:
                return min(songs, key=lambda song: _preference(song, track)).id
        return None

    def _read(self, playlist_id: str) -> WholePlaylist:
        found = self.client.playlist(playlist_id)
        rows = tuple(PlaylistRow(song.id or None, song.artist, song.title) for song in found.songs)
        return WholePlaylist(_details(found, total=len(rows)), rows)

    def _insert(self, playlist_id: str, uris: Sequence[str], position: int | None) -> None:
        del position
        self.client.add_songs(playlist_id, uris)

    def _delete(self, playlist_id: str, numbers: Sequence[int]) -> list[int]:
        return self.client.remove_songs(playlist_id, numbers)

    def _reorder(
        self,
        playlist_id: str,
        rows: Sequence[str | None],
        target: Sequence[str | None],
        move: tuple[int, int, int],
    ) -> None:
        """Move to the end what is to stand behind the rows that stay.

        Of A B C D, to become A C D B, the rows A C D stay, and B is moved.
        """
        del move
        staying = 0
        left: dict[str, list[int]] = {}
        for number, row in enumerate(rows):
            if staying < len(target) and row == target[staying]:
                staying += 1
            elif row is not None:
                left.setdefault(row, []).append(number)
        moved = [(left[row].pop(0), row) for row in target[staying:] if row is not None]
        while moved:
            taken = self.client.move_to_end(playlist_id, moved)
            gone = [number for number, _ in moved[:taken]]
            self._mend(playlist_id, rows, gone)
            rows = self._seen[playlist_id]
            moved = [
                (number - sum(each < number for each in gone), row) for number, row in moved[taken:]
            ]

    def _mend(self, playlist_id: str, before: Sequence[str | None], gone: Sequence[int]) -> None:
        """Put right a move to the end that hit other rows, because rows had moved meanwhile.

        A row that was to go stands where it stood, beside the same row, and at the end once more.
        """
        after = self._look(playlist_id).uris
        left = after[: -len(gone)]
        if after[-len(gone) :] != tuple(before[number] for number in gone):
            return  # not shown yet
        if lost := hit_by_mistake(before, gone, left):
            self._insert(playlist_id, lost, None)
            after = self._look(playlist_id).uris
        beside = set(pairwise(left))
        missed = Counter(
            before[number]
            for number in gone
            if left.count(before[number]) >= before.count(before[number])
            and beside.intersection(pairwise(before[max(0, number - 1) : number + 2]))
        )
        if missed:
            self._remove_copies(playlist_id, after, missed)
            self._look(playlist_id)


def _is_same(song: ServerSong, track: ListedTrack) -> bool:
    """Return whether a song is the track that was meant."""
    meant = identify(track.artist, track.title)
    told = identify(song.artist, song.title)
    if told.track_key == track.track_key or told.track_key == meant.track_key:
        return True
    same_id = song.mbid == track.mbid.lower() if track.mbid else track.isrc in song.isrcs
    one_name = (
        artist_key_of(song.artist) == meant.artist_key
        or plain_title(song.title).casefold() == plain_title(track.title).casefold()
    )
    return same_id and one_name and _difference_ms(song, track) <= MAX_LENGTH_DIFFERENCE_MS


def _difference_ms(song: ServerSong, track: ListedTrack) -> int:
    """Return by how much two lengths differ; 0 where one is unknown."""
    if song.duration_s is None or track.duration_ms is None:
        return 0
    return abs(song.duration_s * 1000 - track.duration_ms)


def _preference(song: ServerSong, track: ListedTrack) -> tuple[bool, int, str]:
    """Order the copies of a song: by its album, by its length, by its id."""
    other_album = song.album.casefold() != track.album.casefold()
    return other_album, _difference_ms(song, track), song.id


def _details(playlist: ServerPlaylist, total: int | None) -> PlaylistDetails:
    """Return a playlist; one without a comment is described by our marker in its name, if any."""
    name, mark, _ = playlist.name.partition(_OUR_MARKS)
    return PlaylistDetails(
        playlist.id,
        name if mark else playlist.name,
        playlist.comment or (playlist.name if mark else ""),
        playlist.owner,
        playlist.public,
        version_of([song.id or None for song in playlist.songs]),
        total,
    )
