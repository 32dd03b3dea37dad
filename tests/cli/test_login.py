"""Tests of the logins of a listener without any connection, on this machine and over SSH."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from smallhours.local.processes import free_ports
from tests.airflow_home import AirflowInstall, airflow_install
from tests.command_line import run_here
from tests.e2e.installation import hang_up_heard

__all__ = ["airflow_install"]

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

KEY = "5a4d" * 8


@dataclass
class Terminal:
    """Runs `smallhours` in a process of its own, with an Airflow home that does not exist yet."""

    home: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command with piped input and output."""
        with hang_up_heard():
            started = subprocess.Popen(
                [sys.executable, "-m", "smallhours", *arguments],
                cwd=self.home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.running.append(started)
        return started

    def run(self, *arguments: str, answers: str = "") -> tuple[int, str]:
        """Run the command to its end."""
        process = self.start(*arguments)
        shown, _ = process.communicate(answers, timeout=120)
        return process.returncode, shown

    def end(self) -> None:
        """End what still runs."""
        for process in self.running:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()


@pytest.fixture
def terminal(
    airflow_install: AirflowInstall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    for name in ("lastfm_ada", "spotify_ada"):
        airflow_install.unset_connection(name)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    made = Terminal(tmp_path)
    yield made
    made.end()


def address_shown(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "/authorize?" in line:
            return line.strip()
    raise AssertionError("no address was shown")


def test_logging_in_from_nothing_makes_working_connections(terminal: Terminal) -> None:
    code, shown = terminal.run("login", "lastfm", answers=f"{KEY}\n")
    assert code == 0, shown
    assert "The key works: ada has" in shown
    assert "ada doesn't pay for Last.fm Pro." in shown
    assert KEY not in shown

    (port,) = free_ports(1)
    process = terminal.start("login", "spotify", "--port", str(port))
    assert process.stdin is not None
    process.stdin.write("sandbox-client\nsandbox-secret\n")
    process.stdin.flush()
    requests.get(address_shown(process), timeout=10)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    assert "Logged in as" in shown

    code, shown = terminal.run("doctor")
    assert code == 0, shown
    assert "ada, 3,000 scrobbles, can be read" in " ".join(shown.split())
    assert "lasts 181 more days" in shown


def test_a_browser_is_opened_where_there_is_one(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "browser.py"
    script.write_text("import sys, requests\nrequests.get(sys.argv[1], timeout=60)\n")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {script} %s")
    (port,) = free_ports(1)

    code, shown = terminal.run(
        "login", "spotify", "--port", str(port), answers="sandbox-client\nsandbox-secret\n"
    )

    assert code == 0, shown
    assert "Logged in as" in shown


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("rubbish", "this is not the address that Spotify led to"),
        ("http://127.0.0.1:8888/callback?error=access_denied&state=x", "you did not agree"),
    ],
)
def test_what_is_no_consent_says_so(terminal: Terminal, address: str, says: str) -> None:
    answers = f"sandbox-client\n\n{address}\n"

    code, shown = terminal.run("login", "spotify", "--paste", answers=answers)

    assert code == 1
    assert says in shown


# Over SSH the address is pasted: see tests/cli/test_private_logins.py.
def test_a_wrong_key_and_an_address_of_another_login_are_refused_and_not_kept(
    terminal: Terminal,
) -> None:
    code, shown = terminal.run("login", "lastfm", answers="not-a-key\n")

    assert code == 1
    assert "error: Last.fm:" in shown
    assert "give it to `smallhours login lastfm --listener ada`" in " ".join(shown.split())
    assert "connection" not in shown

    code, shown = terminal.run(
        "login",
        "spotify",
        "--paste",
        answers="sandbox-client\n\nhttp://127.0.0.1:8888/callback?code=stolen&state=theirs\n",
    )

    assert code == 1
    assert "the login did not succeed" in shown
    assert "stolen" not in shown
    code, shown = terminal.run("doctor", "--offline")
    assert code == 1
    said = " ".join(shown.split())
    for name in ("lastfm_ada", "spotify_ada"):
        assert f"There is no Airflow connection `{name}`" in said
    assert "no key or login is stored yet" in said


@pytest.mark.parametrize(
    ("service", "line", "says"),
    [
        ("spotify", "spotify = false", "`spotify` of the listener me is false"),
        ("lastfm", "", 'Write lastfm = "NAME" below [listeners.me]'),
        ("listenbrainz", "", 'Write listenbrainz = "NAME" below [listeners.me]'),
    ],
)
def test_nobody_is_asked_for_a_login_that_the_settings_have_no_use_for(
    service: str, line: str, says: str, tmp_path: Path
) -> None:
    settings = tmp_path / "smallhours.toml"
    settings.write_text(f'[listeners.me]\ntimezone = "UTC"\n{line}\n', encoding="utf-8")

    code, shown = run_here(tmp_path, "login", service, SMALLHOURS_SETTINGS=str(settings))

    assert code == 1
    assert says in " ".join(shown.split())
