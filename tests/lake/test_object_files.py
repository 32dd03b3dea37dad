"""Tests of a lake in an object store: one request for a file, and no write over another's."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError

from smallhours.errors import LakeError, LakeUnwritable
from smallhours.lake.files import open_files
from smallhours.lake.leases import hold_lease
from smallhours.lake.object_files import ObjectFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from tests.lake.samples import MINE, play, plays
from tests.lake.stores import CountingStore, Killed

OLD = plays(play(0), play(1))
NEW = plays(play(1, album="Homogenic"), play(2))
BEFORE = [(0, None), (1, None)]
AFTER = [(0, None), (1, "Homogenic"), (2, None)]


def lake_in(store: object) -> Lake:
    """Return a lake as another process would open it: it has seen nothing yet."""
    return Lake("", files=ObjectFiles(store, "lake", url="bucket://lake"))


def titles(lake: Lake) -> list[tuple[int, str | None]]:
    return [(row["played_at"].minute, row["album"]) for row in lake.read(PLAYS).to_pylist()]


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


def test_a_lake_in_memory_is_one_for_the_whole_process() -> None:
    lake = Lake("memory://smallhours-lake")
    lake.check_writable()
    assert titles(lake) == []
    lake.merge(PLAYS, OLD, partition=MINE | {"listener": "a/b"})
    assert lake.partitions(PLAYS) == [MINE | {"listener": "a/b"}]
    lake.merge(PLAYS, NEW, partition=MINE | {"listener": "a/b"})
    assert titles(lake) == titles(Lake("memory://smallhours-lake")) == AFTER
    lake.replace(PLAYS, NEW.iloc[:0], partition=MINE | {"listener": "a/b"})
    assert titles(lake) == []
    assert lake.path(PLAYS, MINE).startswith("memory://")


def test_a_login_in_a_url_is_not_shown() -> None:
    files = open_files("memory://key:secret@bucket/lake")
    assert "secret" not in files.address("plays")


def test_a_store_is_listed_once_and_each_file_read_once(store: CountingStore) -> None:
    lake_in(store).merge(PLAYS, OLD, partition=MINE)
    store.restart()

    lake = lake_in(store)
    lake.check_writable()
    for _ in range(3):
        assert titles(lake) == BEFORE
    lake.read(PLAYS, where=MINE | {"month": ["2020-01", "2020-02"]})  # which do not exist
    lake.merge(PLAYS, NEW, partition=MINE)
    assert titles(lake) == AFTER

    assert store.calls == ["list", "put", "put", "get", "put"]


def test_a_store_of_many_files_is_listed_by_folder(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smallhours.lake.object_files._MAX_LISTED_AT_ONCE", 3)
    for minute in range(4):
        lake_in(store).merge(PLAYS, OLD, partition=MINE | {"month": f"2026-0{minute + 1}"})
    store.restart()

    lake = lake_in(store)
    lake.check_writable()
    for _ in range(3):
        assert len(lake.read(PLAYS)) == 8
    assert lake.read(PLAYS, where=MINE | {"month": "1999-01"}).num_rows == 0

    assert store.calls == ["list", "put", "put", "list", *["get"] * 4]


@pytest.mark.parametrize("dies_at", range(1, 4))
def test_a_kill_at_any_call_leaves_the_old_rows(store: CountingStore, dies_at: int) -> None:
    lake_in(store).merge(PLAYS, OLD, partition=MINE)
    store.restart(dies_at=dies_at)
    lake = lake_in(store)
    with pytest.raises(Killed):
        (lake.read(PLAYS), lake.merge(PLAYS, NEW, partition=MINE))
    store.restart()
    assert titles(lake_in(store)) == BEFORE
    lake_in(store).merge(PLAYS, NEW, partition=MINE)
    assert titles(lake_in(store)) == AFTER


def test_a_writer_that_read_before_another_wrote_merges_again(store: CountingStore) -> None:
    ours, theirs = lake_in(store), lake_in(store)
    ours.merge(PLAYS, OLD, partition=MINE)
    assert titles(theirs) == BEFORE

    assert ours.merge(PLAYS, plays(play(3)), partition=MINE).conflicts == 0
    report = theirs.merge(PLAYS, plays(play(4)), partition=MINE)

    assert (report.conflicts, report.rows_added) == (1, 1)
    assert [minute for minute, _ in titles(lake_in(store))] == [0, 1, 3, 4]


def test_a_new_file_of_another_writer_is_merged_with(store: CountingStore) -> None:
    ours, theirs = lake_in(store), lake_in(store)
    assert titles(ours) == titles(theirs) == []
    ours.merge(PLAYS, plays(play(0)), partition=MINE)
    assert theirs.merge(PLAYS, plays(play(1)), partition=MINE).conflicts == 1
    assert titles(lake_in(store)) == BEFORE


def test_a_removal_of_all_rows_is_no_write_over_another_writer(store: CountingStore) -> None:
    ours, theirs = lake_in(store), lake_in(store)
    ours.merge(PLAYS, OLD, partition=MINE)
    assert titles(theirs) == BEFORE
    ours.merge(PLAYS, plays(play(7)), partition=MINE)

    keys = OLD[["played_at", "track_key", "ordinal"]]
    assert theirs.merge(PLAYS, OLD.iloc[:0], partition=MINE, delete=keys).rows_removed == 2
    assert [minute for minute, _ in titles(lake_in(store))] == [7]


def test_many_writers_of_one_partition_lose_no_row(store: CountingStore) -> None:
    def write(minute: int) -> int:
        lake = lake_in(store)
        first = lake.merge(PLAYS, plays(play(minute)), partition=MINE).conflicts
        return first + lake.merge(PLAYS, plays(play(minute + 100)), partition=MINE).conflicts

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    assert len(lake_in(store).read(PLAYS)) == 24


class Careless(CountingStore):
    """A store that overlooks conditions."""

    def put(self, path: str, data: bytes, *, mode: object, use_multipart: bool) -> object:
        del mode
        return self.store.put(path, data, use_multipart=use_multipart)


class HalfCareless(Careless):
    """A store that knows `If-None-Match` only."""

    def put(self, path: str, data: bytes, *, mode: object, use_multipart: bool) -> object:
        if mode == "create":
            return self.store.put(path, data, mode="create", use_multipart=use_multipart)
        return super().put(path, data, mode=mode, use_multipart=use_multipart)


@pytest.mark.parametrize("kind", [Careless, HalfCareless])
def test_a_store_that_ignores_conditions_is_refused_each_time(kind: type[CountingStore]) -> None:
    store = kind()
    for _ in range(2):
        with pytest.raises(LakeError, match="ignores conditions on writes") as caught:
            lake_in(store).check_writable()
        assert "If-Match" in caught.value.remedy


def test_a_fault_of_a_store_is_an_error_of_the_lake_without_secrets() -> None:
    class Broken:
        def list(self, _: object) -> object:
            raise GenericError("GET https://x?secret status code: 503 Service Unavailable: <Error>")

        def put(self, *_: object, **__: object) -> object:
            raise PermissionDeniedError("secret")

    lake = lake_in(Broken())
    with pytest.raises(LakeError, match=r"can't be read at bucket://lake/.*503 Service") as caught:
        lake.read(PLAYS)
    assert "secret" not in str(caught.value)
    with pytest.raises(LakeUnwritable, match=r"bucket://lake/plays: PermissionDenied") as caught:
        lake.files.replace("plays", b"")
    assert "secret" not in str(caught.value)


def test_one_worker_at_a_time_holds_a_lock_and_sees_what_the_last_one_wrote(
    store: CountingStore,
) -> None:
    inside: list[int] = []

    def count(_: int) -> None:
        files = ObjectFiles(store, "lake", url="bucket://lake", lease_s=60)
        files.list("")
        with files.lock("counting"):
            assert not inside
            inside.append(1)
            before = int(files.read("count")) if "count" in files.list("") else 0
            files.replace("count", str(before + 1).encode())
            inside.pop()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(6)))
    assert lake_in(store).files.read("count") == b"6"


def test_the_lock_of_a_killed_worker_is_free_after_its_lease(store: CountingStore) -> None:
    files = ObjectFiles(store, "lake", url="bucket://lake", lease_s=0.2)
    assert files.write_if(".locks/one", b"a worker that was killed", None)
    with files.lock("one"):
        assert b"killed" not in files.read(".locks/one")


def test_a_lock_is_renewed_while_it_is_held(store: CountingStore) -> None:
    taken = threading.Event()
    holder, waiter = (ObjectFiles(store, "lake", url="bucket://lake", lease_s=1) for _ in range(2))

    def wait() -> None:
        with waiter.lock("one"):
            taken.set()

    thread = threading.Thread(target=wait)
    with holder.lock("one"):
        thread.start()
        renewed = holder.fetch(".locks/one")[0]
        while holder.fetch(".locks/one")[0].split()[-1] in (renewed.split()[-1], b"1", b"2"):
            pass
        assert not taken.is_set()
    thread.join(60)
    assert taken.is_set()


def test_a_worker_that_lost_its_lock_is_told(store: CountingStore) -> None:
    files = ObjectFiles(store, "lake", url="bucket://lake", lease_s=60)
    with (
        pytest.raises(LakeError, match="was taken over by another worker") as caught,
        hold_lease(files, ".locks/one", 60),
    ):
        files.replace(".locks/one", b"another worker")
    assert "again" in caught.value.remedy
    assert files.read(".locks/one") == b"another worker"
