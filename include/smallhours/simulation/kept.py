"""How is a lake read that only this process writes? Each question once, until an answer changes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smallhours.lake.partition import MergeReport
from smallhours.lake.rows import Rows
from smallhours.lake.store import Lake
from smallhours.lake.tables import Table


class KeptLake(Lake):
    """A lake that remembers what was read of a table until the table is written to.

    The files are written as ever. Nobody else may write them meanwhile: the stages of a simulated
    night read the same tables a dozen times, and nothing but these stages changes them.

    Args:
        url: A folder.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._kept: dict[str, dict[Any, pa.Table]] = {}

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        filters: pc.Expression | None = None,
    ) -> pa.Table:
        """As `Lake.read`, from memory where that was asked before."""
        asked = (
            None if columns is None else tuple(columns),
            tuple((name, _fixed(value)) for name, value in (where or {}).items()),
            str(filters),
        )
        kept = self._kept.setdefault(table.name, {})
        if asked not in kept:
            kept[asked] = super().read(table, columns=columns, where=where, filters=filters)
        return kept[asked]

    def merge(
        self,
        table: Table,
        rows: Rows,
        *,
        partition: Mapping[str, str] | None = None,
        delete: Rows | None = None,
        replace: pc.Expression | None = None,
        whole: Sequence[str] = (),
    ) -> MergeReport:
        """As `Lake.merge`; what was read of the table is forgotten if anything changed."""
        try:
            report = super().merge(
                table, rows, partition=partition, delete=delete, replace=replace, whole=whole
            )
        except BaseException:
            self._kept.pop(table.name, None)
            raise
        if report.partitions_written:
            self._kept.pop(table.name, None)
        return report


def _fixed(value: str | Sequence[str]) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else tuple(value)
