"""The lake: read a table, merge rows into it, replace a part of it.

A table is a folder of Parquet files, cut by its partition columns in the manner of Hive:
`<url>/plays/listener=default/month=2026-10/part.parquet`, values percent-encoded. There is one
file per partition; a partition without rows has none. A write replaces whole files, each of them
atomically; running it again gives the same bytes.

Concurrent writers of one partition lose nothing: on a local disk they wait for each other, on an
object store the second merges again with what the first wrote. A merge that spans several
partitions is atomic for each of them, not for all: after a crash in between, run it again.
"""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from smallhours.errors import CorruptFile, SchemaMismatch
from smallhours.lake.delta import Delta, change_table, folder_of_delta, has_delta
from smallhours.lake.files import Files, open_files
from smallhours.lake.packs import find_pack, write_pack
from smallhours.lake.parquet import decode, with_partition
from smallhours.lake.partition import (
    MergeReport,
    PartitionChange,
    apply_change,
    folder_of,
    partition_columns,
    path_of,
    values_of_path,
)
from smallhours.lake.schema import PartitionValues, Rows, Table, conform
from smallhours.lake.tables import PREFIXES

__all__ = ["Lake", "MergeReport", "among", "prefix_of"]

_READERS = 8  # enough to hide a disk's or a store's latency behind another file's decoding
_WRITERS = 4  # each holds one partition of some megabytes


class Lake:
    """All tables of `smallhours.lake.tables`, under one folder or URL.

    Args:
        url: A local path, or the URL of an object store such as `s3://bucket/prefix`.
        files: The files to use instead of those at `url`.

    Attributes:
        url: As given.
        files: Where all of it lies; what is not a table (the models) lies there too.
        conflicts: How often another worker wrote a file first, so that a merge was done again.

    Raises:
        LakeError: The URL is of no known kind, or the store's settings are not usable.
    """

    def __init__(self, url: str, *, files: Files | None = None) -> None:
        self.url = url
        self.files = files or open_files(url)
        self.conflicts = 0

    def check_writable(self) -> None:
        """Check with a small file that the lake is writable.

        Raises:
            LakeUnwritable: It is not; the remedy says what to do.
            LakeError: It is in an object store that workers can't share.
        """
        self.files.check_writable()

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        filters: pc.Expression | None = None,
    ) -> pa.Table:
        """Return rows of a table, sorted by partition and then by key.

        Args:
            table: Which table.
            columns: Which columns, stored or of the partition, in this order; None means all,
                the partition columns (text) last.
            where: Values of partition columns; files of other partitions are not opened.
            filters: Which rows, by any columns, read or not.

        Returns:
            A table of pyarrow; without rows, but with its columns, when nothing is there.

        Raises:
            CorruptFile: A file is truncated, damaged, or not Parquet.
            SchemaMismatch: A file does not fit the table, or it has no such column.
            LakeError: A file can't be read.
        """
        schema = with_partition(table)
        names = schema.names if columns is None else list(columns)
        for name in names:
            if name not in schema.names:
                raise _no_column(table, name)
        schema = pa.schema([schema.field(name) for name in names])
        if filters is not None:
            # A filter that can't be evaluated is the caller's mistake, not a corrupt file.
            with_partition(table).empty_table().filter(filters)

        # Before the partitions: what is merged into them meanwhile is read twice then, not never.
        delta = self._delta(table)
        parts = self._parts(table, where)

        def stored(part: PartitionValues, columns: Sequence[str]) -> pa.Table | None:
            try:
                data = self.files.read(path_of(table, part))
            except FileNotFoundError:
                return None
            return decode(
                table,
                data,
                self._address(table, part),
                partition=partition_columns(table, part),
                columns=columns,
                filters=filters,
            )

        def load(part: PartitionValues) -> pa.Table | None:
            if delta is None:
                return stored(part, names)
            return delta.over(part, names, filters, lambda columns: stored(part, columns))

        packed = []
        if (pack := find_pack(self.files, table, parts)) is not None:
            with contextlib.suppress(CorruptFile, SchemaMismatch):
                packed = [pack.read(names, filters)]
                parts = parts[len(pack.parts) :]
        if len(parts) == 1:
            loaded = [load(parts[0])]
        else:
            with ThreadPoolExecutor(_READERS, "lake") as pool:
                loaded = list(pool.map(load, parts))
        found = [each.cast(schema) for each in (*packed, *loaded) if each is not None]
        return pa.concat_tables(found) if found else schema.empty_table()

    def frame(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        filters: pc.Expression | None = None,
    ) -> pd.DataFrame:
        """Return the same rows as `read`, as a frame whose column types do not depend on its rows.

        Texts are `str`, moments are in UTC, dates are `date32[day][pyarrow]` (they compare with
        `datetime.date`), integers and flags that may be null are `Int32` and `boolean`.
        """
        rows = self.read(table, columns=columns, where=where, filters=filters)
        nullable = {c.name: c.nullable for c in table.columns}
        series = {}
        for name in rows.schema.names:
            kind = _pandas_type(rows.schema.field(name).type, nullable.get(name, False))
            series[name] = rows[name].to_pandas(types_mapper=lambda _, kind=kind: kind)
        return pd.DataFrame(series, columns=rows.schema.names)

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
        """Update rows by key, add new ones, and remove some, in one replacement per partition.

        Only partitions that `rows`, `delete` or `replace` concern are read, and only those whose
        content changes are written. A row that is both removed and in `rows` stays, as in `rows`.

        Args:
            table: Which table.
            rows: All stored columns, and the partition columns that `partition` does not give.
                `pd.DataFrame()` is no rows.
            partition: Values of partition columns that are the same for all rows.
            delete: Keys of rows to remove: the key's and the partition's columns.
            replace: Old rows that go unless they are in `rows`, as a filter. It is applied to
                every partition that fits `partition`, so all of those are read.
            whole: Text columns that group the rows; `rows` has each of its groups whole, so an
                old row of the same group goes unless it is in `rows`. A group lies within one
                partition.

        Raises:
            SchemaMismatch: The rows were refused and nothing was written; or a file that would
                have to be changed does not fit the table.
            CorruptFile: A file that would have to be changed is truncated or not Parquet.
            LakeUnwritable: A file can't be written; it holds what it held before.
        """
        new = conform(table, rows, partition)
        gone = {} if delete is None else conform(table, delete, partition, keys_only=True)
        touched = new.keys() | gone.keys()
        if replace is not None:
            table.schema.empty_table().filter(replace)
            touched |= set(self._parts(table, partition))

        empty = table.schema.empty_table()
        changes = {
            part: PartitionChange(new.get(part, empty), gone.get(part), replace, tuple(whole))
            for part in sorted(touched)
        }
        # Months are written in their order: where a sync resumes is read from the newest.
        writers = _WRITERS if has_delta(table) else 1
        with ThreadPoolExecutor(writers, "lake") as pool:
            if has_delta(table):
                report = change_table(self.files, table, changes, pool)
            else:

                def write(part: PartitionValues) -> MergeReport:
                    return apply_change(self.files, table, part, changes[part])

                report = sum(pool.map(write, changes), MergeReport())
        self.conflicts += report.conflicts
        return report

    def replace(self, table: Table, rows: Rows, *, partition: Mapping[str, str]) -> MergeReport:
        """Make the partitions that fit `partition` hold exactly these rows.

        Args:
            table: Which table.
            rows: As in `merge`.
            partition: Values of some or all partition columns; all rows belong to them.

        Raises:
            SchemaMismatch, CorruptFile, LakeUnwritable: As in `merge`.
        """
        everything = pc.scalar(True)
        return self.merge(table, rows, partition=partition, replace=everything)

    def pack_months(self, table: Table, listener: str, *, before: str) -> None:
        """Pack a listener's months that are over, for who reads them all.

        Args:
            table: A table by listener and month.
            listener: Whose.
            before: The first month that is not over, as `YYYY-MM`.

        Raises:
            CorruptFile, SchemaMismatch, LakeUnwritable: As in `read` and `merge`.
        """
        write_pack(self.files, table, self._parts(table, {"listener": listener}), before)

    def stamps(self, table: Table) -> dict[str, str]:
        """Return, for each prefix of a catalog table, what differs when other rows are in it."""
        delta = Delta.of(self.files, table)
        found = {}
        for path, stamp in self.files.stamps(table.name).items():
            if (part := values_of_path(table, path)) is not None:
                found[part[0]] = f"{stamp} {delta.stamp(part)}"
        return found

    def size_of(self, table: Table) -> int:
        """Return how many bytes a table's files have, where they are known."""
        sizes = self.files.sizes(table.name)
        if has_delta(table):
            sizes |= self.files.sizes(folder_of_delta(table))
        return sum(sizes.values())

    def partitions(self, table: Table) -> list[dict[str, str]]:
        """Return the values of the partition columns for which there are rows, sorted."""
        return [dict(partition_columns(table, part)) for part in self._parts(table, None)]

    def path(self, table: Table, partition: Mapping[str, str]) -> str:
        """Return the local path or the URL of a partition's file, which may not exist."""
        return self._address(table, tuple(partition[name] for name in table.partition))

    def _delta(self, table: Table) -> Delta | None:
        """Return a table's delta, if it has rows."""
        delta = Delta.of(self.files, table) if has_delta(table) else None
        return delta if delta is not None and len(delta.rows) else None

    def _address(self, table: Table, part: PartitionValues) -> str:
        return self.files.address(path_of(table, part))

    def _parts(
        self, table: Table, where: Mapping[str, str | Sequence[str]] | None
    ) -> list[PartitionValues]:
        """Return the partitions that fit `where`; those that it names in full may not exist."""
        wanted = {name: [v] if isinstance(v, str) else list(v) for name, v in (where or {}).items()}
        for name in wanted:
            if name not in table.partition:
                raise _no_column(table, name)
        pinned = list(itertools.takewhile(wanted.__contains__, table.partition))
        starts = sorted(set(itertools.product(*(wanted[name] for name in pinned))))
        if len(pinned) == len(table.partition):
            return starts
        found = []
        for start in starts:
            for path in self.files.list(folder_of(table, start)):
                part = values_of_path(table, path)
                if part is not None and all(
                    part[i] in wanted[name]
                    for i, name in enumerate(table.partition)
                    if name in wanted
                ):
                    found.append(part)
        return sorted(found)


def prefix_of(artist_key: str) -> str:
    """Return the `prefix` of all rows about an artist: `00` to `0f`, a hash of the artist's key."""
    digest = hashlib.blake2b(artist_key.encode(), digest_size=8).digest()
    return f"{int.from_bytes(digest) % PREFIXES:02x}"


def among(column: str, keys: Iterable[str]) -> pc.Expression:
    """Return the filter of rows with one of some keys, for a read of few rows of a large table."""
    return pc.field(column).isin(pa.array(sorted(set(keys)), pa.string()))


def _pandas_type(kind: pa.DataType, nullable: bool) -> Any:
    if pt.is_string(kind):
        return pd.StringDtype(na_value=np.nan)  # what `str` means as a type of pandas
    if pt.is_date(kind):
        return pd.ArrowDtype(kind)
    if nullable and pt.is_boolean(kind):
        return pd.BooleanDtype()
    if nullable and pt.is_integer(kind):
        return {16: pd.Int16Dtype(), 32: pd.Int32Dtype(), 64: pd.Int64Dtype()}[kind.bit_width]
    return None


def _no_column(table: Table, name: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"The table '{table.name}' has no such column as '{name}' to be read or selected by.",
        remedy="Its columns are described in docs/data-dictionary.md.",
    )
