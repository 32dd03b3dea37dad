"""One partition of a table: the path of its file, and the merge of new rows into it.

The file is read, its rows are merged with the new ones, and, if that made any difference, it is
replaced, with no other writer in between.

New rows replace old ones with the same key. With the key `track_key`, old rows a, b, c, of which c
is dropped, and new rows b (with another value) and d:

    rows a, b, d    added 1 (d)    updated 1 (b)    unchanged 0    removed 1 (c)

(`unchanged` counts arriving rows that equal an old one; rows that were not mentioned, such as a,
are in no count.) A dropped row that arrives again stays, as it arrives. All steps of a merge work
on whole columns, so that a partition of 100,000 rows takes milliseconds; where few rows arrive,
only the rows around them are sorted.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from smallhours.lake.files import Files
from smallhours.lake.parquet import check_rewritable, decode, encode, file_mismatch
from smallhours.lake.schema import PartitionValues, Table, by_key

_FILE = "part.parquet"

# Where fewer rows arrive than this share of the old rows, each is inserted at its place.
_SMALL_MERGE_SHARE = 1 / 16


@dataclass(frozen=True, slots=True)
class MergeReport:
    """The counts of a write: files, rows, bytes (as stored), and merges that were done again.

    On an object store, a merge is done again where another worker wrote the file meanwhile.
    """

    partitions_read: int = 0
    partitions_written: int = 0
    rows_added: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_removed: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    conflicts: int = 0

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
    files: Files,
    table: Table,
    values: PartitionValues,
    wanted: PartitionChange,
    *,
    recent: pa.Table | None = None,
    check: Callable[[bytes | None], None] | None = None,
) -> MergeReport:
    """Change the rows of one partition; write its file only if rows change.

    Args:
        files: The lake's files.
        table: The table.
        values: The partition.
        wanted: What changes.
        recent: The delta's rows of the partition, which are merged into its file.
        check: Looks at the file before it is changed, and raises an error if it must not be.

    Raises:
        CorruptFile: The file is truncated, damaged, or not Parquet.
        SchemaMismatch: The file does not fit the table.
        LakeUnwritable: The file can't be written; it holds what it held before.
    """
    path = path_of(table, values)
    address = files.address(path)
    report = MergeReport()

    def change(data: bytes | None) -> bytes | None:
        nonlocal report
        if check is not None:
            check(data)
        old = _rewritable_rows(table, values, data, address)
        if recent is not None and len(recent):
            old = overlaid(old, recent, pc.unique(recent[table.key[0]]), table.key[0])
        merged = changed_rows(table, old, wanted, address)
        changed = merged.changed or bool(recent is not None and len(recent))
        written = encode(merged.rows) if changed and len(merged.rows) else None
        report = MergeReport(
            partitions_read=int(data is not None),
            partitions_written=int(changed),
            rows_added=merged.added,
            rows_updated=merged.updated,
            rows_unchanged=merged.unchanged,
            rows_removed=merged.removed,
            bytes_read=len(data or b""),
            bytes_written=len(written or b""),
        )
        return written if changed else data

    conflicts = files.update(path, change, empty=encode(table.schema.empty_table()))
    return replace(report, conflicts=conflicts)


def _rewritable_rows(
    table: Table, values: PartitionValues, data: bytes | None, address: str
) -> pa.Table:
    """Return the rows of a file that may be replaced; None stands for no file."""
    if data is None:
        return table.schema.empty_table()
    rows = decode(table, data, address, partition=partition_columns(table, values))
    check_rewritable(table, data, address)
    return rows.cast(table.schema)


def changed_rows(table: Table, old: pa.Table, wanted: PartitionChange, address: str) -> "Merged":
    """Return rows of a partition with a change applied to them.

    Args:
        table: The table.
        old: The rows.
        wanted: What changes.
        address: Where the rows are from, for error messages.

    Raises:
        SchemaMismatch: Two of the rows have the same key.
    """
    goes = np.zeros(len(old), dtype=bool)
    try:
        if wanted.delete is not None:
            goes[positions_of(table.key, old, wanted.delete)] = True
        if wanted.replace is not None:
            numbered = old.append_column("__row__", pa.array(np.arange(len(old))))
            goes[numbered.filter(wanted.replace)["__row__"].to_numpy()] = True
        if wanted.whole:
            goes |= in_same_group(wanted.whole, old, wanted.new)
        return merge_rows(table.key, old, wanted.new, goes)
    except RepeatedKey as error:
        raise file_mismatch(table, address, "two rows have the same key") from error


def overlaid(old: pa.Table, recent: pa.Table, owners: pa.Array, owner: str) -> pa.Table:
    """Return a partition's rows, those of a delta in the place of all old ones of their owners.

    Args:
        old: Rows of the partition's file, sorted by key.
        recent: The delta's rows of the partition, in the same columns.
        owners: Whose rows stand in the delta, be they in `recent` or not.
        owner: The column that names an owner, the first of the key.
    """
    rest = old.filter(pc.invert(pc.is_in(old[owner], value_set=owners)))
    return interleave(rest, recent, owner)


class RepeatedKey(Exception):
    """Two rows of a partition have the same key: the file is not one of ours."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A partition's rows after a merge, sorted by key, with the counts of the changes."""

    rows: pa.Table
    added: int
    updated: int
    unchanged: int
    removed: int

    @property
    def changed(self) -> bool:
        """Return whether any row differs from before."""
        return bool(self.added or self.updated or self.removed)


def merge_rows(
    key: Sequence[str], old: pa.Table, new: pa.Table, dropped: npt.NDArray[Any]
) -> Merged:
    """Merge new rows into old ones.

    Args:
        key: The columns that identify a row.
        old: What is there, each key once.
        new: What arrives, same schema, each key once.
        dropped: For each old row, whether it goes unless it arrives again.

    Raises:
        RepeatedKey: A key is twice in `old`.
    """
    if len(new) > _SMALL_MERGE_SHARE * len(old) or not _ascending(key, old):
        return _merged(key, old, new, dropped)
    # Rows that share the first column of the key with no arrival stay as they are.
    near = np.asarray(pc.is_in(old[key[0]], value_set=new[key[0]].combine_chunks())) | dropped
    merged = _merged(key, old.filter(near), new, dropped[near])
    if not merged.changed:
        return replace(merged, rows=old)
    return replace(merged, rows=interleave(old.filter(~near), merged.rows, key[0]))


def _merged(key: Sequence[str], old: pa.Table, new: pa.Table, dropped: npt.NDArray[Any]) -> Merged:
    both = pa.concat_tables([old, new])
    order, kept, arrived = _pairs(key, both, len(old))
    changed = np.zeros(len(kept), dtype=bool)
    pairs = old.take(pa.array(kept)), new.take(pa.array(arrived - len(old)))
    for name in old.schema.names:
        if name not in key:
            changed |= rows_differ(pairs[0][name].combine_chunks(), pairs[1][name].combine_chunks())
    goes = np.concatenate([dropped, np.zeros(len(new), dtype=bool)])
    goes[kept] = False
    added, updated, removed = len(new) - len(kept), int(changed.sum()), int(goes.sum())
    rows = old
    if added or updated or removed:
        goes[kept] = True  # in favour of the new row
        rows = both.take(pa.array(order[~goes[order]])).combine_chunks()
    return Merged(rows, added, updated, len(kept) - updated, removed)


def _ascending(key: Sequence[str], rows: pa.Table) -> bool:
    """Return whether rows are sorted by key, each key once."""
    places = max(len(rows) - 1, 0)
    less, tied = np.zeros(places, dtype=bool), np.ones(places, dtype=bool)
    for name in key:
        column = rows[name].combine_chunks()
        here, there = column[:places], column[1:]
        less |= tied & pc.less(here, there).to_numpy(zero_copy_only=False)
        tied &= pc.equal(here, there).to_numpy(zero_copy_only=False)
    return bool(less.all())


def interleave(rest: pa.Table, some: pa.Table, by: str) -> pa.Table:
    """Return two sorted tables merged into one; no value of the column `by` may be in both."""
    if not len(some):
        return rest.combine_chunks()
    values, own = rest[by].combine_chunks(), some[by].combine_chunks()
    ends = np.flatnonzero(pc.not_equal(own[:-1], own[1:]).to_numpy(zero_copy_only=False)) + 1
    pieces, done = [], 0
    for first, last in pairwise([0, *ends.tolist(), len(some)]):
        wanted = own[first].as_py()
        place = bisect_left(range(len(rest)), wanted, lo=done, key=lambda row: values[row].as_py())
        pieces += [rest.slice(done, place - done), some.slice(first, last - first)]
        done = place
    return pa.concat_tables([*pieces, rest.slice(done)]).combine_chunks()


def positions_of(key: Sequence[str], old: pa.Table, keys: pa.Table) -> npt.NDArray[Any]:
    """Return the positions of those old rows whose key is one of `keys`.

    Raises:
        RepeatedKey: A key is twice in `old`.
    """
    columns = list(key)
    both = pa.concat_tables([old.select(columns), keys.select(columns)])
    return _pairs(key, both, len(old))[1]


def in_same_group(columns: Sequence[str], old: pa.Table, new: pa.Table) -> npt.NDArray[Any]:
    """Return for each old row whether a new row has the same values in these text columns."""

    def group(rows: pa.Table) -> pa.ChunkedArray:
        if len(columns) == 1:
            return rows[columns[0]]
        return pc.binary_join_element_wise(*(rows[name] for name in columns), "\x1f")

    return np.asarray(pc.is_in(group(old), value_set=group(new).combine_chunks()))


def _pairs(
    key: Sequence[str], both: pa.Table, olds: int
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the order of all rows by key, and the positions of old and new rows that share a key.

    The rows of `both` are the old ones (positions 0 to `olds` - 1) and then the new ones. With the
    keys b, d | a, b, two old and two new rows, the order is 2, 0, 3, 1 (a, b, b, d), and the one
    pair is old row 0 with new row 3.
    """
    order, twins = by_key(both, key)
    first, second = order[twins], order[twins + 1]
    old, new = np.minimum(first, second), np.maximum(first, second)
    if len(new) and int(new.min()) < olds:
        raise RepeatedKey
    return order, old, new


def rows_differ(left: pa.Array, right: pa.Array) -> npt.NDArray[Any]:
    """Return row by row whether two columns of one type differ; two nulls are equal."""
    left_null = left.is_null().to_numpy(zero_copy_only=False)
    right_null = right.is_null().to_numpy(zero_copy_only=False)
    if not pt.is_list(left.type):
        other = pc.fill_null(pc.not_equal(left, right), False).to_numpy(zero_copy_only=False)
        return np.asarray((left_null ^ right_null) | other)
    lengths = pc.fill_null(pc.list_value_length(left), 0).to_numpy()
    lengths_right = pc.fill_null(pc.list_value_length(right), 0).to_numpy()
    result = np.asarray((left_null ^ right_null) | (lengths != lengths_right))
    same_length = pa.array(~result)
    items = rows_differ(left.filter(same_length).flatten(), right.filter(same_length).flatten())
    owner = np.repeat(np.flatnonzero(~result), lengths[~result])
    result[owner[items]] = True
    return result
