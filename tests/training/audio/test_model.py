"""The audio model: what it learns, and which features it does not predict."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from smallhours.lake.store import Lake
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.nights import Night
from smallhours.training.audio.contributions import contributions
from smallhours.training.audio.figures import AudioGateDecision, bayesian_ridge_r2
from smallhours.training.audio.measured_tracks import OTHER_FEATURES, AudioRows
from smallhours.training.audio.model import (
    ARTIST_TAGS,
    BOOSTED,
    LINEAR,
    OWN_TAGS,
    AudioModel,
    AudioPredictor,
    files_of,
    fit_audio_model,
    kind_for,
)
from smallhours.training.audio.saved import USE
from smallhours.training.audio.train import AudioTrainingResult, audio_card, feature_status
from smallhours.training.registry import Registry, SavedModel, dump_model
from tests.training.lakes import NIGHT, some_settings

ARTISTS, EACH = 60, 6
Values = float | npt.NDArray[np.float64]


def rows(**others: Values) -> AudioRows:
    """Return rows in which loud artists are loud and fast, whatever key they play in."""
    rng = np.random.default_rng(11)
    loud = np.repeat(rng.uniform(0, 1, ARTISTS), EACH)
    n = len(loud)
    columns: dict[str, Values] = {
        "loudness": -20 + 15 * loud + rng.normal(0, 1, n),
        "tempo": 90 + 60 * loud + rng.normal(0, 10, n),
        "key": rng.integers(0, 12, n).astype(float),
        "mode": (rng.uniform(0, 1, n) < 0.2 + 0.6 * loud).astype(float),
        "liveness": rng.uniform(0, 1, n),
        **others,
    }
    given = [np.zeros(n) + columns.get(name, np.nan) for name in OTHER_FEATURES]
    return AudioRows(
        [f"artist {at // EACH} · song {at % EACH}" for at in range(n)],
        [{"live take": 60} if at % 3 == 0 else {} for at in range(n)],
        [{"loud": 1 + int(98 * each), "calm": 99 - int(98 * each)} for each in loud],
        np.clip(loud[:, None] + rng.normal(0, 0.05, (n, 5)), 0, 1),
        np.stack(given, axis=1).astype(float),
        np.full(n, np.nan),
    )


def learned(
    measured: AudioRows, night: Night = NIGHT
) -> tuple[AudioTrainingResult, dict[str, object]]:
    model, figures = fit_audio_model(measured, kind=LINEAR, top_tags=100, threads=1)
    result = AudioTrainingResult(
        "_shared", measured, model, figures, 0.1, AudioGateDecision(True, "the first model")
    )
    return result, dict(audio_card(result, some_settings(), night).data)


def test_small_data_gets_the_linear_model_unless_the_settings_say_otherwise() -> None:
    few = rows()
    many = replace(few, track_keys=[f"artist {at % 300} · {at}" for at in range(1800)])
    assert kind_for("auto", few) == LINEAR
    assert kind_for("auto", many) == BOOSTED
    assert kind_for("linear", many) == LINEAR
    assert kind_for("boosted", few) == BOOSTED


def test_other_features_are_predicted_where_tags_tell_them() -> None:
    result, card = learned(rows())
    assert result.model.features == (*PREDICTED_FEATURES, "loudness", "tempo", "mode")
    assert str(card["loudness"]).startswith("predicted (R²")


def saved(result: AudioTrainingResult, files: dict[str, bytes], folder: Path) -> SavedModel:
    card = audio_card(result, some_settings(), NIGHT)
    return Registry.of(Lake(str(folder))).save(card, files)


def test_a_saved_model_predicts_the_same_and_holds_only_what_predicts(tmp_path: Path) -> None:
    noise = rows().others[:, OTHER_FEATURES.index("liveness")].copy()
    noise[::5] = np.nan
    result, _ = learned(rows(liveness=noise))
    again = AudioPredictor.of(saved(result, files_of(result.model), tmp_path)).model
    assert predictions(again) == predictions(result.model)
    assert again.features == result.model.features
    assert all(each.predicted for each in again.models)
    assert any(not each.predicted for each in result.model.models)


def test_a_model_with_a_file_for_each_regressor_is_still_read(tmp_path: Path) -> None:
    result, _ = learned(rows())
    files = {name: files_of(result.model)[name] for name in (OWN_TAGS, ARTIST_TAGS)}
    index = []
    for at, each in enumerate(result.model.models):
        files[f"regressor_{at}.skops"] = dump_model(each.regressor)
        told = {"features": each.features, "told": each.predicted}
        index.append({"file": f"regressor_{at}.skops", **told})
    files[USE] = json.dumps({"kind": LINEAR, "regressors": index}).encode()
    again = AudioPredictor.of(saved(result, files, tmp_path)).model
    assert predictions(again) == predictions(result.model)


def predictions(model: AudioModel) -> list[list[float]]:
    values, _, _ = model.predict([{}, {"live take": 60}], [{"loud": 99}, {"calm": 40}])
    return [list(map(float, each)) for each in values]


def test_where_they_do_not_the_card_says_so() -> None:
    _, card = learned(rows())
    assert str(card["liveness"]).startswith("not predictable from tags")
    assert str(card["key"]).startswith("not predictable from tags")
    assert card["duration_ms"] == "too few measured"


def test_predictions_are_in_their_own_units_and_ranges() -> None:
    measured = rows()
    result, _ = learned(measured)
    loud, calm = {"loud": 99, "calm": 1}, {"loud": 1, "calm": 99}
    values, low, high = result.model.predict([{}, {}], [loud, calm])
    at = {name: column for column, name in enumerate(result.model.features)}
    assert values[0, at["loudness"]] == pytest.approx(-5, abs=4)
    assert values[1, at["loudness"]] == pytest.approx(-20, abs=4)
    tempo = measured.others[:, OTHER_FEATURES.index("tempo")]
    assert ((values[:, at["tempo"]] >= tempo.min()) & (values[:, at["tempo"]] <= tempo.max())).all()
    # The chance of major.
    assert 0 <= values[1, at["mode"]] < 0.5 < values[0, at["mode"]] <= 1
    assert ((low <= values) & (values <= high)).all()


def test_a_feature_that_only_some_tracks_have_is_learned_from_those() -> None:
    tempo = rows().others[:, OTHER_FEATURES.index("tempo")].copy()
    tempo[::3] = np.nan
    result, _ = learned(rows(tempo=tempo))
    assert "tempo" in result.model.features
    assert result.figures["tempo"].n == int((~np.isnan(tempo)).sum())


def test_a_feature_that_never_changes_is_not_predictable() -> None:
    result, card = learned(rows(mode=1.0))
    assert "mode" not in result.model.features
    assert str(card["mode"]).startswith("not predictable from tags")


def test_tracks_that_have_only_tags_of_their_own_can_be_learned_from() -> None:
    measured = rows()
    moved = replace(measured, own=measured.artist, artist=[{} for _ in measured.artist])
    model, _ = fit_audio_model(moved, kind=LINEAR, top_tags=100, threads=1)
    assert model.inputs.artist is None
    values, *_ = model.predict([{"loud": 99, "calm": 1}], [{}])
    assert values[0, 0] > 0.7


def test_the_paper_s_cheap_model_is_measured_beside() -> None:
    measured = rows()
    model, figures = fit_audio_model(measured, kind=LINEAR, top_tags=100, threads=1)
    baseline = bayesian_ridge_r2(measured, model.models[0].regressor.fold_, 100)
    assert 0.5 < baseline < 1
    assert np.mean([figures[name].r2 for name in PREDICTED_FEATURES]) > baseline - 0.1


@pytest.mark.parametrize("kind", [LINEAR, BOOSTED])
def test_contributions_of_all_features_add_up_to_the_prediction(kind: object) -> None:
    model, _ = fit_audio_model(rows(), kind=kind, top_tags=100, threads=1)  # type: ignore[arg-type]
    tags = {"loud": 80, "live take": 40, "calm": 10}
    values, *_ = model.predict([tags], [tags])
    shares = contributions(model, tags)
    assert set(shares) == set(model.features)
    for at, name in enumerate(model.features):
        assert shares[name].value == pytest.approx(values[0, at], abs=1e-9)


def test_what_a_linear_model_adds_for_tags_is_what_it_would_lose_without_bounds() -> None:
    """Check by hand from the coefficients: a single tag's contribution is the whole difference."""
    model, _ = fit_audio_model(rows(), kind=LINEAR, top_tags=100, threads=1)
    share = contributions(model, {"live take": 60})["energy"]
    values, *_ = model.predict([{"live take": 60}], [{"live take": 60}])
    at = model.features.index("energy")
    assert share.held_back == pytest.approx(0, abs=1e-9)
    assert share.baseline + share.tags[0] == pytest.approx(values[0, at])


def test_it_is_said_of_every_other_feature_whether_tags_tell_it() -> None:
    result, _ = learned(rows())
    assert list(feature_status(result)) == list(OTHER_FEATURES)
