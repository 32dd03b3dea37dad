"""Listwise fitting: weights that rank adopted tracks first."""

import numpy as np
import pytest

from benchmarks.support.listwise import (
    StackedLists,
    TrainingList,
    fit_weights,
    sample_list,
    softmax,
)

L2 = 0.3


def a_list(rng: np.random.Generator, tracks: int = 400, adopted: int = 8) -> TrainingList:
    """Return a list whose first column predicts adoption well, and the second not at all."""
    columns = rng.uniform(size=(tracks, 2))
    best = np.argsort(-(columns[:, 0] + 0.1 * rng.normal(size=tracks)))[:adopted]
    found = np.zeros(tracks, dtype=bool)
    found[best] = True
    return TrainingList(columns, found, np.ones(tracks))


def test_a_signal_that_foretells_gains_weight_and_one_that_does_not_stays() -> None:
    rng = np.random.default_rng(1)
    stacked = StackedLists.of([a_list(rng) for _ in range(4)])
    weights = fit_weights(stacked, np.zeros(2), l2=L2)
    assert weights[0] > 1
    assert abs(weights[1]) < 0.2


def test_the_stronger_the_penalty_the_nearer_the_start() -> None:
    stacked = StackedLists.of([a_list(np.random.default_rng(1))])
    away = [np.abs(fit_weights(stacked, np.zeros(2), l2=l2)).sum() for l2 in (10.0, 1.0, 0.1)]
    assert away == sorted(away)


def test_fitting_again_gives_the_same_weights() -> None:
    stacked = StackedLists.of([a_list(np.random.default_rng(1))])
    first, again = (fit_weights(stacked, np.ones(2), l2=L2) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_the_slope_is_that_of_the_loss() -> None:
    """Check that no step from the minimum makes the loss smaller."""
    stacked = StackedLists.of([a_list(np.random.default_rng(2))])
    best = fit_weights(stacked, np.zeros(2), l2=0.1)

    def loss(weights: np.ndarray) -> float:
        scores = stacked.columns @ weights
        _, log_sum = softmax(scores, stacked)
        adopted = stacked.adoptions_per_list
        mean = (adopted @ log_sum - scores[stacked.adopted].sum()) / adopted.sum()
        return float(mean + 0.05 * weights @ weights)

    for step in (np.array([1e-2, 0]), np.array([0, 1e-2])):
        assert loss(best + step) > loss(best)
        assert loss(best - step) > loss(best)


def test_a_sample_stands_for_the_whole_list() -> None:
    rng = np.random.default_rng(3)
    whole = a_list(rng, tracks=5000)
    eligible = np.ones(5000, dtype=bool)
    part = sample_list(whole.columns, whole.adopted, eligible, rng=rng, first=200, others=500)
    assert part.importance.sum() == pytest.approx(5000)
    assert part.adopted.sum() == 8
    from_whole = fit_weights(StackedLists.of([whole]), np.zeros(2), l2=L2)
    from_part = fit_weights(StackedLists.of([part]), np.zeros(2), l2=L2)
    assert from_part == pytest.approx(from_whole, abs=0.15)


def test_what_could_not_be_recommended_is_in_no_training_list() -> None:
    rng = np.random.default_rng(4)
    whole = a_list(rng)
    eligible = np.ones(400, dtype=bool)
    known = np.flatnonzero(~whole.adopted)[:300]
    eligible[known] = False
    part = sample_list(whole.columns, whole.adopted, eligible, rng=rng)
    assert len(part.adopted) == 100


def test_lists_without_adoptions_teach_nothing() -> None:
    empty = TrainingList(np.zeros((3, 2)), np.zeros(3, dtype=bool), np.ones(3))
    with pytest.raises(ValueError, match="adopted"):
        StackedLists.of([empty])
