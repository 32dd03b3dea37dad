import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from smallhours.training.tags import Tags
from smallhours.training.taste import classifier as taste_classifier
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.model import Calibration, TagColumns


def _expected_to_fail(_: BaseEstimator) -> dict[str, str]:
    return {"check_decision_proba_consistency": "asks with negative counts"}


@parametrize_with_checks(  # type: ignore[untyped-decorator]  # no stubs
    [TasteClassifier()], expected_failed_checks=_expected_to_fail
)
def test_it_is_a_scikit_learn_estimator(estimator: BaseEstimator, check: object) -> None:
    assert callable(check)
    check(estimator)


def test_the_examples_in_its_docs_are_true() -> None:
    assert doctest.testmod(taste_classifier).failed == 0


def test_own_and_artist_columns_of_a_track_stand_apart() -> None:
    tags = Tags({"a · 1": {"Sad": 90, "sad": 10}}, {"a": {"rock": 100}})
    columns = TagColumns.of(tags, ["a · 1", "a · 2"])
    assert columns.column_tags == ("sad", "rock")
    assert columns.counts(tags, ["a · 1", "a · 2"]).toarray().tolist() == [[90, 100], [0, 100]]


@given(st.floats(0.2, 3), st.floats(-2, 2), st.integers(0, 99))
def test_calibration_finds_what_log_odds_were_worth(slope: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(scale=2, size=4000)
    p = 1 / (1 + np.exp(-(slope * log_odds + offset)))
    found = Calibration.fit(log_odds, (rng.uniform(size=4000) < p).astype(int))
    assert np.abs(found(log_odds) - p).mean() < 0.05


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 1)), min_size=2, max_size=30))
def test_calibration_never_turns_the_order_round(rows: list[tuple[float, int]]) -> None:
    log_odds, y = map(np.array, zip(*rows, strict=True))
    found = Calibration.fit(log_odds, y)
    p = found(np.sort(log_odds))
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()


def test_a_few_rows_told_apart_perfectly_do_not_make_it_certain() -> None:
    found = Calibration.fit(np.array([-1.0, 1.0, 2.0]), [0, 1, 1])
    assert found(np.array([2.0]))[0] == pytest.approx(0.8, abs=0.15)
