"""The service's file runs `up` in its folder, whatever the folder's name."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smallhours import cli

SETTINGS = '[listeners.me]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n'


@pytest.fixture(params=["plain", 'my music/50% of "it" $5'])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / str(request.param)
    made.mkdir(parents=True)
    (made / "smallhours.toml").write_text(SETTINGS)
    monkeypatch.chdir(made)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("AIRFLOW_HOME", "SMALLHOURS_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    return made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["smallhours", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_is_written_and_removed_with_the_commands_to_run(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unit = tmp_path / "config" / "systemd" / "user" / "smallhours.service"

    assert run(monkeypatch, "service", "install", "--port", "8123") == 0

    said = capsys.readouterr().out
    for command in ("enable --now smallhours", "stop smallhours", "journalctl", "enable-linger"):
        assert command in said
    text = unit.read_text()
    doubled = str(folder).replace("%", "%%")
    assert f"WorkingDirectory={doubled}\n" in text
    assert text.count("ExecStart=") == 1
    assert '"up" "--port" "8123"' in text
    assert unit.stat().st_mode & 0o777 == 0o600
    if verify := shutil.which("systemd-analyze"):
        check = [verify, "verify", "--user", "--man=no", str(unit)]
        env = {"XDG_RUNTIME_DIR": str(tmp_path)}
        done = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    assert run(monkeypatch, "service", "uninstall") == 0
    assert "disable --now smallhours" in capsys.readouterr().out
    assert not unit.exists()
    assert run(monkeypatch, "service", "uninstall") == 0


@pytest.mark.usefixtures("folder")
def test_one_of_another_folder_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, "service", "install") == 0
    assert run(monkeypatch, "service", "install") == 0  # again, here
    unit = tmp_path / "config" / "systemd" / "user" / "smallhours.service"
    before = unit.read_text()
    other = tmp_path / "other"
    other.mkdir()
    (other / "smallhours.toml").write_text(SETTINGS)
    monkeypatch.chdir(other)

    assert run(monkeypatch, "service", "install") == 1

    assert "runs Smallhours in another folder" in capsys.readouterr().err
    assert unit.read_text() == before
