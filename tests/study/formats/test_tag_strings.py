from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_study.formats.tag_strings import (
    DUPLICATED,
    KINDS,
    ORDERED,
    TAGS_COUNTS,
    TagStrings,
)

ROW = {"dream pop": 2, "rock": 3, "sad": 0, "ambient": 2}
ROWS = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 100)))


def text_of(row: Mapping[str, float], kind: str) -> str:
    return str(TagStrings(kind).fit_transform([row])[0])


def test_ordered_names_the_strongest_tag_first_and_equal_ones_alphabetically() -> None:
    assert text_of(ROW, ORDERED) == "rock, ambient, dream pop, sad"


def test_tags_and_counts_are_written_out() -> None:
    assert text_of(ROW, TAGS_COUNTS) == "rock 3, ambient 2, dream pop 2, sad 0"


def test_a_duplicated_tag_stands_as_often_as_its_count_says() -> None:
    assert text_of(ROW, DUPLICATED) == "rock rock rock, ambient ambient, dream pop dream pop"


def test_counts_are_compared_as_numbers_not_as_text() -> None:
    assert text_of({"a": 98, "b": 100}, ORDERED) == "b, a"


@given(ROWS, st.sampled_from(KINDS))
def test_the_order_of_a_mapping_makes_no_difference(rows: list[dict[str, int]], kind: str) -> None:
    turned = [dict(reversed(row.items())) for row in rows]
    strings = TagStrings(kind)
    assert strings.fit_transform(rows).tolist() == strings.fit_transform(turned).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_without_tags_is_an_empty_text(kind: str) -> None:
    assert text_of({}, kind) == ""


def test_an_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="ordered, tags_counts, duplicated"):
        TagStrings("shuffled").fit([ROW])


def test_a_count_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="row 0 counts 'rock' nan times"):
        TagStrings().fit_transform([{"rock": float("nan")}])
