"""File systems for tests: they count operations, fail, are killed midway, or are object stores."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from obstore.store import MemoryStore

from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.store import Lake


class Killed(BaseException):
    """The end of the process, which cleans nothing up."""


class KilledDisk(Disk):
    """A disk whose process is killed at its n-th operation; a write is killed halfway through.

    From then on every operation fails, because a dead process cleans nothing up.
    """

    def __init__(self, dies_at: int) -> None:
        self.dies_at = dies_at
        self.done: list[str] = []

    def _step(self, name: str, half: Callable[[], object] | None = None) -> None:
        self.done.append(name)
        if len(self.done) == self.dies_at and half is not None:
            half()
        if len(self.done) >= self.dies_at:
            raise Killed

    def walk(self, folder: Path) -> list[Path]:
        self._step("walk")
        return super().walk(folder)

    def read(self, path: Path) -> bytes:
        self._step("read")
        return super().read(path)

    def make_folder(self, folder: Path) -> None:
        self._step("make_folder")
        super().make_folder(folder)

    def write(self, path: Path, data: bytes) -> None:
        self._step("write", lambda: path.write_bytes(data[: len(data) // 2]))
        super().write(path, data)

    def flush(self, path: Path) -> None:
        self._step("flush")
        super().flush(path)

    def rename(self, source: Path, target: Path) -> None:
        self._step("rename")
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self._step("remove")
        super().remove(path)

    @contextlib.contextmanager
    def lock(self, path: Path) -> Iterator[None]:
        self._step("lock")
        with super().lock(path):
            yield


class FailingDisk(Disk):
    """A disk on which one operation raises an OSError."""

    def __init__(self, operation: str, error: OSError) -> None:
        def fail(*_: object) -> None:
            raise error

        setattr(self, operation, fail)


class CountingDisk(Disk):
    """A disk that records which files are read and written."""

    def __init__(self) -> None:
        self.opened: list[Path] = []
        self.written: list[Path] = []

    def read(self, path: Path) -> bytes:
        self.opened.append(path)
        return super().read(path)

    def write(self, path: Path, data: bytes) -> None:
        self.written.append(path)
        super().write(path, data)


def counted(lake: Lake) -> tuple[Lake, CountingDisk]:
    """Return the same lake as another process opens it, and its disk."""
    disk = CountingDisk()
    return Lake(lake.url, files=LocalFiles(Path(lake.url), disk=disk)), disk


class CountingStore:
    """An object store in memory that records its calls, and may be killed at the n-th."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.calls: list[str] = []
        self.dies_at = 0

    def restart(self, *, dies_at: int = 0) -> None:
        self.calls.clear()
        self.dies_at = dies_at

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            if self.dies_at and len(self.calls) >= self.dies_at:
                raise Killed
            return getattr(self.store, name)(*arguments, **options)

        return call
