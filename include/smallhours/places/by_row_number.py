"""What places have in common that know rows by their number only, and no versions of a playlist.

A number that was right when the playlist was read may mean another row when the request arrives.
So numbers are computed just before, and what a removal hit by mistake is put back at once:

    read    a b c d    (remove b: number 1)
    then the listener adds x on top
    remove  x [a] b c d
    read    x b c d    b is still there, and a is gone that nobody named: a is put back

The version of a playlist is made of its rows. What a request should lead to is known before it is
sent, so that any other version is the listener's doing.
"""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from smallhours.errors import NotFound
from smallhours.places.place import ServiceClient, ServicePlace
from smallhours.services.playlists import PlaylistDetails, PlaylistRow


@dataclass(frozen=True, slots=True)
class WholePlaylist:
    """A playlist with its rows, as one request gives it."""

    details: PlaylistDetails
    rows: tuple[PlaylistRow, ...]

    @property
    def uris(self) -> tuple[str | None, ...]:
        """The rows' URIs."""
        return tuple(row.uri for row in self.rows)


class PlaceByRowNumber(ServicePlace[ServiceClient], ABC):
    """A place of this kind."""

    def __init__(self, client: ServiceClient) -> None:
        self.client = client
        self._seen: dict[str, tuple[str | None, ...]] = {}

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        """Return a playlist without its rows."""
        return self._look(playlist_id).details

    def rows(self, playlist_id: str) -> list[PlaylistRow]:
        """Return all rows of a playlist."""
        return list(self._look(playlist_id).rows)

    def has_playlist(self, playlist_id: str) -> bool:
        """Return whether the listener still has a playlist."""
        try:
            self._look(playlist_id)
        except NotFound:
            return False
        return True

    def add(self, playlist_id: str, uris: Sequence[str], position: int) -> str:
        """Add tracks before a row; return the version that this leads to."""
        rows = self._seen[playlist_id]
        self._insert(playlist_id, uris, position if position < len(rows) else None)
        return version_of((*rows[:position], *uris, *rows[position:]))

    def remove(self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None = None) -> str:
        """Remove all copies of tracks; return the version that this leads to."""
        del snapshot_id
        rows = self._look(playlist_id).uris
        expected = version_of(tuple(row for row in rows if row not in uris))
        self._remove_copies(playlist_id, rows, Counter(row for row in rows if row in uris))
        return expected

    def _remove_copies(
        self, playlist_id: str, rows: Sequence[str | None], left: Counter[str | None]
    ) -> None:
        """Remove as many copies of tracks as are named, the first ones."""
        while numbers := _numbers_of(left, rows):
            numbers = self._delete(playlist_id, numbers)
            after = self._look(playlist_id).uris
            # What stands there again, although it was removed, the listener has put back; but not
            # where the removal hit other rows.
            gone = Counter(rows[number] for number in numbers)
            if lost := hit_by_mistake(rows, numbers, after):
                self._insert(playlist_id, lost, None)
                gone &= Counter(rows) - Counter(after)
                after = self._look(playlist_id).uris
            left, rows = left - gone, after

    def move(self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str) -> str:
        """Move a range of rows; return the version that this leads to."""
        rows = self._look(playlist_id).uris
        if version_of(rows) != snapshot_id:
            return ""  # it has changed: to be planned anew
        moved, rest = rows[start : start + length], (*rows[:start], *rows[start + length :])
        at = before if before < start else before - length
        target = (*rest[:at], *moved, *rest[at:])
        self._reorder(playlist_id, rows, target, (start, length, at))
        return version_of(target)

    def _look(self, playlist_id: str) -> WholePlaylist:
        whole = self._read(playlist_id)
        self._seen[playlist_id] = whole.uris
        return whole

    @abstractmethod
    def _read(self, playlist_id: str) -> WholePlaylist:
        """Ask for a playlist with its rows."""

    @abstractmethod
    def _insert(self, playlist_id: str, uris: Sequence[str], position: int | None) -> None:
        """Add tracks before a row; None is at the end."""

    @abstractmethod
    def _delete(self, playlist_id: str, numbers: Sequence[int]) -> list[int]:
        """Remove rows, or the last of them if one request can't take all; return which."""

    @abstractmethod
    def _reorder(
        self,
        playlist_id: str,
        rows: Sequence[str | None],
        target: Sequence[str | None],
        move: tuple[int, int, int],
    ) -> None:
        """Bring rows into another order.

        Args:
            playlist_id: Whose.
            rows: As they stand there.
            target: As they are to stand there.
            move: The same as a move: from which row, how many, and their new place.
        """


def _numbers_of(wanted: Mapping[str | None, int], rows: Sequence[str | None]) -> list[int]:
    """Return the numbers of as many rows of each kind as are wanted."""
    seen: Counter[str | None] = Counter()
    numbers = []
    for number, row in enumerate(rows):
        if seen[row] < wanted.get(row, 0):
            seen[row] += 1
            numbers.append(number)
    return numbers


def version_of(rows: Sequence[str | None]) -> str:
    """Return the version of a playlist with these rows."""
    text = "\n".join(row or "" for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hit_by_mistake(
    before: Sequence[str | None], numbers: Collection[int], after: Sequence[str | None]
) -> list[str]:
    """Return what went in place of rows that were to go, because rows had moved meanwhile.

    Only rows next to those that were named can have been hit. What went elsewhere the listener
    took out. Where a row next to them went and none of them is left, the listener may have taken
    out either: then what was not named comes back.

    Args:
        before: The rows on which the numbers were computed.
        numbers: Of the rows that were to go.
        after: The rows now.
    """
    named = {before[number] for number in numbers}
    gone = Counter(before) - Counter(after)
    # Where the list is shorter than it should be, the rows had moved up, else up or down.
    short = max(0, len(before) - len(numbers) - len(after))
    still = sum(row in named for row in after)
    below, above = 0 if short else still, max(short, still)
    near = {each for number in numbers for each in range(number - below, number + above + 1)}
    lost = []
    for number, row in enumerate(before):
        if row is not None and row not in named and gone[row] and number in near:
            gone[row] -= 1
            lost.append(row)
    return lost
