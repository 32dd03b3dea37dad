"""Property tests of the merge: no row is lost, doubled or written twice."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.lake.store import Lake
from tests.lake.samples import SAMPLE, identity, key_table, keys, sample_table, samples

Row = dict[str, Any]


def contents(lake: Lake) -> dict[str, bytes]:
    root = Path(lake.url)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*.parquet")}


def by_identity(rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    return {identity(row): row for row in rows}


@settings(max_examples=40)
@given(rows=samples)
def test_rows_survive_the_lake(rows: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.merge(SAMPLE, sample_table(rows))
        found = lake.read(SAMPLE).to_pylist()
    assert len(found) == len(rows)
    assert by_identity(found) == by_identity(rows)


@settings(max_examples=40)
@given(rows=samples)
def test_frames_survive_the_lake(rows: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.merge(SAMPLE, sample_table(rows))
        before = contents(lake)
        report = lake.replace(SAMPLE, lake.frame(SAMPLE), partition={})
        assert contents(lake) == before
    assert (report.partitions_written, report.rows_unchanged) == (0, len(rows))


@settings(max_examples=50)
@given(steps=st.lists(st.tuples(samples, keys), max_size=4))
def test_merges_do_what_a_dictionary_does(steps: list[tuple[list[Row], list[Any]]]) -> None:
    model: dict[tuple[Any, ...], Row] = {}
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        for rows, gone in steps:
            new = by_identity(rows)
            after = {key: row for key, row in model.items() if key not in gone} | new
            report = lake.merge(SAMPLE, sample_table(rows), delete=key_table(gone))
            assert report.rows_added == len(new.keys() - model.keys())
            assert report.rows_updated == sum(
                model[key] != new[key] for key in new.keys() & model.keys()
            )
            assert report.rows_removed == len(model.keys() - after.keys())
            assert report.rows_added + report.rows_updated + report.rows_unchanged == len(rows)
            model = after
        found = lake.read(SAMPLE).to_pylist()
        assert found == [model[key] for key in sorted(model, key=_in_lake_order)]


@settings(max_examples=40)
@given(first=samples, second=samples)
def test_a_merge_that_is_run_again_changes_nothing(first: list[Row], second: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        lake = Lake(folder)
        lake.merge(SAMPLE, sample_table(first))
        lake.merge(SAMPLE, sample_table(second))
        before = contents(lake)
        report = lake.merge(SAMPLE, sample_table(second))
        assert (report.partitions_written, report.bytes_written) == (0, 0)
        assert contents(lake) == before


@settings(max_examples=40)
@given(rows=samples, data=st.data())
def test_the_order_of_arrival_does_not_show_in_the_bytes(
    rows: list[Row], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    shuffled = data.draw(st.permutations(rows))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once, in_steps = Lake(one), Lake(other)
        at_once.merge(SAMPLE, sample_table(rows))
        in_steps.merge(SAMPLE, sample_table(shuffled[:cut]))
        in_steps.merge(SAMPLE, sample_table(shuffled[cut:]))
        assert contents(at_once) == contents(in_steps)


def _in_lake_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part.encode() if isinstance(part, str) else part for part in key)
