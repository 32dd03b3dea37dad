from pathlib import Path

import numpy as np
import pytest

from smallhours.lake.store import Lake
from smallhours.lake.tables import METRICS
from smallhours.training.persistence import UnreadableModel
from smallhours.training.stages import train_taste
from smallhours.training.taste import TasteModel, load_taste
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    listener_who_likes_indie,
    some_settings,
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(f"memory://{tmp_path}")
    listener_who_likes_indie(lake)
    return lake


def trained(lake: Lake) -> TasteModel:
    train_taste(ADA, lake, settings=some_settings(), night=NIGHT)
    model = load_taste(lake, ADA)
    assert model is not None
    return model


def test_before_training_there_is_no_taste(lake: Lake) -> None:
    assert load_taste(lake, ADA) is None


def test_the_summary_says_what_was_learned_from_what(lake: Lake) -> None:
    summary = train_taste(ADA, lake, settings=some_settings(), night=NIGHT)
    assert summary.pop("model") == trained(lake).version
    assert summary == {
        "likes": 30,
        "dislikes": 40,
        "likes_from": "library",
        "dislikes_share_no_tag_with": "history",
        "tags": 9,
        "C": 0.01,
        "f1": 1.0,
        "auc": 1.0,
    }


def test_liked_tags_are_likelier_than_strange_ones_and_unknown_between(lake: Lake) -> None:
    p = trained(lake).p_like([["indie", "sad"], ["never seen"], [], ["polka", "brass"]])
    assert p[0] > p[1] == p[2] > p[3]
    assert ((p > 0) & (p < 1)).all()


def test_no_tracks_have_no_probabilities(lake: Lake) -> None:
    assert trained(lake).p_like([]).shape == (0,)


def test_the_tags_that_speak_for_a_track_add_up_to_its_log_odds(lake: Lake) -> None:
    model = trained(lake)
    top = model.top_tags(["sad", "polka", "indie", "never seen"], 5)
    assert [tag for tag, _ in top] == ["indie", "sad"]
    with_tags, without = model.p_like([["indie", "sad"], []])
    gained = np.log(with_tags / (1 - with_tags)) - np.log(without / (1 - without))
    assert sum(weight for _, weight in top) == pytest.approx(gained)
    assert model.top_tags(["sad", "indie"], 1) == top[:1]


def test_metrics_are_noted_for_the_night_and_only_once(lake: Lake) -> None:
    train_taste(ADA, lake, settings=some_settings(), night=NIGHT)
    train_taste(ADA, lake, settings=some_settings(), night=NIGHT)
    rows = lake.frame(METRICS, where={"month": "2026-11"})
    assert set(rows["subject"]) == {"first_seed"}
    assert set(rows["listener"]) == {ADA}
    assert sorted(rows["metric"]) == sorted(
        ["f1", "auc", "accuracy", "precision", "recall", "f1_before_refit"]
    )
    assert set(rows["n"]) == {14}


def test_the_same_lake_and_night_give_the_same_files(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        lake = Lake(str(tmp_path / name))
        listener_who_likes_indie(lake)
        trained(lake)
        models = tmp_path / name / "models"
        trees.append({p.relative_to(models): p.read_bytes() for p in models.rglob("*.*")})
    assert len(trees[0]) == 4
    assert trees[0] == trees[1]


def test_an_unchanged_lake_keeps_its_model_the_next_night(lake: Lake) -> None:
    tonight = trained(lake).version
    summary = train_taste(ADA, lake, settings=some_settings(), night=NEXT_NIGHT)
    assert summary["model"] == tonight


def test_a_truncated_model_is_refused_with_a_remedy(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    listener_who_likes_indie(lake)
    version = trained(lake).version
    file = tmp_path / f"models/{ADA}/first_seed/{version}/classifier.skops"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(UnreadableModel, match="run train_models"):
        load_taste(lake, ADA)


def test_with_too_little_to_learn_from_the_night_goes_on_and_says_why(tmp_path: Path) -> None:
    empty = Lake(f"memory://{tmp_path}/empty")
    summary = train_taste(ADA, empty, settings=some_settings(), night=NIGHT)
    assert "0 liked tracks" in summary["skipped"]
    assert load_taste(empty, ADA) is None
