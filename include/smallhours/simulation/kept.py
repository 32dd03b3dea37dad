"""How is a lake read that only this process writes? Each question once, until an answer changes."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from smallhours.lake.files import Disk, LocalFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import Table

Answer = TypeVar("Answer", pa.Table, pd.DataFrame)


class KeptLake(Lake):
    """A lake that remembers what was read of a table until one of its files changes.

    The files are those of any lake. Nobody else may write them meanwhile: the stages of a simulated
    night read the same tables a dozen times, and nothing but these stages changes them.

    Args:
        folder: Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        files = _Counted(folder, disk=_Unhurried())
        super().__init__(str(folder), files=files)
        self._changes = files.changes
        self._kept: dict[tuple[Hashable, ...], tuple[int, Any]] = {}

    def read(self, table: Table, **asked: Any) -> pa.Table:
        """As `Lake.read`, from memory where that was asked before."""
        return self._once("rows", table, asked, super().read)

    def frame(self, table: Table, **asked: Any) -> pd.DataFrame:
        """As `Lake.frame`, likewise; whoever changes the frame changes a copy."""
        return self._once("frame", table, asked, super().frame).copy(deep=False)

    def _once(
        self, kind: str, table: Table, asked: Mapping[str, Any], answer: Callable[..., Answer]
    ) -> Answer:
        key = (kind, table.name, *sorted((name, _fixed(value)) for name, value in asked.items()))
        at = self._changes[table.name]
        if key not in self._kept or self._kept[key][0] != at:
            self._kept[key] = (at, answer(table, **asked))
        found: Answer = self._kept[key][1]
        return found


class _Counted(LocalFiles):
    """Files that count how often any of a table's was changed."""

    def __init__(self, root: Path, *, disk: Disk) -> None:
        super().__init__(root, disk=disk)
        self.changes: Counter[str] = Counter()

    def replace(self, path: str, data: bytes) -> None:
        self.changes[path.partition("/")[0]] += 1
        super().replace(path, data)

    def remove(self, path: str) -> None:
        self.changes[path.partition("/")[0]] += 1
        super().remove(path)


class _Unhurried(Disk):
    """A disk that may take its time to keep what was written: a simulated life is not precious."""

    def flush(self, path: Path) -> None:
        """Nothing waits."""


def _fixed(value: object) -> Hashable:
    """The value of an argument as something that can be compared: names, partitions, a filter."""
    if isinstance(value, Mapping):
        return tuple((name, _fixed(each)) for name, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(_fixed, value))
    return str(value)
