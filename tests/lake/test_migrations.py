"""Tests of the lake's format version, and of the migration of a lake of an earlier version."""

import contextlib
import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from smallhours.errors import LakeError
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake import delta
from smallhours.lake.files import LocalFiles
from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.migrations import VERSION, open_to_read, prepare, refuse_newer
from smallhours.lake.parquet import encode
from smallhours.lake.partition import path_of
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    LIBRARY,
    PLAYS,
    SIMILAR,
    TABLES,
    TRACK_TAGS,
    TRACKS,
)
from tests.lake.stores import Killed, KilledDisk

pytestmark = pytest.mark.slow(seconds=2)

ARCHIVE = Path(__file__).parents[1] / "e2e" / "installation_7924c24.tar.gz"
# A title of which version 0 made the key `old`, and its key today.
RENAMED = {
    ("किशोर", "दिल"): "क श र · द ल",
    ("Low", "Moon\u200brise - Versión Remasterizada 2008"): (
        "low · moon rise versión remasterizada 2008"
    ),
    ("Low", "Moonrise"): "low · moonrise",
}


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of an installation of 7924c24, with names that it folded otherwise."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    lake = Lake(str(folder / "data"))
    _rename_in(lake)
    return folder / "data"


def _rename_in(lake: Lake) -> None:
    """Give three tracks the names, with the keys that version 0 gave them, in every table."""
    chosen = lake.frame(RECOMMENDATIONS).sort_values("position")["track_key"].tolist()[:3]
    pairs = dict(zip(chosen, RENAMED, strict=True))
    keys = {old: RENAMED[pair] for old, pair in pairs.items()}
    for table in TABLES.values():
        rows = lake.frame(table)
        before = rows.copy()
        for column in ("track_key", "neighbour_key", "seed_key"):
            if column in rows:
                hit = rows[column].isin(list(keys))
                if column != "seed_key" and "title" in rows:
                    for at in rows.index[hit]:
                        rows.loc[at, ["artist", "title"]] = list(pairs[rows.at[at, column]])
                rows[column] = rows[column].where(~hit, rows[column].map(keys))
        if table.name == "playlists":
            rows["track_keys"] = [
                [keys.get(key, key) for key in each] for each in rows["track_keys"]
            ]
        if "artist_key" in rows and "track_key" in rows:
            rows["artist_key"] = rows["track_key"].map(artist_key_in)
        if "prefix" in rows and "track_key" in rows:
            rows["prefix"] = rows["track_key"].map(artist_key_in).map(prefix_of)
        if not rows.equals(before):
            # A file of an older version may have columns that nothing writes again.
            shutil.rmtree(Path(lake.url) / table.name)
            lake.replace(table, rows.drop_duplicates([*table.partition, *table.key]), partition={})
    measured = lake.frame(AUDIO_FEATURES)
    measured = measured[measured["source"] == "acousticbrainz"].head(1)
    lake.merge(AUDIO_FEATURES, measured.assign(feature="loudness", value=-11.0))


def copy(folder: Path, to: Path, tables: Iterable[str] = TABLES) -> Lake:
    for name in tables:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, to / name)
    return Lake(str(to))


def contents(lake: Lake) -> dict[str, bytes]:
    paths = [path for path in lake.files.list("") if not path.startswith((".locks", ".migration"))]
    return {path: lake.files.read(path) for path in paths if not path.endswith(".part.tmp")}


@pytest.fixture(scope="module")
def migrated(earlier: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = copy(earlier, tmp_path_factory.mktemp("migrated"))
    prepare(lake)
    return lake


def test_every_row_has_the_key_of_its_names_and_lies_where_it_is_looked_for(migrated: Lake) -> None:
    for table in (PLAYS, LIBRARY, TRACKS, RECOMMENDATIONS):
        rows = migrated.frame(table)
        names = zip(rows["artist"], rows["title"], strict=True)
        assert rows["track_key"].tolist() == [identify(*pair).track_key for pair in names]
    near = migrated.frame(SIMILAR)
    of_artists = near["kind"] == "artist"
    tracks = set(near.loc[~of_artists & (near["kind"] != "chart"), "neighbour_key"]) - {""}
    assert tracks <= set(migrated.frame(TRACKS)["track_key"])
    named = near[of_artists & (near["neighbour_key"] != "")]
    assert named["neighbour_key"].tolist() == named["artist"].map(artist_key_of).tolist()
    for table in (TRACKS, TRACK_TAGS, AUDIO_FEATURES):
        rows = migrated.frame(table)
        assert (rows["prefix"] == rows["track_key"].map(artist_key_in).map(prefix_of)).all()


def test_what_has_only_a_key_follows_its_track(earlier: Path, migrated: Lake) -> None:
    new = {identify(*pair).track_key for pair in RENAMED}
    gone = set(RENAMED.values()) - new
    assert len(new) == 2
    assert new <= set(migrated.frame(TRACKS)["track_key"])
    for table in TABLES.values():
        for column in {"track_key", "seed_key", "neighbour_key"} & set(table.schema.names):
            assert not gone & set(migrated.frame(table)[column])
    before, after = (
        lake.frame(PLAYLISTS)["track_keys"].iloc[0] for lake in (Lake(str(earlier)), migrated)
    )
    assert len(before) == len(after)
    renamed = {RENAMED[pair]: identify(*pair).track_key for pair in RENAMED}
    assert list(after) == [renamed.get(key, key) for key in before]


def test_no_play_is_lost_and_no_other_row_but_those_that_are_one(
    earlier: Path, migrated: Lake
) -> None:
    old = Lake(str(earlier))
    assert migrated.read(PLAYS).num_rows == old.read(PLAYS).num_rows
    assert migrated.read(TRACKS).num_rows == old.read(TRACKS).num_rows - 1


def test_acousticbrainz_loudness_is_mended_once(migrated: Lake) -> None:
    def loudness() -> list[float]:
        where = (pc.field("feature") == "loudness") & (pc.field("source") == "acousticbrainz")
        values: list[float] = migrated.frame(AUDIO_FEATURES, filters=where)["value"].tolist()
        return values

    assert loudness() == [-17.0]
    prepare(migrated)
    assert loudness() == [-17.0]


class _UnflushedDisk(KilledDisk):
    """A disk that is killed at an operation, and does not wait for the real one."""

    def flush(self, path: Path) -> None:
        del path
        self._step("flush")


def test_every_tag_and_neighbour_of_an_earlier_lake_is_lastfms(
    earlier: Path, migrated: Lake
) -> None:
    for table in (TRACK_TAGS, ARTIST_TAGS, SIMILAR):
        # It can be read before it is migrated, and the files say it afterwards.
        for lake in (open_to_read(str(earlier)), migrated):
            assert set(lake.frame(table)["source"]) == {"lastfm"}
        others = lake.frame(table, filters=pc.field("source") != "lastfm")
        assert others.empty
        part = migrated.partitions(table)[0]
        stored = pq.read_schema(migrated.path(table, part))
        assert stored.names == table.schema.names


def test_what_was_loved_is_lastfms_and_the_rest_of_the_library_spotifys(migrated: Lake) -> None:
    library = migrated.frame(LIBRARY)
    told = {signal: set(rows["source"]) for signal, rows in library.groupby("signal")}
    assert told.pop("loved") == {"lastfm"}
    assert set().union(*told.values()) == {"spotify"}


def test_a_migration_that_is_killed_anywhere_ends_like_one_that_is_not(
    earlier: Path, tmp_path: Path
) -> None:
    def migrate(name: str, dies_at: int) -> tuple[Lake, list[str]]:
        lake = copy(
            earlier, tmp_path / name, ("tracks", "audio_features", "track_tags", "playlists")
        )
        disk = _UnflushedDisk(dies_at)
        with contextlib.suppress(Killed):
            prepare(Lake(lake.url, files=LocalFiles(tmp_path / name, disk=disk)))
        return lake, disk.done

    whole, done = migrate("whole", 1_000_000)
    changes = [at for at, name in enumerate(done, start=1) if name in ("write", "rename", "remove")]
    for at in sorted({*changes[:: max(len(changes) // 10, 1)], *changes[-3:]}):
        lake, _ = migrate(str(at), at)
        prepare(lake)
        assert contents(lake) == contents(whole), (at, done[at - 1])


def test_a_new_lake_has_the_format_of_this_program(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "new"))
    prepare(lake)
    assert json.loads(lake.files.read(".format")) == {"version": VERSION}
    assert lake.files.list(".migration") == []


def test_a_lake_of_a_newer_program_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.files.replace(".format", json.dumps({"version": VERSION + 1}).encode())
    before = contents(lake)
    for opened in (prepare, refuse_newer):
        with pytest.raises(LakeError, match=f"has format {VERSION + 1}") as refused:
            opened(lake)
        assert "newer version" in refused.value.remedy
    with pytest.raises(LakeError):
        open_to_read(str(tmp_path))
    assert contents(lake) == before


@pytest.mark.parametrize("damaged", [b"", b"{}", b"[1]", b'{"version": "1"}', b"\xff"])
def test_a_damaged_version_is_an_error_that_says_what_to_do(tmp_path: Path, damaged: bytes) -> None:
    lake = Lake(str(tmp_path))
    lake.files.replace(".format", damaged)
    with pytest.raises(LakeError, match="can't be understood") as refused:
        prepare(lake)
    assert ".format" in str(refused.value)


def test_plays_of_one_second_that_become_one_track_are_numbered(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    at = pd.Timestamp("2026-11-01 12:00", tz="UTC")
    plays = pd.DataFrame(
        {
            "listener": "me",
            "month": "2026-11",
            "played_at": at,
            "artist": "Low",
            "title": ["Moonrise", "Moon\u200brise"],
            "track_key": ["low · moonrise", "low · moon rise"],
            "ordinal": 0,
            "sources": [["lastfm"], ["export"]],
        }
    )
    for column in PLAYS.columns:
        if column.name not in plays:
            plays[column.name] = None
    lake.merge(PLAYS, plays)
    prepare(lake)
    rows = lake.frame(PLAYS)
    assert rows["track_key"].tolist() == ["low · moonrise"] * 2
    assert rows["ordinal"].tolist() == [0, 1]


def test_a_catalog_in_more_files_is_read_whole_and_comes_into_fewer(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    artists = [f"artist {number}" for number in range(200)]
    digests = [hashlib.blake2b(each.encode(), digest_size=8).digest() for each in artists]
    rows = pd.DataFrame(
        {
            "artist_key": artists,
            "artist": artists,
            "source": "lastfm",
            "tag": "folk",
            "count": 100,
            "fetched_at": pd.Timestamp("2026-11-01"),
            "prefix": [f"{int.from_bytes(digest) % 64:02x}" for digest in digests],
        }
    )
    lake.merge(ARTIST_TAGS, rows)
    lake.files.replace(".format", b'{"version": 2}')
    where = {"prefix": sorted({prefix_of(each) for each in artists})}
    older = open_to_read(lake.url).frame(ARTIST_TAGS, where=where)
    assert sorted(older["artist_key"]) == sorted(artists)
    prepare(lake)
    found = lake.frame(ARTIST_TAGS)
    assert sorted(found["artist_key"]) == sorted(artists)
    assert found["prefix"].tolist() == found["artist_key"].map(prefix_of).tolist()
    assert len(lake.partitions(ARTIST_TAGS)) == 16


def test_neighbours_come_in_the_order_of_their_lists_and_name_artists(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    rows = pd.DataFrame(
        {
            "kind": ["artist", "artist", "artist", "track"],
            "seed_key": ["abba", "abba", "zz top", "abba · fernando"],
            "source": "lastfm",
            "neighbour_key": ["low", "ride", "low", "low · lullaby"],
            "artist": ["Low", "Ride", "Low", "Low"],
            "mbid": None,
            "match": 1.0,
            "rank": [2, 1, 1, 1],
            "fetched_at": pd.Timestamp("2026-11-01").date(),
        }
    )
    by_kind = pa.Table.from_pandas(rows, schema=SIMILAR.schema, preserve_index=False)
    by_kind = by_kind.append_column("title", pa.array(["", "", "", "Lullaby"]))
    part = {"prefix": "03"}
    lake.files.replace(path_of(SIMILAR, ("03",)), encode(by_kind))
    lake.files.replace(".format", b'{"version": 3}')
    assert len(open_to_read(lake.url).frame(SIMILAR)) == 4
    prepare(lake)
    stored = pq.read_table(lake.path(SIMILAR, part))
    assert stored["seed_key"].to_pylist() == ["abba", "abba", "abba · fernando", "zz top"]
    assert stored["neighbour_key"].to_pylist() == ["ride", "low", "low · lullaby", "low"]
    assert stored["artist"].to_pylist() == ["Ride", "Low", "", "Low"]
    assert "title" not in stored.schema.names
    assert json.loads(lake.files.read(".format")) == {"version": VERSION}


def test_a_migration_writes_the_rows_of_a_delta_where_they_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta, "MIN_PARTITION_BYTES", 1)
    lake = Lake(str(tmp_path))
    row = {
        "artist_key": "low", "artist": "Low", "source": "lastfm", "tag": "folk", "count": 1,
        "fetched_at": pd.Timestamp("2026-11-01").date(), "prefix": prefix_of("low"),
    }  # fmt: skip
    lake.merge(ARTIST_TAGS, pd.DataFrame([row]))
    lake.merge(ARTIST_TAGS, pd.DataFrame([row | {"count": 2}]))
    assert lake.files.list(".delta")
    before = lake.read(ARTIST_TAGS)
    lake.files.replace(".format", b'{"version": 2}')
    prepare(lake)
    assert not lake.files.list(".delta")
    assert lake.read(ARTIST_TAGS).equals(before)
    assert pq.read_table(lake.path(ARTIST_TAGS, {"prefix": prefix_of("low")}))[
        "count"
    ].to_pylist() == [2]
