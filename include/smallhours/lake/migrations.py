"""The lake's format version, and the migrations that bring an older lake to it.

The version is in the file `.format`. A lake that has tables but no such file is older than the
versions: it is version 0. A lake of a newer version is refused; pages and commands that write
nothing read an older one as it is.

A migration changes tables as a whole, from one version to the next. Its new files are written into
`.migration` first, then the list of what to do with them, then they are copied to their places.
Killed before the list is written, it begins again; killed later, it goes on with the list. So each
row is changed once. One process at a time migrates, also on an object store.

From version 0 to 1, keys as names are folded now, and AcousticBrainz' loudness is another. Keys are
computed again from the artist and the title that a row holds. A row that holds only a key follows
the track of that key. Where two rows get one key, the better one stays; no play is lost.
AcousticBrainz' replay gain is relative to -20 dB of full scale, and was taken as relative to -14.

From version 1 to 2, tags, neighbours and the signals of the library have a source, and written
lists a place. All tags, neighbours and loved tracks that were stored are Last.fm's, the other
signals and the lists are Spotify's.

From version 2 to 3, the catalog lies in 16 files a table, no longer in 64: most stages read a table
whole, so a night opens a quarter of the files.

From version 3 to 4, neighbours are sorted by the seed that they are of, and what was written last
of a table of the catalog stands in its delta (`smallhours.lake.delta`), which version 3 did not
read.

From version 4 to 5, the neighbours of a seed are sorted by rank, and those that are tracks have
their names among the tracks only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smallhours.errors import LakeError
from smallhours.lake.delta import PREFIX, folder_of_delta
from smallhours.lake.files import Files
from smallhours.lake.migration_steps import (
    add_columns,
    fold_keys,
    merge_prefixes,
    name_tracks_once,
    sort_neighbours,
)
from smallhours.lake.parquet import encode
from smallhours.lake.partition import path_of
from smallhours.lake.schema import PartitionValues, Table, conform
from smallhours.lake.store import Lake
from smallhours.lake.tables import TABLES

VERSION = 5

_FORMAT = ".format"
_STAGED = ".migration"
_LIST = f"{_STAGED}/list.json"


# From each version to the next: tables by name to what they become; those that stay are left out.
MIGRATIONS: tuple[Callable[[Mapping[str, pa.Table]], dict[str, pa.Table]], ...] = (
    fold_keys,
    add_columns,
    merge_prefixes,
    sort_neighbours,
    name_tracks_once,
)


class OlderLake(Lake):
    """A lake of an older format: what is about an artist may lie in another of its files."""

    def read(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        where: Mapping[str, str | Sequence[str]] | None = None,
        filters: pc.Expression | None = None,
    ) -> pa.Table:
        """Return the rows as `Lake.read` does, of all prefixes."""
        where = {name: values for name, values in (where or {}).items() if name != PREFIX}
        return super().read(table, columns=columns, where=where, filters=filters)


def prepare(lake: Lake) -> None:
    """Bring the lake to the format of this program; say which one it has, if it is new.

    Raises:
        LakeError: It has a newer format, or can't be read or written. Run again, it goes on.
    """
    files = lake.files
    if _version(files) == VERSION:
        return
    with files.lock(_FORMAT):
        version = _version(files)
        refuse_newer(lake)
        if not any(files.list(name) for name in TABLES):
            version = VERSION
        for known in range(version, VERSION):
            _migrate(lake, known)
        files.replace(_FORMAT, json.dumps({"version": VERSION}).encode())


def open_to_read(url: str) -> Lake:
    """Return a lake that is only read: as it is, in this format or an older one.

    Raises:
        LakeError: It has a newer format, or can't be read.
    """
    lake = Lake(url)
    refuse_newer(lake)
    return lake if _version(lake.files) == VERSION else OlderLake(url)


def refuse_missing(lake: Lake) -> None:
    """Refuse a place where no lake was ever made, such as a folder that is not mounted.

    Raises:
        LakeError: There is none.
    """
    if not _version(lake.files):
        raise LakeError(
            f"There is no lake at {lake.url} on this machine.",
            remedy="Mount it there. If it is to be a new one, run `smallhours prepare` once.",
        )


def refuse_newer(lake: Lake) -> None:
    """Refuse a lake that a newer program wrote.

    Raises:
        LakeError: It has a newer format, or none that can be understood.
    """
    version = _version(lake.files)
    if version > VERSION:
        raise LakeError(
            f"The lake at {lake.url} has format {version}; this version of Smallhours knows only "
            f"format {VERSION}.",
            remedy="Run the newer version of Smallhours that wrote it. Nothing was changed.",
        )


def _version(files: Files) -> int:
    try:
        written = json.loads(files.read(_FORMAT))["version"]
    except FileNotFoundError:
        return 0
    except (ValueError, TypeError, KeyError):
        written = None
    if isinstance(written, bool) or not isinstance(written, int):
        raise LakeError(
            f"The lake's format can't be understood: {files.address(_FORMAT)} is damaged.",
            remedy=f'Write {{"version": {VERSION}}} into it if this version of Smallhours wrote '
            "the lake; if not, restore it from a backup.",
        )
    return written


def _migrate(lake: Lake, known: int) -> None:
    files = lake.files
    todo = _read_list(files)
    if todo.get("from") != known:
        todo = _stage(lake, known)
    for path in todo["write"]:
        files.replace(path, files.read(f"{_STAGED}/{path}"))
    for path in todo["remove"]:
        files.remove(path)
    files.replace(_FORMAT, json.dumps({"version": known + 1}).encode())
    for path in files.list(_STAGED):
        files.remove(path)


def _stage(lake: Lake, known: int) -> dict[str, Any]:
    """Write the files that a migration changes beside the lake; return the list of what to do."""
    files = lake.files
    for path in files.list(_STAGED):
        files.remove(path)
    tables = {name: lake.read(table) for name, table in TABLES.items()}
    write: list[str] = []
    remove: list[str] = []
    for name, rows in MIGRATIONS[known](tables).items():
        table = TABLES[name]
        old, new = _parts(table, tables[name]), _parts(table, rows)
        for part, content in new.items():
            path, encoded = path_of(table, part), encode(content)
            if part not in old or encoded != files.read(path):
                files.replace(f"{_STAGED}/{path}", encoded)
                write.append(path)
        remove += [path_of(table, part) for part in old.keys() - new.keys()]
        remove += files.list(folder_of_delta(table))  # its rows are among those of the partitions
    todo = {"from": known, "write": write, "remove": sorted(remove)}
    files.replace(_LIST, json.dumps(todo).encode())
    return todo


def _parts(table: Table, rows: pa.Table) -> dict[PartitionValues, pa.Table]:
    return conform(table, rows, None)


def _read_list(files: Files) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(files.read(_LIST))
    except FileNotFoundError:
        return {}
    return found
