"""Fits of settings: on the right inputs and the right rows."""

import math

import numpy as np
import pytest

from smallhours_study import extra
from smallhours_study.fits import (
    FitResources,
    FitResult,
    fit_and_predict,
    targets_of,
    why_not,
)
from smallhours_study.grid import Setting
from smallhours_study.study_rows import StudyRows, split_rows
from tests.study.rows_by_hand import some_rows

ALL = range(5)


def fit(setting: Setting, rows: StudyRows) -> FitResult:
    return fit_and_predict(setting, rows, split_rows(setting, rows, 1983), ALL, FitResources())


def error_of(setting: Setting, rows: StudyRows) -> tuple[float, float]:
    """Return the RMSE of the fit, and of the training rows' mean."""
    parts, y = split_rows(setting, rows, 1983), targets_of(setting, rows)
    predicted = fit(setting, rows).predicted
    mean = y[parts.train].mean(axis=0)
    return (
        math.sqrt(np.mean((predicted - y[parts.test]) ** 2)),
        math.sqrt(np.mean((mean - y[parts.test]) ** 2)),
    )


@pytest.mark.parametrize(
    "setting",
    [
        Setting("bayes", "tags", 10, "by_artist"),
        Setting("xgboost", "tags", 10, "by_artist"),
        Setting("linear", "apart", None, "by_artist"),
        Setting("nightly", "apart", None, "by_track"),
        Setting("bayes", "tags", 10, "published"),
        Setting("xgboost", "ordered", 10, "by_track"),
        Setting("xgboost", "tags_counts", 10, "by_track"),
    ],
    ids=lambda setting: setting.name,
)
def test_what_tags_tell_is_learned(setting: Setting) -> None:
    rmse, of_mean = error_of(setting, some_rows(artists=60))

    assert rmse < of_mean


def test_without_the_tokenizer_the_token_formats_are_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extra, "TOKENIZER", ("tokenizer_of_another_world",))
    rows = some_rows()

    said = why_not(Setting("xgboost", "ordered", 10, "by_track"), rows)

    assert "tokenizer_of_another_world can't be found" in said
    assert why_not(Setting("xgboost", "tags", 10, "by_track"), rows) == ""


def test_by_artist_no_artist_is_on_both_sides() -> None:
    rows = some_rows()

    parts = split_rows(Setting("bayes", "tags", 10, "by_artist"), rows, 1983)

    names = [{rows.artists[at] for at in part} for part in vars(parts).values()]
    assert not names[0] & names[1] | names[0] & names[2] | names[1] & names[2]
    assert sum(map(len, vars(parts).values())) == len(rows)


def test_as_published_only_gpt2_is_measured_on_the_test_rows() -> None:
    rows = some_rows()
    honest = split_rows(Setting("bayes", "tags", 10, "by_track"), rows, 1983)

    trees = split_rows(Setting("xgboost", "tags", 10, "published"), rows, 1983)
    text = split_rows(Setting("gpt2", "ordered", None, "published"), rows, 1983)

    assert np.array_equal(trees.test, honest.validation)
    assert np.array_equal(text.test, honest.test)


def test_as_published_a_tag_with_capitals_is_lost() -> None:
    rows = some_rows()
    published = fit(Setting("bayes", "tags", 10, "published"), rows)
    honest = fit(Setting("bayes", "tags", 10, "by_track"), rows)

    assert any("lost to their capital letters" in note for note in published.notes)
    assert not any("lost" in note for note in honest.notes)


def test_more_columns_than_there_are_is_a_stated_fallback() -> None:
    learned = fit(Setting("bayes", "tags", 10_000, "by_track"), some_rows())

    assert learned.columns == 4
    assert learned.notes == ("there are no more tags: 4 columns in place of 10,000",)


def test_an_hour_of_listening_is_the_mean_of_its_plays() -> None:
    hours = [[at % 120, (at + 1) % 120, at % 120] for at in range(150)]
    rows = some_rows(hours=hours)
    setting = Setting("bayes", "hours", 10, "by_track")

    y = targets_of(setting, rows)

    assert y.shape == (150, 5)
    assert np.allclose(y[0], (2 * rows.targets[0] + rows.targets[1]) / 3)
    assert fit(setting, rows).predicted.shape == (30, 5)


@pytest.mark.parametrize(
    ("setting", "rows", "why"),
    [
        (Setting("bayes", "hours", 10, "by_track"), some_rows(), "nothing is known"),
        (Setting("bayes", "hours", 10, "by_track"), some_rows(hours=[[1]] * 3), "3 hours"),
        (Setting("bayes", "hours", 10, "by_artist"), some_rows(), "no single artist"),
        (Setting("bayes", "tags", 10, "by_artist"), some_rows(), "^$"),
    ],
)
def test_why_a_setting_cannot_be_fitted(setting: Setting, rows: StudyRows, why: str) -> None:
    import re

    assert re.search(why, why_not(setting, rows))
