"""Locks for workers that share nothing but an object store.

A lock is a file that names its holder, written on the condition that nobody else wrote it. Its
holder writes it again every few seconds. A waiting worker takes it over once it has seen it stay
the same for the length of a lease: then the holder was killed. No clock is compared with another
machine's, which may be minutes off.
"""

import contextlib
import logging
import os
import secrets
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Protocol

from smallhours.errors import LakeError

LOG = logging.getLogger(__name__)

# By what a store knows a version of a file, as obstore wants it back.
Version = dict[str, str]

DEFAULT_LEASE_S = 60.0
# A renewal may fail a few times before the lease is over.
_RENEWALS_PER_LEASE = 5
_LOOKS_PER_LEASE = 30
_FREE = b""


class VersionedFiles(Protocol):
    """Files that can be written on the condition that they have a certain version."""

    def address(self, path: str) -> str:
        """Return the file's URL."""

    def fetch(self, path: str) -> tuple[bytes, Version]:
        """Return a file's content at this moment, and its version."""

    def write_if(self, path: str, data: bytes, version: Version | None) -> Version | None:
        """Write a file of a version; return None where it has another."""


@contextlib.contextmanager
def hold_lease(files: VersionedFiles, path: str, lease_s: float) -> Iterator[None]:
    """Wait until nobody holds this lock, and hold it.

    Raises:
        LakeError: The store failed; or the lock was lost, because this process stood still for
            longer than a lease.
    """
    lease = _Lease(files, path, lease_s)
    lease.acquire()
    try:
        yield
    finally:
        lost = lease.release()
    if lost:
        raise LakeError(
            f"The lock {files.address(path)} was taken over by another worker, because this one "
            f"did not renew it for {lease_s:g} s.",
            remedy="Run the task again.",
        )


class _Lease:
    def __init__(self, files: VersionedFiles, path: str, lease_s: float) -> None:
        self._files, self._path, self._lease_s = files, path, lease_s
        self._holder = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
        self._renewals = 0
        self._version: Version | None = None
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def acquire(self) -> None:
        """Wait for the lock and take it."""
        seen, since = _FREE, time.monotonic()
        while self._version is None:
            try:
                holder, version = self._files.fetch(self._path)
            except FileNotFoundError:
                holder, version = _FREE, None
            if self._is_ours(holder):
                self._version = version
                break
            if holder != seen:
                seen, since = holder, time.monotonic()
            if holder == _FREE or time.monotonic() - since >= self._lease_s:
                self._version = self._files.write_if(self._path, self._note(), version)
            if self._version is None:
                pause_ms = max(int(self._lease_s / _LOOKS_PER_LEASE * 1000), 2)
                time.sleep((pause_ms / 2 + secrets.randbelow(pause_ms)) / 1000)
        self._thread.start()

    def release(self) -> bool:
        """Let go of the lock; return whether it was lost before."""
        self._over.set()
        self._thread.join()
        if not self._lost:
            try:
                self._lost = self._files.write_if(self._path, _FREE, self._version) is None
            except LakeError as error:
                LOG.warning("The lock is free only in %g s: %s", self._lease_s, error)
        return self._lost

    def _note(self) -> bytes:
        return f"{self._holder} {self._renewals}\n".encode()

    def _renew(self) -> None:
        while not self._over.wait(self._lease_s / _RENEWALS_PER_LEASE):
            self._renewals += 1
            try:
                version = self._files.write_if(self._path, self._note(), self._version)
                if version is None:
                    holder, version = self._files.fetch(self._path)
                    if not self._is_ours(holder):
                        self._lost = True
                        return
                self._version = version
            except (LakeError, FileNotFoundError) as error:
                LOG.warning("The lock was not renewed: %s", error)

    def _is_ours(self, holder: bytes) -> bool:
        """Return whether we wrote this; the reply to a write may have been lost."""
        return holder.startswith(self._holder.encode())
