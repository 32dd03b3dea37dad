"""The audio models serve all listeners: of two runs at once, one learns, and the other waits."""

import threading
from pathlib import Path

import pytest

from smallhours.lake.store import Lake
from smallhours.run_context import RunContext
from smallhours.training import train_audio_features
from smallhours.training.audio import stages
from smallhours_sandbox.simulation.installation import SandboxCredentials
from tests.training.lakes import ADA, NIGHT, some_settings


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

    assert at_once == [1, 1]
