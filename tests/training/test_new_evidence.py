"""A model is learned again where there is something to learn, and otherwise says why not."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.lake.store import Lake
from smallhours.listening.edits import Edit, store_edit, undo_edit
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours.training import TASTE, evaluate_ranking, new_evidence, train_taste
from smallhours.training.new_evidence import run_if_new
from smallhours.training.registry import Registry
from smallhours.vocabulary import EditKind, EditSubject
from smallhours_sandbox.simulation.installation import SandboxCredentials
from tests.training.lakes import (
    ADA,
    NIGHT,
    add_plays,
    add_track_tags,
    listener_who_likes_indie,
    some_settings,
)

OLD_MUSIC = Edit(
    EditKind.NOT_MINE, EditSubject.DATES, "2020-01-01 to 2020-01-31", "a month", NIGHT.as_of
)


class Nights:
    """Nights of one lake, in which a stand-in for a training counts how often it is called."""

    def __init__(self, url: str) -> None:
        self.lake = Lake(url)
        self.learned = 0

    def learn(self) -> Summary:
        self.learned += 1
        return {"learned": self.learned}

    def night(self, after: int = 0, settings: Settings | None = None) -> Summary:
        """Run the stage on a night, so many days after the first one."""
        with _run(self.lake, after, settings) as run:
            return run_if_new(run, TASTE, self.learn)

    def learns_again(self, after: int = 1, settings: Settings | None = None) -> bool:
        before = self.learned
        self.night(after, settings)
        return self.learned > before


def _run(lake: Lake, after: int, settings: Settings | None = None) -> RunContext:
    night = Night.on(NIGHT.date + dt.timedelta(days=after), ZoneInfo("Europe/Dublin"))
    run = RunContext(ADA, night, settings or some_settings(), SandboxCredentials())
    vars(run)["lake"] = lake
    return run


@pytest.fixture(params=["", "memory://"], ids=["folder", "object store"])
def nights(tmp_path: Path, request: pytest.FixtureRequest) -> Nights:
    found = Nights(f"{request.param}{tmp_path}")
    add_plays(found.lake, {f"artist {at} · song": 1 for at in range(400)})
    found.night()
    return found


@pytest.fixture
def long_history(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> Nights:
    monkeypatch.setattr(new_evidence, "SMALL", 0)
    return nights


def test_what_did_not_change_is_not_learned_again(nights: Nights) -> None:
    summary = nights.night(after=1)
    assert nights.learned == 1
    assert summary["skipped"] == "nothing has changed since 2026-11-21"


def test_a_small_history_is_learned_from_with_every_play(nights: Nights) -> None:
    add_plays(nights.lake, {"new · song": 1}, days_ago=1)
    assert nights.learns_again()


def test_a_long_history_is_learned_from_again_with_a_twentieth(long_history: Nights) -> None:
    add_plays(long_history.lake, {"new · song": 1}, days_ago=1)
    summary = long_history.night(after=1)
    assert long_history.learned == 1
    assert "of what it reads is new since 2026-11-21" in str(summary["skipped"])
    assert "or on 2026-11-28" in str(summary["skipped"])

    add_plays(long_history.lake, {f"new {at} · song": 1 for at in range(100)}, days_ago=1)
    assert long_history.learns_again()


def test_new_tags_are_something_to_learn(long_history: Nights) -> None:
    add_track_tags(long_history.lake, {"artist 1 · song": {"indie": 100}})
    assert long_history.learns_again()


@pytest.mark.parametrize("after", [7, -1])
def test_after_a_week_and_for_an_earlier_night_it_is_learned(nights: Nights, after: int) -> None:
    assert nights.learns_again(after)


@pytest.mark.parametrize(
    "change",
    [
        lambda nights: store_edit(nights.lake, ADA, OLD_MUSIC),
        lambda nights: nights.lake.files.replace(f"models/{ADA}/{TASTE}/learned_from.json", b"{"),
        lambda nights: nights.lake.files.replace(f"models/{ADA}/{TASTE}/learned_from.json", b"[]"),
    ],
    ids=["an edit", "a damaged record", "another record"],
)
def test_an_edit_or_a_lost_record_is_a_reason(
    long_history: Nights, change: Callable[[Nights], object]
) -> None:
    change(long_history)
    assert long_history.learns_again()


def test_an_edit_that_is_undone_is_a_reason_again(long_history: Nights) -> None:
    store_edit(long_history.lake, ADA, OLD_MUSIC)
    assert long_history.learns_again()
    assert not long_history.learns_again()
    undo_edit(long_history.lake, ADA, OLD_MUSIC.kind, OLD_MUSIC.subject, OLD_MUSIC.value)
    assert long_history.learns_again()


def test_other_settings_are_a_reason(long_history: Nights) -> None:
    assert long_history.learns_again(settings=some_settings(evidence={"quick_skip": 0.4}))


def test_a_training_that_fails_is_tried_again(nights: Nights) -> None:
    def fail() -> Summary:
        raise OSError("no memory")

    with _run(nights.lake, 7) as run, pytest.raises(OSError, match="no memory"):
        run_if_new(run, TASTE, fail)
    assert nights.learns_again(7)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(str(tmp_path_factory.mktemp("learned")))
    listener_who_likes_indie(lake, strange=80)
    with _run(lake, 0) as run:
        train_taste(run)
    return lake


def test_the_stages_ask_what_is_new(learned: Lake) -> None:
    in_use = Registry.of(learned).version_in_use(ADA, TASTE)
    with _run(learned, 1) as run:
        assert train_taste(run)["model"] == in_use
        assert "too few" in str(evaluate_ranking(run)["skipped"])
        assert "nothing has changed" in str(evaluate_ranking(run)["skipped"])


def test_a_model_that_cannot_be_read_is_learned_again(learned: Lake) -> None:
    saved = Registry.of(learned).current(ADA, TASTE)
    assert saved is not None
    learned.files.replace(f"{saved.folder}/{next(iter(saved.card.files))}", b"damaged")
    with _run(learned, 1) as run:
        assert "skipped" not in train_taste(run)
        assert "skipped" in train_taste(run)
