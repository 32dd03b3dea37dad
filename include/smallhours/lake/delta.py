"""The delta of a catalog table: the rows that were written last, in one small file.

A night's answers are few, and lie in nearly all of a table's files, each of which would be written
again for some rows. Where those files are large, the rows of a track, an artist, a tag or a seed
(the first column of the key: the owner) are written to `.delta/<table>/part.parquet` instead, with
their prefix as a column. All that counts of an owner stands there then; what its partition holds
of it is old. A delta that gets large is merged into the partitions, which is called compaction.

The delta's file keeps writers apart. A writer of few rows reads the delta, then the owners' rows in
the partitions, and replaces the delta; on a store, on the condition that it is still the same. The
partitions are written under a lock; then the delta is replaced, with the number of the next
generation in it, so that whoever has read partitions before that comes second, and begins again. A
partition that is small and has no rows in the delta is written directly, as other tables' are.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smallhours.lake.files import Files
from smallhours.lake.parquet import check_rewritable, decode, encode
from smallhours.lake.partition import (
    MergeReport,
    PartitionChange,
    apply_change,
    changed_rows,
    interleave,
    overlaid,
    partition_columns,
    path_of,
)
from smallhours.lake.schema import TEXT, Column, PartitionValues, Table

FOLDER = ".delta"
PREFIX = "prefix"
_GENERATION = b"generation"
# A partition with fewer bytes is written directly: little is gained by sparing it.
MIN_PARTITION_BYTES = 32_000
# A delta of more bytes than this, and than this share of its table, is merged into the partitions.
# The larger it may get, the more each batch of answers writes, and the seldomer all partitions are.
MAX_DELTA_BYTES, MAX_DELTA_SHARE = 256_000, 1 / 48
# More rows than these are not few.
MAX_NEW_ROWS = 20_000

Changes = Mapping[PartitionValues, PartitionChange]


@dataclass(frozen=True)
class Delta:
    """A table's delta.

    Attributes:
        table: The table.
        rows: Its rows in all columns and `prefix`, sorted by prefix and key.
        generation: How often partitions were written beside it.
    """

    table: Table
    rows: pa.Table
    generation: int = 0

    @classmethod
    def of(cls, files: Files, table: Table) -> "Delta":
        """Read a table's delta; one without rows where there is none.

        Raises:
            CorruptFile, SchemaMismatch, LakeError: It can't be read.
        """
        try:
            data = files.read(path_of_delta(table))
        except FileNotFoundError:
            data = None
        return cls.decoded(files, table, data)

    @classmethod
    def decoded(cls, files: Files, table: Table, data: bytes | None) -> "Delta":
        """Return a delta of the bytes of its file; None is for no file."""
        stored = with_prefix(table)
        if data is None:
            return cls(table, stored.schema.empty_table())
        address = files.address(path_of_delta(table))
        rows = decode(stored, data, address, partition={}).cast(stored.schema)
        check_rewritable(stored, data, address)
        about = pq.read_metadata(pa.BufferReader(data)).metadata or {}
        return cls(table, rows, int(about.get(_GENERATION, 0)))

    @property
    def prefixes(self) -> list[str]:
        """Return the prefixes of which there are rows, sorted."""
        found: list[str] = pc.unique(self.rows[PREFIX]).to_pylist()
        return sorted(found)

    def of_part(self, part: PartitionValues) -> pa.Table:
        """Return the rows of one partition, in the table's schema."""
        rows = self.rows.filter(pc.equal(self.rows[PREFIX], part[0]))
        return rows.drop_columns([PREFIX]).cast(self.table.schema)

    def over(
        self,
        part: PartitionValues,
        columns: Sequence[str],
        filters: pc.Expression | None,
        stored: Callable[[Sequence[str]], pa.Table | None],
    ) -> pa.Table | None:
        """Return a partition's rows, those that stand here in the place of its owners' old ones.

        Args:
            part: The partition.
            columns: Which columns.
            filters: Which rows.
            stored: Reads some columns of the partition's file, of the rows that fit the filters;
                returns None where there is no file.
        """
        recent = self.rows.filter(pc.equal(self.rows[PREFIX], part[0]))
        if not len(recent):
            return stored(columns)
        owner = self.table.key[0]
        owners = pc.unique(recent[owner])
        read = [*columns, *({owner} - set(columns))]
        recent = (recent if filters is None else recent.filter(filters)).select(read)
        old = stored(read)
        if old is not None:
            recent = overlaid(old.cast(recent.schema), recent, owners, owner)
        return recent.select(list(columns))

    def stamp(self, part: PartitionValues) -> str:
        """Return what differs when other rows of a partition stand here; empty without any."""
        rows = self.of_part(part)
        return hashlib.blake2b(encode(rows), digest_size=16).hexdigest() if len(rows) else ""

    def with_parts(self, changed: Mapping[PartitionValues, pa.Table]) -> "Delta":
        """Return the delta with other rows in the place of some partitions' rows."""
        parts: dict[PartitionValues, pa.Table] = {}
        for prefix in self.prefixes:
            parts[(prefix,)] = self.of_part((prefix,))
        parts.update(changed)
        tables = [self.rows.schema.empty_table()]
        for part in sorted(parts):
            rows = parts[part]
            column = pa.array([part[0]] * len(rows), TEXT)
            tables.append(pa.table([*rows.columns, column], schema=self.rows.schema))
        return replace(self, rows=pa.concat_tables(tables).combine_chunks())

    def compacted(self) -> "Delta":
        """Return the delta without rows, of the next generation."""
        return Delta(self.table, self.rows.schema.empty_table(), self.generation + 1)

    def encoded(self) -> bytes:
        """Return it as a file."""
        return encode(self.rows, about={_GENERATION.decode(): str(self.generation)})


def has_delta(table: Table) -> bool:
    """Return whether a table's rows may stand in a delta."""
    return table.partition == (PREFIX,)


def folder_of_delta(table: Table) -> str:
    """Return the folder of a table's delta."""
    return f"{FOLDER}/{table.name}"


def path_of_delta(table: Table) -> str:
    """Return the path of a table's delta."""
    return f"{folder_of_delta(table)}/part.parquet"


def with_prefix(table: Table) -> Table:
    """Return the schema of a table's delta, in which the prefix is a column."""
    prefix = Column(PREFIX, TEXT, "The partition that the row belongs to.")
    return replace(table, partition=(), columns=(*table.columns, prefix))


class _Grown(Exception):
    """A partition that was to be written directly has become large."""


class _Many(Exception):
    """What changes does not fit into the delta."""


def change_table(files: Files, table: Table, changes: Changes, pool: Executor) -> MergeReport:
    """Change rows of a table that has a delta.

    Args:
        files: The lake's files.
        table: The table.
        changes: What changes, by partition.
        pool: In which partitions are written.

    Raises:
        CorruptFile, SchemaMismatch, LakeUnwritable: As in `apply_change`.
    """
    delta = Delta.of(files, table)
    sizes = files.sizes(table.name)
    large: set[PartitionValues] = {(prefix,) for prefix in delta.prefixes}
    large |= {part for part in changes if sizes.get(path_of(table, part), 0) >= MIN_PARTITION_BYTES}

    def write(part: PartitionValues) -> MergeReport | None:
        try:
            return apply_change(files, table, part, changes[part], check=_check_small)
        except _Grown:
            return None

    small = sorted(changes.keys() - large)
    reports = list(pool.map(write, small))
    if None in reports:
        files.look_again()
    left = changes.keys() & large | {p for p, r in zip(small, reports, strict=True) if r is None}
    report = sum(filter(None, reports), MergeReport())
    if left:
        report += _change_large(files, table, {part: changes[part] for part in sorted(left)}, pool)
    return report


def _check_small(data: bytes | None) -> None:
    if data is not None and len(data) >= MIN_PARTITION_BYTES:
        raise _Grown


def _change_large(files: Files, table: Table, changes: Changes, pool: Executor) -> MergeReport:
    arriving = sum(len(each.new) + len(each.delete or ()) for each in changes.values())
    if arriving <= MAX_NEW_ROWS and all(each.replace is None for each in changes.values()):
        try:
            return _change_delta(files, table, changes)
        except _Many:
            pass
    return _change_partitions(files, table, changes, pool)


def _change_delta(files: Files, table: Table, changes: Changes) -> MergeReport:
    """Write all rows of the owners that change into the delta.

    Raises:
        _Many: There is no room for them, or an owner has no row left.
    """
    path, report = path_of_delta(table), MergeReport()
    room = max(MAX_DELTA_BYTES, MAX_DELTA_SHARE * sum(files.sizes(table.name).values()))
    again = False

    def change(data: bytes | None) -> bytes | None:
        nonlocal report, again
        if again:  # somebody came first, and may have written partitions
            files.look_again()
        again = True
        delta = Delta.decoded(files, table, data)
        parts, report = {}, MergeReport(partitions_read=int(data is not None))
        for part, wanted in changes.items():
            rows, counts = _changed_part(files, delta, part, wanted)
            report += counts
            if rows is not None:
                parts[part] = rows
        if not parts:
            return data
        written = delta.with_parts(parts).encoded()
        if len(written) > room:
            raise _Many
        report += MergeReport(
            partitions_written=1, bytes_read=len(data or b""), bytes_written=len(written)
        )
        return written

    conflicts = files.update(path, change, empty=b"")
    return replace(report, conflicts=conflicts)


def _changed_part(
    files: Files, delta: Delta, part: PartitionValues, wanted: PartitionChange
) -> tuple[pa.Table | None, MergeReport]:
    """Return the delta's rows of a partition after a change; None where nothing changes."""
    table, recent = delta.table, delta.of_part(part)
    owner = table.key[0]
    named = wanted.new[owner].chunks + (
        [] if wanted.delete is None else wanted.delete[owner].chunks
    )
    owners = pc.unique(pa.chunked_array(named, pa.string()))
    here = pc.is_in(recent[owner], value_set=owners)
    elsewhere = pc.is_in(owners, value_set=pc.unique(recent[owner]))
    stored = _stored(files, table, part, owners.filter(pc.invert(elsewhere)))
    old = interleave(stored, recent.filter(here), owner)
    merged = changed_rows(table, old, wanted, files.address(path_of(table, part)))
    counts = MergeReport(
        rows_added=merged.added,
        rows_updated=merged.updated,
        rows_unchanged=merged.unchanged,
        rows_removed=merged.removed,
    )
    if not merged.changed:
        return None, counts
    left = pc.is_in(pc.unique(old[owner]), value_set=pc.unique(merged.rows[owner]))
    if pc.any(pc.invert(left)).as_py():
        raise _Many  # of an owner without rows here, those of the partition would count again
    return interleave(recent.filter(pc.invert(here)), merged.rows, owner), counts


def _stored(files: Files, table: Table, part: PartitionValues, owners: pa.Array) -> pa.Table:
    """Return the rows of some owners in a partition's file."""
    none = table.schema.empty_table()
    try:
        data = files.read(path_of(table, part)) if len(owners) else b""
    except FileNotFoundError:
        data = b""
    if not data:
        return none
    address = files.address(path_of(table, part))
    values, owner = partition_columns(table, part), table.key[0]
    ours = pc.field(owner).isin(owners)
    # Most are new: one column tells that.
    if not len(decode(table, data, address, partition=values, columns=[owner], filters=ours)):
        return none
    return decode(table, data, address, partition=values, filters=ours).cast(table.schema)


def _change_partitions(files: Files, table: Table, changes: Changes, pool: Executor) -> MergeReport:
    """Write what changes, and all rows of the delta, into the partitions."""
    path, report = path_of_delta(table), MergeReport()
    nothing = PartitionChange(table.schema.empty_table())
    with files.lock(f"{FOLDER}/{table.name}.partitions"):
        done = False
        while not done:
            try:
                before = files.read(path)
            except FileNotFoundError:
                before = None
            delta = Delta.decoded(files, table, before)

            def write(part: PartitionValues, delta: Delta = delta) -> MergeReport:
                wanted = changes.get(part, nothing)
                return apply_change(files, table, part, wanted, recent=delta.of_part(part))

            parts = sorted(changes.keys() | {(prefix,) for prefix in delta.prefixes})
            written = sum(pool.map(write, parts), MergeReport())
            report += written
            done = not written.partitions_written or _replaced(files, path, before, delta)
    return report


def _replaced(files: Files, path: str, before: bytes | None, delta: Delta) -> bool:
    """Take its rows off the delta; return whether it was still the same.

    On a store, its file is there in the end also where there was none: another writer, who has seen
    none and the partitions as they were, is to come second.
    """
    same = True
    empty = delta.compacted().encoded()

    def change(now: bytes | None) -> bytes | None:
        nonlocal same
        same = now == before
        if not same:
            return now
        return empty if files.conditional else None

    files.update(path, change, empty=empty)
    return same
