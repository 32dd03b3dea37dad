"""What a stage's process imports: nothing heavy that the stage does not use."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Runs stages on an empty lake, for a listener without accounts, and tells what was imported.
_RUN = """
import json, sys
from smallhours.errors import SmallhoursError
from smallhours.run_context import RunContext
from smallhours.runs import STAGES
from smallhours.settings import parse_settings
from smallhours_sandbox.simulation.installation import SandboxCredentials

me = {"timezone": "UTC", "spotify": False, "lastfm": "ada"}
settings = parse_settings({"listeners": {"ada": me}, "lake": {"url": sys.argv[1]}}, origin="test")
with RunContext("ada", settings.night("ada", "2026-11-02"), settings, SandboxCredentials()) as run:
    for name in sys.argv[2].split():
        try:
            STAGES[name](run)
        except SmallhoursError:
            pass
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
_LEARNING = {"sklearn", "skops", "xgboost"}
_CLIENTS = {"spotipy", "pylast"}


@pytest.mark.slow(seconds=8)
@pytest.mark.parametrize(
    ("stages", "unused"),
    [
        ("verify_history collect_feedback", _LEARNING),
        ("update_tracks gather_candidates", _LEARNING | _CLIENTS),
        ("train_audio_features predict_audio_features", _LEARNING | _CLIENTS),
        ("resolve_tracks publish_playlist", _LEARNING | {"pylast"}),
    ],
)
def test_a_stage_imports_only_what_it_uses(tmp_path: Path, stages: str, unused: set[str]) -> None:
    command = [sys.executable, "-c", _RUN, str(tmp_path / "lake"), stages]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not unused & set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow(seconds=6)
def test_without_anything_new_nothing_that_learns_is_imported(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _RUN, str(tmp_path / "lake"), "train_taste evaluate_ranking"]
    first, second = (
        subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(2)
    )
    assert "sklearn" in json.loads(first.stdout.splitlines()[-1])
    assert not _LEARNING & set(json.loads(second.stdout.splitlines()[-1]))
