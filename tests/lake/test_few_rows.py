"""Tests that merging few rows gives the same result as merging a whole partition."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.lake import partition
from smallhours.lake.parquet import encode
from smallhours.lake.partition import Merged, RepeatedKey, merge_rows
from smallhours.lake.schema import by_key
from smallhours.lake.tables import TRACK_TAGS

KEY = TRACK_TAGS.key
TRACKS = [f"artist · söng {number:02d}" for number in range(40)]
WORDS = ["ambient", "jazz", "live", "öde", "zydeco"]


def tags(rows: dict[tuple[str, str], int]) -> pa.Table:
    table = pa.Table.from_pylist(
        [
            {"track_key": k, "source": "lastfm", "tag": t, "count": n, "fetched_at": None}
            for (k, t), n in rows.items()
        ],
        schema=pa.schema([field.with_nullable(True) for field in TRACK_TAGS.schema]),
    )
    return table.take(pa.array(by_key(table, KEY)[0])).combine_chunks()


OLD = tags({pair: len("".join(pair)) for pair in itertools.product(TRACKS, WORDS)})

few = st.dictionaries(
    st.tuples(st.sampled_from([*TRACKS, "aaa", "zzz"]), st.sampled_from(["", *WORDS])),
    st.integers(0, 30),
    max_size=12,
)


@given(few, st.sets(st.integers(0, len(OLD) - 1), max_size=20))
def test_few_rows_are_merged_as_many_would_be(
    rows: dict[tuple[str, str], int], gone: set[int]
) -> None:
    dropped = np.isin(np.arange(len(OLD)), list(gone))
    fast = merge_rows(KEY, OLD, tags(rows), dropped)
    whole = _merged_whole(rows, dropped)
    assert (fast.added, fast.updated, fast.unchanged, fast.removed) == (
        (whole.added, whole.updated, whole.unchanged, whole.removed)
    )
    assert encode(fast.rows) == encode(whole.rows)


def _merged_whole(
    rows: dict[tuple[str, str], int], dropped: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
) -> Merged:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partition, "_SMALL_MERGE_SHARE", 0.0)
        return merge_rows(KEY, OLD, tags(rows), dropped)


def test_a_key_that_is_twice_in_the_file_is_found_wherever_it_is() -> None:
    twice = pa.concat_tables([OLD, OLD.slice(7, 1)])
    new = tags({("zzz", "jazz"): 3})
    with pytest.raises(RepeatedKey):
        merge_rows(KEY, twice, new, np.zeros(len(twice), np.bool_))


def test_a_file_that_is_not_sorted_is_sorted_when_it_changes() -> None:
    turned = OLD.take(pa.array(np.arange(len(OLD))[::-1]))
    new = tags({("zzz", "jazz"): 3})
    merged = merge_rows(KEY, turned, new, np.zeros(len(turned), np.bool_))
    assert merged.rows.equals(merge_rows(KEY, OLD, new, np.zeros(len(OLD), np.bool_)).rows)
