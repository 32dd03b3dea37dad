"""Tests of damaged and foreign files, and of the errors about them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.errors import CorruptFile, SchemaMismatch
from smallhours.lake.parquet import REBUILT_BY, decode, encode
from smallhours.lake.schema import MOMENT
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS, TABLES
from tests.lake.samples import MINE, play, plays


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    lake.merge(PLAYS, plays(*(play(n) for n in range(20))), partition=MINE)
    return lake


def file_of(lake: Lake) -> Path:
    return Path(lake.path(PLAYS, MINE))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda _: b"<html>not found</html>",
        lambda _: b"",
        lambda data: data[:84] + bytes(4) + data[88:],
    ],
    ids=["half", "one byte less", "html", "empty", "four bytes lost in a page"],
)
def test_a_damaged_file_is_named_with_what_to_do(
    lake: Lake, damage: Callable[[bytes], bytes]
) -> None:
    file = file_of(lake)
    file.write_bytes(damage(file.read_bytes()))
    for use in (
        lambda: lake.read(PLAYS),
        lambda: lake.merge(PLAYS, plays(play(3)), partition=MINE),
    ):
        with pytest.raises(CorruptFile) as caught:
            use()
        assert caught.value.what == f"{file} is truncated, damaged, or not Parquet."
        assert caught.value.remedy.startswith("Move that file out of the lake's folder;")
        assert "sync_listening" in caught.value.remedy


def test_other_partitions_can_be_read_when_one_is_damaged(lake: Lake) -> None:
    lake.merge(PLAYS, plays(play(0)), partition=MINE | {"month": "2026-11"})
    file_of(lake).write_bytes(b"")
    assert len(lake.read(PLAYS, where={"month": "2026-11"})) == 1


def test_every_table_says_how_to_get_it_back() -> None:
    assert REBUILT_BY.keys() == TABLES.keys()


def rewrite(file: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.ParquetFile(file).read()), file)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows.drop_columns("title"), "column 'title' is missing"),
        (
            lambda rows: rows.set_column(5, "ordinal", rows["ordinal"].cast("int64")),
            "column 'ordinal' is int64, not int16",
        ),
        (
            lambda rows: rows.set_column(3, "title", pa.nulls(len(rows), pa.string())),
            "column 'title' holds nulls",
        ),
    ],
)
def test_a_file_of_other_columns_is_named(
    lake: Lake, change: Callable[[pa.Table], pa.Table], reason: str
) -> None:
    rewrite(file_of(lake), change)
    with pytest.raises(SchemaMismatch, match=reason) as caught:
        lake.read(PLAYS)
    assert str(file_of(lake)) in caught.value.what
    assert "docs/data-dictionary.md" in caught.value.remedy


def test_columns_that_are_not_read_are_not_checked(lake: Lake) -> None:
    rewrite(file_of(lake), lambda rows: rows.drop_columns("title"))
    assert len(lake.read(PLAYS, columns=["artist"])) == 20


def test_what_a_file_is_too_old_to_know_is_null(lake: Lake) -> None:
    rewrite(file_of(lake), lambda rows: rows.drop_columns("isrc"))
    assert lake.read(PLAYS)["isrc"].null_count == 20
    lake.merge(PLAYS, plays(play(3)), partition=MINE)
    assert lake.read(PLAYS)["isrc"].null_count == 20


def test_a_column_of_ones_own_can_be_read_past_but_is_not_rewritten_away(lake: Lake) -> None:
    rewrite(file_of(lake), lambda rows: rows.append_column("mood", pa.array(["good"] * len(rows))))
    assert len(lake.read(PLAYS)) == 20
    with pytest.raises(SchemaMismatch, match="column 'mood' is unknown and would be lost"):
        lake.merge(PLAYS, plays(play(3)), partition=MINE)


def test_a_file_with_a_key_twice_is_not_merged_into(lake: Lake) -> None:
    rewrite(file_of(lake), lambda rows: pa.concat_tables([rows, rows]))
    with pytest.raises(SchemaMismatch, match="two rows have the same key"):
        lake.merge(PLAYS, plays(play(3)), partition=MINE)


def test_files_of_another_writer_with_the_same_columns_are_read(lake: Lake) -> None:
    before = lake.read(PLAYS)
    rewrite(file_of(lake), lambda rows: rows)
    assert lake.read(PLAYS).equals(before)


_FILE = encode(PLAYS.schema.empty_table())


@settings(max_examples=150)
@given(cut=st.integers(0, len(_FILE) - 1), tail=st.binary(max_size=8))
def test_bytes_that_are_not_a_file_are_a_typed_error(cut: int, tail: bytes) -> None:
    if _FILE[:cut] + tail != _FILE:
        with pytest.raises((CorruptFile, SchemaMismatch)):
            decode(PLAYS, _FILE[:cut] + tail, "here", partition=MINE)


def test_moments_and_long_numbers_take_less_than_their_bytes() -> None:
    rng = np.random.default_rng(3)
    seconds = 1_700_000_000 + rng.integers(60, 600, 20_000).cumsum()
    rows = pa.table(
        {
            "at": pa.array(seconds * 1_000_000, MOMENT),
            "listeners": rng.integers(0, 1_000_000, 20_000),
            "value": rng.random(20_000).astype(np.float32).astype(np.float64),
        }
    )
    assert pq.read_table(pa.BufferReader(encode(rows))).equals(rows)
    few = pa.table({"value": rng.integers(0, 1_000, 20_000) / 1_000})
    assert len(encode(few)) < 2 * len(few)
    for column, most in (("at", 4), ("listeners", 4), ("value", 5)):
        assert len(encode(rows.select([column]))) < most * len(rows)
