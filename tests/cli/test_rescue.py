"""`smallhours rescue`: ended in the middle and gone on with, bounded, refused, out of reach."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smallhours import cli
from smallhours.catalog.concurrent_fetch import MAX_UNSTORED
from smallhours.cli.rescue import INTERRUPTED
from smallhours.lake.tables import ARTIST_TAGS, SIMILAR, TRACK_TAGS
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.airflow_home import AirflowInstall, airflow_install, settings_text

__all__ = ["airflow_install"]

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=5),
    pytest.mark.filterwarnings("ignore::Warning"),
]

FEW = "[catalog]\nseed_tracks = 2\nseed_artists = 2\nseed_tags = 1\nnear_artists = 2\n"


@dataclass
class Terminal:
    """The command line in the folder of a airflow_install."""

    airflow_install: AirflowInstall
    home: Path
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        started = subprocess.Popen(
            [sys.executable, "-m", "smallhours", "rescue", *arguments],
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append(started)
        return started

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run it to its end; what it showed is on one line."""
        process = self.start(*arguments)
        shown, _ = process.communicate(timeout=200)
        return process.returncode, " ".join(shown.split())

    def interrupt(self, how: signal.Signals, *, questions: int) -> tuple[int, str]:
        """Run it until so many questions about tags and neighbours were put, and then end it."""
        process = self.start()
        ended = threading.Event()

        def look(_method: str, _path: str) -> None:
            if not ended.is_set() and self.asked() >= questions:
                ended.set()
                process.send_signal(how)

        self.airflow_install.sandbox.on_request = look
        try:
            shown, _ = process.communicate(timeout=200)
        finally:
            self.airflow_install.sandbox.on_request = None
        assert ended.is_set(), shown
        return process.returncode, " ".join(shown.split())

    def asked(self) -> int:
        """How many questions about tags and neighbours Last.fm was asked."""
        calls = dict(self.airflow_install.sandbox.state.calls)
        return sum(count for (_, method), count in calls.items() if not method.startswith("user."))


def answers(airflow_install: AirflowInstall) -> int:
    """How many questions about tags and neighbours the lake has the answer to."""
    lake = airflow_install.lake
    return (
        len(set(lake.frame(ARTIST_TAGS)["artist_key"]))
        + len(set(lake.frame(TRACK_TAGS)["track_key"]))
        + len(lake.frame(SIMILAR).groupby(["kind", "seed_key"]))
    )


@pytest.fixture
def small(airflow_install: AirflowInstall) -> AirflowInstall:
    """A airflow_install with one listener, of whom a night asks little."""
    airflow_install.write_settings(settings_text(airflow_install.sandbox.url, {"ada": "ada"}) + FEW)
    return airflow_install


@pytest.fixture
def terminal(small: AirflowInstall, tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(small, tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["smallhours", "rescue", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=str)
def test_what_was_asked_before_the_end_is_not_asked_again(
    terminal: Terminal, how: signal.Signals
) -> None:
    code, shown = terminal.interrupt(how, questions=60)
    if how == signal.SIGINT:
        assert code == INTERRUPTED
        assert "Stopped. What was read is kept; `smallhours rescue` goes on from there." in shown
        assert "Plays: 3,000, from " in shown
    assert "Last.fm counts 3,000 plays of ada; 0 are here already." in shown

    code, shown = terminal.run("--calls", "120")

    assert code == 0, shown
    assert "Last.fm counts 3,000 plays of ada; 3,000 are here already." in shown
    assert "This run asks 120 at most, about 1 min." in shown
    assert "3,000 are from Last.fm, which counts 3,000." in shown
    assert re.search(r"Left: [\d,]+ questions, about .* `smallhours rescue` goes on", shown)
    # Only what was not stored yet when it ended is asked twice.
    kept = answers(terminal.airflow_install)
    assert 120 <= kept <= terminal.asked() <= kept + MAX_UNSTORED


@pytest.mark.parametrize("code", [10, 26, 0])
def test_a_refused_key_is_one_clear_error(
    small: AirflowInstall,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault_rules_of(small.sandbox.state).add(Fault("unpaid_key", times=0, code=code))

    assert run(monkeypatch) == 1

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: Last.fm: user.getInfo ")
    assert "Last.fm Pro" in shown.err
    assert "smallhours import-history" in shown.err
    assert "5a4d" not in shown.err


def test_without_a_connection_the_error_says_what_to_check(
    small: AirflowInstall, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.sandbox.stop()

    assert run(monkeypatch) == 1

    shown = capsys.readouterr().err
    assert shown.startswith("error: Last.fm: no reply to user.getInfo")
    assert "Check the internet connection" in shown


def test_hours_are_as_many_questions_as_the_rate_allows(
    small: AirflowInstall, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The settings of the tests allow 10,000 questions a second.
    assert run(monkeypatch, "--hours", "0.000003", "--calls", "1000") == 0

    assert "This run asks 108 at most" in capsys.readouterr().out
    assert answers(small) == 108


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "two"])
def test_hours_that_are_no_such_number_are_refused_before_anything_is_asked(
    small: AirflowInstall,
    hours: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(monkeypatch, "--hours", hours) == 2

    assert "--hours" in capsys.readouterr().err
    assert small.sandbox.state.calls.total() == 0
