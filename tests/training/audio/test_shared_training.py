"""The audio models serve all listeners: of two runs at once, one learns for both.

What was measured decides whether there is something to learn, not what was predicted.
"""

import datetime as dt
import threading
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.summary import Summary
from smallhours.training import new_evidence, train_audio_features
from smallhours.training.audio import stages
from smallhours_sandbox.simulation.installation import SandboxCredentials
from tests.training.lakes import ADA, NIGHT, add_features, measured_catalog, some_settings

VALUES = [0.5, 0.5, 0.9, 0.5, 0.5]


@pytest.mark.parametrize("kind", ["", "memory://"], ids=["folder", "object store"])
def test_two_runs_do_not_learn_at_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learning, go_on = threading.Event(), threading.Event()
    at_once: list[int] = []
    begun: list[int] = []

    def learn(*_given: object, **_named: object) -> dict[str, str]:
        begun.append(1)
        at_once.append(len(begun))
        learning.set()
        assert go_on.wait(60)
        begun.pop()
        return {}

    monkeypatch.setattr(stages, "train_audio_features", learn)

    def one_run() -> None:
        with RunContext(ADA, NIGHT, some_settings(), SandboxCredentials()) as run:
            vars(run)["lake"] = Lake(f"{kind}{tmp_path}")
            train_audio_features(run)

    runs = [threading.Thread(target=one_run) for _ in range(2)]
    for each in runs:
        each.start()
    assert learning.wait(60)
    learning.clear()
    assert not learning.wait(0.3)  # the other one waits
    go_on.set()
    for each in runs:
        each.join(60)

    assert at_once == [1]  # and finds nothing to learn any more


@pytest.fixture
def long_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Build a lake with a trained regressor, of a listener with a long history."""
    monkeypatch.setattr(new_evidence, "SMALL", 0)
    lake = Lake(str(tmp_path))
    measured_catalog(lake)
    assert "skipped" not in _run_on(lake)
    return lake


def _run_on(lake: Lake, *, after: int = 0) -> Summary:
    night = Night.on(NIGHT.date + dt.timedelta(days=after), ZoneInfo("Europe/Dublin"))
    with RunContext(ADA, night, some_settings(top_tags=20), SandboxCredentials()) as run:
        vars(run)["lake"] = lake
        return train_audio_features(run)


def test_with_few_new_measurements_nothing_is_read_for_a_week(
    long_history: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_features(long_history, {"newcomer · song": VALUES})
    with monkeypatch.context() as patch:
        patch.setattr(stages, "measured_rows", None)
        skipped = str(_run_on(long_history, after=6)["skipped"])
    assert "of what it reads is new since 2026-11-21" in skipped
    assert "skipped" not in _run_on(long_history, after=7)


def test_many_new_measurements_are_learned_from_and_predictions_are_not(long_history: Lake) -> None:
    tracks = [f"newcomer {at} · song" for at in range(40)]
    for source, skipped in (("predicted", True), ("dataset", False)):
        add_features(long_history, dict.fromkeys(tracks, VALUES), source=source)
        assert ("skipped" in _run_on(long_history, after=1)) == skipped
