"""The lake's files in an object store, shared by workers that have nothing else in common.

A store has no locks. A file that is changed is written on the condition that it is still what was
read (`If-Match`), a new one on the condition that there is none (`If-None-Match`); who comes second
reads again and changes what is there now. A store that does not honour conditions is refused.

Requests cost time and money, so what a process has seen counts for it until it takes a lock: the
store is listed once, a file is read once, and what is not listed is not asked for. Another worker's
new files are seen by the next process; a change that builds on a stale file is refused by the store
and done again from the new one. What a machine has read or written once is kept on its disk.
"""

import contextlib
import datetime as dt
import functools
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PreconditionError
from obstore.store import MemoryStore, from_url

from smallhours.errors import LakeError, LakeUnwritable, unreadable, unwritable
from smallhours.lake.download_cache import DownloadCache, downloads_folder
from smallhours.lake.files import Change
from smallhours.lake.leases import DEFAULT_LEASE_S, Version, hold_lease

_PROBE = ".writable"
_CLOCK = ".clock"
# What workers agree by: others change it all the time, so that it is not looked up or kept.
_SHARED_STATE = (".locks", ".budgets", _PROBE, _CLOCK)
_ABOUT_PROBE = b"A store that lets this file be created twice is not used by Smallhours.\n"
_NO_SUCH_VERSION: Version = {"e_tag": f'"{"0" * 32}"', "version": "1"}

# A store that is busy or restarts is waited for within a request, with growing pauses.
_RETRIES: Any = {"max_retries": 20, "retry_timeout": dt.timedelta(minutes=2)}
# A store with more files than one reply lists is listed folder by folder.
_MAX_LISTED_AT_ONCE = 1000
_MAX_KEPT_BYTES = 64_000_000
# With each try one of the writers that meet at a file is done; so many hundred are not expected.
_MAX_TRIES = 100
_MAX_PAUSE_MS = 1000


class Listed(NamedTuple):
    """What a list told of a file: its version, and its bytes."""

    version: str | None
    size: int


# Of a file that another process may have written since.
UNKNOWN = Listed(None, 0)


class ObjectFiles:
    """Files in an object store.

    Args:
        store: A store of obstore.
        root: The folder in it.
        url: How people know it, without a login.
        lease_s: Seconds after which a lock that nobody renews is free.
        downloads: What this machine's processes have read before.
    """

    conditional = True

    def __init__(
        self,
        store: Any,
        root: str,
        *,
        url: str,
        lease_s: float = DEFAULT_LEASE_S,
        downloads: DownloadCache | None = None,
    ) -> None:
        self._store = store
        self._root = f"{root.strip('/')}/" if root.strip("/") else ""
        self._url = url.rstrip("/")
        self._lease_s = lease_s
        self._downloads = downloads
        self._guard = threading.RLock()
        self._looked = False
        self._listed: set[str] = set()
        self._paths: dict[str, Listed] = {}
        self._read: OrderedDict[str, tuple[bytes, Version]] = OrderedDict()
        self._kept_bytes = 0

    def address(self, path: str) -> str:
        """Return the file's URL."""
        return f"{self._url}/{path}"

    def list(self, folder: str) -> list[str]:
        """Return the paths of all files below a folder, sorted."""
        return sorted(self._below(folder))

    def stamps(self, folder: str) -> dict[str, str]:
        """Return the version of each file below a folder, where the store told one."""
        return {path: each.version for path, each in self._below(folder).items() if each.version}

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each file below a folder, where they are known."""
        return {path: each.size for path, each in self._below(folder).items() if each.version}

    def read(self, path: str) -> bytes:
        """Return a file's content, in one GET unless it was read before."""
        self._look()
        return self._known_or_fetched(path)[0]

    def replace(self, path: str, data: bytes) -> None:
        """Write the file with one PUT."""
        with self._write_errors(path):
            done = self._store.put(self._root + path, data, use_multipart=False)
        self._keep(path, data, _version(done))

    def update(self, path: str, change: Change, *, empty: bytes) -> int:
        """Write what a change makes of the file, unless another process wrote it meanwhile.

        No store takes a condition on a removal, so a file that goes is replaced by `empty`.
        """
        if not _is_shared_state(path):
            self._look()
        for trial in range(_MAX_TRIES):
            try:
                data, version = self._known_or_fetched(path)
            except FileNotFoundError:
                data, version = None, None
            new = change(data)
            if new is None:
                new = data if data is None else empty
            if new is None or new == data or self.write_if(path, new, version) is not None:
                return trial
            self._forget(path)
            time.sleep(secrets.randbelow(min(20 * 2 ** min(trial, 6), _MAX_PAUSE_MS)) / 1000)
        raise unwritable(self.address(path), "other workers keep changing it")

    def look_again(self) -> None:
        """Forget what was listed and read; the store is listed anew."""
        with self._guard:
            self._looked, self._kept_bytes = False, 0
            for known in (self._listed, self._paths, self._read):
                known.clear()

    def remove(self, path: str) -> None:
        """Remove the file with one DELETE."""
        with contextlib.suppress(FileNotFoundError), self._write_errors(path):
            self._store.delete(self._root + path)
        self._forget(path, gone=True)

    @contextlib.contextmanager
    def lock(self, path: str) -> Iterator[None]:
        """Hold the lock of one path among all workers, by a lease that is renewed meanwhile."""
        with hold_lease(self, f".locks/{path}", self._lease_s):
            self.look_again()  # what others did before they let go must be seen
            yield

    def check_writable(self) -> None:
        """Check by a small file that the store takes writes, and honours their conditions.

        Raises:
            LakeUnwritable: It can't be written.
            LakeError: It ignores conditions, so that workers would overwrite each other's rows.
        """
        self._look()
        try:
            again = _PROBE in self._paths
            made = self.write_if(_PROBE, _ABOUT_PROBE, None) is not None
            honoured = not (made and again)
            if made and honoured:
                honoured = self.write_if(_PROBE, _ABOUT_PROBE, _NO_SUCH_VERSION) is None
        except LakeUnwritable as error:
            cause = error.__cause__
            if not (
                isinstance(cause, NotSupportedError | NotImplementedError) or "501" in error.what
            ):
                raise
            made, honoured = False, False
        if not honoured:
            if made:
                self.remove(_PROBE)  # so that the next process asks both questions again
            raise LakeError(
                f"The store at {self._url} ignores conditions on writes, so workers that share it "
                "would overwrite each other's rows.",
                remedy="Use a store that honours If-Match and If-None-Match, such as Amazon S3, or "
                "set SMALLHOURS_LAKE to a folder.",
            )

    def fetch(self, path: str) -> tuple[bytes, Version]:
        """Return what a file holds at this moment, and the version of that.

        Raises:
            FileNotFoundError: There is no such file.
            LakeError: It can't be read.
        """
        with self._read_errors(path):
            found = self._store.get(self._root + path)
            data = bytes(found.bytes())
        return data, _version(found.meta)

    def write_if(self, path: str, data: bytes, version: Version | None) -> Version | None:
        """Write a file if it still has this version; None means if there is no such file.

        Returns:
            The new version; None where another process wrote or removed the file meanwhile.

        Raises:
            LakeUnwritable: It can't be written.
        """
        mode = "create" if version is None else version
        with self._write_errors(path):
            try:
                done = self._store.put(self._root + path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                return None
        written = _version(done)
        self._keep(path, data, written)
        return written

    @functools.cached_property
    def clock_offset_s(self) -> float:
        """The seconds by which the store's clock is ahead of this machine's.

        A worker's own clock may be minutes off; the store tells when a file was written.
        """
        before = time.time()
        self.replace(_CLOCK, b"")
        with self._read_errors(_CLOCK):
            written: dt.datetime = self._store.head(self._root + _CLOCK)["last_modified"]
        # It tells whole seconds.
        return written.timestamp() + 0.5 - (before + time.time()) / 2

    def _below(self, folder: str) -> dict[str, Listed]:
        """Return the files below a folder."""
        inside = f"{folder}/" if folder else ""
        self._look()
        with self._guard:
            if not self._covered(inside):
                self._paths |= dict(self._list(inside))
                self._listed.add(inside)
            return {path: told for path, told in self._paths.items() if path.startswith(inside)}

    def _look(self) -> None:
        """List the whole store, where one reply holds it."""
        with self._guard:
            if self._looked:
                return
            found = dict(islice(self._list(""), _MAX_LISTED_AT_ONCE))
            if len(found) < _MAX_LISTED_AT_ONCE:
                self._paths |= found
                self._listed.add("")
            self._looked = True

    def _list(self, inside: str) -> Iterator[tuple[str, Listed]]:
        """Yield paths, and what the list tells of them."""
        with self._read_errors(inside):
            for some in self._store.list(self._root + inside or None):
                for each in some:
                    told = Listed(each["e_tag"], each["size"])
                    yield each["path"].removeprefix(self._root), told

    def _covered(self, path: str) -> bool:
        return any(path.startswith(folder) for folder in self._listed)

    def _known_or_fetched(self, path: str) -> tuple[bytes, Version]:
        with self._guard:
            if path in self._read:
                self._read.move_to_end(path)
                return self._read[path]
            if path not in self._paths and self._covered(path):
                raise FileNotFoundError(self.address(path))
            listed = self._paths.get(path, UNKNOWN).version
        if listed and self._downloads and (data := self._downloads.get(path, listed)) is not None:
            version = {"e_tag": listed}
            self._keep(path, data, version, on_disk=True)
            return data, version
        try:
            data, version = self.fetch(path)
        except FileNotFoundError:
            self._forget(path, gone=True)
            raise
        self._keep(path, data, version)
        return data, version

    def _keep(self, path: str, data: bytes, version: Version, *, on_disk: bool = False) -> None:
        if self._downloads and not on_disk and not _is_shared_state(path):
            self._downloads.put(path, version["e_tag"], data)
        with self._guard:
            self._forget(path)
            self._paths[path] = Listed(version.get("e_tag"), len(data))
            self._read[path] = data, version
            self._kept_bytes += len(data)
            while self._kept_bytes > _MAX_KEPT_BYTES:
                self._kept_bytes -= len(self._read.popitem(last=False)[1][0])

    def _forget(self, path: str, *, gone: bool = False) -> None:
        with self._guard:
            self._kept_bytes -= len(self._read.pop(path, (b"", None))[0])
            self._paths.pop(path, None)
            if not gone:
                self._paths[path] = UNKNOWN

    @contextlib.contextmanager
    def _read_errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except BaseError as error:
            raise unreadable(self.address(path), _reason(error)) from error

    @contextlib.contextmanager
    def _write_errors(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise unwritable(self.address(path), "there is no such bucket") from error
        except BaseError as error:
            raise unwritable(self.address(path), _reason(error)) from error


def open_store(url: str) -> ObjectFiles:
    """Return the files of a lake in an object store.

    Raises:
        LakeError: The URL is of no known kind, or the store's settings are not usable.
    """
    shown = re.sub(r"//[^/]*@", "//", url)  # without user name and password
    if urlsplit(url).scheme == "memory":
        return ObjectFiles(_memory(), url.partition("://")[2], url=shown)
    try:
        store = from_url(url, retry_config=_RETRIES, **_plain_http(url))
    except (BaseError, ValueError) as error:
        raise LakeError(
            f"The lake can't be opened at {shown}: {_reason(error)}.",
            remedy="Correct SMALLHOURS_LAKE: a folder, or a URL such as s3://bucket/prefix, with "
            "the store's address and credentials in its own environment variables.",
        ) from error
    # Other stores know a version by more than their lists tell.
    downloads = DownloadCache(shown, downloads_folder()) if url.startswith("s3") else None
    return ObjectFiles(store, "", url=shown, downloads=downloads)


@functools.cache
def _memory() -> MemoryStore:
    return MemoryStore()


def _is_shared_state(path: str) -> bool:
    return path.partition("/")[0] in _SHARED_STATE


def _version(told: Any) -> Version:
    """Return by what a store knows a version; each uses one or both of these."""
    return {name: told[name] for name in ("e_tag", "version") if told[name] is not None}


def _plain_http(url: str) -> dict[str, Any]:
    """Return what allows a store whose address is named as http://, as one at home is."""
    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    if url.startswith("s3") and named.startswith("http://"):
        return {"client_options": {"allow_http": True}}
    return {}


def _reason(error: Exception) -> str:
    """Return the cause in words that hold no secret: an error quotes the request."""
    status = re.search(r"status code: (\d{3}[ A-Za-z]*)", str(error))
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    told = [each.group(1).strip() for each in (status, code) if each]
    return ", ".join(told) or type(error).__name__
