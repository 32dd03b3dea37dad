"""MusicBrainz' recordings by name: a look-up of exact names, and one of names that are alike."""

import re
import unicodedata
from functools import cached_property

from smallhours_sandbox.lastfm_index import normalised
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex

_BETWEEN_WORDS = re.compile(r"[^\w]+")


class NameIndex:
    """MusicBrainz' recordings by artist credit and title, exactly and nearly."""

    def __init__(self, index: MusicBrainzIndex) -> None:
        """Index the recordings of one world."""
        self._index = index

    def exact(self, artist: str, title: str, release: str) -> int | None:
        """Return the recording of that very name, with the release if there is one."""
        with_release = self._exact.get((_key(artist), _key(title), _key(release)))
        return with_release if release else self._exact.get((_key(artist), _key(title), ""))

    def near(self, artist: str, title: str, release: str) -> int | None:
        """Return the recording of that name, or of one that is alike."""
        found = self.exact(artist, title, release) if release else None
        if found is None:
            found = self.exact(artist, title, "")
        return self._near.get((normalised(artist), normalised(title))) if found is None else found

    @cached_property
    def _exact(self) -> dict[tuple[str, str, str], int]:
        found: dict[tuple[str, str, str], int] = {}
        for track in self._ranked:
            names = (_key(self._index.credit(track)), _key(self._index.title(track)))
            found.setdefault((*names, ""), track)
            found.setdefault((*names, _key(self._index.release(track))), track)
        return found

    @cached_property
    def _near(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for track in self._ranked:
            artist = self._index.world.artist_name[int(self._index.world.track_artist[track])]
            title = normalised(self._index.title(track))
            found.setdefault((normalised(artist), title), track)
            found.setdefault((normalised(self._index.credit(track)), title), track)
        return found

    @property
    def _ranked(self) -> list[int]:
        tracks: list[int] = self._index.recordings_of.ids.tolist()
        return sorted(tracks, key=lambda track: -int(self._index.users[track]))


def _key(name: str) -> str:
    """Return a name as an exact look-up compares it."""
    if name.isascii():
        return _BETWEEN_WORDS.sub("", name).lower()
    letters = unicodedata.normalize("NFKD", name)
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return _BETWEEN_WORDS.sub("", bare).lower()
