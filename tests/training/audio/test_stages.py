import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smallhours.catalog.tag_names import refresh_names
from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.lake.tables import AUDIO_FEATURES, PREDICTED_FEATURES, TAG_NAMES
from smallhours.nights import Night
from smallhours.summary import Summary
from smallhours.training.audio import NAME
from smallhours.training.audio.model import load_audio_predictor
from smallhours.training.audio.stages import predict_audio_features, train_audio_features
from smallhours.training.registry import SHARED, Registry
from smallhours.training.tags import load_tags
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    add_artist_tags,
    add_background,
    add_features,
    add_track_tags,
    add_tracks,
    measured_catalog,
    some_settings,
)

SETTINGS = some_settings(top_tags=20)
LOUD, CALM = "newcomer · loud song", "hermit · calm song"


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a lake with a trained regressor; read only."""
    folder = tmp_path_factory.mktemp("trained")
    lake = Lake(str(folder))
    measured_catalog(lake)
    train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    return folder


@pytest.fixture
def lake(trained_once: Path, tmp_path: Path) -> Lake:
    """Copy it, and add two tracks by artists that the regressor has not seen."""
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
    """Return predicted values by track key and feature."""
    rows = lake.frame(AUDIO_FEATURES)
    rows = rows[rows["source"] == "predicted"]
    values: dict[str, dict[str, float]] = {}
    for key, feature, value in zip(rows["track_key"], rows["feature"], rows["value"], strict=True):
        values.setdefault(key, {})[feature] = value
    return values


def predict(lake: Lake) -> Summary:
    return predict_on(lake, NIGHT)


def predict_on(lake: Lake, night: Night) -> Summary:
    return predict_audio_features(ADA, lake, settings=SETTINGS, night=night)


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


def test_a_prediction_holds_no_more_digits_than_it_needs(lake: Lake) -> None:
    predict(lake)
    rows = lake.frame(AUDIO_FEATURES)
    stored = rows.loc[rows["source"] == "predicted", ["value", "low", "high"]].to_numpy()
    assert np.array_equal(stored, stored.astype(np.float32))


def test_even_the_most_extreme_predictions_leave_room_for_being_wrong(lake: Lake) -> None:
    add_tracks(lake, ["extreme · song"])
    add_artist_tags(lake, {"extreme": {"Loud": 100}})
    predict(lake)
    rows = lake.frame(AUDIO_FEATURES)
    widths = (rows["high"] - rows["low"])[rows["source"] == "predicted"]
    assert widths.min() > 0.04


def test_the_measured_tracks_of_an_artist_speak_for_its_others(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    measured_catalog(lake)
    for artist in ("odd one", "newcomer"):
        add_artist_tags(lake, {artist: {"Loud": 95, "calm": 5}})
    # Much quieter than its tags say.
    add_features(lake, {f"odd one · song {at}": [0.2] * 5 for at in range(6)})
    train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    add_tracks(lake, ["odd one · another", LOUD])
    predict(lake)
    values = predicted(lake)
    assert values["odd one · another"]["energy"] < values[LOUD]["energy"] - 0.3


def test_a_measured_track_is_not_predicted(lake: Lake) -> None:
    add_features(lake, {LOUD: [0.5] * 5}, source="spotify")
    summary = predict(lake)
    assert summary["measured"] == 1
    assert list(predicted(lake)) == [CALM]


def test_what_is_missing_of_a_measured_track_is_predicted(lake: Lake) -> None:
    add_features(lake, {LOUD: [0.5, None, 0.5, 0.5, 0.5]}, source="spotify")
    predict(lake)
    assert list(predicted(lake)[LOUD]) == ["acousticness"]


def test_a_track_without_tags_is_not_predicted_but_counted(lake: Lake) -> None:
    add_tracks(lake, ["nobody · knows"])
    summary = predict(lake)
    assert summary["untagged"] == 1
    assert "nobody · knows" not in predicted(lake)


def test_a_damaged_model_is_learned_again_by_the_next_training(lake: Lake) -> None:
    in_use = load_audio_predictor(lake)
    assert in_use is not None
    damaged = f"models/{SHARED}/{NAME}/{in_use.version}/regressors.skops"
    lake.files.replace(damaged, b"not a model")
    assert "skipped" in predict(lake)
    train_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert load_audio_predictor(lake) is not None
    assert predict(lake)["tracks"] == 2


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


def test_only_what_has_news_is_predicted_again(lake: Lake) -> None:
    others = [f"hermit · song {at}" for at in range(5)]
    add_tracks(lake, others)
    assert int(predict(lake)["tracks"]) >= 7
    predict_on(lake, NEXT_NIGHT)  # looks again at what it wrote itself
    in_two_days = Night.on(NIGHT.date + dt.timedelta(days=2), ZoneInfo("Europe/Dublin"))
    add_track_tags(lake, {others[0]: {"loud": 100}}, on=in_two_days.date)

    assert predict_on(lake, in_two_days)["tracks"] == 1

    # A new track, whose artist's tags are known for long; and an older night than the last one.
    add_tracks(lake, ["hermit · new song"], on=in_two_days.date)
    assert predict_on(lake, in_two_days)["tracks"] == 1

    # Fetched on the day of the last prediction, after it.
    predict_on(lake, in_two_days)  # looks again at what it wrote itself
    add_track_tags(lake, {others[1]: {"calm": 100}}, on=in_two_days.date)
    assert predict_on(lake, in_two_days)["tracks"] == 2
    add_tracks(lake, ["hermit · newest song"])
    assert int(predict(lake)["tracks"]) >= 8


def test_a_new_tag_concerns_its_tracks_and_another_name_every_track(lake: Lake) -> None:
    add_tracks(lake, ["hermit · one", "hermit · other"])
    refresh_names(lake)
    predict(lake)
    predict_on(lake, NEXT_NIGHT)
    in_two_days = Night.on(NIGHT.date + dt.timedelta(days=2), ZoneInfo("Europe/Dublin"))
    add_track_tags(lake, {"hermit · one": {"never heard of": 100}}, on=in_two_days.date)
    refresh_names(lake)

    assert predict_on(lake, in_two_days)["tracks"] == 1

    names = lake.frame(TAG_NAMES)
    renamed = names.assign(name=names["name"].replace("loud", "noisy"))
    assert not renamed.equals(names)
    lake.merge(TAG_NAMES, renamed)
    assert int(predict_on(lake, in_two_days)["tracks"]) >= 4


def test_intervals_cover_new_artists_about_four_times_out_of_five(
    lake: Lake, tmp_path: Path
) -> None:
    other = Lake(str(tmp_path / "other"))
    keys = measured_catalog(other, artists=80, each=5, seed=99)
    truth = other.frame(AUDIO_FEATURES).pivot(index="track_key", columns="feature", values="value")
    predictor = load_audio_predictor(lake)
    assert predictor is not None
    found = load_tags(other, keys, normalised=True)
    artist = [found.artist[key.split(" · ")[0]] for key in keys]
    _, low, high = predictor.model.predict([{}] * len(keys), artist)
    actual = truth.loc[keys, list(PREDICTED_FEATURES)].to_numpy()
    assert 0.7 < ((actual >= low) & (actual <= high)).mean() < 0.95


def test_the_model_is_measured_on_new_and_known_artists_beside_a_cheap_one(lake: Lake) -> None:
    rows = lake.frame(METRICS, where={"month": "2026-11"})
    assert set(rows["subject"]) == {NAME, "audio_bayesian_ridge"}
    assert set(rows["listener"]) == {""}
    by_name = rows[rows["subject"] == NAME].set_index("metric")
    value, baseline = by_name["value"].to_dict(), by_name["baseline"].to_dict()
    name = "rmse_energy_new_artists"
    assert value[name] < 0.15 < baseline[name]
    assert value["r2_energy_new_artists"] == pytest.approx(1 - (value[name] / baseline[name]) ** 2)
    assert value["r2_energy_known_artists"] > value["r2_energy_new_artists"]
    assert 0.6 < value["coverage80_energy"] < 0.95


def test_the_card_says_what_was_learned_and_what_cannot_be(trained_once: Path) -> None:
    (folder,) = [p.parent for p in trained_once.glob("models/_shared/audio_features/*/card.json")]
    card = json.loads((folder / "card.json").read_text())
    assert card["data"]["tracks"] == 360
    assert card["data"]["learned_from"] == "all measured tracks of the catalog"
    assert card["data"]["tempo"] == "too few measured"
    assert card["settings"]["kind"] == "linear"
    assert card["settings"]["why"] == "the first model"
    assert {p.name for p in folder.iterdir()} == {
        "artist_tags.skops",
        "card.json",
        "card.md",
        "regressors.skops",
        "use.json",
    }


def test_the_same_rows_are_not_learned_from_twice(lake: Lake) -> None:
    summary = train_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert str(summary["model"]).startswith("2026-11-21-")
    assert "nothing has changed" in str(summary["promoted"])


def test_a_few_new_tracks_are_waited_for_a_week_and_many_are_not(lake: Lake) -> None:
    def learn(new: int, nights: int) -> Summary:
        add_features(lake, {f"artist 1 · late song {at}": [0.5] * 5 for at in range(new)})
        night = Night.on(NIGHT.date + dt.timedelta(days=nights), ZoneInfo("UTC"))
        return train_audio_features(ADA, lake, settings=SETTINGS, night=night)

    waits = learn(new=17, nights=6)
    assert str(waits["promoted"]) == (
        f"no: 17 tracks were measured since it was learned from 360 on {NIGHT.date}; it is learned "
        f"again with 18, or on {NIGHT.date + dt.timedelta(days=7)}"
    )
    many = learn(new=18, nights=6)
    assert many["model"] != waits["model"]
    assert many["tracks"] == 378
    assert learn(new=19, nights=12)["model"] == many["model"]
    assert learn(new=19, nights=13)["tracks"] == 379


def test_the_blend_is_learned_where_the_settings_say_so(lake: Lake) -> None:
    settings = some_settings(top_tags=20, audio_model="boosted")
    summary = train_audio_features(ADA, lake, settings=settings, night=NEXT_NIGHT)
    assert summary["kind"] == "boosted"
    assert predict(lake)["values_written"] == 10


def test_a_model_of_an_earlier_format_is_learned_anew(lake: Lake) -> None:
    registry = Registry.of(lake)
    saved = registry.current(SHARED, NAME)
    assert saved is not None
    registry.save(saved.card, {"tags.skops": b"tags", "use.json": b"{}"})
    assert load_audio_predictor(lake) is None
    summary = train_audio_features(ADA, lake, settings=SETTINGS, night=NEXT_NIGHT)
    assert summary["promoted"] == "yes: there is none in use that can be read"


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


@pytest.mark.parametrize(
    "name", ["artist_tags.skops", "regressors.skops", "use.json", "card.json", "current.json"]
)
def test_a_damaged_model_is_none_and_the_same_training_replaces_it(
    lake: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    (file,) = tmp_path.glob(f"models/_shared/audio_features/**/{name}")
    file.write_bytes(file.read_bytes()[:-20])
    assert predict(lake) == {"skipped": "no regressor was trained yet", "tracks": 0}
    assert name in caplog.text
    summary = train_audio_features(ADA, lake, settings=SETTINGS, night=NIGHT)
    assert str(summary["promoted"]).startswith("yes")
    assert summary["in_use"] == summary["model"]
    assert predict(lake)["values_written"] == 10


def test_more_tags_are_asked_for_than_there_are(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    measured_catalog(lake)
    summary = train_audio_features(
        ADA, lake, settings=some_settings(top_tags=1_000_000), night=NIGHT
    )
    assert summary["tags"] == 62
