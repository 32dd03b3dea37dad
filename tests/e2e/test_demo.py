"""Tests that the demo leaves no processes behind, however it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.airflow, pytest.mark.slow(seconds=20), pytest.mark.timeout(1800)]

_START_S = 600


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of all demos here: what one has made, the next finds."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a demo that was just started."""
    command = [sys.executable, "-m", "smallhours", "demo", "--folder", str(folder), "--leave"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as process:
        yield process
        if process.poll() is None:
            process.terminate()


def read_until(process: subprocess.Popen[str], what: str) -> str:
    """Return the demo's output up to the line with some words."""
    assert process.stdout is not None
    said = ""
    until = time.monotonic() + _START_S
    for line in process.stdout:
        said += line
        if what in line or time.monotonic() > until:
            break
    assert what in said, said
    return said


def programs_in(folder: Path) -> list[str]:
    """Return the command lines of processes whose environment or arguments name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if str(folder).encode() in environment + arguments and int(process.name) != os.getpid():
            found.append(arguments.replace(b"\0", b" ").decode())
    return found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "moment", "listening"),
    [
        (signal.SIGINT, "Airflow is healthy", 2),
        (signal.SIGTERM, "the sandbox listens", 1),  # and Airflow starts
    ],
)
def test_a_demo_that_is_interrupted_leaves_nothing_running(
    demo: subprocess.Popen[str],
    number: signal.Signals,
    moment: str,
    listening: int,
    folder: Path,
) -> None:
    said = read_until(demo, moment)
    ports = [int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)", said)]
    assert len(ports) == listening
    assert all(listens(port) for port in ports)

    demo.send_signal(number)

    assert demo.wait(600) == 130
    assert programs_in(folder) == []
    assert not any(listens(port) for port in ports)
