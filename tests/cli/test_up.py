"""`up` runs once per home, ends all of its parts, and cleans up after one that was killed."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from smallhours.local.airflow import AirflowHome
from smallhours.local.processes import free_ports
from smallhours.local.running import end_parts, left_running
from smallhours.private_files import open_to_others
from tests.cli.test_login import Terminal

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=120), pytest.mark.timeout(900)]

SETTINGS = '[listeners.me]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n'


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Who has written their settings, and starts `up` for the first time."""
    for name in [each for each in os.environ if each.startswith(("AIRFLOW", "SMALLHOURS"))]:
        monkeypatch.delenv(name)
    (tmp_path / "smallhours.toml").write_text(SETTINGS)
    monkeypatch.setenv("SMALLHOURS_LAKE", "elsewhere")
    made = Terminal(tmp_path)
    yield made
    made.end()
    end_parts(left_running(tmp_path / ".airflow"))


def wait_until_ready(up: subprocess.Popen[str]) -> str:
    """Return what `up` says until it runs."""
    assert up.stdout is not None
    said = ""
    for line in up.stdout:
        said += line
        if line.startswith("The next night starts"):
            return said
    raise AssertionError(said)


def test_up_once_killed_and_up_again(person: Terminal) -> None:
    home = person.home / ".airflow"
    lake = person.home / "elsewhere"
    (lake / "plays").mkdir(parents=True)
    (lake / "plays" / "part.parquet").touch()
    lake.chmod(0o755)
    (port,) = free_ports(1)
    up = person.start("up", "--port", str(port))
    assert f"http://127.0.0.1:{port}/plugin/smallhours" in wait_until_ready(up)
    assert open_to_others(lake) + open_to_others(home) == []
    airflow = AirflowHome(home, port, person.home / "smallhours.toml")
    login = {"username": "admin", "password": airflow.password()}
    token = requests.post(f"{airflow.url}/auth/token", json=login, timeout=300).json()
    cookie = {"_token": token["access_token"]}
    page = f"{airflow.url}/smallhours/tonight"
    assert requests.get(page, cookies=cookie, timeout=300).status_code == 200

    # Another one on another port is refused.
    (other,) = free_ports(1)
    code, said = person.run("up", "--port", str(other))
    assert code == 1
    assert f"Airflow runs in {home} already (process {up.pid})" in said

    up.kill()
    up.wait()
    left = {part.name for part in left_running(home)}
    assert left == {"api-server", "scheduler", "dag-processor"}
    code, said = person.run("up", "--port", str(other))
    assert code == 1
    assert all(re.search(rf"{name} \(process \d+\)", said) for name in left)
    assert "run `smallhours up --end-left`" in said
    assert len(left_running(home)) == len(left)

    again = person.start("up", "--port", str(port), "--end-left")
    assert "They have ended." in wait_until_ready(again)
    # The session of before still holds.
    assert requests.get(page, cookies=cookie, timeout=300).status_code == 200

    again.send_signal(signal.SIGHUP)
    said, _ = again.communicate(timeout=600)
    assert again.returncode == 0, said
    assert "Stopped." in said
    assert left_running(home) == []
    with pytest.raises(requests.ConnectionError):
        requests.get(airflow.url, timeout=5)
