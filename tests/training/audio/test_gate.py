"""The gate for audio models, on artists that neither model has seen."""

from dataclasses import replace

import numpy as np
import pytest

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES
from smallhours.training.audio import NAME
from smallhours.training.audio.figures import (
    compare_models,
    compare_with_current,
    compare_with_shared,
)
from smallhours.training.audio.measured_tracks import AudioRows, measured_rows
from smallhours.training.audio.model import (
    LINEAR,
    AudioModel,
    fit_audio_model,
    load_audio_predictor,
)
from smallhours.training.audio.stages import predict_audio_features, train_audio_features
from smallhours.training.registry import SHARED, Registry
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    add_features,
    add_plays,
    add_tracks,
    measured_catalog,
    some_settings,
)

SETTINGS = some_settings(top_tags=100)
# With one tag there is hardly anything to learn from.
POORER = some_settings(top_tags=1)


@pytest.fixture
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    measured_catalog(lake)
    return lake


def model_of(rows: AudioRows) -> AudioModel:
    return fit_audio_model(rows, kind=LINEAR, top_tags=100, threads=1)[0]


def spoilt(rows: AudioRows) -> AudioRows:
    """Return the same tracks with the features of others."""
    order = np.random.default_rng(3).permutation(len(rows))
    return replace(rows, targets=rows.targets[order])


def test_a_model_that_learned_nonsense_is_worse(lake: Lake) -> None:
    rows = measured_rows(lake, ["dataset"])
    verdict = compare_with_current(model_of(spoilt(rows)), model_of(rows), rows)
    assert not verdict.promoted
    assert "worse than the one in use: mean R²" in verdict.why
    assert verdict.new_r2 is not None
    assert verdict.old_r2 is not None
    assert verdict.new_r2 < verdict.old_r2


def test_a_model_of_the_same_tracks_is_no_worse(lake: Lake) -> None:
    rows = measured_rows(lake, ["dataset"])
    assert compare_with_current(model_of(rows), model_of(rows), rows).promoted


def test_of_two_equal_models_a_listeners_own_is_not_worth_its_place(lake: Lake) -> None:
    rows = measured_rows(lake, ["dataset"])
    assert not compare_with_shared(model_of(rows), model_of(rows), rows).promoted


def test_nobody_is_judged_on_artists_that_it_learned_from(lake: Lake) -> None:
    """Check that random features have no R², although the model has seen every artist."""
    rows = measured_rows(lake, ["dataset"])
    rng = np.random.default_rng(5)
    temper = {artist: rng.uniform(0, 1, 5) for artist in rows.artist_keys}
    odd = replace(rows, targets=np.array([temper[artist] for artist in rows.artist_keys]))
    model = model_of(odd)
    compared = compare_models(model, model, odd)
    assert compared.new_r2 < 0.1
    assert compared.error == 0


def test_models_with_other_tags_are_judged_on_all_artists(lake: Lake) -> None:
    rows = measured_rows(lake, ["dataset"])
    half = rows.subset({key for key in rows.track_keys if key < "artist 4"})
    few_tags = fit_audio_model(half, kind=LINEAR, top_tags=2, threads=1)[0]
    compared = compare_models(model_of(rows), few_tags, rows)
    assert (compared.tracks, compared.artists) == (360, 60)
    assert abs(compared.difference) < 0.2


def test_the_first_model_is_put_in_use_and_a_worse_one_is_kept_beside_it(lake: Lake) -> None:
    first = train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    assert first["promoted"] == "yes: the first model"
    second = train_audio_features(ADA, lake, settings=POORER, night=NEXT_NIGHT)

    assert str(second["promoted"]).startswith("no: worse than the one in use")
    assert second["in_use"] == first["model"] != second["model"]
    registry = Registry.of(lake)
    assert registry.versions(SHARED, NAME) == [first["model"], second["model"]]
    refused = registry.open(SHARED, NAME, str(second["model"])).card
    assert refused.settings["promoted"] == "no"
    assert refused.settings["judged_against"] == first["model"]
    assert refused.metrics["judged_r2"] < refused.metrics["judged_r2_of_the_model_in_use"]


def test_a_refused_model_leaves_all_predictions_as_they_are(lake: Lake) -> None:
    add_tracks(lake, ["artist 7 · new song"])
    train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    predict_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    before = lake.frame(AUDIO_FEATURES)
    train_audio_features(ADA, lake, settings=POORER, night=NEXT_NIGHT)
    again = predict_audio_features(ADA, lake, settings=POORER, night=NEXT_NIGHT)

    assert again["values_written"] == 0
    rows = lake.frame(AUDIO_FEATURES)
    ours = [frame[frame["source"] == "predicted"] for frame in (before, rows)]
    assert ours[0].reset_index(drop=True).equals(ours[1].reset_index(drop=True))


def test_a_refused_training_is_not_repeated(lake: Lake) -> None:
    train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    refused = train_audio_features(ADA, lake, settings=POORER, night=NEXT_NIGHT)
    again = train_audio_features(ADA, lake, settings=POORER, night=NEXT_NIGHT)
    assert "nothing has changed" in str(again["promoted"])
    assert again["model"] == refused["model"]


def test_a_model_that_cannot_be_read_is_replaced_and_said_so(lake: Lake) -> None:
    first = train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    lake.files.replace(f"models/{SHARED}/{NAME}/{first['model']}/use.json", b"?")
    add_features(lake, {"artist 1 · late song": [0.5] * 5})
    second = train_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert str(second["promoted"]).startswith("yes: there is none in use that can be read")
    assert second["in_use"] == second["model"]


def two_worlds(lake: Lake) -> None:
    """Reverse loud and calm for `ada`'s artists, so that others' tracks mislead."""
    keys = measured_catalog(lake, artists=60, each=6)
    hers = [key for key in keys if int(key.split()[1]) % 2 == 0]
    rows = measured_rows(lake, ["dataset"])
    at = {key: row for row, key in enumerate(rows.track_keys)}
    add_features(lake, {key: (1 - rows.targets[at[key]]).tolist() for key in hers})
    add_plays(lake, dict.fromkeys(hers, 1))


def test_a_listener_with_tracks_enough_gets_a_model_of_their_own_where_it_does_better(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("two")))
    two_worlds(lake)
    settings = some_settings(top_tags=100, own_audio_artists=20)
    summary = train_audio_features(ADA, lake, settings=settings, night=NIGHT)

    assert str(summary["own_promoted"]).startswith("yes: better than the model of all listeners")
    assert summary["learned_from"] == ADA
    predictor = load_audio_predictor(lake, ADA)
    other = load_audio_predictor(lake, "ben")
    assert predictor is not None
    assert other is not None
    assert (predictor.owner, other.owner) == (ADA, SHARED)
    card = Registry.of(lake).open(ADA, NAME, predictor.version).card
    assert card.data["learned_from"] == "the measured tracks that ada played or saved"
    assert card.data["artists"] == 30
    assert set(lake.frame(METRICS)["listener"]) == {"", ADA}


def test_with_fewer_artists_than_the_settings_say_the_model_of_all_is_used(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("two")))
    two_worlds(lake)
    settings = some_settings(top_tags=100, own_audio_artists=20)
    train_audio_features(ADA, lake, settings=settings, night=NIGHT)
    settings = some_settings(top_tags=100, own_audio_artists=40)
    summary = train_audio_features(ADA, lake, settings=settings, night=NEXT_NIGHT)
    assert summary["learned_from"] == SHARED
    assert "own_model" not in summary


def test_what_anothers_own_model_predicted_stays(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("two")))
    two_worlds(lake)
    settings = some_settings(top_tags=100, own_audio_artists=20)
    ben = settings.model_copy(
        update={"listeners": {**settings.listeners, "ben": settings.listeners[ADA]}}
    )
    train_audio_features(ADA, lake, settings=ben, night=NIGHT)
    add_tracks(lake, ["artist 8 · new song"])
    hers = predict_audio_features(ADA, lake, settings=ben, night=NIGHT)
    his = predict_audio_features("ben", lake, settings=ben, night=NIGHT)
    assert hers["values_written"] == 5
    assert hers["model"] != his["model"]
    assert his["values_written"] == 0
