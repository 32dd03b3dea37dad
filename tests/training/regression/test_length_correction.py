"""Tests of the correction of predictions by the length of a track."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import skops.io

from smallhours.training.audio.measured_tracks import lengths_of
from smallhours.training.regression import TRUSTED_TYPES, LinearTagRegressor
from smallhours.training.regression.length_correction import MIN_LENGTHS, LengthCorrection
from tests.training.regression.small_world import WORDS, world

Floats = npt.NDArray[np.float64]
N = 3000
FOLDS = np.arange(N) % 5


@pytest.fixture(scope="module")
def lengths() -> Floats:
    return np.exp(np.random.default_rng(7).normal(12.3, 0.5, N))


@pytest.fixture(scope="module")
def truth(lengths: Floats) -> Floats:
    """Return two features: the first is lower for long tracks, the second does not depend on it."""
    rng = np.random.default_rng(8)
    first = 0.5 - 0.2 * (lengths > 300_000) + rng.normal(0, 0.05, N)
    return np.column_stack([first, 0.5 + rng.normal(0, 0.05, N)]).clip(0, 1)


PREDICTED = np.full((N, 2), 0.5)


@pytest.fixture(scope="module")
def fitted(lengths: Floats, truth: Floats) -> LengthCorrection:
    return LengthCorrection().fit(PREDICTED, lengths, truth, FOLDS)


def error(predicted: Floats, truth: Floats) -> Floats:
    return np.asarray(((predicted - truth) ** 2).mean(axis=0))


def test_what_the_length_tells_is_corrected_and_nothing_else(
    fitted: LengthCorrection, lengths: Floats, truth: Floats
) -> None:
    corrected = error(fitted.correct_held_out(PREDICTED, lengths, FOLDS), truth)
    before = error(PREDICTED, truth)
    assert corrected[0] < 0.5 * before[0]
    assert corrected[1] < 1.05 * before[1]


def test_shuffled_lengths_correct_nothing(lengths: Floats, truth: Floats) -> None:
    shuffled = np.random.default_rng(9).permutation(lengths)
    correction = LengthCorrection().fit(PREDICTED - 0.02, shuffled, truth, FOLDS)
    mean = truth.mean(axis=0)
    found = error(correction.correct_held_out(PREDICTED - 0.02, shuffled, FOLDS), truth)
    assert (found > 0.98 * error(np.tile(mean, (N, 1)), truth)).all()


def test_a_track_of_unknown_length_keeps_its_prediction(
    fitted: LengthCorrection, lengths: Floats
) -> None:
    some = np.where(np.arange(N) % 2, lengths, np.nan)
    corrected = fitted.correct(PREDICTED, some, 0)
    assert (corrected[::2] == PREDICTED[::2]).all()
    assert (corrected[1::2] != PREDICTED[1::2]).any()


def test_few_lengths_are_not_learned_from(lengths: Floats, truth: Floats) -> None:
    few = np.where(np.arange(N) < MIN_LENGTHS - 1, lengths, np.nan)
    correction = LengthCorrection().fit(PREDICTED, few, truth, FOLDS)
    assert (correction.correct(PREDICTED, lengths, 0) == PREDICTED).all()


def test_a_saved_correction_corrects_the_same(fitted: LengthCorrection, lengths: Floats) -> None:
    again = skops.io.loads(skops.io.dumps(fitted), trusted=sorted(TRUSTED_TYPES))
    corrected = again.correct(PREDICTED, lengths, 3)
    assert (corrected == fitted.correct(PREDICTED, lengths, 3)).all()


def test_a_regressor_that_was_saved_before_there_were_lengths_predicts_without() -> None:
    small = world(temper=0.15)
    model = LinearTagRegressor(WORDS).fit(small.tags, small.features, small.artists)
    predicted = model.predict(small.tags)
    del model.length_
    lengths = np.full(small.tags.shape[0], 200_000.0)
    assert (model.predict(small.tags, lengths=lengths) == predicted).all()


def test_spotifys_lengths_are_not_learned_from() -> None:
    rows = pd.DataFrame(
        [
            ("a · b", "spotify", 1e5),
            ("a · b", "lastfm", 2e5),
            ("c · d", "spotify", 1e5),
            ("e · f", "dataset", 3e5),
            ("e · f", "musicbrainz", 4e5),
            ("g · h", "lastfm", 1.0),
        ],
        columns=["track_key", "source", "value"],
    ).assign(feature="duration_ms")
    found = lengths_of(rows, ["a · b", "c · d", "e · f", "g · h"], ["spotify", "dataset"])
    np.testing.assert_array_equal(found, [2e5, np.nan, 3e5, np.nan])
