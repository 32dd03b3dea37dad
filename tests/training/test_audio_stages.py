import json
from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, METRICS, PREDICTED_FEATURES
from smallhours.training.audio_predictor import NAME, load_audio_predictor
from smallhours.training.persistence import UnreadableModel
from smallhours.training.registry import SHARED, Registry
from smallhours.training.stages import predict_audio_features, train_audio_features
from smallhours.training.tags import load_tags
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    add_artist_tags,
    add_background,
    add_features,
    add_tracks,
    measured_catalog,
    some_settings,
)

SETTINGS = some_settings(top_tags=20)
LOUD, CALM = "newcomer · loud song", "hermit · calm song"


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with a trained regressor; read only."""
    folder = tmp_path_factory.mktemp("trained")
    lake = Lake(str(folder))
    measured_catalog(lake)
    train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    return folder


@pytest.fixture
def lake(trained_once: Path, tmp_path: Path) -> Lake:
    """A copy of it, with two tracks by artists that it never met."""
    for file in trained_once.rglob("*.*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(trained_once)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    lake = Lake(str(tmp_path))
    add_tracks(lake, [LOUD, CALM])
    add_artist_tags(lake, {"newcomer": {"LOUD": 95, "calm": 5}, "hermit": {"Loud": 5, "Calm": 95}})
    return lake


def predicted(lake: Lake) -> dict[str, dict[str, float]]:
    """Predicted values by track key and feature."""
    rows = lake.frame(AUDIO_FEATURES)
    rows = rows[rows["source"] == "predicted"]
    values: dict[str, dict[str, float]] = {}
    for key, feature, value in zip(rows["track_key"], rows["feature"], rows["value"], strict=True):
        values.setdefault(key, {})[feature] = value
    return values


def predict(lake: Lake) -> dict[str, int | float | str]:
    return predict_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)


def test_tracks_of_new_artists_are_predicted_from_their_tags(lake: Lake) -> None:
    summary = predict(lake)
    assert (summary["tracks"], summary["values_written"]) == (2, 10)
    values = predicted(lake)
    assert values[LOUD]["energy"] > 0.8 > 0.3 > values[CALM]["energy"]
    assert values[CALM]["acousticness"] > 0.8 > 0.3 > values[LOUD]["acousticness"]


def test_a_prediction_has_its_interval_its_model_and_its_night(lake: Lake) -> None:
    summary = predict(lake)
    rows = lake.frame(AUDIO_FEATURES)
    rows = rows[rows["source"] == "predicted"]
    assert set(rows["feature"]) == set(PREDICTED_FEATURES)
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    # The noise has a standard deviation of .05: four of five lie within ± .064.
    assert 0.05 < (rows["high"] - rows["low"]).median() < 0.35
    assert set(rows["model"]) == {summary["model"]}
    assert set(rows["fetched_at"]) == {NIGHT.date}


def test_a_measured_track_is_not_predicted(lake: Lake) -> None:
    add_features(lake, {LOUD: [0.5] * 5}, source="spotify")
    summary = predict(lake)
    assert summary["measured"] == 1
    assert list(predicted(lake)) == [CALM]


def test_a_track_without_tags_is_not_predicted_but_counted(lake: Lake) -> None:
    add_tracks(lake, ["nobody · knows"])
    summary = predict(lake)
    assert summary["untagged"] == 1
    assert "nobody · knows" not in predicted(lake)


def test_candidates_are_predicted_too(lake: Lake) -> None:
    add_background(lake, ["newcomer · candidate"], route="similar_artist")
    predict(lake)
    assert "newcomer · candidate" in predicted(lake)


def test_predicting_again_writes_nothing(lake: Lake) -> None:
    predict(lake)
    again = predict_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert again["values_written"] == 0


def test_new_tags_change_a_prediction(lake: Lake) -> None:
    predict(lake)
    before = predicted(lake)[CALM]["energy"]
    add_artist_tags(lake, {"hermit": {"Loud": 95, "Calm": 5}})
    assert predict(lake)["values_written"] == 5
    assert predicted(lake)[CALM]["energy"] > before


def test_intervals_cover_new_artists_about_four_times_out_of_five(
    lake: Lake, tmp_path: Path
) -> None:
    other = Lake(str(tmp_path / "other"))
    keys = measured_catalog(other, artists=80, each=5, seed=99)
    truth = other.frame(AUDIO_FEATURES).pivot(index="track_key", columns="feature", values="value")
    model = load_audio_predictor(lake)
    assert model is not None
    found = load_tags(other, keys, normalised=True)
    _, low, high = model.predict([found.of(key) for key in keys])
    actual = truth.loc[keys, list(PREDICTED_FEATURES)].to_numpy()
    assert 0.7 < ((actual >= low) & (actual <= high)).mean() < 0.95


def test_both_models_of_the_paper_are_measured_on_both_splits(lake: Lake) -> None:
    rows = lake.frame(METRICS, where={"month": "2026-11"})
    assert set(rows["subject"]) == {"audio_bayesian_ridge", "audio_xgboost"}
    assert set(rows["listener"]) == {""}
    assert len(rows) == 2 * 2 * 2 * len(PREDICTED_FEATURES)
    by_name = rows[rows["subject"] == "audio_bayesian_ridge"].set_index("metric")
    value, baseline = by_name["value"].to_dict(), by_name["baseline"].to_dict()
    name = "rmse_energy_new_artists"
    assert value[name] < 0.1 < baseline[name]
    assert value["r2_energy_new_artists"] == pytest.approx(1 - (value[name] / baseline[name]) ** 2)


def test_the_model_with_the_better_r2_on_validation_artists_is_in_use(trained_once: Path) -> None:
    (folder,) = [p.parent for p in trained_once.glob("models/_shared/audio_features/*/card.json")]
    card = json.loads((folder / "card.json").read_text())
    r2 = {
        m: card["metrics"][f"{m}_validation_r2_new_artists"] for m in ("bayesian_ridge", "xgboost")
    }
    assert card["settings"]["chosen"] == max(r2, key=r2.__getitem__)
    assert card["data"]["tracks"] == 360
    assert {p.name for p in folder.iterdir()} == {
        "bayesian_ridge.skops",
        "card.json",
        "card.md",
        "tags.skops",
        "use.json",
        "xgboost.ubj",
    }


def test_either_saved_regressor_can_be_put_to_use(lake: Lake) -> None:
    saved = Registry.of(lake).current(SHARED, NAME)
    assert saved is not None
    tags = [{"loud": 95, "calm": 5}, {"loud": 5, "calm": 95}]
    regressors = set()
    for chosen in ("bayesian_ridge", "xgboost"):
        use = json.loads(saved.read("use.json")) | {"chosen": chosen}
        files = {name: saved.read(name) for name in saved.card.files}
        files["use.json"] = json.dumps(use).encode()
        Registry.of(lake).save(saved.card, files)
        model = load_audio_predictor(lake)
        assert model is not None
        energy = model.predict(tags)[0][:, PREDICTED_FEATURES.index("energy")]
        assert energy[0] > 0.8 > 0.3 > energy[1]
        regressors.add(type(model.regressor).__name__)
    assert regressors == {"SparseBayesianRidge", "XGBRegressor"}


def test_the_same_rows_give_the_same_model(lake: Lake) -> None:
    summary = train_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert str(summary["model"]).startswith("2026-11-21-")


def test_with_too_few_measured_tracks_nothing_is_trained_and_the_night_goes_on(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path))
    measured_catalog(lake, artists=20, each=5)
    summary = train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    assert summary["tracks"] == 100
    assert "100 tracks by 20 artists" in str(summary["skipped"])
    assert "catalog.features_file" in str(summary["skipped"])
    assert load_audio_predictor(lake) is None
    assert predict(lake) == {"skipped": "no regressor was trained yet", "tracks": 0}


def test_many_tracks_of_few_artists_are_too_few_as_well(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    measured_catalog(lake, artists=2, each=150)
    assert "skipped" in train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)


@pytest.mark.parametrize("name", ["tags.skops", "use.json"])
def test_a_truncated_file_of_the_model_is_refused(lake: Lake, tmp_path: Path, name: str) -> None:
    (file,) = tmp_path.glob(f"models/_shared/audio_features/*/{name}")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UnreadableModel, match=name):
        predict(lake)


def test_predictions_stay_within_the_unit(lake: Lake) -> None:
    model = load_audio_predictor(lake)
    assert model is not None
    for ends in model.predict([{"loud": 100_000}, {"calm": 100_000}, {}]):
        assert ends.shape == (3, 5)
        assert ((ends >= 0) & (ends <= 1)).all()
        assert np.isfinite(ends).all()
