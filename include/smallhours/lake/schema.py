"""Descriptions of a table and its columns, the column types, and columns of many tables."""

from dataclasses import dataclass

import pyarrow as pa

MOMENT = pa.timestamp("us", tz="UTC")
DAY = pa.date32()
TEXT = pa.string()
REAL = pa.float64()
COUNT = pa.int32()
FLAG = pa.bool_()
TEXTS = pa.list_(pa.string())


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, its meaning (unit, range, source), and whether it may be null."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False


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
