"""The steps of the lake's migrations: from all tables to those that change, each once.

`smallhours.lake.migrations` says what each is for, and carries them out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.delta import PREFIX
from smallhours.lake.store import prefix_of
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
        kinds, *(rows[name].to_pylist() for name in ("neighbour_key", "artist")), strict=True
    )
    neighbours = [
        artist_key_of(artist) if key and kind == "artist" else keys.track(key)
        for kind, key, artist in near
    ]
    owners = [
        artist_key_in(key) if kind == "track" else key
        for kind, key in zip(kinds, seeds, strict=True)
    ]
    rows = _with(_with(rows, "seed_key", seeds), "neighbour_key", neighbours)
    return _with(rows, "prefix", [prefix_of(owner) for owner in owners])


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


def sort_neighbours(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the neighbours, which are sorted when they are written."""
    return {"similar": tables["similar"]}


def name_tracks_once(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the neighbours without the names of tracks, which are among the tracks."""
    rows = tables["similar"]
    named = pc.is_in(rows["kind"], value_set=pa.array(["artist", "chart"]))
    return {"similar": _with(rows, "artist", pc.if_else(named, rows["artist"], "").to_pylist())}
