"""Files in a local folder or a bucket, replaced atomically: a reader sees the old or the new one.

On a local disk a file is written beside its target under a hidden name, flushed to the disk and
renamed over it; a lock keeps two processes from changing the same file at once. What a process has
read it keeps for its next look, while the file stays as it is. On an object store a file is one
PUT, which only becomes visible when it is complete; see `smallhours.lake.object_files`.
"""

import contextlib
import fcntl
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

from smallhours.errors import unreadable, unwritable
from smallhours.private_files import FILE_MODE, FOLDER_MODE, private_opener

# Hidden, and not ending in `.parquet`: no glob and no data set reader takes it for data. One
# fixed name is enough because the lock lets only one writer at a time reach it; a leftover of a
# crash is overwritten by the next write.
_UNFINISHED = ".part.tmp"
_LOCKS = ".locks"
_PROBE = ".writable"
# Bytes of the files that a process keeps of what it read.
MAX_BYTES_KEPT = 64 * 2**20

T = TypeVar("T")
# What a file is to hold, of what it holds; None stands for no file.
Change = Callable[[bytes | None], bytes | None]


class Files(Protocol):
    """A tree of files. Paths are relative to its root, with `/` between their parts.

    Attributes:
        conditional: Whether conditions keep writers apart, by the version that each has read, and
            not locks.
    """

    conditional: bool

    def address(self, path: str) -> str:
        """Return the path or URL by which a person finds the file."""

    def list(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted; none when it does not exist.

        Raises:
            LakeError: It can't be listed.
        """

    def stamps(self, folder: str) -> dict[str, str]:
        """Return, for each file below a folder, what differs when it is replaced.

        Raises:
            LakeError: It can't be listed.
        """

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each file below a folder, where they are known.

        Raises:
            LakeError: It can't be listed.
        """

    def read(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            FileNotFoundError: There is no such file.
            LakeError: It can't be read.
        """

    def replace(self, path: str, data: bytes) -> None:
        """Make the file hold `data`; readers see the old content or the new, nothing between.

        Raises:
            LakeUnwritable: It can't be written; the old content is still there.
        """

    def update(self, path: str, change: Change, *, empty: bytes) -> int:
        """Make the file hold what `change` makes of its content; no other writer comes between.

        Args:
            path: The file, which may not exist.
            change: The function; the content itself means that nothing is written. It may be
                called again, with what another writer wrote meanwhile.
            empty: What stands for no file where a store can't remove one safely.

        Returns:
            How often another writer came first, so that it was done again.

        Raises:
            LakeError: It can't be read.
            LakeUnwritable: It can't be written; the old content is still there.
        """

    def look_again(self) -> None:
        """Forget what was read, so that it is seen as it is by now."""

    def remove(self, path: str) -> None:
        """Remove a file; it may be gone already.

        Raises:
            LakeUnwritable: It can't be removed.
        """

    def lock(self, path: str) -> contextlib.AbstractContextManager[None]:
        """Wait until no other process holds the lock of this path, then hold it.

        Raises:
            LakeUnwritable: The lock can't be created.
        """

    def check_writable(self) -> None:
        """Write and remove a small file.

        Raises:
            LakeUnwritable: That failed.
        """


class Disk:
    """The operations on a local disk that the lake needs, one step each."""

    def walk(self, folder: Path) -> list[Path]:
        """Return all files below a folder."""
        return [Path(at, name) for at, _, names in os.walk(folder) for name in names]

    def stamp(self, path: Path) -> str:
        """Return what differs when a file is replaced or changed."""
        found = path.stat()
        return f"{found.st_ino} {found.st_mtime_ns} {found.st_size}"

    def size(self, path: Path) -> int:
        """Return a file's bytes."""
        return path.stat().st_size

    def read(self, path: Path) -> bytes:
        """Return a file's content."""
        return path.read_bytes()

    def make_folder(self, folder: Path) -> None:
        """Make one folder in an existing one, for its owner alone; it may exist already."""
        folder.mkdir(FOLDER_MODE, exist_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Write a file in place, for its owner alone: a crash leaves a part of it."""
        with open(path, "wb", opener=private_opener) as file:
            file.write(data)

    def flush(self, path: Path) -> None:
        """Wait until a file's content, or a folder's list of names, is on the disk."""
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file a new name in one step, replacing what had it."""
        source.replace(target)

    def remove(self, path: Path) -> None:
        """Remove a file, which may be gone already."""
        path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        """Hold a file's lock; the system lets go of it when the process dies."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


class ReadCache:
    """The content of files by path, the ones that were used last; several threads may share it.

    Args:
        max_bytes: Number of bytes that are kept at most.
    """

    def __init__(self, max_bytes: int = MAX_BYTES_KEPT) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: OrderedDict[str, tuple[Any, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, path: str, stamp: Any) -> bytes | None:
        """Return a file's content if it was kept under this stamp.

        Args:
            path: The file.
            stamp: What differs when the file was replaced, taken before it is read.
        """
        with self._lock:
            kept, data = self._held.get(path, (None, b""))
            if kept != stamp:
                return None
            self._held.move_to_end(path)
            return data

    def put(self, path: str, stamp: Any, data: bytes) -> None:
        """Keep a file's content, in the place of what was used longest ago."""
        with self._lock:
            _, old = self._held.pop(path, (None, b""))
            self._held[path] = stamp, data
            self._bytes += len(data) - len(old)
            while self._bytes > self._max_bytes:
                _, (_, gone) = self._held.popitem(last=False)
                self._bytes -= len(gone)


class LocalFiles:
    """Files in a folder of this machine."""

    conditional = False

    def __init__(self, root: Path, *, disk: Disk | None = None) -> None:
        self.root = root
        self._disk = disk or Disk()
        self._cache = ReadCache()

    def address(self, path: str) -> str:
        """Return the file's absolute path."""
        return str(self.root / path)

    def list(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        with _read_errors(self.address(folder)):
            found = self._disk.walk(self.root / folder)
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def stamps(self, folder: str) -> dict[str, str]:
        """Return each file's inode, time and size."""
        return self._of_each(folder, self._disk.stamp)

    def sizes(self, folder: str) -> dict[str, int]:
        """Return each file's bytes."""
        return self._of_each(folder, self._disk.size)

    def _of_each(self, folder: str, look: Callable[[Path], T]) -> dict[str, T]:
        found = {}
        for path in self.list(folder):
            with contextlib.suppress(FileNotFoundError), _read_errors(self.address(path)):
                found[path] = look(self.root / path)
        return found

    def read(self, path: str) -> bytes:
        """Return a file's content, as it was read before if it is still the same file."""
        file = self.root / path
        with _read_errors(self.address(path)):
            stamp = self._disk.stamp(file)
            data = self._cache.get(path, stamp)
            if data is None:
                data = self._disk.read(file)
                self._cache.put(path, stamp, data)
            return data

    def replace(self, path: str, data: bytes) -> None:
        """Write beside the target, flush, rename, and flush the folder."""
        target = self.root / path
        unfinished = target.with_name(_UNFINISHED)
        with _write_errors(str(target)):
            self._make_folders(target.parent)
            try:
                self._disk.write(unfinished, data)
                self._disk.flush(unfinished)
                # The same file has it under its new name: nobody's later one is taken for ours.
                stamp = self._disk.stamp(unfinished)
                self._disk.rename(unfinished, target)
                self._cache.put(path, stamp, data)
            except OSError:
                # The disk may be full: don't keep what is of no use.
                with contextlib.suppress(OSError):
                    self._disk.remove(unfinished)
                raise
            self._disk.flush(target.parent)

    def update(self, path: str, change: Change, *, empty: bytes) -> int:  # noqa: ARG002 - see Files
        """Change the file under the lock of its folder; nobody comes between."""
        with self.lock(path.rpartition("/")[0]):
            try:
                old = self.read(path)
            except FileNotFoundError:
                old = None
            new = change(old)
            if new is None and old is not None:
                self.remove(path)
            elif new is not None and new is not old:
                self.replace(path, new)
        return 0

    def look_again(self) -> None:
        """Do nothing: each file is looked at before its content is used again."""

    def remove(self, path: str) -> None:
        """Remove a file and what a crashed write may have left beside it."""
        target = self.root / path
        with _write_errors(str(target)):
            self._disk.remove(target.with_name(_UNFINISHED))
            self._disk.remove(target)
            if target.parent.is_dir():
                self._disk.flush(target.parent)

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold the lock of one path, among all processes of this machine."""
        target = self.root / _LOCKS / path
        with contextlib.ExitStack() as held:
            with _write_errors(str(target)):
                self._make_folders(target.parent)
                held.enter_context(self._disk.lock(target))
            yield

    def check_writable(self) -> None:
        """Write and remove a small file in the root folder."""
        with _write_errors(str(self.root)):
            self._make_folders(self.root)
            self._disk.write(self.root / _PROBE, b"")
            self._disk.remove(self.root / _PROBE)

    def _make_folders(self, folder: Path) -> None:
        """Make a folder and those above it, so that they are still there after a power cut."""
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            if folder == folder.parent:
                break
            folder = folder.parent
        for each in reversed(missing):
            self._disk.make_folder(each)
            self._disk.flush(each.parent)


def open_files(url: str) -> Files:
    """Return the files of the lake at a path or URL.

    Args:
        url: A local path, a URL such as `file:///data`, or one of an object store.

    Raises:
        LakeError: The URL is of no known kind, or the store's settings are not usable.
    """
    scheme, colon, rest = url.partition("://")
    if not colon:
        return LocalFiles(Path(url).expanduser().absolute())
    if scheme == "file":
        return LocalFiles(Path(unquote(rest)).absolute())
    # The library for object stores is loaded where there is one.
    from smallhours.lake.object_files import open_store

    return open_store(url)


def local_folder(url: str) -> Path | None:
    """Return the folder of a lake on this machine; None for one on an object store.

    Raises:
        LakeError: as in `open_files`.
    """
    files = open_files(url)
    return files.root if isinstance(files, LocalFiles) else None


@contextlib.contextmanager
def _read_errors(address: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise unreadable(address, error.strerror or type(error).__name__) from error


@contextlib.contextmanager
def _write_errors(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(address, error.strerror or type(error).__name__, error.errno) from error
