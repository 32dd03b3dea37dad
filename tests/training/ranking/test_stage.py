"""The stage that learns the ranking's weights."""

from pathlib import Path

import pytest

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.summary import Summary
from smallhours.training.ranking.fusion import DEFAULT, FILE, NAME, load_fusion
from smallhours.training.ranking.learn_weights import SUBJECT
from smallhours.training.ranking.past_lists import LEARNED_SIGNALS
from smallhours.training.ranking.stages import train_ranking
from smallhours.training.registry import Registry
from tests.training.lakes import ADA, NIGHT, add_plays, some_settings
from tests.training.ranking.past_lake import listener_who_explores_shoegaze


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("explorer")))
    listener_who_explores_shoegaze(lake)
    return lake


@pytest.fixture(scope="module")
def summary(explorer: Lake) -> Summary:
    return train_ranking(ADA, explorer, settings=some_settings(), night=NIGHT)


def test_weights_are_learned_judged_and_kept(explorer: Lake, summary: Summary) -> None:
    assert summary["held_out_adoptions"] >= 20
    saved = Registry.of(explorer).current(ADA, NAME)
    assert saved is not None
    assert summary["model"] == saved.version
    assert saved.card.metrics["ndcg50_learned"] > 0
    assert saved.card.settings["promoted"] in ("yes", "no")
    figures = explorer.frame(METRICS)
    found = figures[(figures["subject"] == NAME) & (figures["metric"] == "ndcg50")]
    assert found["baseline"].notna().all()
    assert len(found) == 1


def test_what_each_signal_brings_is_noted(explorer: Lake, summary: Summary) -> None:
    assert summary["in_use"]
    figures = explorer.frame(METRICS)
    parts = figures[figures["subject"] == SUBJECT].set_index("metric")

    assert {f"alone_{name}" for name in LEARNED_SIGNALS} <= set(parts.index)
    assert (parts["n"] == summary["held_out_adoptions"]).all()
    assert (parts["low"] <= parts["value"]).all()
    assert (parts["value"] <= parts["high"]).all()


def test_whichever_ranks_better_is_in_use(explorer: Lake, summary: Summary) -> None:
    fusion = load_fusion(explorer, ADA)
    if summary["in_use"] == "the default":
        assert fusion.share == 0
    else:
        assert 0 < fusion.share < 1


def test_the_same_lake_and_night_give_the_same_weights(explorer: Lake, summary: Summary) -> None:
    assert train_ranking(ADA, explorer, settings=some_settings(), night=NIGHT) == summary


def test_with_little_to_learn_from_the_default_stays_and_the_summary_says_so(
    tmp_path: Path,
) -> None:
    lake = Lake(str(tmp_path))
    add_plays(lake, {"a · 1": 3, "b · 2": 1})
    summary = train_ranking(ADA, lake, settings=some_settings(), night=NIGHT)
    assert "are the least to learn from" in str(summary["skipped"])
    assert summary["in_use"] == "the default"
    assert load_fusion(lake, ADA) is DEFAULT


def test_a_listener_of_nothing_gets_the_default(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    summary = train_ranking(ADA, lake, settings=some_settings(), night=NIGHT)
    assert summary["in_use"] == "the default"


@pytest.mark.parametrize("name", [FILE, "card.json"])
def test_damaged_weights_are_none_and_the_same_training_replaces_them(
    explorer: Lake, summary: Summary, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert "model" in summary
    saved = Registry.of(explorer).current(ADA, NAME)
    assert saved is not None
    path = Path(saved.address(name))
    whole = path.read_bytes()
    path.write_bytes(b"{}")
    assert load_fusion(explorer, ADA) is DEFAULT
    assert "damaged" in caplog.text
    assert train_ranking(ADA, explorer, settings=some_settings(), night=NIGHT) == summary
    assert path.read_bytes() == whole
