"""Figures of models and rankings: the examples in their docstrings, and properties."""

import doctest
import importlib
import math
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.evaluation import metrics as figures
from smallhours.training.evaluation import uncertainty

MODULES = ("folds", "metrics", "uncertainty")

# Few different scores, so that ties are common.
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])),
    min_size=2,
    max_size=40,
).filter(lambda rows: 0 < sum(y for y, _ in rows) < len(rows))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docs_are_true(name: str) -> None:
    module: ModuleType = importlib.import_module(f"smallhours.training.evaluation.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@given(ROWS)
def test_classification_figures_are_those_of_their_definitions(
    rows: list[tuple[int, float]],
) -> None:
    y, p = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert figures.auc(y, p) == pytest.approx(figures.placements(y, p).mean())
    reached = [p >= threshold for threshold in sorted(set(p), reverse=True)]
    recall = [y[each].sum() / y.sum() for each in reached]
    precision = [y[each].mean() for each in reached]
    area = np.diff(recall, prepend=0.0) @ precision
    assert figures.average_precision(y, p) == pytest.approx(area)
    assert figures.brier(y, p) == pytest.approx(((p - y) ** 2).mean())
    sure = np.clip(p, figures.PROBABILITY_MARGIN, 1 - figures.PROBABILITY_MARGIN)
    given_to_outcome = np.where(y == 1, sure, 1 - sure)
    assert figures.log_loss(y, p) == pytest.approx(-np.log(given_to_outcome).mean())


@pytest.mark.parametrize("kind", [0, 1])
def test_rows_of_one_kind_have_a_log_loss_and_a_brier_score(kind: int) -> None:
    assert figures.log_loss([kind, kind], [0.5, 0.5]) == pytest.approx(np.log(2))
    assert figures.brier([kind, kind], [0.5, 0.5]) == pytest.approx(0.25)


@given(ROWS)
def test_the_reliability_curve_counts_every_row_once(rows: list[tuple[int, float]]) -> None:
    y, p = zip(*rows, strict=True)
    curve = figures.reliability(y, p)
    assert sum(each.n for each in curve) == len(rows)
    assert sum(each.n * each.share for each in curve) == pytest.approx(sum(y))
    assert all(each.low <= each.mean_p <= each.high for each in curve)


def test_without_both_kinds_there_is_no_auc() -> None:
    assert math.isnan(figures.auc([1, 1], [0.1, 0.2]))
    assert math.isnan(figures.auc([0, 0], [0.1, 0.2]))
    assert math.isnan(figures.average_precision([0, 0], [0.1, 0.2]))


def test_scores_and_outcomes_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="outcomes"):
        figures.auc([1, 0], [0.5])


@given(st.permutations("abcdefgh"), st.sets(st.sampled_from("abcdefghxy"), min_size=1))
def test_a_ranking_with_the_truth_on_top_is_perfect_and_none_is_better(
    ranked: list[str], truth: set[str]
) -> None:
    best = sorted(ranked, key=lambda key: key not in truth)
    for k in (1, 3, 8):
        assert figures.ndcg_at(ranked, truth, k) <= figures.ndcg_at(best, truth, k) + 1e-12
        assert figures.recall_at(ranked, truth, k) <= figures.candidate_recall(ranked, truth)
        hit = figures.recall_at(ranked, truth, k) > 0
        assert figures.hit_at(ranked, truth, k) == float(hit)


def test_a_week_without_adoptions_says_nothing() -> None:
    assert math.isnan(figures.ndcg_at(["a"], set(), 5))
    assert math.isnan(figures.recall_at(["a"], set(), 5))
    assert math.isnan(figures.hit_at(["a"], set(), 5))
    assert math.isnan(figures.candidate_recall(["a"], set()))


@given(st.lists(st.integers(0, 50), min_size=1).filter(any))
def test_gini_lies_between_equal_and_all_to_one(counts: list[int]) -> None:
    assert -1e-9 <= figures.gini(counts) < 1


def test_what_cannot_be_said_of_a_list_is_not_a_number() -> None:
    assert math.isnan(figures.gini([]))
    assert math.isnan(figures.novelty([]))
    assert math.isnan(figures.calibration_kl({}, {"jazz": 1}))
    assert math.isnan(figures.popularity_lift([], [0.5]))
    assert math.isnan(figures.overlap([], [["a"]]))
    assert math.isnan(figures.overlap(["a"], []))


@given(st.integers(0, 60), st.integers(0, 60))
def test_wilson_holds_the_share_and_stays_a_share(successes: int, more: int) -> None:
    found = uncertainty.wilson(successes, successes + more)
    assert 0 <= found.low <= found.high <= 1
    if successes + more:
        assert found.low <= found.value <= found.high


def test_wilson_refuses_more_successes_than_trials() -> None:
    with pytest.raises(ValueError, match="5 of 4"):
        uncertainty.wilson(5, 4)


def test_a_bootstrap_of_clusters_is_wider_than_one_of_their_members() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(10), 20)
    values = rng.normal(size=10)[clusters] + rng.normal(scale=0.1, size=200)
    apart = uncertainty.bootstrap_mean(values, rng=np.random.default_rng(1))
    together = uncertainty.bootstrap_mean(values, rng=np.random.default_rng(1), clusters=clusters)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_what_was_not_measured_is_left_out_of_a_bootstrap() -> None:
    nan = float("nan")
    rng = np.random.default_rng(1)
    assert uncertainty.bootstrap_mean([1.0, nan, 1.0], rng=rng).value == 1.0
    assert math.isnan(uncertainty.bootstrap_mean([nan], rng=rng).value)
    assert uncertainty.bootstrap_ratio([2.0, nan], [1.0, 1.0], rng=rng).value == 2.0
    assert math.isnan(uncertainty.bootstrap_ratio([1.0], [0.0], rng=rng).value)
