"""The encoding of a partition's rows as one Parquet file, and its decoding.

The same rows always give the same bytes (for one release of pyarrow, whose name stands in each
file). Pages carry checksums, so a file that was damaged on the disk is noticed and not learned
from.
"""

import functools
import operator
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from smallhours.errors import CorruptFile, SchemaMismatch
from smallhours.lake.schema import MOMENT, REAL, Table

# How to get back the rows of a table whose file was lost.
REBUILT_BY: Mapping[str, str] = {
    "plays": "trigger the DAG sync_listening, and import_history for what a Spotify export told",
    "library": "trigger the DAG sync_listening (when a signal was first seen is lost)",
    "edits": "take it from a backup, or say it again on the page of blocks and corrections",
    "feedback": "trigger the DAG sync_listening (what can no longer be seen on Spotify is lost)",
    "tracks": "trigger the DAG refresh_catalog",
    "track_tags": "trigger the DAG refresh_catalog",
    "artist_tags": "trigger the DAG refresh_catalog",
    "tag_names": "trigger the DAG refresh_catalog",
    "audio_features": "trigger the DAGs refresh_catalog and then train_models",
    "similar": "trigger the DAG refresh_catalog",
    "recordings": "trigger the DAG refresh_catalog",
    "candidates": "trigger the DAG refresh_catalog",
    "recommendations": "trigger the DAG write_playlist for that night",
    "playlists": "restore it from a backup: it says which playlists are ours; without it, "
    "write_playlist creates new ones",
    "profile": "trigger the DAG train_models",
    "metrics": "trigger the DAG train_models (past nights' figures are lost)",
    "set_aside": "nothing is needed: the next night asks every service again",
    "deferred_questions": "nothing is needed: the next night asks every question again",
}

# A column's texts are stored once each, also where they are many: a reader of dictionaries takes
# half as long again for a column whose later pages hold texts.
MAX_DICTIONARY_BYTES = 1 << 26

_NUMBERS = {
    MOMENT: "DELTA_BINARY_PACKED",
    REAL: "BYTE_STREAM_SPLIT",
    pa.int64(): "BYTE_STREAM_SPLIT",
}


@functools.cache
def _format_of(table: Table) -> ds.ParquetFileFormat:
    """Return how a table's files are read: each text once, since most are there again and again."""
    texts = [column.name for column in table.columns if column.type == pa.string()]
    return ds.ParquetFileFormat(
        read_options=ds.ParquetReadOptions(dictionary_columns=texts),
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(
            page_checksum_verification=True
        ),
    )


def encode(rows: pa.Table, *, about: Mapping[str, str] | None = None) -> bytes:
    """Return the rows as a Parquet file: zstd, dictionaries, statistics, checksums, no pandas.

    Where most values of a column differ, a dictionary would only enlarge it: moments are stored as
    differences then, and long numbers byte by byte.

    Args:
        rows: The rows.
        about: What else the file tells of itself.
    """
    numbers = {
        name: way for name in rows.schema.names if (way := _number_encoding(rows[name])) is not None
    }
    # A list is known by the path of its items.
    others = [
        f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
        for field in rows.schema
        if field.name not in numbers
    ]
    sink = pa.BufferOutputStream()
    rows = rows.replace_schema_metadata(None)
    with pq.ParquetWriter(
        sink,
        rows.schema,
        compression="zstd",
        compression_level=9,
        use_dictionary=others,
        dictionary_pagesize_limit=MAX_DICTIONARY_BYTES,
        column_encoding=numbers,
        write_statistics=True,
        write_page_checksum=True,
        store_schema=False,
        version="2.6",
        data_page_version="1.0",
    ) as writer:
        writer.write_table(rows)
        if about:
            writer.add_key_value_metadata(about)
    return bytes(sink.getvalue().to_pybytes())


def _number_encoding(values: pa.ChunkedArray) -> str | None:
    """Return how a column of different numbers is stored; None is by dictionary."""
    way = _NUMBERS.get(values.type)
    known = len(values) - values.null_count
    return way if way and 2 * pc.count_distinct(values).as_py() > known else None


def with_partition(table: Table) -> pa.Schema:
    """Return the stored columns and then the partition columns, which are text."""
    schema = table.schema
    for name in table.partition:
        schema = schema.append(pa.field(name, pa.string(), nullable=False))
    return schema


def decode(
    table: Table,
    data: bytes,
    address: str,
    *,
    partition: Mapping[str, str],
    columns: Sequence[str] | None = None,
    filters: pc.Expression | None = None,
) -> pa.Table:
    """Return the rows of one file.

    Args:
        table: The table that the file belongs to.
        data: The file's bytes.
        address: Where the file is, for error messages.
        partition: The values of its partition columns.
        columns: Which columns, stored or of the partition; None means the stored ones.
        filters: Which rows.

    Raises:
        CorruptFile: The bytes are truncated, damaged, or not Parquet.
        SchemaMismatch: A column that can't be null is missing, or one has another type, or holds
            nulls where none may be.
    """
    schema = with_partition(table)
    names = [c.name for c in table.columns] if columns is None else list(columns)
    values = [pc.equal(pc.field(name), pc.scalar(partition[name])) for name in table.partition]
    try:
        fragment = _format_of(table).make_fragment(
            pa.BufferReader(data),
            partition_expression=functools.reduce(operator.and_, values) if values else None,
        )
        _check_file(table, fragment.physical_schema, names, address)
        if any(
            column.absent is not None and fragment.physical_schema.get_field_index(column.name) < 0
            for column in table.columns
        ):
            rows = _to_table(fragment, schema, schema.names)
            rows = _with_absent(table, rows)
            rows = (rows if filters is None else rows.filter(filters)).select(names)
        else:
            rows = _to_table(fragment, schema, names, filters)
    except (pa.ArrowException, OSError) as error:
        raise CorruptFile(
            f"{address} is truncated, damaged, or not Parquet.",
            remedy="Move that file out of the lake's folder; to get its rows back, "
            f"{REBUILT_BY[table.name]}.",
        ) from error
    for column in table.columns:
        if column.name in names and not column.nullable and rows[column.name].null_count:
            raise file_mismatch(table, address, f"column '{column.name}' holds nulls")
    return rows.select(names)


def _to_table(
    fragment: ds.ParquetFileFragment,
    schema: pa.Schema,
    names: Sequence[str],
    filters: pc.Expression | None = None,
) -> pa.Table:
    """Return a file's rows, with texts and not their numbers."""
    coded = pa.schema(
        field.with_type(found.type)
        if (at := fragment.physical_schema.get_field_index(field.name)) >= 0
        and pa.types.is_dictionary((found := fragment.physical_schema.field(at)).type)
        else field
        for field in schema
    )
    rows = fragment.to_table(schema=coded, columns=names, filter=filters, use_threads=False)
    wanted = pa.schema([schema.field(name) for name in names])
    return pa.Table.from_arrays([rows[each.name].cast(each.type) for each in wanted], schema=wanted)


def _with_absent(table: Table, rows: pa.Table) -> pa.Table:
    """Fill the columns that are younger than the file with what the file means by that."""
    for column in table.columns:
        if column.absent is not None and rows[column.name].null_count:
            filled = pc.fill_null(rows[column.name], column.absent)
            rows = rows.set_column(
                rows.schema.get_field_index(column.name), rows.schema.field(column.name), filled
            )
    return rows


def check_rewritable(table: Table, data: bytes, address: str) -> None:
    """Refuse to rewrite a file with columns that would not come out again.

    Raises:
        SchemaMismatch: The file has a column that the table does not.
    """
    known = {c.name for c in table.columns}
    for name in pq.read_schema(pa.BufferReader(data)).names:
        if name not in known:
            raise file_mismatch(table, address, f"column '{name}' is unknown and would be lost")


def _check_file(table: Table, found: pa.Schema, names: Sequence[str], address: str) -> None:
    for column in table.columns:
        if column.name not in names:
            continue
        if found.get_field_index(column.name) < 0:
            if column.nullable or column.absent is not None:
                continue  # the file is older than the column
            raise file_mismatch(table, address, f"column '{column.name}' is missing")
        actual = found.field(column.name).type
        if not _same_type(actual, column.type):
            raise file_mismatch(
                table, address, f"column '{column.name}' is {actual}, not {column.type}"
            )


def _same_type(actual: pa.DataType, expected: pa.DataType) -> bool:
    """Return whether the types are the same; lists may call their items what they like."""
    if pa.types.is_dictionary(actual):
        actual = actual.value_type
    if pa.types.is_list(actual) and pa.types.is_list(expected):
        return bool(actual.value_type == expected.value_type)
    return bool(actual == expected)


def file_mismatch(table: Table, address: str, what: str) -> SchemaMismatch:
    """Return the error for a file that does not fit its table."""
    return SchemaMismatch(
        f"{address} does not fit the table '{table.name}': {what}.",
        remedy="It was written by another version of Smallhours or by hand: bring it to the "
        "columns of docs/data-dictionary.md, or move it out of the lake's folder and "
        f"{REBUILT_BY[table.name]}.",
    )
