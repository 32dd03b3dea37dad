"""The command `smallhours study`: a run, its continuation, and its errors."""

import sys
from pathlib import Path

import pytest

from smallhours import cli
from tests.study.rows_by_hand import write_tables


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["smallhours", "study", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_writes_the_study_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [part for path in write_tables(tmp_path) for part in ("--data", path)]
    playlist_settings = (
        "--models",
        "bayes,linear",
        "--formats",
        "tags,apart",
        "--splits",
        "by_artist",
    )
    out = ("--out", tmp_path / "study")

    assert run(monkeypatch, *data, *playlist_settings, "--k", 1, *out) == 0
    assert run(monkeypatch, *data, *playlist_settings, "--k", 1, "--k", 2, *out) == 0

    assert "bayes-tags-2-by_artist: mean RMSE" in capsys.readouterr().out
    assert len(list((tmp_path / "study" / "fits").iterdir())) == 3
    assert (tmp_path / "study" / "study.html").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--models", "svm"), "There is no model 'svm'. Choose of: bayes"),
        (("--data", "nowhere.csv"), "There is no file nowhere.csv."),
        (("--paper", "nowhere.csv"), "There is no file nowhere.csv."),
    ],
)
def test_what_is_wrong_is_one_line(
    arguments: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(monkeypatch, *arguments) == 1

    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
