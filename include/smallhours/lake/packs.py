"""Packed copies of months that are over: many small files that are read as one.

A listener's plays lie in a file a month, so that a night writes little; reading ten years of them
opens 120 files. A pack is a second copy of the months that are over, in one file, and says which
files it was made from. It is never the truth: a month whose file is another one by now is read
from that file. So a pack may be old, damaged or missing, and a crash while it is written costs
nothing. It lies in the hidden folder `.packs`, at the path of its partitions' folder.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import pyarrow as pa
import pyarrow.compute as pc

from smallhours.errors import LakeError
from smallhours.lake.files import Files
from smallhours.lake.parquet import decode, encode, with_partition
from smallhours.lake.partition import folder_of, partition_columns, path_of
from smallhours.lake.schema import TEXT, Column, PartitionValues, Table

FOLDER = ".packs"
MONTH = "month"
# With fewer files there is little to gain.
MIN_PARTS = 6


@dataclass(frozen=True)
class Pack:
    """A pack that was found.

    Attributes:
        parts: The partitions of which it has the rows as they are now, sorted.
        path: Its path in the lake.
    """

    parts: list[PartitionValues]
    path: str
    _table: Table
    _rows: bytes

    def read(self, columns: Sequence[str], filters: pc.Expression | None) -> pa.Table:
        """Return the rows of its partitions, sorted as `Lake.read` sorts them.

        Raises:
            CorruptFile, SchemaMismatch: It is damaged, or of another version.
        """
        ours = pc.field(MONTH).isin([part[-1] for part in self.parts])
        table = _packed(self._table)
        return decode(
            table,
            self._rows,
            self.path,
            partition=partition_columns(table, self.parts[0][:-1]),
            columns=columns,
            filters=ours if filters is None else ours & filters,
        )


def find_pack(files: Files, table: Table, wanted: Sequence[PartitionValues]) -> Pack | None:
    """Return the pack with the first of these partitions, or None where it has none of them.

    Args:
        files: The lake's files.
        table: The table.
        wanted: Partitions in their order. The pack is used up to the first that has changed.
    """
    groups = {part[:-1] for part in wanted}
    if table.partition[-1] != MONTH or len(wanted) < MIN_PARTS or len(groups) != 1:
        return None
    group = groups.pop()
    try:
        head, _, rows = files.read(_path(table, group)).partition(b"\n")
        made_from = json.loads(head)
        now = files.stamps(folder_of(table, group))
        same = list(
            takewhile(
                lambda part: made_from.get(path_of(table, part)) == now[path_of(table, part)],
                wanted,
            )
        )
    except (LakeError, FileNotFoundError, ValueError, AttributeError, KeyError):
        return None
    return Pack(same, _path(table, group), table, rows) if same else None


def write_pack(files: Files, table: Table, parts: Sequence[PartitionValues], before: str) -> None:
    """Pack the months of one group that are over, unless their pack is as they are.

    Args:
        files: The lake's files.
        table: A table by month.
        parts: The partitions of the group.
        before: The first month that is not over, as `YYYY-MM`.

    Raises:
        CorruptFile, SchemaMismatch: A month can't be read.
        LakeUnwritable: The pack can't be written.
    """
    over = sorted(part for part in parts if part[-1] < before)
    found = find_pack(files, table, over)
    if len(over) < MIN_PARTS or (found is not None and len(found.parts) == len(over)):
        return
    group = over[0][:-1]
    # Taken before the files are read: what is replaced meanwhile makes its month an old one.
    now = files.stamps(folder_of(table, group))
    schema = with_partition(_packed(table))
    months = [
        decode(
            table,
            files.read(path_of(table, part)),
            files.address(path_of(table, part)),
            partition=partition_columns(table, part),
            columns=schema.names,
        ).cast(schema)
        for part in over
    ]
    rows = pa.concat_tables(months).drop_columns(list(table.partition[:-1]))
    made_from = {path: now[path] for part in over if (path := path_of(table, part)) in now}
    files.replace(_path(table, group), json.dumps(made_from).encode() + b"\n" + encode(rows))


def _packed(table: Table) -> Table:
    """Return the schema of a table's packs, in which the month is a column."""
    month = Column(MONTH, TEXT, "The month that the row belongs to.")
    return replace(table, partition=table.partition[:-1], columns=(*table.columns, month))


def _path(table: Table, group: PartitionValues) -> str:
    return f"{FOLDER}/{folder_of(table, group)}/pack"
