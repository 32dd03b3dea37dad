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
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smallhours.lake.files import Files
from smallhours.lake.parquet import check_rewritable, decode, encode
from smallhours.lake.partition import overlaid
from smallhours.lake.schema import TEXT, Column, PartitionValues, Table

FOLDER = ".delta"
PREFIX = "prefix"
_GENERATION = b"generation"


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
