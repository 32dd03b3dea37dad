"""A folder of files as a place for a list, for any player that reads M3U8 or JSPF.

Each list is a file that the listener may edit: what they add stays, what they take out is not put
back. A write replaces the whole file at once, so that a player never sees half of it. Further
formats are copies, written first: the file that is read back is the last to change.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from smallhours.errors import LakeError, NotFound, SettingsError
from smallhours.lake.files import LocalFiles
from smallhours.places.list_files import FORMATS, FileRow, ListFile, uri_of
from smallhours.places.place import ListedTrack
from smallhours.services.playlists import PlaylistDetails, PlaylistRow
from smallhours.services.retry_and_rate_limit import RetryPolicy
from smallhours.vocabulary import PlaceName

_MARK = re.compile(r"\[smallhours:([^\]]*)\]")


class FilesPlace:
    """A folder of lists.

    Args:
        folder: Where they are.
        formats: `m3u8` and `jspf`; the first is the one that is read back.
    """

    name: ClassVar = PlaceName.FILES
    service: ClassVar = "the folder of lists"
    holds_all: ClassVar = True
    relinks: ClassVar = False
    only_appends: ClassVar = False
    recovery: ClassVar = ""
    # A file is read as it was written: nothing has to be waited for.
    retry_policy: ClassVar = RetryPolicy(initial_wait_s=0.0)

    def __init__(self, folder: Path, formats: Sequence[str]) -> None:
        self.odd_rows: Counter[str] = Counter()
        self.access = ""
        self._folder = folder
        self._formats = tuple(formats)
        self._files = LocalFiles(folder)
        self._known: dict[str, ListedTrack] = {}

    def find(self, tracks: Sequence[ListedTrack]) -> dict[str, str]:
        """Return the URIs of the tracks: any track can stand in a file."""
        self._known |= {uri_of(track): track for track in tracks}
        return {track.track_key: uri_of(track) for track in tracks}

    def playlists(self) -> Iterator[PlaylistDetails]:
        """Yield the lists in the folder."""
        ending = f".{self._formats[0]}"
        for path in sorted(self._folder.glob(f"*{ending}")):
            yield self.playlist(path.name.removesuffix(ending))

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        """Return a list without its rows."""
        content, version = self._read(playlist_id)
        return PlaylistDetails(
            playlist_id,
            content.name,
            content.description,
            owner_id="",
            public=False,
            snapshot_id=version,
            total=len(content.rows),
        )

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        """Return True: the folder is the listener's."""
        return bool(playlist.id)

    def has_playlist(self, playlist_id: str) -> bool:
        """Return whether the file is there."""
        return self._path(playlist_id).is_file()

    def rows(self, playlist_id: str) -> list[PlaylistRow]:
        """Return all rows of a list."""
        content, _ = self._read(playlist_id)
        return [PlaylistRow(row.uri, row.artist, row.title) for row in content.rows]

    def create(self, name: str, description: str) -> PlaylistDetails:
        """Create an empty list, in a file that is not there yet."""
        mark = _MARK.search(description)
        stem = f"smallhours-{mark[1].replace(':', '-')}" if mark else "smallhours"
        free = (f"{stem}-{number}" if number > 1 else stem for number in range(1, 1_000))
        chosen = next(each for each in free if not self.has_playlist(each))
        self._write(chosen, ListFile(name, description))
        return self.playlist(chosen)

    def change_details(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        public: bool | None = None,
    ) -> None:
        """Change the given details of a list; nobody but the folder's owner sees it."""
        del public
        content, _ = self._read(playlist_id)
        if name is not None:
            content = replace(content, name=name)
        if description is not None:
            content = replace(content, description=description)
        self._write(playlist_id, content)

    def add(self, playlist_id: str, uris: Sequence[str], position: int) -> str:
        """Add tracks before a row; return the new version."""
        content, _ = self._read(playlist_id)
        new = tuple(self._new_row(uri) for uri in uris)
        rows = (*content.rows[:position], *new, *content.rows[position:])
        return self._write(playlist_id, replace(content, rows=rows))

    def remove(self, playlist_id: str, uris: Sequence[str], snapshot_id: str | None = None) -> str:
        """Remove all copies of tracks; return the new version."""
        del snapshot_id
        content, _ = self._read(playlist_id)
        rows = tuple(row for row in content.rows if row.uri not in uris)
        return self._write(playlist_id, replace(content, rows=rows))

    def move(self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str) -> str:
        """Move a range of rows; return the new version."""
        content, version = self._read(playlist_id)
        if version != snapshot_id:
            return version
        moved = content.rows[start : start + length]
        rest = content.rows[:start] + content.rows[start + length :]
        at = before if before < start else before - length
        rows = (*rest[:at], *moved, *rest[at:])
        return self._write(playlist_id, replace(content, rows=rows))

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _new_row(self, uri: str) -> FileRow:
        track = self._known.get(uri)
        return FileRow(uri, track.artist, track.title) if track else FileRow(uri)

    def _path(self, playlist_id: str, ending: str = "") -> Path:
        return self._folder / f"{playlist_id}.{ending or self._formats[0]}"

    def _read(self, playlist_id: str) -> tuple[ListFile, str]:
        path = self._path(playlist_id)
        try:
            data = path.read_bytes()
            return FORMATS[self._formats[0]].read(data.decode("utf-8-sig")), _version(data)
        except FileNotFoundError:
            raise NotFound(
                self.service, f"there is no {path}.", remedy="Run publish_playlist; it makes one."
            ) from None
        except ValueError as error:
            raise SettingsError(
                f"{path} can't be read as {self._formats[0].upper()}: {error}.",
                remedy="Correct it, or delete it to get a new one.",
            ) from None
        except OSError as error:
            raise SettingsError(
                f"{path} can't be read: {error.strerror}.", remedy="Make sure that you may read it."
            ) from None

    def _write(self, playlist_id: str, content: ListFile) -> str:
        """Write the copies, and then the list itself; return its version."""
        data = b""
        for number, ending in reversed(list(enumerate(self._formats))):
            rows = content.rows
            if number:
                rows = tuple(replace(row, raw=None) for row in rows)
            text = FORMATS[ending].write(replace(content, rows=rows), self._known)
            data = text.encode()
            try:
                self._files.replace(self._path(playlist_id, ending).name, data)
            except LakeError as error:
                cause = error.__cause__
                reason = cause.strerror if isinstance(cause, OSError) else ""
                raise SettingsError(
                    f"{self._path(playlist_id, ending)} can't be written: {reason}.",
                    remedy="Make the folder writable, or name another one as `folder` under the "
                    "listener's `publishing`.",
                ) from None
        return _version(data)


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
