"""Packs: months that are over, read as one file."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.lake.object_files import ObjectFiles
from smallhours.lake.packs import FOLDER
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from tests.lake.samples import play, plays
from tests.lake.stores import CountingStore, counted


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


MONTHS = [f"2026-{number:02}" for number in range(1, 11)]
ME = {"listener": "ann"}
PACK = f"{FOLDER}/plays/listener=ann/pack"


@pytest.fixture
def packed(lake: Lake) -> Lake:
    rows = plays(*(play(at, month=month) for at, month in enumerate(MONTHS)))
    lake.merge(PLAYS, rows, partition=ME)
    lake.merge(PLAYS, rows, partition={"listener": "ben"})
    lake.pack_months(PLAYS, "ann", before="2026-10")
    return lake


def test_a_whole_history_is_read_from_the_pack_and_what_is_not_over(packed: Lake) -> None:
    watched, disk = counted(packed)
    assert watched.read(PLAYS, where=ME)["month"].to_pylist() == MONTHS
    assert [path.parent.name for path in disk.opened] == ["listener=ann", "month=2026-10"]


def test_other_listeners_and_single_months_need_no_pack(packed: Lake) -> None:
    assert packed.read(PLAYS, where={"listener": "ben"}).num_rows == len(MONTHS)
    watched, disk = counted(packed)
    assert watched.read(PLAYS, where=ME | {"month": MONTHS[:2]}).num_rows == 2
    assert len(disk.opened) == 2


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(MONTHS)), st.sets(st.sampled_from(MONTHS)))
def test_reading_gives_the_same_with_a_pack_and_without(
    tmp_path_factory: pytest.TempPathFactory, changed: set[str], emptied: set[str]
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    lake.merge(
        PLAYS, plays(*(play(at, month=each) for at, each in enumerate(MONTHS))), partition=ME
    )
    lake.pack_months(PLAYS, "ann", before="2026-09")
    for month in changed:
        lake.merge(PLAYS, plays(play(100)), partition=ME | {"month": month})
    for month in emptied:
        lake.replace(PLAYS, plays(), partition=ME | {"month": month})
    with_pack = lake.read(PLAYS)
    lake.files.remove(PACK)
    assert with_pack.equals(lake.read(PLAYS))


@pytest.mark.parametrize("damaged", [b"", b"{}", b"\xff\n", b"[]\nPAR1"])
def test_a_damaged_pack_costs_nothing_and_is_written_again(packed: Lake, damaged: bytes) -> None:
    whole = packed.read(PLAYS, where=ME)
    head = packed.files.read(PACK).partition(b"\n")[0]
    for content in (damaged, head + b"\nPAR1"):
        packed.files.replace(PACK, content)
        assert packed.read(PLAYS, where=ME).equals(whole)
    packed.files.remove(PACK)
    packed.pack_months(PLAYS, "ann", before="2026-10")
    assert packed.read(PLAYS, where=ME).equals(whole)


def test_a_pack_is_written_only_when_a_month_has_changed(packed: Lake) -> None:
    watched, disk = counted(packed)
    watched.pack_months(PLAYS, "ann", before="2026-10")
    assert disk.written == []
    packed.merge(PLAYS, plays(play(100)), partition=ME | {"month": MONTHS[0]})
    watched.pack_months(PLAYS, "ann", before="2026-10")
    assert len(disk.written) == 1


def test_a_store_is_asked_for_the_pack_and_what_is_not_over() -> None:
    counting = CountingStore()
    lake = Lake("memory://lake", files=ObjectFiles(counting, "", url="memory://lake"))
    rows = plays(*(play(at, month=month) for at, month in enumerate(MONTHS)))
    lake.merge(PLAYS, rows, partition=ME)
    lake.pack_months(PLAYS, "ann", before="2026-10")
    lake.merge(PLAYS, plays(play(100)), partition=ME | {"month": MONTHS[-2]})
    counting.restart()
    later = Lake("memory://lake", files=ObjectFiles(counting, "", url="memory://lake"))
    assert later.read(PLAYS, where=ME).num_rows == len(MONTHS) + 1
    assert counting.calls.count("get") == 3
    assert later.read(PLAYS, where=ME).num_rows == len(MONTHS) + 1
    assert counting.calls.count("get") == 3
