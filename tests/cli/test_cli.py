"""Tests that the command line runs the same stages as the DAGs, and reports errors in one line."""

import subprocess
import sys
from inspect import signature

import pytest

from smallhours import __version__, cli
from smallhours.lake.tables import PLAYS
from smallhours.runs import STAGES
from tests.airflow_home import CHECKOUT, NIGHT, AirflowInstall, airflow_db, airflow_install

__all__ = ["airflow_db", "airflow_install"]

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


HEAVY = {"airflow", "numpy", "pandas", "pyarrow", "scipy", "sklearn", "spotipy", "pylast"}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["smallhours", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_tells_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"smallhours {__version__}\n"


def test_it_starts_without_a_heavy_library() -> None:
    code = f"import sys, smallhours.cli; print(*({HEAVY!r} & sys.modules.keys()))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )

    assert loaded.stdout.split() == []


@pytest.mark.parametrize("verb", STAGES)
def test_every_stage_is_a_verb(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, verb.replace("_", "-"), "--help") == 0
    shown = capsys.readouterr().out
    assert "--listener" in shown
    options = {name: f"--{name.replace('_', '-')}" for name in signature(STAGES[verb]).parameters}
    del options["run"]
    if "paths" in options:
        options["paths"] = "files..."
        del options["progress"]
    assert all(option in shown for option in options.values())


@pytest.mark.parametrize("verb", ["sync-scrobbles", "sync_scrobbles"])
def test_a_verb_runs_its_stage_and_prints_the_counts(
    verb: str,
    airflow_install: AirflowInstall,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, verb, "--listener", "bruno", "--night", NIGHT) == 0

    plays = airflow_install.lake.frame(PLAYS, columns=["played_at"], where={"listener": "bruno"})
    assert f"plays added: {len(plays):,}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("update-tracks", "--listener", "zoe"), "There is no listener 'zoe'."),
        (("update-tracks", "--night", "tomorrow"), "'tomorrow' is not the date of a night."),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    arguments: tuple[str, ...],
    says: str,
    airflow_install: AirflowInstall,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del airflow_install

    assert run(monkeypatch, *arguments) == 1

    shown = capsys.readouterr().err
    assert shown.startswith(f"error: {says}")
    assert shown.count("\n") == 1


def test_a_missing_connection_is_named(
    airflow_install: AirflowInstall,
    airflow_db: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del airflow_db
    airflow_install.unset_connection("lastfm_ada")

    assert run(monkeypatch, "sync-scrobbles") == 1
    assert "error: There is no Airflow connection `lastfm_ada`." in capsys.readouterr().err
