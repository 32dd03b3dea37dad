import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smallhours.training.evaluation.uncertainty import ResidualIntervals

UNIT = st.floats(0, 1)


def uneven(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions whose error grows with their size, so that no single width fits all."""
    rng = np.random.default_rng(seed)
    predicted = rng.uniform(0.2, 0.8, rows)
    return predicted, predicted + rng.normal(0, 0.02 + 0.1 * (predicted - 0.2))


def test_each_fifth_of_the_predictions_is_covered_four_times_out_of_five() -> None:
    intervals = ResidualIntervals.fit(*uneven(3000, seed=1))
    predicted, actual = uneven(3000, seed=2)
    low, high = intervals.bounds_of(predicted)
    inside = (actual >= low) & (actual <= high)
    for fifth in np.array_split(np.argsort(predicted), 5):
        assert 0.74 < inside[fifth].mean() < 0.86


def test_uncertain_predictions_get_wider_intervals() -> None:
    low, high = ResidualIntervals.fit(*uneven(3000, seed=1)).bounds_of(np.array([0.25, 0.75]))
    assert (high - low)[1] > 2 * (high - low)[0]


@given(arrays(float, st.integers(1, 80), elements=UNIT), st.data())
def test_an_interval_lies_within_the_unit_and_around_its_prediction(
    predicted: np.ndarray, data: st.DataObject
) -> None:
    actual = data.draw(arrays(float, len(predicted), elements=UNIT))
    low, high = ResidualIntervals.fit(predicted, actual).bounds_of(predicted)
    assert ((low >= 0) & (low <= predicted) & (predicted <= high) & (high <= 1)).all()


def test_equal_predictions_make_a_single_bin() -> None:
    intervals = ResidualIntervals.fit(np.full(500, 0.4), np.linspace(0, 1, 500))
    assert len(intervals.edges) == 0
    low, high = intervals.bounds_of(np.array([0.4]))
    assert (low[0], high[0]) == (pytest.approx(0.1, abs=0.01), pytest.approx(0.9, abs=0.01))


def test_they_survive_json() -> None:
    intervals = ResidualIntervals.fit(*uneven(400, seed=3))
    again = ResidualIntervals.from_json(json.loads(json.dumps(intervals.to_json())))
    at = np.linspace(0, 1, 11)
    assert np.array_equal(intervals.bounds_of(at), again.bounds_of(at))


def test_without_held_out_rows_there_are_none() -> None:
    with pytest.raises(ValueError, match="held-out"):
        ResidualIntervals.fit(np.zeros(0), np.zeros(0))


def test_a_prediction_at_the_bound_leaves_room_for_being_wrong() -> None:
    rng = np.random.default_rng(4)
    predicted = rng.uniform(0, 1, 400)
    # What is predicted as low is lower still: residuals of the lowest tenth are below 0.
    actual = np.clip(predicted - 0.05 + rng.normal(0, 0.02, 400), 0, 1)
    low, high = ResidualIntervals.fit(predicted, actual).bounds_of(np.array([0.0]))
    assert low[0] == 0
    assert high[0] > 0.02


def test_a_few_distinct_predictions_make_a_bin_each() -> None:
    predicted = np.repeat([0.2, 0.3, 0.31], [200, 100, 100])
    intervals = ResidualIntervals.fit(predicted, predicted + 0.1)
    low, high = intervals.bounds_of(np.array([0.2, 0.25, 0.31]))
    assert high - low == pytest.approx([0.1, 0.1, 0.1])
