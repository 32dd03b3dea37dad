"""The stage that measures the ranking on the listener's last two months."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.summary import Summary
from smallhours.training import RANKING, evaluate_ranking
from smallhours.training.model_card import ModelCard
from smallhours.training.ranking import stages
from smallhours.training.ranking.ablation import SUBJECT
from smallhours.training.ranking.past_lists import PAST_SIGNALS
from smallhours.training.registry import Registry
from smallhours_sandbox.simulation.installation import SandboxCredentials
from tests.training.lakes import ADA, NIGHT, add_plays, some_settings
from tests.training.ranking.past_lake import listener_who_explores_shoegaze


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("explorer")))
    listener_who_explores_shoegaze(lake)
    return lake


@pytest.fixture(scope="module")
def summary(explorer: Lake) -> Summary:
    return measured(explorer)


def measured(lake: Lake) -> Summary:
    return stages.evaluate_ranking(ADA, lake, settings=some_settings(), night=NIGHT)


def test_candidates_and_ranking_are_measured(explorer: Lake, summary: Summary) -> None:
    figures = explorer.frame(METRICS)
    mine = figures[figures["subject"] == RANKING].set_index("metric")
    value, n = mine["value"].to_dict(), mine["n"].to_dict()
    adopted, found = summary["adopted"], summary["among_candidates"]

    assert adopted >= found >= 20
    assert value["candidate_recall"] == pytest.approx(found / adopted)
    assert n == {"candidate_recall": adopted, "ndcg50": found}
    assert 0 < value["ndcg50"] <= 1
    assert summary["ndcg50"] == pytest.approx(value["ndcg50"], abs=1e-4)


def test_what_each_signal_brings_is_noted(explorer: Lake, summary: Summary) -> None:
    figures = explorer.frame(METRICS)
    parts = figures[figures["subject"] == SUBJECT].set_index("metric")

    assert {f"alone_{name}" for name in PAST_SIGNALS} <= set(parts.index)
    assert (parts["n"] == summary["among_candidates"]).all()
    assert (parts["low"] <= parts["value"]).all()
    assert (parts["value"] <= parts["high"]).all()


def test_the_same_lake_and_night_give_the_same_figures(explorer: Lake, summary: Summary) -> None:
    before = explorer.frame(METRICS)

    assert measured(explorer) == summary
    assert explorer.frame(METRICS).equals(before)


@pytest.mark.parametrize(
    "plays", [{}, {"a · 1": 3, "b · 2": 1}], ids=["of nothing", "of two tracks"]
)
def test_a_listener_of_little_is_not_measured_and_the_summary_says_so(
    tmp_path: Path, plays: dict[str, int]
) -> None:
    lake = Lake(str(tmp_path))
    if plays:
        add_plays(lake, plays)

    assert "too few to measure by" in str(measured(lake)["skipped"])
    assert lake.frame(METRICS).empty


def test_a_month_before_which_hardly_anything_was_known_does_not_count(tmp_path: Path) -> None:
    """What a beginner takes up can't be near what they played before, and says nothing later."""
    lake = Lake(str(tmp_path))
    listener_who_explores_shoegaze(lake, weeks=8)
    add_plays(lake, {f"new {at} · song": 2 for at in range(60)}, days_ago=20)

    assert measured(lake)["adopted"] == 0
    assert lake.frame(METRICS).empty


def test_weights_that_an_earlier_version_learned_are_removed(explorer: Lake) -> None:
    card = ModelCard(RANKING, ADA, "2026-11-20", "", "", [], {}, {"promoted": "yes"}, {}, {})
    registry = Registry.of(explorer)
    for weights in (b"{}", b"[]"):
        registry.save(card, {"weights.json": weights})
    explorer.files.replace(f"models/{ADA}/{RANKING}/learned_from.json", b"{}")
    registry.save(ModelCard("taste", ADA, "2026-11-20", "", "", [], {}, {}, {}, {}), {"a": b"b"})

    night = Night.on(NIGHT.date, ZoneInfo("Europe/Dublin"))
    with RunContext(ADA, night, some_settings(), SandboxCredentials()) as run:
        vars(run)["lake"] = explorer
        assert "candidate_recall" in evaluate_ranking(run)
        assert "nothing has changed" in str(evaluate_ranking(run)["skipped"])

    assert registry.versions(ADA, RANKING) == []
    assert registry.current(ADA, RANKING) is None
    assert explorer.files.list(f"models/{ADA}/{RANKING}") == [
        f"models/{ADA}/{RANKING}/learned_from.json"
    ]
    assert registry.current(ADA, "taste") is not None
