"""Files that a process has read, kept for its next look at them while they stay as they are."""

from collections import OrderedDict
from threading import Lock
from typing import Any

MAX_BYTES = 64 * 2**20


class ReadCache:
    """The content of files by path, the ones that were used last; several threads may share it.

    Args:
        max_bytes: Number of bytes that are kept at most.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
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
