from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from smallhours.training.top_tags import TopTags

ROWS = st.lists(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 100), min_size=1), min_size=1
)


def test_tags_are_chosen_by_their_summed_count() -> None:
    rows = [{"often": 30}, {"often": 30}, {"once": 50}, {"rare": 5}]
    assert TopTags(2).fit(rows).tags_.tolist() == ["often", "once"]


def test_equal_tags_are_chosen_in_alphabetical_order() -> None:
    assert TopTags(2).fit([{"c": 1, "b": 1, "a": 1}]).tags_.tolist() == ["a", "b"]


@given(ROWS, st.integers(1, 10))
def test_the_matrix_holds_the_counts_of_the_chosen_tags(rows: list[dict[str, int]], k: int) -> None:
    top = TopTags(k).fit(rows)
    dense = top.transform(rows).toarray()
    assert dense.shape == (len(rows), len(top.tags_))
    for at, row in enumerate(rows):
        assert dense[at].tolist() == [row.get(tag, 0) for tag in top.tags_.tolist()]


def test_a_row_of_unknown_tags_is_empty() -> None:
    matrix = TopTags(5).fit([{"rock": 1}]).transform([{"polka": 9}, {}])
    assert matrix.shape == (2, 1)
    assert matrix.nnz == 0


def test_more_tags_than_there_are_means_all() -> None:
    assert len(TopTags(1000).fit([{"rock": 1, "pop": 2}]).tags_) == 2


def test_it_refuses_rows_without_any_tag() -> None:
    with pytest.raises(ValueError, match="no row has a tag"):
        TopTags().fit([{}, {}])


def test_it_refuses_to_choose_no_tags() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        TopTags(0).fit([{"rock": 1}])


def test_it_can_not_transform_before_it_was_fitted() -> None:
    with pytest.raises(NotFittedError):
        TopTags().transform([{"rock": 1}])


def test_a_matrix_with_a_column_per_tag_is_taken_as_well() -> None:
    counts = sparse.csr_matrix([[30, 0, 5], [30, 50, 0]])
    top = TopTags(2).fit(counts)
    assert top.tags_.tolist() == ["x0", "x1"]
    assert top.transform(counts).toarray().tolist() == [[30, 0], [30, 50]]


def test_the_columns_of_a_frame_name_the_tags() -> None:
    frame = pd.DataFrame({"sad": [1, 2], "rock": [90, 10]})
    assert TopTags(1).fit(frame).get_feature_names_out().tolist() == ["rock"]


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf")])
def test_a_count_that_is_none_is_refused(count: float) -> None:
    with pytest.raises(ValueError, match="row 1 counts 'rock'"):
        TopTags().fit([{"pop": 1}, {"rock": count}])


def test_rows_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match="row 0 must map tags to counts, but is a str"):
        TopTags().fit(["rock, pop"])


@parametrize_with_checks([TopTags()])  # type: ignore[untyped-decorator]  # no stubs
def test_it_passes_scikit_learns_checks(estimator: Any, check: Any) -> None:
    check(estimator)
