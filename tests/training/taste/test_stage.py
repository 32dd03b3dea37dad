import datetime as dt
import json
import math
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.settings import EvidenceWeights
from smallhours.training.evaluation.uncertainty import MIN_UNITS
from smallhours.training.listening_history import read_history
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry, dump_model
from smallhours.training.tags import Tags, load_tags
from smallhours.training.taste.classifier import TasteClassifier
from smallhours.training.taste.model import (
    FIRST_SEED,
    NAME,
    Calibration,
    FirstSeedTaste,
    TasteModel,
    fit_taste_model,
    load_taste,
)
from smallhours.training.taste.train import RELIABILITY, train_taste
from smallhours.training.taste.training_rows import (
    training_rows_at,
)
from tests.training.lakes import (
    ADA,
    NEXT_NIGHT,
    NIGHT,
    add_background,
    add_plays,
    add_signals,
    add_track_tags,
    listener_who_likes_indie,
    some_settings,
)

pytestmark = pytest.mark.slow(seconds=1.3)

IN_TWO_WEEKS = Night.on(NIGHT.date + dt.timedelta(days=14), ZoneInfo("Europe/Dublin"))
SAD = "someone · sad indie song"
POLKA = "someone · polka"
UNKNOWN = "someone · unknown"
UNTAGGED = "someone · untagged"
TAGS = Tags(
    {
        SAD: {"indie": 100, "Sad": 50},
        POLKA: {"polka": 100, "brass": 50},
        UNKNOWN: {"never seen": 100},
    },
    {},
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Build a lake whose listener likes indie, knew most of it long ago and adopted some lately."""
    lake = Lake(f"memory://{tmp_path}")
    listener_who_likes_indie(lake, strange=80)
    add_plays(lake, {f"old indie {at} · song": 3 for at in range(30)}, days_ago=200)
    adopted = {f"new indie {at} · song": 2 for at in range(MIN_UNITS + 15)}
    add_plays(lake, adopted, days_ago=5)
    moods = ("dreamy", "sad", "Lo-Fi", "shoegaze")
    keys = [*(f"old indie {at} · song" for at in range(30)), *adopted]
    add_track_tags(lake, {key: {"indie": 100, moods[at % 4]: 50} for at, key in enumerate(keys)})
    return lake


def train(lake: Lake, night: Night = NIGHT) -> dict[str, int | float | str]:
    return dict(train_taste(ADA, lake, settings=some_settings(), night=night))


def trained(lake: Lake) -> TasteModel:
    train(lake)
    model = load_taste(lake, ADA)
    assert isinstance(model, TasteModel)
    return model


def test_before_training_there_is_no_taste(lake: Lake) -> None:
    assert load_taste(lake, ADA) is None


def test_the_summary_says_what_was_learned_and_who_won(lake: Lake) -> None:
    summary = train(lake)
    assert summary["likes"] == 95
    assert summary["background"] == 80
    assert summary["adopted_in_four_weeks"] == MIN_UNITS + 45
    assert summary["promoted"] == "yes: nothing was in use before"
    assert "not seen them" in str(summary["calibrated_on"])
    gap, _, rival = str(summary["against_best_baseline"]).partition(" mean AUC over ")
    means = float(str(summary["auc_taste"])), float(str(summary[f"auc_{rival}"]))
    assert float(gap.split()[0]) == pytest.approx(means[0] - means[1], abs=0.001)
    assert str(summary["new_artists"]).startswith("taste ")
    assert "known_artists" in summary
    assert summary["model"] == trained(lake).version


def test_liked_tags_are_likelier_than_strange_ones_and_unknown_between(lake: Lake) -> None:
    p = trained(lake).p_like(TAGS, [SAD, UNKNOWN, UNTAGGED, POLKA])
    assert p[0] > p[1] == p[2] > p[3]
    assert ((p > 0) & (p < 1)).all()


def test_no_tracks_have_no_probabilities(lake: Lake) -> None:
    assert trained(lake).p_like(TAGS, []).shape == (0,)


def test_contributions_and_the_base_add_up_to_the_log_odds(lake: Lake) -> None:
    model = trained(lake)
    base, sad, polka = model.log_odds(TAGS, [UNTAGGED, SAD, POLKA])
    assert sum(model.contributions(TAGS, SAD).values()) == pytest.approx(sad - base)
    assert sum(model.contributions(TAGS, POLKA).values()) == pytest.approx(polka - base)


def test_the_strongest_tags_come_first_and_none_that_speaks_against(lake: Lake) -> None:
    model = trained(lake)
    top = model.top_tags(TAGS, SAD, 5)
    assert [name for name, _ in top] == ["indie", "sad"]
    assert model.top_tags(TAGS, SAD, 1) == top[:1]
    assert model.top_tags(TAGS, POLKA, 5) == []


def test_the_reliability_curve_is_noted_with_intervals(lake: Lake) -> None:
    train(lake)
    rows = lake.frame(METRICS)
    curve = rows[rows["subject"] == RELIABILITY].sort_values("metric")

    assert 1 <= len(curve) <= 10
    said = curve["metric"].str.removeprefix("said_").astype(int) / 100
    assert ((said <= curve["baseline"]) & (curve["baseline"] <= said + 0.1)).all()
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).all()
    # One adopted track in four: the mixture of P(like).
    assert curve["n"].sum() <= 4 * (MIN_UNITS + 45)


def test_the_first_seed_is_trained_beside_it(lake: Lake) -> None:
    summary = train(lake)
    seed = Registry.of(lake).current(ADA, FIRST_SEED)
    assert seed is not None
    assert summary["first_seed"] == seed.version
    assert summary["first_seed_f1_on_its_own_task"] == 1.0


def test_while_ours_has_too_little_the_first_seed_answers(lake: Lake) -> None:
    train(lake)
    Registry.of(lake).retire(ADA, NAME)
    model = load_taste(lake, ADA)
    assert isinstance(model, FirstSeedTaste)
    p = model.p_like(TAGS, [SAD, UNKNOWN, POLKA])
    assert p[0] > p[1] > p[2]
    assert model.top_tags(TAGS, SAD, 1)[0][0] == "indie"


def test_metrics_are_noted_once_a_night_with_intervals_and_the_baseline(lake: Lake) -> None:
    train(lake)
    train(lake)
    rows = lake.frame(METRICS, where={"month": "2026-11"})
    names = list(zip(rows["subject"], rows["metric"], strict=True))
    assert len(set(names)) == len(names)
    values = dict(zip(names, rows["value"], strict=True))
    auc = rows[(rows["subject"] == "taste") & (rows["metric"] == "auc")]
    assert (auc["low"] <= auc["value"]).all()
    assert (auc["value"] <= auc["high"]).all()
    assert not math.isnan(values["taste", "brier"])
    assert not math.isnan(values["taste_artist_affinity", "auc"])
    assert values["first_seed", "f1"] == 1.0


def test_the_same_lake_and_night_give_the_same_files(tmp_path: Path) -> None:
    trees = []
    for name in ("one", "two"):
        lake = Lake(str(tmp_path / name))
        listener_who_likes_indie(lake)
        trained(lake)
        models = tmp_path / name / "models"
        trees.append({p.relative_to(models): p.read_bytes() for p in models.rglob("*.*")})
    assert len(trees[0]) == 8
    assert trees[0] == trees[1]


def test_the_next_nights_model_is_held_against_this_nights(lake: Lake) -> None:
    train(lake)
    told = str(train(lake, NEXT_NIGHT)["promoted"])
    assert told.startswith("yes: ")
    assert "the one in use" in told


def test_a_model_that_learned_worse_stays_beside_the_one_in_use(lake: Lake) -> None:
    before = trained(lake)
    # Overnight the past turns out otherwise: polka was loved and indie disliked. What was adopted
    # since is indie all the same.
    long_ago = NIGHT.date - dt.timedelta(days=90)
    polka = {f"polka {at} · played": 40 for at in range(60)}
    add_plays(lake, polka, days_ago=60)
    add_track_tags(lake, {key: {"polka": 100} for key in polka})
    indie = [f"old indie {at} · song" for at in range(30)]
    add_signals(lake, "disliked", indie, first_seen=long_ago, last_seen=NEXT_NIGHT.date)
    summary = train(lake, NEXT_NIGHT)
    assert str(summary["promoted"]).startswith("no: worse than the one in use")
    now = load_taste(lake, ADA)
    assert now is not None
    assert now.version == before.version


def test_last_weeks_model_stands_among_the_baselines(lake: Lake) -> None:
    train(lake)
    assert "auc_last_week" in train(lake, IN_TWO_WEEKS)


def test_a_damaged_model_is_none_and_the_same_training_replaces_it(
    lake: Lake, caplog: pytest.LogCaptureFixture
) -> None:
    version = trained(lake).version
    files = [path for path in lake.files.list(f"models/{ADA}/{NAME}") if path.endswith("s")]
    whole = {path: lake.files.read(path) for path in (*files, f"models/{ADA}/{NAME}/current.json")}
    for path in (path for path in whole if not path.endswith(".md")):
        for damaged in (whole[path][:20], None):
            if damaged is None:
                lake.files.remove(path)
            else:
                lake.files.replace(path, damaged)
            found = load_taste(lake, ADA)
            if "held_back" not in path:
                assert found is not None
                assert found.name == FIRST_SEED
                assert path.rpartition("/")[2] in caplog.text or damaged is None
            assert str(train(lake)["promoted"]).startswith("yes")
            assert trained(lake).version == version
            assert lake.files.read(path) == whole[path]


def test_a_model_from_before_there_were_weights_alone_is_read(lake: Lake) -> None:
    past = read_history(lake, ADA, night=NIGHT)
    rng = np.random.default_rng(0)
    rows = training_rows_at(past, NIGHT.as_of, weights=EvidenceWeights(), rng=rng)
    model = fit_taste_model(past, rows)
    counts = model.columns.counts(past.tags, rows.tracks)
    classifier = TasteClassifier(track_columns=len(model.columns.own))
    classifier.fit(counts, rows.y, sample_weight=rows.weight, groups=rows.artist_numbers)
    columns = {"own": model.columns.own, "artist": model.columns.artist, "slope": 2, "offset": 1}
    files = {
        "classifier.skops": dump_model(classifier),
        "columns.json": json.dumps(columns).encode(),
    }
    card = ModelCard(NAME, ADA, NIGHT.date.isoformat(), "", "", [], {}, {}, {}, {})
    Registry.of(lake).save(card, files)

    older = load_taste(lake, ADA)

    assert isinstance(older, TasteModel)
    assert older.calibration == Calibration(2.0, 1.0)
    found = older.log_odds(past.tags, rows.tracks)
    assert np.array_equal(found, model.log_odds(past.tags, rows.tracks))
    assert np.array_equal(found, classifier.decision_function(counts))


def test_a_damaged_first_seed_is_none_too(lake: Lake) -> None:
    train(lake)
    for name in (NAME, FIRST_SEED):
        lake.files.replace(f"models/{ADA}/{name}/current.json", b"?")
    assert load_taste(lake, ADA) is None


def test_a_damaged_model_of_last_week_is_left_out_of_the_baselines(lake: Lake) -> None:
    version = trained(lake).version
    lake.files.remove(f"models/{ADA}/{NAME}/{version}/held_back_taste.json")
    assert "auc_last_week" not in train(lake, IN_TWO_WEEKS)


def test_with_nothing_to_learn_from_the_night_goes_on_and_says_why(tmp_path: Path) -> None:
    empty = Lake(f"memory://{tmp_path}/empty")
    summary = train(empty)
    assert "0 liked tracks have tags; 10 are the least" in str(summary["skipped"])
    assert str(summary["first_seed"]).startswith("skipped: ")
    assert load_taste(empty, ADA) is None


def test_ten_plays_are_learned_from_and_it_is_said_that_nothing_judged_them(
    tmp_path: Path,
) -> None:
    lake = Lake(f"memory://{tmp_path}/ten")
    played = {f"indie {at} · song": 1 for at in range(10)}
    add_plays(lake, played, days_ago=1)
    strange = [f"polka {at} · tune" for at in range(40)]
    add_background(lake, strange)
    tags = {**{key: {"indie": 100} for key in played}, **{key: {"polka": 90} for key in strange}}
    add_track_tags(lake, tags)
    summary = train(lake)
    assert "unjudged" in str(summary["promoted"])
    assert "could not be judged" in str(summary["missing"])
    model = load_taste(lake, ADA)
    assert model is not None
    p = model.p_like(load_tags(lake, tags), ["indie 0 · song", "polka 0 · tune"])
    assert p[0] > p[1]
    assert np.isfinite(p).all()
