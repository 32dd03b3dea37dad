"""The schema of a table, and the validation of rows against it.

Each column fits its type without loss, and each key is unique. Pandas frames and pyarrow tables are
cast to the table's types where nothing is lost (whole floats to integers, times in UTC to
microseconds, midnights to dates); anything else is refused with the name of the column and of the
first row that does not fit.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from smallhours.errors import SchemaMismatch

MOMENT = pa.timestamp("us", tz="UTC")
DAY = pa.date32()
TEXT = pa.string()
REAL = pa.float64()
COUNT = pa.int32()
FLAG = pa.bool_()
TEXTS = pa.list_(pa.string())

Rows: TypeAlias = pd.DataFrame | pa.Table
PartitionValues = tuple[str, ...]  # of the partition columns, in path order

_NO_TIME = type(pd.NaT)
_ARROW_ERRORS = (pa.ArrowException, TypeError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Its name.
        type: Its type.
        doc: Its meaning: unit, range, source.
        nullable: Whether it may be null.
        absent: The value of all rows of a file that is older than the column; for a text that
            can't be null.
    """

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False
    absent: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake.

    Attributes:
        name: Its folder.
        row: What one row is, as a noun phrase.
        partition: The columns that cut it into files, in path order; not stored in the files.
        key: The columns that identify a row within its partition.
        columns: The stored columns, in file order.
    """

    name: str
    row: str
    partition: tuple[str, ...]
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The stored columns as a pyarrow schema."""
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])


TRACK_KEY_COLUMN = Column(
    "track_key", TEXT, "The recording: `artist · title · version`, normalised."
)
ARTIST_COLUMN = Column("artist", TEXT, "The artist's name as the source shows it.")
TITLE_COLUMN = Column("title", TEXT, "The track's title as the source shows it.")
FETCHED_COLUMN = Column("fetched_at", DAY, "The night on which the service was asked.")


def conform(
    table: Table, rows: Rows, partition: Mapping[str, str] | None, *, keys_only: bool = False
) -> dict[PartitionValues, pa.Table]:
    """Return the rows in the table's types, by partition, each sorted by key.

    Args:
        table: The table that they are for.
        rows: All stored columns, and the partition columns that `partition` does not give. A
            frame without any row and column is no rows.
        partition: Values of partition columns that are the same for all rows.
        keys_only: Take the key's columns only; other columns may be missing and keys repeated.

    Raises:
        SchemaMismatch: A column is missing, unknown or has another type; or a row has a null
            where none may be, a partition value without a name, or another row's key.
    """
    return _Conforming(table, rows, dict(partition or {}), keys_only=keys_only).by_partition()


def by_key(rows: pa.Table, key: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the order of rows by key, and the places in it whose next row has the same key.

    Returns:
        `order`: positions of the rows, sorted by key, equal keys in their old order.
        `twins`: places `i` for which the rows `order[i]` and `order[i + 1]` share their key.
    """
    keys = rows.select(list(key)).combine_chunks()
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in key])
    keys = keys.take(order)
    same = np.ones(max(len(keys) - 1, 0), dtype=bool)
    for name in key:
        column = keys[name]
        same &= pc.equal(column[:-1], column[1:]).to_numpy() if len(keys) > 1 else same
    return order.to_numpy(), np.flatnonzero(same)


class _Conforming:
    """One call of `conform`; it holds the values that error messages need."""

    def __init__(
        self, table: Table, rows: Rows, partition: dict[str, str], *, keys_only: bool
    ) -> None:
        self.table = table
        self.rows = rows
        self.partition = partition
        self.keys_only = keys_only
        self.wanted = [c for c in table.columns if not keys_only or c.name in table.key]

    def by_partition(self) -> dict[PartitionValues, pa.Table]:
        if not len(self.rows) and not len(self._names()):
            return {}
        self._check_columns()
        arrays = [self._stored(column) for column in self.wanted]
        schema = pa.schema([self.table.schema.field(c.name) for c in self.wanted])
        stored = pa.table(arrays, schema=schema)
        parts = {}
        for values, positions in self._split():
            part = stored if positions is None else stored.take(pa.array(positions))
            order, twins = by_key(part, self.table.key)
            if len(twins) and not self.keys_only:
                first = int(order[twins + 1].min())
                self._refuse("has the key of another row", positions, first)
            if len(twins):
                order = np.delete(order, twins)
            parts[values] = part.take(pa.array(order)).combine_chunks()
        return parts

    def _names(self) -> list[str]:
        names = self.rows.columns if isinstance(self.rows, pd.DataFrame) else self.rows.schema.names
        return [str(name) for name in names]

    def _check_columns(self) -> None:
        names = self._names()
        known = {c.name for c in self.table.columns} | set(self.table.partition)
        needed = [c.name for c in self.wanted]
        needed += [name for name in self.table.partition if name not in self.partition]
        for name in self.partition:
            if name not in self.table.partition:
                raise self._mismatch(f"'{name}' is not one of its partition columns")
        for name in names:
            if name not in known:
                raise self._mismatch(f"column '{name}' is unknown")
            if names.count(name) > 1:
                raise self._mismatch(f"column '{name}' is there twice")
        for name in needed:
            if name not in names:
                raise self._mismatch(f"column '{name}' is missing")

    def _stored(self, column: Column) -> pa.Array:
        array = self._cast(column.name, column.type)
        if not column.nullable and array.null_count:
            row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
            self._refuse(f"has no value in column '{column.name}'", None, row)
        return array

    def _split(self) -> list[tuple[PartitionValues, npt.NDArray[Any] | None]]:
        """Return each partition's values with the positions of its rows (None for all rows).

        Each row gets one code from its partition columns, as digits of a number: with the labels
        [a, b] and [2026-10, 2026-11, 2026-12], row (b, 2026-11) has the code 1 * 3 + 1 = 4.
        """
        names = self._names()
        codes = np.zeros(len(self.rows), dtype=np.int64)
        labels: list[list[str]] = []
        for name in self.table.partition:
            if name not in names:
                labels.append([self._named(name, self.partition[name])])
                continue
            coded = self._partition_column(name).dictionary_encode()
            labels.append([str(value) for value in coded.dictionary.to_pylist()])
            codes = codes * len(labels[-1]) + coded.indices.to_numpy()
        if not len(self.rows):
            return []
        if all(len(each) == 1 for each in labels):
            return [(tuple(each[0] for each in labels), None)]
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        parts: list[tuple[PartitionValues, npt.NDArray[Any] | None]] = []
        for positions in np.split(order, starts[1:]):
            code, values = int(codes[positions[0]]), []
            for each in reversed(labels):
                code, which = divmod(code, len(each))
                values.append(each[which])
            parts.append((tuple(reversed(values)), positions))
        return sorted(parts, key=lambda part: part[0])

    def _partition_column(self, name: str) -> pa.Array:
        array = self._cast(name, pa.string())
        wrong = pc.fill_null(pc.equal(array, ""), True)
        if name in self.partition:
            wrong = pc.or_(wrong, pc.fill_null(pc.not_equal(array, self.partition[name]), True))
        rows = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
        if len(rows):
            self._refuse(f"does not belong to one partition by its '{name}'", None, int(rows[0]))
        return array

    def _named(self, name: str, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self._mismatch(f"the partition column '{name}' needs a text, not {value!r}")
        return value

    def _cast(self, name: str, expected: pa.DataType) -> pa.Array:
        """Return one column, cast without loss."""
        allow_day = name in self.table.partition and name not in {c.name for c in self.wanted}
        raw = self.rows[name]

        def fit(part: Any) -> pa.Array:
            array = as_array(part)
            if allow_day and pt.is_date(array.type):
                return array.cast(pa.string())
            return fitted(array, expected)

        try:
            return fit(raw)
        except _ARROW_ERRORS as error:
            row, reason = _first_mismatch(raw, fit) or (None, error)
            what = f"column '{name}' does not fit {expected}: {reason}"
            raise self._mismatch(what, row) from error

    def _refuse(self, what: str, positions: npt.NDArray[Any] | None, row: int) -> None:
        raise self._mismatch(what, row if positions is None else int(positions[row]))

    def _mismatch(self, what: str, row: int | None = None) -> SchemaMismatch:
        where = "" if row is None else f" row {row} ({self._key_of(row)}):"
        return SchemaMismatch(
            f"Rows for the table '{self.table.name}' were refused, nothing was written:"
            f"{where} {what}.",
            remedy="Its columns are described in docs/data-dictionary.md. If the rows come from "
            "a file of yours, correct them there; if not, please report this as a bug.",
        )

    def _key_of(self, row: int) -> str:
        parts = []
        for name in self.table.key:
            if name in self._names():
                value = (
                    self.rows[name].iloc[row]
                    if isinstance(self.rows, pd.DataFrame)
                    else self.rows[name][row].as_py()
                )
                parts.append(f"{name}={value}")
        return ", ".join(parts)


def as_array(values: Any) -> pa.Array:
    """Return a pandas series or pyarrow column as one array, NaN as null."""
    if isinstance(values, pa.ChunkedArray):
        array = values.combine_chunks()
    else:
        array = pa.array(values, from_pandas=True)
        array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
        if values.dtype == object:
            _check_mixture(values, array.type)
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pt.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
    return array


def _check_mixture(values: "pd.Series[Any]", inferred: pa.DataType) -> None:
    """Refuse mixtures of Python objects for which pyarrow finds a type by dropping something."""
    kinds = set(map(type, values))
    if pt.is_date(inferred) and any(issubclass(kind, dt.datetime) for kind in kinds - {_NO_TIME}):
        raise TypeError("it mixes dates and times")
    if pt.is_floating(inferred) and kinds & {bool, np.bool_}:
        raise TypeError("it mixes numbers and flags")
    if _is_moment(inferred) and not all(
        value.tzinfo for value in values if isinstance(value, dt.datetime) and not pd.isna(value)
    ):
        raise TypeError("it mixes times with and without a zone")


def fitted(array: pa.Array, expected: pa.DataType) -> pa.Array:
    """Return the array cast to another type, if nothing is lost.

    Raises:
        TypeError: The types are of different kinds.
        ValueError: A value can't be held by the type without loss.
    """
    if array.null_count == len(array):
        return pa.nulls(len(array), expected)
    if array.type == expected:
        return array
    if not any(has(array.type) and fits(expected) for has, fits in _KINDS):
        raise TypeError(f"it is {array.type}")
    cast = array.cast(expected, safe=True)
    if pt.is_date(expected) and not cast.cast(array.type).equals(array):
        raise ValueError("it is a time of day, not a date")
    return cast


def _is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pt.is_integer(kind) or pt.is_floating(kind))


def _is_moment(kind: pa.DataType) -> bool:
    # A time without a zone could be anyone's.
    return bool(pt.is_timestamp(kind)) and kind.tz is not None


def _is_day(kind: pa.DataType) -> bool:
    return bool(pt.is_date(kind)) or (bool(pt.is_timestamp(kind)) and kind.tz is None)


def _is_texts(kind: pa.DataType) -> bool:
    is_list = pt.is_list(kind) or pt.is_large_list(kind)
    return bool(is_list) and (_is_text(kind.value_type) or bool(pt.is_null(kind.value_type)))


_KINDS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], bool]], ...] = (
    (_is_text, _is_text),
    (_is_number, _is_number),
    (pt.is_boolean, pt.is_boolean),
    (_is_moment, _is_moment),
    (_is_day, pt.is_date),
    (_is_texts, _is_texts),
)


def _first_mismatch(values: Any, fit: Callable[[Any], pa.Array]) -> tuple[int, Exception] | None:
    """Return the first row that does not fit even on its own, with the error."""
    for row in range(len(values)):
        span = slice(row, row + 1)
        try:
            fit(values.iloc[span] if isinstance(values, pd.Series) else values[span])
        except _ARROW_ERRORS as error:
            return row, error
    return None
