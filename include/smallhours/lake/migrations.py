"""The lake's format version, and the migrations that bring an older lake to it.

The version is in the file `.format`. A lake that has tables but no such file is older than the
versions: it is version 0. A lake of a newer version is refused.

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
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smallhours.errors import LakeError
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.files import Files
from smallhours.lake.older_lake import PREFIX, OlderLake
from smallhours.lake.parquet import encode
from smallhours.lake.partition import path_of
from smallhours.lake.schema import PartitionValues, Table, conform
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import PREFIXES, TABLES
from smallhours.vocabulary import Provenance, Signal

_LOUDNESS_SHIFT_DB = -6.0
# Of rows that get one key, the first stays: in the order of this column, nulls last.
_BEST_FIRST = {
    "library": ("first_seen", "ascending"),
    "tracks": ("spotify_id", "ascending"),
    "track_tags": ("fetched_at", "descending"),
    "artist_tags": ("fetched_at", "descending"),
    "audio_features": ("fetched_at", "descending"),
    "similar": ("fetched_at", "descending"),
    "candidates": ("strength", "descending"),
    "recommendations": ("position", "ascending"),
    "feedback": ("at", "ascending"),
}
_OF_TRACK, _OF_ARTIST = (
    {"track", "similar_track"},
    {
        "artist",
        "artist_tracks",
        "similar_artist",
        "known_artist",
    },
)

VERSION = 3

_FORMAT = ".format"
_STAGED = ".migration"
_LIST = f"{_STAGED}/list.json"


def fold_keys(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables that change, by name."""
    keys = _Renamed.of(tables)
    changed = {}
    for name, rows in tables.items():
        new = _RENAME[name](keys, rows) if name in _RENAME and len(rows) else rows
        if name == "audio_features":
            new = _mend_loudness(new)
        if not new.equals(rows):
            changed[name] = _number_plays(new) if name == "plays" else _best_rows(name, new)
    return changed


@dataclass(frozen=True)
class _Renamed:
    """Old keys of tracks and of artists to the new ones."""

    tracks: dict[str, str] = field(default_factory=dict)
    artists: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Mapping[str, pa.Table]) -> "_Renamed":
        """Read them from all rows with names; what the catalog has of a key wins."""
        keys = cls()
        for name in ("recommendations", "plays", "library", "tracks"):
            rows = tables[name].select(["track_key", "artist", "title"])
            for key, artist, title in zip(*(column.to_pylist() for column in rows), strict=True):
                new = identify(artist, title)
                keys.tracks[key] = new.track_key
                keys.artists[artist_key_in(key)] = new.artist_key
        rows = tables["artist_tags"].select(["artist_key", "artist"])
        for key, artist in zip(*(column.to_pylist() for column in rows), strict=True):
            keys.artists[key] = artist_key_of(artist)
        return keys

    def track(self, key: str) -> str:
        return self.tracks.get(key, key)

    def artist(self, key: str) -> str:
        return self.artists.get(key, key)

    def either(self, key: str) -> str:
        return self.tracks.get(key) or self.artists.get(key, key)

    def seed(self, kind: str, key: str) -> str:
        if kind in _OF_TRACK:
            return self.track(key)
        return self.artist(key) if kind in _OF_ARTIST else key


def _named(_: _Renamed, rows: pa.Table) -> pa.Table:
    """Rename rows with an artist and a title."""
    pairs = zip(rows["artist"].to_pylist(), rows["title"].to_pylist(), strict=True)
    names = [identify(*pair) for pair in pairs]
    rows = _with(rows, "track_key", [name.track_key for name in names])
    if "artist_key" in rows.schema.names:
        rows = _with(rows, "artist_key", [name.artist_key for name in names])
        rows = _with(rows, "version", [name.label for name in names])
        rows = _with(rows, "prefix", [prefix_of(name.artist_key) for name in names])
    return rows


def _recommendations(keys: _Renamed, rows: pa.Table) -> pa.Table:
    seeds = [[keys.either(seed) for seed in each] for each in rows["seeds"].to_pylist()]
    return _with(_named(keys, rows), "seeds", seeds)


def _by_track(keys: _Renamed, rows: pa.Table) -> pa.Table:
    """Rename rows that have only the key of a track."""
    new = [keys.track(key) for key in rows["track_key"].to_pylist()]
    rows = _with(rows, "track_key", new)
    if "prefix" in rows.schema.names:
        rows = _with(rows, "prefix", [prefix_of(artist_key_in(key)) for key in new])
    return rows


def _artist_tags(keys: _Renamed, rows: pa.Table) -> pa.Table:
    new = [keys.artist(key) for key in rows["artist_key"].to_pylist()]
    return _with(_with(rows, "artist_key", new), "prefix", [prefix_of(key) for key in new])


def _similar(keys: _Renamed, rows: pa.Table) -> pa.Table:
    kinds = rows["kind"].to_pylist()
    seeds = [
        keys.seed(kind, key) for kind, key in zip(kinds, rows["seed_key"].to_pylist(), strict=True)
    ]
    near = zip(
        kinds,
        *(rows[name].to_pylist() for name in ("neighbour_key", "artist", "title")),
        strict=True,
    )
    neighbours = [_neighbour(*each) for each in near]
    owners = [
        artist_key_in(key) if kind == "track" else key
        for kind, key in zip(kinds, seeds, strict=True)
    ]
    rows = _with(_with(rows, "seed_key", seeds), "neighbour_key", neighbours)
    return _with(rows, "prefix", [prefix_of(owner) for owner in owners])


def _neighbour(kind: str, key: str, artist: str, title: str) -> str:
    if not key or kind == "chart":
        return key
    return identify(artist, title).track_key if title else artist_key_of(artist)


def _candidates(keys: _Renamed, rows: pa.Table) -> pa.Table:
    pairs = zip(rows["route"].to_pylist(), rows["seed_key"].to_pylist(), strict=True)
    seeds = [keys.seed(route, key) for route, key in pairs]
    return _with(_by_track(keys, rows), "seed_key", seeds)


def _playlists(keys: _Renamed, rows: pa.Table) -> pa.Table:
    lists = [[keys.track(key) for key in each] for each in rows["track_keys"].to_pylist()]
    return _with(rows, "track_keys", lists)


_RENAME = {
    "plays": _named,
    "library": _named,
    "tracks": _named,
    "recommendations": _recommendations,
    "feedback": _by_track,
    "track_tags": _by_track,
    "audio_features": _by_track,
    "artist_tags": _artist_tags,
    "similar": _similar,
    "candidates": _candidates,
    "playlists": _playlists,
}


def _mend_loudness(rows: pa.Table) -> pa.Table:
    wrong = pc.and_(
        pc.equal(rows["source"], Provenance.ACOUSTICBRAINZ), pc.equal(rows["feature"], "loudness")
    )
    mended = pc.add(rows["value"], _LOUDNESS_SHIFT_DB)
    values = pc.if_else(wrong, mended, rows["value"])
    return rows.set_column(rows.schema.get_field_index("value"), rows.schema.field("value"), values)


def _with(rows: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field_ = rows.schema.field(name)
    at = rows.schema.get_field_index(name)
    return rows.set_column(at, field_, pa.array(values, field_.type))


def _best_rows(name: str, rows: pa.Table) -> pa.Table:
    """Return the rows of a table, each key once."""
    table = TABLES[name]
    if name in _BEST_FIRST:
        rows = rows.take(pc.sort_indices(rows, sort_keys=[_BEST_FIRST[name]]))
    again = rows.select([*table.partition, *table.key]).to_pandas().duplicated()
    return rows.filter(pa.array(~again.to_numpy()))


def _number_plays(rows: pa.Table) -> pa.Table:
    """Return all plays, those of one key in one second numbered anew."""
    rows = rows.sort_by([(name, "ascending") for name in ("played_at", "track_key", "ordinal")])
    of = rows.select(["listener", "played_at", "track_key"]).to_pandas()
    numbers: pd.Series = of.groupby(list(of.columns), sort=False).cumcount()
    return _with(rows, "ordinal", numbers.tolist())


def add_columns(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables that have columns which their files are older than.

    Reading filled those columns already (`Column.absent`): the files only have to be written.
    """
    changed = {
        name: rows
        for name, rows in tables.items()
        if any(column.absent is not None for column in TABLES[name].columns)
    }
    library = tables["library"]
    loved = pc.equal(library["signal"], Signal.LOVED).to_pylist()
    sources = [
        "lastfm" if each else source
        for each, source in zip(loved, library["source"].to_pylist(), strict=True)
    ]
    return {**changed, "library": _with(library, "source", sources)}


def merge_prefixes(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables of the catalog with the present number of prefixes.

    Both numbers are powers of two, so the new prefix is the old one's remainder.
    """
    changed = {}
    for name, rows in tables.items():
        if PREFIX in TABLES[name].partition:
            old = rows[PREFIX].to_pylist()
            new = {each: f"{int(each, 16) % PREFIXES:02x}" for each in set(old)}
            changed[name] = _with(rows, PREFIX, [new[each] for each in old])
    return changed


# From each version to the next: tables by name to what they become; those that stay are left out.
MIGRATIONS: tuple[Callable[[Mapping[str, pa.Table]], dict[str, pa.Table]], ...] = (
    fold_keys,
    add_columns,
    merge_prefixes,
)


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
