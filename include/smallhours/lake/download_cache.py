"""Files of an object store, kept on this machine's disk for its next process.

A file is kept under its address and the version that the store told. The store's list has the
version of each file, so one request tells which of the kept ones are still good. They lie in
`~/.cache/smallhours` (or below `XDG_CACHE_HOME`), for their owner alone. Those that were not used
for some days go, and so does all beyond a bound.
"""

import contextlib
import hashlib
import os
import time
from pathlib import Path

from smallhours.private_files import make_private_folder, private_opener

MAX_BYTES = 1_000_000_000
MAX_AGE_S = 3 * 86_400.0
_UNFINISHED = ".tmp"


class DownloadCache:
    """The kept files of one store; where the disk refuses, nothing is kept.

    Args:
        url: The store's address.
        folder: Where they lie.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._tidied = False

    def get(self, path: str, e_tag: str) -> bytes | None:
        """Return a version of a file, if it was kept."""
        kept = self._file(path, e_tag)
        try:
            data = kept.read_bytes()
            os.utime(kept)
        except OSError:
            return None
        return data

    def put(self, path: str, e_tag: str, data: bytes) -> None:
        """Keep a version of a file."""
        kept = self._file(path, e_tag)
        unfinished = kept.with_name(f"{kept.name}.{os.getpid()}{_UNFINISHED}")
        with contextlib.suppress(OSError):
            make_private_folder(self._folder)
            self._tidy()
            with open(unfinished, "wb", opener=private_opener) as file:
                file.write(data)
            unfinished.replace(kept)

    def _file(self, path: str, e_tag: str) -> Path:
        name = "\n".join((self._url, path, e_tag)).encode()
        return self._folder / hashlib.blake2b(name, digest_size=20).hexdigest()

    def _tidy(self) -> None:
        """Remove what was not used for long, and beyond the bound what was used least recently."""
        if self._tidied:
            return
        self._tidied = True
        room, oldest = MAX_BYTES, time.time() - MAX_AGE_S
        kept = [(entry.stat(), entry.path) for entry in os.scandir(self._folder)]
        for about, path in sorted(kept, key=lambda each: each[0].st_mtime, reverse=True):
            room -= about.st_size
            if room < 0 or about.st_mtime < oldest:
                Path(path).unlink(missing_ok=True)


def downloads_folder() -> Path:
    """Return where downloads are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "smallhours"


def forget_downloads() -> None:
    """Remove all that was kept, of whichever store."""
    folder = downloads_folder()
    if folder.is_dir():
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
