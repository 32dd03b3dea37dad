"""Predictions for typed tags: parsing, explanation, and similar tracks of the catalog."""

import json
from pathlib import Path

import numpy as np
import pytest

from smallhours.errors import NotEnoughData
from smallhours.lake.store import Lake
from smallhours.lake.tables import PREDICTED_FEATURES
from smallhours.training.audio.stages import predict_audio_features, train_audio_features
from smallhours.training.tag_exploration import (
    EXACT,
    SHAPLEY,
    Exploration,
    Explorer,
    PredictedFeature,
    UnknownTags,
    explore,
    parse_tags,
)
from smallhours.training.taste.train import train_taste
from tests.training.lakes import (
    ADA,
    NIGHT,
    add_artist_tags,
    add_track_tags,
    add_tracks,
    listener_who_likes_indie,
    measured_catalog,
    some_settings,
)


@pytest.fixture(scope="module", params=["linear", "boosted"])
def lake(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Build a lake with a trained model; read only."""
    lake = Lake(str(tmp_path_factory.mktemp("trained")))
    keys = measured_catalog(lake)
    add_track_tags(lake, {key: {"Live Take": 60} for key in keys if key.endswith("1")})
    add_tracks(lake, [*keys, "newcomer · loud song"])
    add_artist_tags(lake, {"newcomer": {"Loud": 99, "calm": 1}})
    settings = some_settings(audio_model=request.param)
    train_audio_features(ADA, lake, settings=settings, night=NIGHT)
    predict_audio_features(ADA, lake, settings=settings, night=NIGHT)
    return lake


@pytest.fixture(scope="module")
def explorer(lake: Lake) -> Explorer:
    return Explorer.open(lake, ADA)


def energy(found: Exploration) -> PredictedFeature:
    return next(feature for feature in found.features if feature.name == "energy")


def test_a_weight_stands_behind_a_colon() -> None:
    assert parse_tags("shoegaze, dream pop:60,, 80s : 20") == {
        "shoegaze": 100,
        "dream pop": 60,
        "80s": 20,
    }


def test_a_colon_within_a_tag_is_part_of_it() -> None:
    assert parse_tags("re:zero, a:b:5") == {"re:zero": 100, "a:b": 5}


@pytest.mark.parametrize("text", ["rock:0", "rock:101", "rock:-3", "", " , "])
def test_what_is_no_tag_or_no_weight_is_refused(text: str) -> None:
    with pytest.raises(UnknownTags, match="as in"):
        parse_tags(text)


def test_features_are_told_from_tags_with_their_intervals(explorer: Explorer) -> None:
    loud, calm = explorer.explore("loud, calm:5"), explorer.explore("calm, loud:5")
    assert [feature.name for feature in loud.features] == list(PREDICTED_FEATURES)
    assert energy(loud).value > 0.7 > 0.4 > energy(calm).value
    assert all(f.low <= f.value <= f.high for f in (*loud.features, *calm.features))


@pytest.mark.parametrize("text", ["loud, calm:5", "loud", "calm:50, live take, loud, tag 3"])
def test_pushes_and_baseline_add_up_to_the_prediction(explorer: Explorer, text: str) -> None:
    for feature in explorer.explore(text).features:
        total = feature.baseline + sum(push.amount for push in feature.pushes)
        assert total + feature.held_back == pytest.approx(feature.value, abs=1e-9)


def test_the_tag_that_moved_a_feature_furthest_comes_first(explorer: Explorer) -> None:
    pushes = energy(explorer.explore("loud, live take:5")).pushes
    assert pushes[0].tag == "loud"
    assert pushes[0].amount > abs(pushes[1].amount)


def test_the_answer_says_how_it_was_explained(explorer: Explorer) -> None:
    linear = explorer.predictor.model.kind == "linear"
    assert explorer.explore("loud").how == (EXACT if linear else SHAPLEY)


def test_tags_go_by_their_names_and_unknown_ones_are_told_with_the_closest(
    explorer: Explorer,
) -> None:
    found = explorer.explore("LIVE_TAKE, lowd, loud:30, Loud:70, xqzt")
    assert [(tag.name, tag.weight) for tag in found.tags] == [("live take", 100), ("loud", 70)]
    assert [(tag.typed, tag.closest) for tag in found.unknown] == [("lowd", "loud"), ("xqzt", None)]


def test_without_any_known_tag_the_error_names_the_closest(explorer: Explorer) -> None:
    with pytest.raises(UnknownTags, match=r"'lowd' \(closest: 'loud'\)"):
        explorer.explore("lowd")


def test_the_closest_tracks_sound_like_it(explorer: Explorer) -> None:
    found = explorer.explore("loud, calm:1", nearest=5)
    distances = [track.distance for track in found.nearest]
    assert len(distances) == 5
    assert distances == sorted(distances)
    # By hand: the distance is in standard deviations of the catalog.
    catalog = explorer.catalog
    at = catalog.keys.index(found.nearest[0].track_key)
    told = np.array([feature.value for feature in found.features])
    apart = (catalog.features[at] - told) / catalog.features.std(axis=0)
    assert distances[0] == pytest.approx(np.sqrt((apart**2).mean()))


def test_predicted_tracks_are_compared_with_too(explorer: Explorer) -> None:
    assert "newcomer · loud song" in explorer.catalog.keys


def test_without_a_taste_there_is_no_p_like(explorer: Explorer) -> None:
    assert explorer.explore("loud").p_like is None


def test_it_is_plain_json(explorer: Explorer) -> None:
    found = explorer.explore("loud")
    again = json.loads(json.dumps(found.to_json()))
    assert again["features"][2]["name"] == "energy"
    assert again["tags"] == [{"typed": "loud", "name": "loud", "weight": 100}]


def test_with_a_taste_the_listener_is_told_whether_they_would_like_it(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    listener_who_likes_indie(lake)
    measured_catalog(lake)
    add_artist_tags(
        lake, {f"artist {at}": {"indie" if at % 2 else "polka": 50} for at in range(60)}
    )
    settings = some_settings()
    train_taste(ADA, lake, settings=settings, night=NIGHT)
    train_audio_features(ADA, lake, settings=settings, night=NIGHT)
    liked, disliked = (explore(lake, ADA, tag).p_like for tag in ("indie", "polka"))
    assert liked is not None
    assert disliked is not None
    assert liked > disliked


def test_before_the_first_model_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="train_audio_features"):
        explore(Lake(str(tmp_path)), ADA, "loud")
