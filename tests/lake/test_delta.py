"""Tests of a catalog table's delta: it reads as if every row had been written to its partition."""

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.lake import delta
from smallhours.lake.delta import path_of_delta
from smallhours.lake.files import LocalFiles
from smallhours.lake.object_files import ObjectFiles
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import ARTIST_TAGS
from tests.lake.stores import CountingStore, Killed, KilledDisk, counted

NIGHT = dt.date(2026, 11, 4)
ARTISTS = [f"artist {number}" for number in range(12)]
Rows = dict[tuple[str, str], int]


@pytest.fixture(autouse=True)
def large_partitions() -> Iterator[None]:
    """Take every partition for a large one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delta, "MIN_PARTITION_BYTES", 1)
        yield


def tags(rows: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"artist_key": artist, "artist": artist, "source": "lastfm", "tag": tag,
             "count": count, "fetched_at": NIGHT, "prefix": prefix_of(artist)}
            for (artist, tag), count in rows.items()
        ]
    )  # fmt: skip


def told(lake: Lake, **options: object) -> Rows:
    rows = lake.frame(ARTIST_TAGS, columns=["artist_key", "tag", "count"], **options)  # type: ignore[arg-type]
    counts = zip(rows["artist_key"], rows["tag"], rows["count"], strict=True)
    found = {(artist, tag): int(count) for artist, tag, count in counts}
    assert len(found) == len(rows)
    return found


def opened(store: CountingStore) -> Lake:
    """Return a lake as a process of its own opens it."""
    return Lake("", files=ObjectFiles(store, "lake", url="bucket://lake"))


def first_rows() -> Rows:
    return dict.fromkeys(itertools.product(ARTISTS, ["folk", "jazz"]), 7)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return a lake with two tags of each artist in its partitions."""
    lake = Lake(str(tmp_path))
    lake.merge(ARTIST_TAGS, tags(first_rows()))
    assert not lake.files.list(".delta")
    return lake


def delta_of(lake: Lake) -> list[str]:
    return [path for path in lake.files.list(".delta") if path == path_of_delta(ARTIST_TAGS)]


def test_few_rows_are_written_to_one_file(lake: Lake) -> None:
    again, disk = counted(lake)
    again.merge(ARTIST_TAGS, tags({(artist, "folk"): 9 for artist in ARTISTS}))
    assert len({path.parent for path in disk.written}) == 1
    assert told(lake) == first_rows() | {(artist, "folk"): 9 for artist in ARTISTS}


def test_rows_come_in_the_order_of_their_keys_wherever_they_stand(lake: Lake) -> None:
    new = {("artist 3 b", "rock"): 1, ("artist 3", "blues"): 2, ("a", "rock"): 3}
    report = lake.merge(ARTIST_TAGS, tags(new))
    assert report.rows_added == 3
    assert delta_of(lake)
    rows = lake.frame(ARTIST_TAGS)
    order = [*ARTIST_TAGS.partition, *ARTIST_TAGS.key]
    pd.testing.assert_frame_equal(rows, rows.sort_values(order, ignore_index=True))


def test_columns_filters_and_partitions_are_read_as_without_a_delta(lake: Lake) -> None:
    lake.merge(ARTIST_TAGS, tags({("artist 1", "folk"): 9, ("artist 2", "rock"): 9}))
    assert sorted(lake.frame(ARTIST_TAGS, columns=["tag"])["tag"].unique()) == [
        "folk", "jazz", "rock",
    ]  # fmt: skip
    assert told(lake, filters=pc.field("count") == 7) == {
        pair: 7 for pair in first_rows() if pair != ("artist 1", "folk")
    }
    assert set(told(lake, filters=among("tag", ["rock"]))) == {("artist 2", "rock")}
    where = {"prefix": prefix_of("artist 1")}
    assert told(lake, where=where) == {
        pair: count for pair, count in told(lake).items() if prefix_of(pair[0]) == where["prefix"]
    }


def test_a_group_that_is_told_anew_loses_its_old_rows(lake: Lake) -> None:
    new = {("artist 5", "rock"): 3}
    report = lake.merge(ARTIST_TAGS, tags(new), whole=["artist_key", "source"])
    assert (report.rows_added, report.rows_removed) == (1, 2)
    left = {pair: 7 for pair in first_rows() if pair[0] != "artist 5"}
    assert told(lake) == left | new


def test_the_last_row_of_an_owner_can_be_removed(lake: Lake) -> None:
    gone = tags({("artist 5", "folk"): 0, ("artist 5", "jazz"): 0})
    lake.merge(ARTIST_TAGS, tags({("artist 6", "folk"): 9}))
    report = lake.merge(ARTIST_TAGS, pd.DataFrame(), delete=gone)
    assert report.rows_removed == 2
    left = {pair: 7 for pair in first_rows() if pair[0] != "artist 5"}
    assert told(lake) == left | {("artist 6", "folk"): 9}


def test_what_is_known_is_not_written_again(lake: Lake) -> None:
    new = tags({("artist 1", "folk"): 9, ("artist 2", "jazz"): 7})
    lake.merge(ARTIST_TAGS, new)
    again, disk = counted(lake)
    report = again.merge(ARTIST_TAGS, new)
    assert (report.rows_unchanged, report.partitions_written, disk.written) == (2, 0, [])


def test_a_large_delta_is_merged_into_the_partitions(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.merge(ARTIST_TAGS, tags({("artist 1", "folk"): 9}))
    monkeypatch.setattr(delta, "MAX_DELTA_BYTES", 10)
    lake.merge(ARTIST_TAGS, tags({("artist 2", "rock"): 9}))
    assert not delta_of(lake)
    expected = first_rows() | {("artist 1", "folk"): 9, ("artist 2", "rock"): 9}
    assert told(lake) == expected
    whole = Lake(f"{lake.url}/whole")
    with pytest.MonkeyPatch.context() as direct:
        direct.setattr(delta, "MIN_PARTITION_BYTES", 1_000_000)
        whole.merge(ARTIST_TAGS, tags(expected))
    for part in whole.partitions(ARTIST_TAGS):
        assert Path(lake.path(ARTIST_TAGS, part)).read_bytes() == (
            Path(whole.path(ARTIST_TAGS, part)).read_bytes()
        )


def test_a_stamp_differs_where_rows_changed_and_nowhere_else(lake: Lake) -> None:
    before = lake.stamps(ARTIST_TAGS)
    lake.merge(ARTIST_TAGS, tags({("artist 1", "folk"): 9}))
    after = lake.stamps(ARTIST_TAGS)
    assert {each for each in after if before[each] != after[each]} == {prefix_of("artist 1")}


def test_a_merge_into_partitions_that_is_killed_anywhere_loses_nothing(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.merge(ARTIST_TAGS, tags({("artist 1", "folk"): 9}))
    monkeypatch.setattr(delta, "MAX_DELTA_BYTES", 10)
    expected = told(lake)
    new = {("artist 2", "rock"): 9}
    for at in itertools.count(1, 3):
        disk = KilledDisk(at)
        try:
            Lake(lake.url, files=LocalFiles(tmp_path, disk=disk)).merge(ARTIST_TAGS, tags(new))
        except Killed:
            assert expected.items() <= told(lake).items()
            assert told(lake).keys() <= (expected | new).keys()
        else:
            break
    assert told(lake) == expected | new


few = st.sets(
    st.tuples(st.sampled_from(ARTISTS[:4]), st.sampled_from(["folk", "jazz", "rock"])),
    max_size=4,
)
steps = st.lists(st.tuples(few, st.booleans(), st.booleans(), st.integers(0, 1)), max_size=8)


@settings(max_examples=30)
@given(steps)
def test_two_workers_of_a_store_do_what_a_dictionary_does(
    taken: list[tuple[set[tuple[str, str]], bool, bool, int]],
) -> None:
    store = CountingStore()
    workers = [opened(store), opened(store)]
    workers[0].merge(ARTIST_TAGS, tags(first_rows()))
    known = first_rows()
    for number, (pairs, deletes, compacts, worker) in enumerate(taken, start=10):
        rows = dict.fromkeys(sorted(pairs), number)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(delta, "MAX_DELTA_BYTES", 10 if compacts else 256_000)
            if deletes:
                # What a process has not seen yet it does not delete either.
                opened(store).merge(ARTIST_TAGS, pd.DataFrame(), delete=tags(rows))
                known = {pair: count for pair, count in known.items() if pair not in rows}
            else:
                workers[worker].merge(ARTIST_TAGS, tags(rows))
                known |= rows
    assert told(opened(store)) == known


def test_many_workers_of_a_store_lose_none_of_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "MAX_DELTA_BYTES", 5_000)
    store = CountingStore()
    opened(store).merge(ARTIST_TAGS, tags(first_rows()))

    def write(worker: int) -> None:
        lake = opened(store)
        for tag in range(3):
            lake.merge(ARTIST_TAGS, tags({(a, f"tag {worker} {tag}"): 1 for a in ARTISTS[:3]}))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    new = {(a, f"tag {w} {t}"): 1 for a in ARTISTS[:3] for w in range(4) for t in range(3)}
    assert told(opened(store)) == (first_rows() | new)
