"""Execution of a study: continuation after an interruption, and unchanged rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smallhours.errors import SettingsError, SmallhoursError
from smallhours_study import execution
from smallhours_study.execution import fit_setting, run_study
from smallhours_study.fits import FitResources, FitResult
from smallhours_study.gpt2_fits import note
from smallhours_study.grid import Grid, Setting
from smallhours_study.results import FittedSetting, measure
from tests.study.rows_by_hand import SMALL, a_folder, some_rows

ROWS = some_rows()


def test_every_setting_of_the_grid_is_fitted_and_told_once(tmp_path: Path) -> None:
    folder, told = a_folder(tmp_path), []
    folder.open(ROWS, SMALL.seed)

    run_study(
        folder, ROWS, SMALL, FitResources(), lambda f, at, of: told.append((f.setting, at, of))
    )

    settings = SMALL.settings()
    assert told == [(s, at, len(settings)) for at, s in enumerate(settings, start=1)]
    assert [fitted.setting for fitted in folder.of(SMALL)] == settings


def test_a_rerun_fits_nothing_anew(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    run_study(folder, ROWS, SMALL, FitResources(), lambda *_: None)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("fits/*")}

    run_study(folder, ROWS, SMALL, FitResources(), lambda *_: None)

    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("fits/*")} == before


def test_an_interruption_keeps_what_was_finished(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)

    def stop(_fitted: FittedSetting, done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(folder, ROWS, SMALL, FitResources(), stop)

    assert [fitted.setting for fitted in folder.of(SMALL)] == SMALL.settings()[:2]


def test_the_same_study_has_the_same_figures(tmp_path: Path) -> None:
    setting = Setting("xgboost", "tags", 10, "by_artist")

    one, other = (
        fit_setting(a_folder(tmp_path / name), ROWS, setting, Grid.of(), FitResources())
        for name in ("one", "other")
    )

    assert one.cells == other.cells


def test_another_feature_is_added_to_a_setting_without_touching_the_others(tmp_path: Path) -> None:
    folder, setting = a_folder(tmp_path), Setting("bayes", "tags", 10, "by_artist")
    first = fit_setting(folder, ROWS, setting, Grid.of(features=["energy"]), FitResources())

    both = fit_setting(
        folder, ROWS, setting, Grid.of(features=["energy", "valence"]), FitResources()
    )

    assert set(both.cells) == {"energy", "valence"}
    assert both.cells["energy"] == first.cells["energy"]


@pytest.mark.parametrize("model", ["bayes", "xgboost", "linear"])
def test_fitting_all_features_at_once_is_exact(model: str, tmp_path: Path) -> None:
    form = "apart" if model == "linear" else "tags"
    setting = Setting(model, form, None if model == "linear" else 10, "by_track")

    whole = fit_setting(a_folder(tmp_path / "a"), ROWS, setting, Grid.of(), FitResources())
    alone = fit_setting(
        a_folder(tmp_path / "b"), ROWS, setting, Grid.of(features=["valence"]), FitResources()
    )

    assert alone.cells["valence"].rmse == pytest.approx(whole.cells["valence"].rmse, rel=1e-6)


def test_a_larger_k_without_further_columns_is_not_fitted_again(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    grid = Grid.of(models=["bayes"], formats=["tags"], limits=[10, 1000], splits=["by_track"])

    small, large = run_study(folder, ROWS, grid, FitResources(), lambda *_: None)

    assert large.cells == small.cells
    assert large.notes == ("all 4 columns are in K = 10 already: one fit",)


def test_what_was_skipped_is_tried_again(tmp_path: Path) -> None:
    folder, setting = a_folder(tmp_path), Setting("bayes", "hours", 10, "by_track")
    assert fit_setting(folder, ROWS, setting, Grid.of(), FitResources()).skipped

    listened = some_rows(hours=[[at % 120] for at in range(120)])

    assert fit_setting(folder, listened, setting, Grid.of(), FitResources()).cells


def test_other_weights_are_fitted_anew_and_without_them_the_known_rows_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, setting = a_folder(tmp_path), Setting("gpt2", "ordered", None, "by_artist")
    fitted: list[str] = []

    def fit(*given: Any) -> FitResult:
        _, _, parts, places, resources = given
        if resources.gpt2_weights == "none":
            raise SmallhoursError("There are no weights here.", remedy="Name others.")
        fitted.append(resources.gpt2_weights)
        return FitResult(np.zeros((len(parts.test), len(places))), 0, (note(fitted[-1]),))

    monkeypatch.setattr(execution, "fit_and_predict", fit)
    monkeypatch.setattr(execution, "why_not", lambda *_: "")

    rows = [
        fit_setting(folder, ROWS, setting, Grid.of(), FitResources(gpt2_weights=weights))
        for weights in ("small", "small", "none", "mine", "small")
    ]

    assert fitted == ["small", "mine", "small"]
    assert rows[2].cells == rows[0].cells
    assert rows[2].skipped == ""
    (kept,) = folder.of(Grid.of(models=["gpt2"], formats=["ordered"], splits=["by_artist"]))
    assert kept.notes == [note("small")]


def test_a_damaged_result_is_fitted_anew(tmp_path: Path) -> None:
    folder, setting = a_folder(tmp_path), Setting("bayes", "tags", 10, "by_track")
    whole = fit_setting(folder, ROWS, setting, Grid.of(), FitResources())
    (tmp_path / "fits" / f"{setting.name}.json").write_text('{"cells": {')

    again = fit_setting(folder, ROWS, setting, Grid.of(), FitResources())

    assert again.cells == whole.cells


@pytest.mark.parametrize(("rows", "seed"), [(some_rows(artists=31), 1983), (ROWS, 7)])
def test_a_folder_holds_one_study(rows: object, seed: int, tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    folder.open(ROWS, 1983)
    folder.open(ROWS, 1983)

    with pytest.raises(SettingsError, match="study of other rows or of another seed"):
        folder.open(rows, seed)  # type: ignore[arg-type]


def test_a_study_without_its_rows_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="start the study again"):
        a_folder(tmp_path).rows()


def test_a_result_is_plain_json(tmp_path: Path) -> None:
    setting = Setting("bayes", "tags", 10, "by_artist")
    fit_setting(a_folder(tmp_path), ROWS, setting, Grid.of(), FitResources())

    found = json.loads((tmp_path / "fits" / "bayes-tags-10-by_artist.json").read_text())

    assert found["setting"]["model"] == "bayes"
    assert set(found["cells"]["energy"]) == {
        "rmse",
        "mae",
        "r2",
        "rmse_of_mean",
        "rmse_of_draw",
        "n",
    }


def test_the_mean_has_no_r2_and_a_draw_errs_root_two_times_as_much() -> None:
    rng = np.random.default_rng(0)
    actual = rng.normal(0.5, 0.2, 20_000)

    cell = measure(np.full(len(actual), actual.mean()), actual, actual, seed=1)

    assert cell.r2 == 0.0
    assert cell.rmse == cell.rmse_of_mean
    assert cell.rmse_of_draw / cell.rmse_of_mean == pytest.approx(2**0.5, abs=0.02)


def test_perfect_predictions_have_an_r2_of_one() -> None:
    actual = np.array([0.1, 0.5, 0.9])

    assert measure(actual, actual, actual, seed=1).r2 == 1.0


def test_unfinished_training_is_thrown_away_when_a_setting_is_done(tmp_path: Path) -> None:
    folder, setting = a_folder(tmp_path), Setting("linear", "apart", None, "by_artist")
    resources = FitResources(checkpoints=tmp_path / "checkpoints")
    begun = resources.checkpoints / setting.name / "0" if resources.checkpoints else tmp_path
    begun.mkdir(parents=True)

    fit_setting(folder, ROWS, setting, SMALL, resources)

    assert not begun.parent.exists()


def test_a_small_network_reads_the_strings_where_no_weights_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the extra gpt2 is not installed")
    setting, steps = Setting("gpt2", "ordered", None, "by_artist"), []
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    resources = FitResources(gpt2_weights="small", progress=lambda now: steps.append(now.stage))

    fitted = fit_setting(a_folder(tmp_path), some_rows(artists=60), setting, SMALL, resources)

    assert fitted.mean("r2", SMALL.features) > 0.3
    assert any("not GPT-2" in note for note in fitted.notes)
    assert "trained on the CPU, 1 thread" in fitted.notes
    assert set(steps) == {"pretraining", "fine-tuning"}
