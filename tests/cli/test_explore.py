"""Tests of `smallhours explore`: readable and JSON answers, and one-line errors."""

import json
import sys
from pathlib import Path

import pytest

from smallhours import cli
from smallhours.lake.store import Lake
from smallhours.training.audio.stages import train_audio_features
from tests.training.lakes import ADA, NIGHT, add_features, add_tracks, measured_catalog
from tests.training.lakes import some_settings as settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake with a trained model; read only."""
    folder = tmp_path_factory.mktemp("trained")
    lake = Lake(str(folder))
    keys = measured_catalog(lake)
    add_tracks(lake, keys)
    add_features(lake, {"artist 1 · late song": [0.5] * 5})
    train_audio_features(ADA, lake, settings=settings(), night=NIGHT)
    return folder


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lake: Path, *arguments: str) -> int:
    """Run the command line over a lake and return its exit code."""
    file = tmp_path / "smallhours.toml"
    file.write_text('[listeners.ada]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n')
    monkeypatch.setenv("SMALLHOURS_SETTINGS", str(file))
    monkeypatch.setenv("SMALLHOURS_LAKE", str(lake))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "argv", ["smallhours", "explore", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_prints_features_with_intervals_pushes_and_the_closest_tracks(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, tmp_path, folder, "loud, calm:20, lowd") == 0
    shown = capsys.readouterr().out
    assert "loud, calm:20" in shown
    assert "energy" in shown
    assert " to " in shown
    assert "loud +0." in shown
    assert "'lowd' is not a tag that the model knows; did you mean 'loud'?" in shown
    assert "closest in the catalog" in shown


def test_json_holds_everything(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, tmp_path, folder, "loud", "--json", "--nearest", "3") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["nearest"]) == 3
    assert found["features"][0]["name"] == "danceability"
    assert found["learned_from"] == "_shared"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("xqzt",), "The model knows none of these tags: 'xqzt'."),
        (("loud:700",), "The weight of 'loud' is 700."),
        (("loud", "--listener", "zoe"), "There is no listener 'zoe'."),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    folder: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, tmp_path, folder, *arguments) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {says}")
    assert shown.count("\n") == 1


def test_before_the_first_training_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, tmp_path / "empty", "loud") == 1
    assert "No model has learned what tags sound like yet." in capsys.readouterr().err
