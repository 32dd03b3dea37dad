import zipfile
from io import BytesIO

import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from smallhours.training.regression import (
    TRUSTED_TYPES,
    LinearTagRegressor,
    TagFeatureRegressor,
)
from tests.training.regression.small_world import SMALL, WORDS, SmallWorld, world

NEW, LEARNED = slice(0, 150), slice(150, None)
REGRESSORS = [
    TagFeatureRegressor(WORDS, **SMALL),
    LinearTagRegressor(WORDS),
]


@pytest.fixture(scope="module")
def small() -> SmallWorld:
    return world(temper=0.15)


@pytest.fixture(scope="module")
def fitted(small: SmallWorld) -> TagFeatureRegressor:
    model = TagFeatureRegressor(WORDS, **SMALL)
    return model.fit(small.tags[LEARNED], small.features[LEARNED], small.artists[LEARNED])


@parametrize_with_checks(
    [
        TagFeatureRegressor(bounds=None, folds=2, landmarks=20, trees=5, epochs=2, networks=1),
        LinearTagRegressor(bounds=None),
    ]
)
def test_is_a_scikit_learn_estimator(estimator, check):  # type: ignore[no-untyped-def]
    check(estimator)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_learns_what_tags_tell_about_artists_that_it_never_met(model, small):  # type: ignore[no-untyped-def]
    fitted = clone(model).fit(small.tags[LEARNED], small.features[LEARNED], small.artists[LEARNED])

    error = fitted.predict(small.tags[NEW])[:, 0] - small.features[NEW, 0]

    assert error.std() < 0.85 * small.features[NEW, 0].std()


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_saved_model_predicts_the_same_to_the_last_bit(model, small):  # type: ignore[no-untyped-def]
    fitted = clone(model).fit(small.tags[LEARNED], small.features[LEARNED], small.artists[LEARNED])

    again = skops.io.loads(skops.io.dumps(fitted), trusted=sorted(TRUSTED_TYPES))

    assert (again.predict(small.tags) == fitted.predict(small.tags)).all()


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_saved_model_holds_nothing_of_each_training_row(model, small):  # type: ignore[no-untyped-def]
    fitted = clone(model).fit(small.tags, small.features, small.artists)

    again = skops.io.loads(skops.io.dumps(fitted), trusted=sorted(TRUSTED_TYPES))

    rows = {
        name for name, value in vars(again).items() if np.shape(value)[:1] == (len(small.features),)
    }
    assert rows == set()


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_saved_model_keeps_large_arrays_in_32_bits(model, small):  # type: ignore[no-untyped-def]
    fitted = clone(model).fit(small.tags, small.features, small.artists)

    with zipfile.ZipFile(BytesIO(skops.io.dumps(fitted))) as saved:
        arrays = [
            np.load(BytesIO(saved.read(name))) for name in saved.namelist() if name.endswith(".npy")
        ]

    assert not [a.shape for a in arrays if a.dtype == np.float64 and a.size >= 300]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_predictions_stay_within_the_bounds(model, small):  # type: ignore[no-untyped-def]
    wide = small.features > small.features.mean(axis=0)
    fitted = clone(model).fit(small.tags, wide.astype(float), small.artists)

    predicted = fitted.predict(small.tags * 50)

    assert predicted.min() >= 0
    assert predicted.max() <= 1


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_constant_feature_is_predicted_as_that_constant(model, small):  # type: ignore[no-untyped-def]
    flat = np.full_like(small.features, 0.25)

    predicted = clone(model).fit(small.tags, flat, small.artists).predict(small.tags)

    assert predicted == pytest.approx(flat)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_a_track_without_tags_is_predicted_as_the_mean(model, small):  # type: ignore[no-untyped-def]
    fitted = clone(model).fit(small.tags, small.features, small.artists)

    predicted = fitted.predict(small.tags[:1] * 0)

    assert predicted[0] == pytest.approx(small.features.mean(axis=0))


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    ("rows", "feature", "artist", "message"),
    [
        (1, 0.5, "a", "minimum of 2"),
        (5, np.nan, "a", "NaN"),
        (5, 1.5, "a", "outside of the bounds"),
        (5, 0.5, None, "no artist in row 0"),
        (5, 0.5, "", "no artist in row 0"),
    ],
)
def test_bad_rows_are_refused_by_name(model, small, rows, feature, artist, message):  # type: ignore[no-untyped-def]
    y = np.full((rows, 1), feature)
    with pytest.raises(ValueError, match=message):
        clone(model).fit(small.tags[:rows], y, [artist] * rows)


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_rows_without_any_tag_are_refused(model, small):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="no row has a tag"):
        clone(model).fit(small.tags * 0, small.features, small.artists)


def test_tracks_of_one_artist_alone_can_be_learned_from(small: SmallWorld) -> None:
    rows = small.tags[:20]
    model = TagFeatureRegressor(WORDS, **SMALL).fit(rows, small.features[:20], ["one"] * 20)

    assert model.predict(rows, ["one"] * 20).shape == (20, 2)


def test_other_tracks_of_a_known_artist_make_the_guess_better(small: SmallWorld) -> None:
    asked = np.arange(small.tags.shape[0]) % 5 == 0
    model = TagFeatureRegressor(WORDS, **SMALL)
    model.fit(small.tags[~asked], small.features[~asked], small.artists[~asked])

    without = model.predict(small.tags[asked])[:, 1] - small.features[asked, 1]
    known = model.predict(small.tags[asked], small.artists[asked])[:, 1] - small.features[asked, 1]

    assert known.std() < 0.6 * without.std()


def test_an_artist_that_was_not_learned_from_changes_nothing(
    fitted: TagFeatureRegressor, small: SmallWorld
) -> None:
    named = fitted.predict(small.tags[NEW], small.artists[NEW])

    assert (named == fitted.predict(small.tags[NEW])).all()


def test_intervals_hold_four_of_five_tracks_of_unseen_artists(
    fitted: TagFeatureRegressor, small: SmallWorld
) -> None:
    value, low, high = fitted.predict_interval(small.tags[NEW])

    inside = ((low <= small.features[NEW]) & (small.features[NEW] <= high)).mean()
    assert 0.7 < inside < 0.9
    assert (low <= value).all()
    assert (value <= high).all()


def test_the_number_of_threads_changes_nothing(
    fitted: TagFeatureRegressor, small: SmallWorld
) -> None:
    two = TagFeatureRegressor(WORDS, n_jobs=2, **SMALL)
    two.fit(small.tags[LEARNED], small.features[LEARNED], small.artists[LEARNED])

    assert (two.predict(small.tags) == fitted.predict(small.tags)).all()


def test_the_interval_of_a_track_without_tags_is_as_wide_as_the_feature(
    fitted: TagFeatureRegressor, small: SmallWorld
) -> None:
    _, low, high = fitted.predict_interval(small.tags[:1] * 0)

    assert low[0] == pytest.approx(np.quantile(small.features[LEARNED], 0.1, axis=0))
    assert high[0] == pytest.approx(np.quantile(small.features[LEARNED], 0.9, axis=0))


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_noise_is_not_told_even_by_a_hair(model, small):  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(1).uniform(0, 1, (small.tags.shape[0], 40))
    fitted = clone(model).fit(small.tags, noise, small.artists)

    error = ((fitted.held_out_ - noise) ** 2).mean()

    assert error > ((noise - noise.mean(axis=0)) ** 2).mean()


def test_a_track_can_be_asked_for_as_if_its_artist_were_new(small: SmallWorld) -> None:
    model = LinearTagRegressor(WORDS).fit(small.tags, small.features, small.artists)

    unmet = model.predict_unseen(small.tags, small.artists)

    assert model.hashed_
    assert unmet == pytest.approx(model.held_out_, abs=0.03)
    known = np.abs(model.predict(small.tags, small.artists) - small.features)[:, 1].mean()
    assert known < 0.7 * np.abs(unmet - small.features)[:, 1].mean()
