"""Tests of the command `doctor --live`."""

import json
import sys
from pathlib import Path

import pytest

from smallhours import cli
from tests.airflow_home import AirflowInstall, airflow_db, airflow_install

__all__ = ["airflow_db", "airflow_install"]

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


def doctor(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["smallhours", "doctor", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_asks_the_listeners_services_and_says_where_the_shapes_are(
    airflow_install: AirflowInstall,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = tmp_path / "shapes.json"

    assert doctor(monkeypatch, "--live", "--listener", "bruno", "--report", str(report)) == 0

    shown = " ".join(capsys.readouterr().out.split())
    for service in ("Last.fm", "Spotify", "ReccoBeats"):
        assert f"live: {service}" in shown
    assert "replies are in" in shown
    assert "Spotify GET me/tracks" in json.loads(report.read_text())["replies"]
    kept = airflow_install.lake.files.list("")
    assert all(path.startswith(".budgets/") for path in kept)


def test_a_listener_who_is_not_there_is_one_finding(
    airflow_install: AirflowInstall,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del airflow_install

    assert doctor(monkeypatch, "--live", "--listener", "zoe") == 1
    assert "There is no listener 'zoe'." in " ".join(capsys.readouterr().out.split())


def test_one_machine_of_several_that_lacks_the_lake_says_so(
    airflow_install: AirflowInstall,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    assert doctor(monkeypatch, "--offline", "--listener", "ada") == 1

    shown = " ".join(capsys.readouterr().out.split())
    assert "There is no lake at" in shown
    assert "Mount it there." in shown
    assert not airflow_install.lake.files.list(".format")
