"""The parts of the GPT-2 regressor that need no torch."""

import doctest
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.utils import get_tags

from smallhours_study import extra
from smallhours_study.extra import MissingExtra, require_gpt2
from smallhours_study.formats.bpe import VOCABULARY
from smallhours_study.paper import gpt2_data
from smallhours_study.paper.gpt2_data import (
    TokenVocabulary,
    checked_rows,
    fingerprint,
    split_validation,
)
from smallhours_study.paper.gpt2_regressor import GPT2Regressor
from tests.study.formats.estimator_contract import WITHOUT_DATA

TEXTS = [f"tag {at}" for at in range(20)]


def test_without_the_extra_one_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extra, "NEEDED", ("torch_of_another_world",))
    with pytest.raises(MissingExtra, match="torch_of_another_world can't be found") as error:
        GPT2Regressor().fit(["rock"], [1.0])
    assert "make gpt2" in error.value.remedy


def test_nothing_is_said_when_the_extra_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "NEEDED", ("numpy",))
    require_gpt2()


def test_a_vocabulary_knows_the_tokens_of_its_texts_and_one_for_all_others() -> None:
    known = TokenVocabulary.of(["rock, pop"])
    assert known.read("pop, rock", limit=9).max() < len(known)
    assert known.read("jazz", limit=9).tolist() == [len(known) - 1] * 2
    assert known.read("", limit=9).tolist() == [len(known) - 1]


def test_the_whole_vocabulary_is_gpt2s_own() -> None:
    whole = TokenVocabulary.whole()
    assert len(whole) == VOCABULARY
    assert whole.read("rock, pop", limit=2).tolist() == [10823, 11]


def test_the_examples_in_the_docstrings_run() -> None:
    results = doctest.testmod(gpt2_data)
    assert results.attempted > 0
    assert results.failed == 0


def test_whole_groups_are_held_back() -> None:
    artists = [f"artist {at // 4}" for at in range(20)]
    learn, stop = split_validation(checked_rows(TEXTS, np.arange(20)), artists, 0.2, seed=1)
    assert stop is not None
    of = dict(zip(TEXTS, artists, strict=True))
    assert len(learn) + len(stop) == 20
    assert not {of[text] for text in learn.texts} & {of[text] for text in stop.texts}


def test_rows_are_held_back_when_all_are_of_one_group() -> None:
    learn, stop = split_validation(checked_rows(TEXTS, np.arange(20)), ["one"] * 20, 0.2, seed=1)
    assert stop is not None
    assert (len(learn), len(stop)) == (16, 4)


def test_a_share_of_nothing_holds_nothing_back() -> None:
    learn, stop = split_validation(checked_rows(TEXTS, np.arange(20)), None, 0.0, seed=1)
    assert stop is None
    assert len(learn) == 20


@pytest.mark.parametrize(
    ("texts", "y", "said"),
    [
        ([], [], "at least one"),
        (["rock"], [1.0, 2.0], "got 2 targets for 1 texts"),
        (["rock"], [np.nan], "NaN"),
    ],
)
def test_data_that_does_not_fit_is_refused(texts: list[str], y: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked_rows(texts, y)


def test_a_missing_group_is_refused() -> None:
    with pytest.raises(ValueError, match="a group per text; got 3 for 20"):
        split_validation(checked_rows(TEXTS, np.arange(20)), ["a", "b", "c"], 0.2, seed=1)


def test_the_fingerprint_tells_data_and_settings_apart() -> None:
    rows = checked_rows(TEXTS, np.arange(20))
    same = fingerprint({"seed": 1}, rows, None)
    assert fingerprint({"seed": 1}, checked_rows(TEXTS, np.arange(20)), None) == same
    assert fingerprint({"seed": 2}, rows, None) != same
    assert fingerprint({"seed": 1}, checked_rows(TEXTS, np.arange(20) + 1), None) != same
    assert fingerprint({"seed": 1}, rows, rows) != same


@pytest.mark.parametrize("check", WITHOUT_DATA, ids=lambda check: check.__name__)
def test_scikit_learns_checks_that_need_no_matrix(check: Callable[..., None]) -> None:
    check("GPT2Regressor", GPT2Regressor())


def test_it_says_what_it_reads() -> None:
    tags = get_tags(GPT2Regressor())
    assert tags.input_tags.string
    assert tags.target_tags.multi_output
