"""Tests of the validation of rows, and of the text of a refusal."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from smallhours.errors import SchemaMismatch
from smallhours.lake.list_tables import METRICS, PLAYLISTS
from smallhours.lake.schema import conform
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from tests.lake.samples import MINE, play, plays

Frame = pd.DataFrame
NAIVE = dt.datetime(2026, 10, 1)  # noqa: DTZ001 - a moment without a zone is to be refused


def conformed(rows: Frame | pa.Table) -> list[dict[str, Any]]:
    (part,) = conform(PLAYS, rows, MINE).values()
    assert part.schema == PLAYS.schema
    return list(part.to_pylist())


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("album", pd.Series(["a", None], dtype="str"), ["a", None]),
        ("album", pd.Series(["a", np.nan], dtype="object"), ["a", None]),
        ("album", pd.Series(["a", pd.NA], dtype="string[pyarrow]"), ["a", None]),
        ("album", pd.Series(["a", "a"], dtype="category"), ["a", "a"]),
        ("album", pd.Series([np.nan, np.nan], dtype="float64"), [None, None]),
        ("ms_played", pd.Series([1, pd.NA], dtype="Int64"), [1, None]),
        ("ms_played", pd.Series([1.0, np.nan]), [1, None]),
        ("ms_played", pd.Series([1, None], dtype="object"), [1, None]),
        ("skipped", pd.Series([True, None], dtype="object"), [True, None]),
        ("skipped", pd.Series([True, pd.NA], dtype="boolean"), [True, None]),
        ("sources", pd.Series([["a"], np.array(["b", "c"], dtype=object)]), [["a"], ["b", "c"]]),
        ("sources", pd.Series([[], []]), [[], []]),
    ],
)
def test_columns_are_cast_when_nothing_is_lost(
    column: str, values: "pd.Series[Any]", expected: list[Any]
) -> None:
    rows = plays(play(0), play(1))
    rows[column] = values
    assert [row[column] for row in conformed(rows)] == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_of_any_unit_and_zone_are_the_same_moment(unit: Any) -> None:
    rows = plays(play(0))
    rows["played_at"] = rows["played_at"].dt.as_unit(unit).dt.tz_convert("Asia/Tokyo")
    assert conformed(rows)[0]["played_at"] == dt.datetime(2026, 10, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "night",
    [
        pd.Series([dt.date(2026, 10, 1)]),
        pd.Series([pd.Timestamp("2026-10-01")]),
        pd.Series([dt.date(2026, 10, 1)], dtype=pd.ArrowDtype(pa.date32())),
    ],
)
def test_dates_may_be_dates_or_midnights(night: "pd.Series[Any]") -> None:
    rows = pd.DataFrame(
        {"listener": ["a"], "subject": ["m"], "metric": ["f1"], "value": [0.5], "night": night}
    ).assign(low=None, high=None, baseline=None, n=None)
    (part,) = conform(METRICS, rows, {"month": "2026-10"}).values()
    assert part["night"].to_pylist() == [dt.date(2026, 10, 1)]


def test_a_frame_without_rows_may_have_any_types() -> None:
    assert conform(PLAYS, plays(play(0)).iloc[:0], MINE) == {}
    assert conform(PLAYS, pd.DataFrame(columns=PLAYS.schema.names), MINE) == {}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("title", 7, r"column 'title' does not fit string: it is int64"),
        ("title", "\ud800", r"column 'title' does not fit string: .*surrogates"),
        ("ms_played", "7", r"column 'ms_played' does not fit int32: it is string"),
        ("ms_played", 1.5, r"column 'ms_played' does not fit int32: .*truncated"),
        ("ms_played", 2**31, r"column 'ms_played' does not fit int32: .*(bounds|range)"),
        ("ms_played", True, r"column 'ms_played' does not fit int32: it is bool"),
        ("skipped", 1, r"column 'skipped' does not fit bool: it is int64"),
        ("sources", "lastfm", r"column 'sources' does not fit list<item: string>: it is string"),
        ("played_at", NAIVE, r"'played_at' does not fit .*: it is timestamp"),
        ("title", None, r"has no value in column 'title'"),
        ("sources", None, r"has no value in column 'sources'"),
    ],
)
def test_a_row_that_does_not_fit_is_named(column: str, value: Any, reason: str) -> None:
    rows = [play(0), play(1), play(2)]
    frame = plays(*rows).astype({column: "object"})
    frame.at[2, column] = value
    where = r"table 'plays' were refused, nothing was written: row 2 \(played_at=.*track_key=björk"
    with pytest.raises(SchemaMismatch, match=where + ".*" + reason):
        conform(PLAYS, frame, MINE)


def test_tables_of_pyarrow_are_held_to_the_same() -> None:
    table = pa.Table.from_pandas(plays(play(0), play(1)), PLAYS.schema, preserve_index=False)
    assert len(conformed(table)) == 2
    wrong = table.set_column(3, "title", pa.array(["a", None]))
    with pytest.raises(SchemaMismatch, match=r"row 1 .* has no value in column 'title'"):
        conform(PLAYS, wrong, MINE)


@pytest.mark.parametrize("night", ["2026-10-01", pd.Timestamp("2026-10-01 04:00")])
def test_a_date_is_neither_a_text_nor_a_time_of_day(night: object) -> None:
    rows = pd.DataFrame(
        {"listener": ["a"], "subject": ["m"], "metric": ["f1"], "value": [0.5], "night": [night]}
    ).assign(low=None, high=None, baseline=None, n=None)
    with pytest.raises(SchemaMismatch, match=r"row 0 .*'night' does not fit date32"):
        conform(METRICS, rows, {"month": "2026-10"})


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("night", [dt.date(2026, 10, 1), NAIVE.replace(hour=4)]),
        ("value", [0.5, True]),
    ],
)
def test_mixtures_are_refused_at_their_odd_row(column: str, values: list[Any]) -> None:
    rows = pd.DataFrame({"listener": "a", "subject": "m", "metric": ["f1", "auc"], "value": 0.5})
    rows = rows.assign(night=dt.date(2026, 10, 1), low=None, high=None, baseline=None, n=None)
    rows[column] = pd.Series(values, dtype="object")
    with pytest.raises(SchemaMismatch, match=rf"row 1 .*column '{column}' does not fit"):
        conform(METRICS, rows, {"month": "2026-10"})


def test_not_a_number_is_no_value() -> None:
    rows = pd.DataFrame(
        {"listener": "a", "subject": "m", "metric": "f1", "value": np.nan, "night": [dt.date.max]}
    ).assign(low=None, high=None, baseline=None, n=None)
    with pytest.raises(SchemaMismatch, match="has no value in column 'value'"):
        conform(METRICS, rows, {"month": "2026-10"})


def test_a_key_may_not_be_there_twice() -> None:
    with pytest.raises(SchemaMismatch, match=r"row 2 .*: has the key of another row"):
        conform(PLAYS, plays(play(5), play(0), play(5)), MINE)


def test_the_same_key_may_be_in_two_partitions() -> None:
    rows = plays(play(0, listener="a"), play(0, listener="b"))
    assert set(conform(PLAYS, rows, {"month": "2026-10"})) == {("a", "2026-10"), ("b", "2026-10")}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows.drop(columns="isrc"), "column 'isrc' is missing"),
        (lambda rows: rows.assign(mood=1), "column 'mood' is unknown"),
        (lambda rows: pd.concat([rows, rows[["title"]]], axis=1), "column 'title' is there twice"),
        (lambda rows: rows.assign(month="2026-11"), "row 0 .*one partition by its 'month'"),
    ],
)
def test_columns_have_to_be_those_of_the_table(change: Any, reason: str) -> None:
    with pytest.raises(SchemaMismatch, match=reason):
        conform(PLAYS, change(plays(play(0))), MINE)


@pytest.mark.parametrize(
    ("partition", "reason"),
    [
        ({"listener": "a"}, "column 'month' is missing"),
        ({"listener": "a", "month": ""}, "partition column 'month' needs a text"),
        (MINE | {"prefix": "00"}, "'prefix' is not one of its partition columns"),
    ],
)
def test_every_row_needs_a_partition(partition: dict[str, str], reason: str) -> None:
    with pytest.raises(SchemaMismatch, match=reason):
        conform(PLAYS, plays(play(0)), partition)


def test_a_row_without_a_partition_value_is_named() -> None:
    rows = plays(play(0, month="2026-10"), play(1, month=None))
    with pytest.raises(SchemaMismatch, match=r"row 1 .*one partition by its 'month'"):
        conform(PLAYS, rows, {"listener": "a"})


def test_a_refusal_writes_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    rows = plays(play(0, month="2026-10"), play(1, month="2026-11", title=None))
    with pytest.raises(SchemaMismatch):
        lake.merge(PLAYS, rows, partition={"listener": "a"})
    assert not (tmp_path / "lake").exists()


def test_lists_may_be_empty_but_not_absent() -> None:
    row = {"night": dt.date(2026, 10, 1), "intent": "main", "place": "spotify"}
    row |= {"name": "x", "playlist_id": None}
    row |= {"outcome": "planned", "note": "", "snapshot_before": None, "snapshot_after": None}
    row |= {"previous": None, "leftovers": None, "as_of": None, "covers": None}
    (part,) = conform(
        PLAYLISTS, pd.DataFrame([row | {"track_keys": [], "uris": []}]), {"listener": "a"}
    ).values()
    assert part["uris"].to_pylist() == [[]]
