"""Tests of reading from and merging into the lake."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from smallhours.errors import SchemaMismatch
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, MergeReport, prefix_of
from smallhours.lake.tables import LIBRARY, PLAYS, TABLES, TRACK_TAGS
from tests.lake.samples import MINE, play, plays
from tests.lake.stores import counted


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_an_absent_table_is_empty_and_has_its_columns(lake: Lake, table: Table) -> None:
    rows = lake.read(table)
    assert len(rows) == 0
    assert rows.schema.names == [*table.schema.names, *table.partition]
    assert rows.select(table.schema.names).schema == table.schema


def test_what_was_merged_is_read_back(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(1), play(0)), partition=MINE)
    rows = lake.read(PLAYS).to_pylist()
    assert rows == [play(0) | MINE, play(1) | MINE]


def test_partition_columns_may_come_with_the_rows(lake: Lake) -> None:
    rows = plays(play(0, month="2026-10"), play(1, month="2026-11"))
    lake.merge(PLAYS, rows, partition={"listener": "default"})
    assert lake.partitions(PLAYS) == [MINE, MINE | {"month": "2026-11"}]


def test_a_date_may_name_a_partition(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0, listener="a", month=dt.date(2026, 10, 1))))
    assert lake.partitions(PLAYS) == [{"listener": "a", "month": "2026-10-01"}]


def test_a_path_escapes_what_a_folder_may_not_be_called(lake: Lake) -> None:
    partition = MINE | {"listener": "../a b"}
    lake.merge(PLAYS, plays(play()), partition=partition)
    path = Path(lake.path(PLAYS, partition))
    assert path == Path(lake.url, "plays/listener=..%2Fa%20b/month=2026-10/part.parquet")
    assert path.is_file()
    assert lake.partitions(PLAYS) == [partition]


def test_a_merge_reports_what_it_did(lake: Lake) -> None:
    first = lake.merge(PLAYS, plays(play(0), play(1), play(2)), partition=MINE)
    size = Path(lake.path(PLAYS, MINE)).stat().st_size
    assert first == MergeReport(partitions_written=1, rows_added=3, bytes_written=size)
    second = lake.merge(
        PLAYS,
        plays(play(0), play(1, skipped=True), play(3)),
        delete=pd.DataFrame([play(2)])[list(PLAYS.key)],
        partition=MINE,
    )
    assert second == MergeReport(
        partitions_read=1,
        partitions_written=1,
        rows_added=1,
        rows_updated=1,
        rows_unchanged=1,
        rows_removed=1,
        bytes_read=size,
        bytes_written=Path(lake.path(PLAYS, MINE)).stat().st_size,
    )
    assert [row["skipped"] for row in lake.read(PLAYS).to_pylist()] == [None, True, None]


def test_only_partitions_that_change_are_written(lake: Lake) -> None:
    rows = plays(play(0, month="2026-10"), play(1, month="2026-11"), play(2, month="2026-12"))
    lake.merge(PLAYS, rows, partition={"listener": "default"})
    watched, disk = counted(lake)
    report = watched.merge(
        PLAYS,
        plays(play(0, month="2026-10"), play(1, month="2026-11", album="Homogenic")),
        partition={"listener": "default"},
    )
    assert (report.partitions_read, report.partitions_written) == (2, 1)
    assert [path.parent.name for path in disk.opened] == ["month=2026-10", "month=2026-11"]
    assert [path.parent.name for path in disk.written] == ["month=2026-11"]


def test_a_row_that_is_deleted_and_given_stays(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE)
    new = plays(play(0, album="Homogenic"))
    report = lake.merge(PLAYS, new, delete=new, partition=MINE)
    assert (report.rows_updated, report.rows_removed) == (1, 0)


def test_a_delete_needs_no_rows(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0), play(1)), partition=MINE)
    gone = plays(play(1), play(5))[list(PLAYS.key)]
    assert lake.merge(PLAYS, pd.DataFrame(), delete=gone, partition=MINE).rows_removed == 1
    assert len(lake.read(PLAYS)) == 1


def test_a_partition_without_rows_has_no_file(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE)
    lake.merge(PLAYS, pd.DataFrame(), delete=plays(play(0)), partition=MINE)
    assert not Path(lake.path(PLAYS, MINE)).exists()
    assert lake.partitions(PLAYS) == []


def test_a_filter_replaces_the_old_rows_that_it_matches(lake: Lake) -> None:
    everyone = {"listener": "default"}
    lake.merge(PLAYS, plays(play(0, month="2026-10"), play(9, month="2026-11")), partition=everyone)
    report = lake.merge(
        PLAYS,
        plays(play(1, month="2026-10")),
        partition=everyone,
        replace=pc.field("title") == "Jóga",
    )
    assert (report.rows_added, report.rows_removed) == (1, 2)
    assert lake.partitions(PLAYS) == [MINE]


def test_replace_leaves_exactly_the_given_rows(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0), play(1)), partition=MINE)
    lake.merge(PLAYS, plays(play(5)), partition=MINE | {"listener": "another"})
    report = lake.replace(PLAYS, plays(play(1), play(2)), partition=MINE)
    assert (report.rows_added, report.rows_unchanged, report.rows_removed) == (1, 1, 1)
    found = lake.read(PLAYS, columns=["played_at"], where=MINE).to_pylist()
    assert found == [{"played_at": play(n)["played_at"]} for n in (1, 2)]
    assert len(lake.read(PLAYS, where={"listener": "another"})) == 1


def test_reports_add_up() -> None:
    total = MergeReport(1, 2, 3, 4, 5, 6, 7, 8) + MergeReport(rows_added=1)
    assert total == MergeReport(1, 2, 4, 4, 5, 6, 7, 8)


def test_reading_opens_only_the_partitions_asked_for(lake: Lake) -> None:
    for listener in ("ann", "ben"):
        rows = plays(*(play(n, month=f"2026-{n:02}") for n in range(1, 13)))
        lake.merge(PLAYS, rows, partition={"listener": listener})
    watched, disk = counted(lake)
    months = ["2026-03", "2026-04", "2031-01"]
    assert len(watched.read(PLAYS, where={"listener": "ann", "month": months[:1]})) == 1
    assert len(disk.opened) == 1
    assert len(watched.read(PLAYS, where={"month": months})) == 4
    assert len(disk.opened) == 4  # one of them is known
    assert len(watched.read(PLAYS, where={"listener": "ben"})) == 12
    assert len(disk.opened) == 14


def test_what_a_process_wrote_is_not_read_again(lake: Lake) -> None:
    watched, disk = counted(lake)
    for minute in range(3):
        watched.merge(PLAYS, plays(play(minute)), partition=MINE)
    assert len(watched.read(PLAYS)) == 3
    assert disk.opened == []


def test_a_file_is_read_again_only_when_it_was_replaced(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE)
    watched, disk = counted(lake)
    assert [len(watched.read(PLAYS)) for _ in range(3)] == [1, 1, 1]
    assert len(disk.opened) == 1
    lake.merge(PLAYS, plays(play(1)), partition=MINE)  # as another process does
    assert [len(watched.read(PLAYS)) for _ in range(3)] == [2, 2, 2]
    assert len(disk.opened) == 2


def test_reading_gives_the_columns_asked_for_in_their_order(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE)
    rows = lake.read(PLAYS, columns=["title", "month", "ordinal"])
    assert rows.to_pylist() == [{"title": "Jóga", "month": "2026-10", "ordinal": 0}]


def test_a_filter_may_use_columns_that_are_not_read(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0), play(1, artist="Moloko")), partition=MINE)
    wanted = (pc.field("artist") == "Moloko") & (pc.field("listener") == "default")
    assert len(lake.read(PLAYS, columns=["played_at"], filters=wanted)) == 1


def test_unknown_columns_are_refused_by_name(lake: Lake) -> None:
    with pytest.raises(SchemaMismatch, match="'plays' has no such column as 'artst'"):
        lake.read(PLAYS, columns=["artst"])
    with pytest.raises(SchemaMismatch, match="'artist'"):
        lake.read(PLAYS, where={"artist": "Björk"})


def test_a_frame_has_the_same_types_whatever_its_rows(lake: Lake) -> None:
    empty = lake.frame(PLAYS)
    lake.merge(PLAYS, plays(play(0), play(1, ms_played=7, skipped=True)), partition=MINE)
    frame = lake.frame(PLAYS)
    assert frame.dtypes.to_dict() == empty.dtypes.to_dict()
    assert str(frame["artist"].dtype) == str(frame["album"].dtype) == "str"
    assert str(frame["played_at"].dtype) == "datetime64[us, UTC]"
    assert frame["ms_played"].sum() == 7
    assert frame["ordinal"].dtype == np.int16


def test_dates_of_a_frame_compare_with_dates(lake: Lake) -> None:
    seen = dt.date(2026, 10, 1)
    row = {
        "signal": "saved",
        "source": "spotify",
        "time_range": "",
        "track_key": "a · b",
        "artist": "a",
        "title": "b",
        "first_seen": seen,
        "last_seen": seen,
    } | dict.fromkeys(["rank", "spotify_id", "isrc", "added_at"])
    lake.merge(LIBRARY, pd.DataFrame([row]), partition={"listener": "default"})
    frame = lake.frame(LIBRARY)
    assert (frame["last_seen"] < dt.date(2026, 10, 2)).all()
    assert frame["last_seen"].max() == seen


def test_a_frame_that_was_read_can_be_merged_back(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0), play(1, ms_played=7, skipped=True)), partition=MINE)
    report = lake.merge(PLAYS, lake.frame(PLAYS))
    assert (report.rows_unchanged, report.partitions_written) == (2, 0)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = plays(*(play(n, album=f"album {n % 3}") for n in range(50)))
    at_once, in_steps = Lake(str(tmp_path / "a")), Lake(str(tmp_path / "b"))
    at_once.merge(PLAYS, rows, partition=MINE)
    in_steps.merge(PLAYS, pa.Table.from_pandas(rows[25:], PLAYS.schema), partition=MINE)
    in_steps.merge(PLAYS, rows[:30].iloc[::-1].convert_dtypes(), partition=MINE)
    assert Path(at_once.path(PLAYS, MINE)).read_bytes() == (
        Path(in_steps.path(PLAYS, MINE)).read_bytes()
    )


def test_other_files_in_the_lake_are_left_alone(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE)
    for name in ("plays/notes.txt", "plays/listener=x/part.parquet", "plays/a=b/c=d/part.parquet"):
        path = Path(lake.url, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert len(lake.read(PLAYS)) == 1


def test_pandas_reads_a_table_by_its_folder(lake: Lake) -> None:
    rows = plays(play(0, month="2026-10"), play(1, month="2026-11"))
    lake.merge(PLAYS, rows, partition={"listener": "default"})
    Path(lake.path(PLAYS, MINE)).with_name(".part.tmp").write_bytes(b"PAR1 a crash left this")
    frame = pd.read_parquet(Path(lake.url, "plays"))
    assert frame["month"].tolist() == ["2026-10", "2026-11"]
    assert frame["played_at"].tolist() == rows["played_at"].tolist()


def test_pandas_reads_a_table_by_one_glob(lake: Lake) -> None:
    rows = plays(play(0, month="2026-10"), play(1, month="2026-11"))
    lake.merge(PLAYS, rows, partition={"listener": "default"})
    Path(lake.path(PLAYS, MINE)).with_name(".part.tmp").write_bytes(b"PAR1 a crash left this")
    files = sorted(Path(lake.url).glob("plays/**/*.parquet"))
    assert len(pd.concat(map(pd.read_parquet, files))) == 2


def test_prefixes_are_stable_and_even() -> None:
    assert prefix_of("björk") == "0f"
    found = pd.Series([prefix_of(f"artist {n}") for n in range(6400)]).value_counts()
    assert sorted(found.index) == [f"{n:02x}" for n in range(16)]
    assert found.min() > 300
    assert found.max() < 500


def test_a_whole_group_replaces_what_was_stored_of_it(lake: Lake) -> None:
    rows = pd.DataFrame(
        {
            "track_key": ["a · x", "a · x", "a · y"],
            "source": "lastfm",
            "tag": ["rock", "pop", "rock"],
            "count": [100, 50, 100],
            "fetched_at": [dt.date(2026, 11, 2)] * 3,
            "prefix": "00",
        }
    )
    lake.merge(TRACK_TAGS, rows)
    report = lake.merge(TRACK_TAGS, rows.iloc[:1], whole=["track_key"])
    left = lake.frame(TRACK_TAGS, columns=["track_key", "tag"])
    assert left.to_numpy().tolist() == [["a · x", "rock"], ["a · y", "rock"]]
    assert report.rows_removed == 1
