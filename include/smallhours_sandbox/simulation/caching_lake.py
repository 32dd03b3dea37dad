"""A lake with a read cache, for a single process that is its only writer."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake

Rows = TypeVar("Rows", pa.Table, pd.DataFrame)


class CachingLake(Lake):
    """A lake that caches reads of a table until one of the table's files changes.

    The files are the same as those of any lake. No other process may write them meanwhile: the
    stages
    of a simulated night read the same tables a dozen times, and only these stages change them.

    Args:
        folder: Folder of the lake.
    """

    def __init__(self, folder: Path) -> None:
        files = _ChangeCountingFiles(folder, disk=_UnflushedDisk())
        super().__init__(str(folder), files=files)
        self._changes = files.changes
        self._kept: dict[tuple[Hashable, ...], tuple[int, Any]] = {}

    def read(self, table: Table, **asked: Any) -> pa.Table:
        """Return the rows as `Lake.read` does, from the cache where possible."""
        return self._cached("rows", table, asked, super().read)

    def frame(self, table: Table, **asked: Any) -> pd.DataFrame:
        """Return the frame as `Lake.frame` does, from the cache where possible, as a copy."""
        return self._cached("frame", table, asked, super().frame).copy(deep=False)

    def _cached(
        self, kind: str, table: Table, asked: Mapping[str, Any], answer: Callable[..., Rows]
    ) -> Rows:
        key = (kind, table.name, *sorted((name, _hashable(value)) for name, value in asked.items()))
        at = self._changes[table.name]
        if key not in self._kept or self._kept[key][0] != at:
            self._kept[key] = (at, answer(table, **asked))
        found: Rows = self._kept[key][1]
        return found


class _ChangeCountingFiles(LocalFiles):
    """Local files that count the changes of each table."""

    def __init__(self, root: Path, *, disk: Disk) -> None:
        super().__init__(root, disk=disk)
        self.changes: Counter[str] = Counter()

    def replace(self, path: str, data: bytes) -> None:
        self.changes[path.partition("/")[0]] += 1
        super().replace(path, data)

    def remove(self, path: str) -> None:
        self.changes[path.partition("/")[0]] += 1
        super().remove(path)


class _UnflushedDisk(Disk):
    """A disk that never flushes: a simulated lake need not survive a power failure."""

    def flush(self, path: Path) -> None:
        """Do nothing."""


def _hashable(value: object) -> Hashable:
    """Return an argument's value in hashable form: column names, partitions or a filter."""
    if isinstance(value, Mapping):
        return tuple((name, _hashable(each)) for name, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_hashable, value))
    return str(value)
