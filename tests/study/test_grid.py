import pytest

from smallhours.errors import SettingsError
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours_study.grid import (
    FEATURES,
    FORMATS,
    MODELS,
    SPLITS,
    TAKES,
    Grid,
    Setting,
)


def test_its_features_are_the_lakes() -> None:
    assert FEATURES == PREDICTED_FEATURES


def test_everything_is_asked_for_where_nothing_is_said() -> None:
    grid = Grid.of()

    assert (grid.features, grid.models, grid.formats, grid.splits) == (
        FEATURES,
        MODELS,
        FORMATS,
        SPLITS,
    )
    assert {setting.model for setting in grid.settings()} == set(MODELS)


def test_a_model_meets_only_inputs_that_it_takes_and_each_setting_once() -> None:
    settings = Grid.of().settings()

    assert all(setting.format in TAKES[setting.model] for setting in settings)
    assert len({setting.name for setting in settings}) == len(settings)


def test_a_small_k_comes_before_a_large_one() -> None:
    limits = [s.limit for s in Grid.of(models=["xgboost"], limits=[1000, 100]).settings()]

    assert limits == sorted(limits, key=lambda limit: limit or 0)


@pytest.mark.parametrize("setting", Grid.of().settings(), ids=lambda setting: setting.name)
def test_a_settings_name_says_all_of_it(setting: Setting) -> None:
    assert Setting.parse(setting.name) == setting


@pytest.mark.parametrize("name", ["", "xgboost", "svm-tags-100-by_track", "bayes-tags-many-x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="not a setting"):
        Setting.parse(name)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"models": ["svm"]}, r"no model 'svm'\. Choose of: bayes"),
        ({"features": ["tempo"]}, "no feature 'tempo'"),
        ({"limits": [0]}, "at least 1"),
        ({"models": ["gpt2"], "formats": ["tags"]}, "None of the models gpt2 takes tags"),
    ],
)
def test_a_wrong_wish_is_told_with_what_is_possible(asked: dict[str, list[str]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        Grid.of(**asked)  # type: ignore[arg-type]
