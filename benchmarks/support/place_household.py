"""One listener's list at ListenBrainz or on a music server, for the publishing suite."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.support.publish_household import (
    COPIED,
    NAME,
    NEVER,
    OWNER,
    TIMEOUT_S,
    KillingRateLimit,
    ListenerFixture,
)
from smallhours.places.place import Place
from smallhours_sandbox.listenbrainz_state import ListenBrainzPlaylist
from smallhours_sandbox.subsonic_state import SubsonicPlaylist
from tests.places.every_place import AtListenBrainz, AtSubsonic


@dataclass
class ElsewhereFixture(ListenerFixture):
    """One listener's list at such a place.

    Attributes:
        kind: `listenbrainz`, `subsonic` or `subsonic 1.12`.
    """

    kind: str = "listenbrainz"

    @property
    def at(self) -> AtListenBrainz | AtSubsonic:
        """Return the place as the listener handles it."""
        if self.kind == "listenbrainz":
            return AtListenBrainz(self.server, self.lake, TIMEOUT_S)
        return AtSubsonic(self.server, self.lake, TIMEOUT_S, self.kind == "subsonic")

    def uri(self, track: int) -> str:
        """Return the URI of a track of the world."""
        return self.at.uri(track)

    def offered(self) -> Iterable[int]:
        """Return the tracks that the place has, by their numbers."""
        return sorted(self.tracks.values())

    def place(self, dies_at: int = NEVER) -> Place:
        """Return the place; nothing waits for long."""
        return self.at.open(KillingRateLimit(dies_at))

    def exists(self) -> bool:
        """Return True if there is a playlist of ours."""
        return bool(self._ours())

    def rows(self) -> list[str]:
        """Return the rows of our newest playlist."""
        return self.at.rows() if self.exists() else []

    def insert(self, uri: str, place: int | None) -> None:
        """Add an item; None is at the end."""
        self.at.put(uri, place)

    def drop(self, uri: str) -> None:
        """Remove an item."""
        self.at.take(uri)

    def move(self) -> None:
        """Move a track to the end, as the listener."""
        rows = self.rows()
        self.at.write([*rows[:1], *rows[2:], rows[1]])

    def rename(self, name: str) -> None:
        """Rename our playlist, as the listener."""
        ours = self._ours()[-1]
        self.meddling.name = name
        if isinstance(ours, ListenBrainzPlaylist):
            ours.title = name
        else:
            ours.name = name

    def unmark(self, description: str) -> None:
        """Change the description of our playlist, as the listener."""
        ours = self._ours()[-1]
        self.meddling.unmarked, self.meddling.taken_over = description, self.rows()
        if isinstance(ours, ListenBrainzPlaylist):
            ours.annotation = description
        else:
            ours.comment = description

    def delete(self) -> None:
        """Delete our playlist, as the listener."""
        self.meddling.deleted = self._ours()[-1].id
        self._playlists().pop(self.meddling.deleted)

    def details(self) -> tuple[str, str]:
        """Return the name and the description of our playlist."""
        ours = self._ours()[-1]
        if isinstance(ours, ListenBrainzPlaylist):
            return ours.title, ours.annotation
        return ours.name, ours.comment

    def is_deleted(self) -> bool:
        """Return True if the playlist that the listener deleted is still deleted."""
        return self.meddling.deleted not in self._playlists()

    def make_others(self) -> None:
        """Make a playlist of the same name as ours, and a copy of its description."""
        for number, text in enumerate(("mine", COPIED)):
            rows = [self.uri(track) for track in range(1 + number, 4)]
            if self.kind == "listenbrainz":
                key = f"00000000-0000-4000-8000-00000000000{number}"
                self.state.listenbrainz.playlists[key] = ListenBrainzPlaylist(
                    key,
                    OWNER,
                    NAME,
                    text,
                    public=False,
                    collaborators=[],
                    created=0.0,
                    modified=0.0,
                )
            else:
                key = f"other-{number}"
                self.state.subsonic.playlists[key] = SubsonicPlaylist(key, OWNER, NAME, text)
            self.at.write(rows)

    def others(self) -> dict[str, object]:
        """Return the content of playlists that are not ours."""
        return {key: _content(one) for key, one in self._playlists().items() if _is_other(key)}

    def foreign_rows(self) -> list[tuple[str, int | None]]:
        """Return nothing: such a place holds tracks only."""
        return []

    def _playlists(self) -> "dict[str, ListenBrainzPlaylist] | dict[str, SubsonicPlaylist]":
        state = self.state
        listenbrainz = self.kind == "listenbrainz"
        return state.listenbrainz.playlists if listenbrainz else state.subsonic.playlists

    def _ours(self) -> "list[ListenBrainzPlaylist | SubsonicPlaylist]":
        return [one for key, one in self._playlists().items() if not _is_other(key)]


def _is_other(key: str) -> bool:
    return key.startswith(("other-", "00000000-"))


def _content(one: ListenBrainzPlaylist | SubsonicPlaylist) -> dict[str, object]:
    """Return what a playlist holds, without how often it was read."""
    return {**dataclasses.asdict(one), "reads": 0, "former": None}
