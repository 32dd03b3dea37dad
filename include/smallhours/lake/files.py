"""Files in a local folder or a bucket, replaced atomically: a reader sees the old or the new one.

On a local disk a file is written beside its target under a hidden name, flushed to the disk and
renamed over it; a lock keeps two processes from changing the same file at once. On an object
store a file is one PUT, which only becomes visible when it is complete.

Object stores have no lock that fsspec can reach. Two tasks that merge into the same partition
at the same time would each read the old file, and the later PUT would win: run them one after
the other there (an Airflow pool with one slot per lake, or `max_active_runs=1`).
"""

import contextlib
import errno
import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import fsspec
from fsspec.implementations.local import LocalFileSystem

from smallhours.errors import LakeError, LakeUnwritable
from smallhours.lake.read_cache import ReadCache
from smallhours.private_files import FILE_MODE, FOLDER_MODE, private_opener

# Hidden, and not ending in `.parquet`: no glob and no data set reader takes it for data. One
# fixed name is enough because the lock lets only one writer at a time reach it; a leftover of a
# crash is overwritten by the next write.
_UNFINISHED = ".part.tmp"
_LOCKS = ".locks"
_PROBE = ".writable"

_MOVE_THE_LAKE = "or point SMALLHOURS_LAKE to another place"
_REMEDIES = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some of your disk quota",
    errno.EROFS: "Mount it writable",
    errno.EACCES: "Give the user that runs Smallhours write access to it",
    errno.EPERM: "Give the user that runs Smallhours write access to it",
    errno.ENOTDIR: "Move away the file that stands where a folder is needed",
    errno.EEXIST: "Move away the file that stands where a folder is needed",
    errno.ENOLCK: "Use a file system that supports locks",
}


class Files(Protocol):
    """A tree of files. Paths are relative to its root, with `/` between their parts."""

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


class LocalFiles:
    """Files in a folder of this machine."""

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
        found = {}
        for path in self.list(folder):
            with contextlib.suppress(FileNotFoundError), _read_errors(self.address(path)):
                found[path] = self._disk.stamp(self.root / path)
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
                self._disk.rename(unfinished, target)
            except OSError:
                # The disk may be full: don't keep what is of no use.
                with contextlib.suppress(OSError):
                    self._disk.remove(unfinished)
                raise
            self._disk.flush(target.parent)

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


class ObjectFiles:
    """Files in an object store, or in anything else that fsspec knows."""

    def __init__(self, store: Any, root: str, *, url: str) -> None:
        self._store = store
        self._root = root.rstrip("/")
        self._url = url.rstrip("/")

    def address(self, path: str) -> str:
        """Return the file's URL."""
        return f"{self._url}/{path}"

    def list(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        try:
            with _store_errors(self.address(folder), LakeError):
                # Another process may have added files since this one looked.
                self._store.invalidate_cache()
                found = self._store.find(self._at(folder))
        except FileNotFoundError:
            return []
        return sorted(str(path).removeprefix(self._root + "/") for path in found)

    def stamps(self, folder: str) -> dict[str, str]:
        """Return each file's ETag as the store lists it; one that it lists without has none."""
        with _store_errors(self.address(folder), LakeError):
            self._store.invalidate_cache()
            try:
                found = self._store.find(self._at(folder), detail=True)
            except FileNotFoundError:
                return {}
        return {
            str(path).removeprefix(self._root + "/"): str(about["ETag"])
            for path, about in found.items()
            if "ETag" in about
        }

    def read(self, path: str) -> bytes:
        """Return a file's content, in one GET."""
        with _store_errors(self.address(path), LakeError):
            return bytes(self._store.cat_file(self._at(path)))

    def replace(self, path: str, data: bytes) -> None:
        """Write the file with one PUT."""
        target = self._at(path)
        try:
            with _store_errors(self.address(path), LakeUnwritable):
                # No makedirs before: s3fs would make a missing bucket of a mistyped name.
                self._store.pipe_file(target, data)
        except FileNotFoundError as error:
            raise _unwritable(self.address(path), "there is no such folder or bucket") from error

    def remove(self, path: str) -> None:
        """Remove the file with one DELETE."""
        with (
            contextlib.suppress(FileNotFoundError),
            _store_errors(self.address(path), LakeUnwritable),
        ):
            self._store.rm_file(self._at(path))

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:  # noqa: ARG002 - see this module's docstring
        """Take no lock: the caller must make sure that a partition has one writer at a time."""
        yield

    def check_writable(self) -> None:
        """Write and remove a small object."""
        self.replace(_PROBE, b"")
        self.remove(_PROBE)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"


def open_files(url: str, storage_options: Mapping[str, Any] | None = None) -> Files:
    """Return the files of the lake at a path or URL.

    Args:
        url: A local path, or any URL that fsspec knows.
        storage_options: What fsspec's file system for that URL takes.

    Raises:
        LakeError: fsspec does not know the URL, or the library for it is not installed.
    """
    try:
        store, root = fsspec.core.url_to_fs(url, **(storage_options or {}))
    except (ImportError, ValueError) as error:
        raise LakeError(
            f"The lake can't be opened: {error}.",
            remedy="Correct SMALLHOURS_LAKE, or install the fsspec library for that kind of "
            "URL (s3fs for s3://, gcsfs for gs://, adlfs for abfs://).",
        ) from error
    if isinstance(store, LocalFileSystem):
        return LocalFiles(Path(root).absolute())
    return ObjectFiles(store, root, url=_without_login(store.unstrip_protocol(root)))


def local_folder(url: str) -> Path | None:
    """Return the folder of a lake on this machine; None for one on an object store.

    Raises:
        LakeError: as in `open_files`.
    """
    files = open_files(url)
    return files.root if isinstance(files, LocalFiles) else None


def _without_login(url: str) -> str:
    """Return the URL without user name and password, for error messages."""
    return re.sub(r"//[^/]*@", "//", url)


def _reason(error: Exception) -> str:
    """Return the cause in words that hold no secret: a store's reply may quote the request."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or type(error).__name__


def _unwritable(address: str, reason: str, code: int | None = None) -> LakeUnwritable:
    action = _REMEDIES.get(code or 0, "Make it writable")
    return LakeUnwritable(
        f"The lake can't be written at {address}: {reason}. What was there before is intact.",
        remedy=f"{action}, {_MOVE_THE_LAKE}; then run the task again.",
    )


def _unreadable(address: str, reason: str) -> LakeError:
    return LakeError(
        f"The lake can't be read at {address}: {reason}.",
        remedy="Give the user that runs Smallhours read access to it, and check that the disk "
        "or the store is there; then run the task again.",
    )


@contextlib.contextmanager
def _read_errors(address: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unreadable(address, _reason(error)) from error


@contextlib.contextmanager
def _write_errors(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(address, _reason(error), error.errno) from error


@contextlib.contextmanager
def _store_errors(address: str, kind: type[LakeError]) -> Iterator[None]:
    """Turn any error of an object store into one of our errors.

    fsspec's file systems share no root of their errors (botocore's are not OSErrors), so this
    has to take them all; it wraps single calls to the store, and the cause stays attached.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = _reason(error)
        code = error.errno if isinstance(error, OSError) else None
        if issubclass(kind, LakeUnwritable):
            raise _unwritable(address, reason, code) from error
        raise _unreadable(address, reason) from error
