"""One partition of a table: the path of its file and the change of its rows.

The file is read, its rows are merged with the new ones, and, if that made any difference, it is
replaced; all under the partition's lock.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import quote, unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from smallhours.lake.files import Files
from smallhours.lake.merging import RepeatedKey, in_same_group, merge_rows, positions_of
from smallhours.lake.parquet import check_rewritable, decode, encode, file_mismatch
from smallhours.lake.rows import PartitionValues
from smallhours.lake.schema import Table

_FILE = "part.parquet"


@dataclass(frozen=True, slots=True)
class MergeReport:
    """The counts of a write: files, rows and bytes (as stored)."""

    partitions_read: int = 0
    partitions_written: int = 0
    rows_added: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_removed: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def __add__(self, other: "MergeReport") -> "MergeReport":
        return MergeReport(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )


@dataclass(frozen=True, slots=True)
class PartitionChange:
    """A change of one partition's rows.

    Attributes:
        new: Rows that arrive, in the table's schema, each key once.
        delete: Keys of old rows to remove, if any.
        replace: A filter for old rows to remove, if any.
        whole: Columns that group the rows: old rows of a group in `new` are removed.
    """

    new: pa.Table
    delete: pa.Table | None = None
    replace: pc.Expression | None = None
    whole: tuple[str, ...] = ()


def folder_of(table: Table, values: PartitionValues) -> str:
    """Return the folder of a partition, or of all partitions that begin with these values."""
    steps = (
        f"{name}={quote(value, safe='')}"
        for name, value in zip(table.partition, values, strict=False)
    )
    return "/".join((table.name, *steps))


def path_of(table: Table, values: PartitionValues) -> str:
    """Return the path of a partition's file."""
    return f"{folder_of(table, values)}/{_FILE}"


def values_of_path(table: Table, path: str) -> PartitionValues | None:
    """Return the partition values of a path; None for a file that belongs to no partition."""
    values = tuple(unquote(step.partition("=")[2]) for step in path.split("/")[1:-1])
    fits = len(values) == len(table.partition) and path_of(table, values) == path
    return values if fits else None


def partition_columns(table: Table, values: PartitionValues) -> Mapping[str, str]:
    """Return the partition values by column name."""
    return dict(zip(table.partition, values, strict=True))


def apply_change(
    files: Files, table: Table, values: PartitionValues, wanted: PartitionChange
) -> MergeReport:
    """Change the rows of one partition; write its file only if rows change.

    Raises:
        CorruptFile: The file is truncated, damaged, or not Parquet.
        SchemaMismatch: The file does not fit the table.
        LakeUnwritable: The file can't be written; it holds what it held before.
    """
    path = path_of(table, values)
    address = files.address(path)
    with files.lock(folder_of(table, values)):
        data = None
        old = table.schema.empty_table()
        with contextlib.suppress(FileNotFoundError):
            data = files.read(path)
        if data is not None:
            old = decode(table, data, address, partition=partition_columns(table, values)).cast(
                table.schema
            )
            check_rewritable(table, data, address)
        goes = np.zeros(len(old), dtype=bool)
        try:
            if wanted.delete is not None:
                goes[positions_of(table.key, old, wanted.delete)] = True
            if wanted.replace is not None:
                numbered = old.append_column("__row__", pa.array(np.arange(len(old))))
                goes[numbered.filter(wanted.replace)["__row__"].to_numpy()] = True
            if wanted.whole:
                goes |= in_same_group(wanted.whole, old, wanted.new)
            merged = merge_rows(table.key, old, wanted.new, goes)
        except RepeatedKey as error:
            raise file_mismatch(table, address, "two rows have the same key") from error
        written = b""
        if merged.changed and len(merged.rows):
            written = encode(merged.rows)
            files.replace(path, written)
        elif merged.changed:
            files.remove(path)
    return MergeReport(
        partitions_read=int(data is not None),
        partitions_written=int(merged.changed),
        rows_added=merged.added,
        rows_updated=merged.updated,
        rows_unchanged=merged.unchanged,
        rows_removed=merged.removed,
        bytes_read=len(data or b""),
        bytes_written=len(written),
    )
