"""Tests of background processes: they are stopped, whatever signals come meanwhile."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallhours.local.processes import (
    ManagedProcess,
    interrupted_by_signals,
    rotate_log,
    stop_all,
)
from smallhours.private_files import open_to_others

# Interrupts its parent when it is told to end.
_REPLY = 'trap "kill -INT $PPID; exit 0" TERM; echo ready; while :; do sleep 0.05; done'


@pytest.fixture
def part(tmp_path: Path) -> Iterator[ManagedProcess]:
    log = tmp_path / "part.log"
    made = ManagedProcess("part", ["sh", "-c", _REPLY], env=os.environ, log=log, cwd=tmp_path)
    while b"ready" not in log.read_bytes():
        made.check()
        time.sleep(0.01)
    yield made
    made.process.kill()
    made.process.wait()


def test_a_signal_while_processes_are_stopped_is_ignored(part: ManagedProcess) -> None:
    before = signal.getsignal(signal.SIGINT)

    stop_all([part])

    assert not part.running
    assert signal.getsignal(signal.SIGINT) is before


def test_what_an_interrupted_program_started_is_stopped(part: ManagedProcess) -> None:
    def program() -> None:
        with interrupted_by_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                stop_all([part])

    with pytest.raises(KeyboardInterrupt):
        program()

    assert not part.running


def test_a_large_log_begins_anew_while_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    script = "yes 0123456789 | head -c 100000; read _; echo last"
    env = dict(os.environ)
    log.touch(mode=0o600)
    with log.open("ab") as output:
        writer = subprocess.Popen(
            ["bash", "-c", script], env=env, stdin=subprocess.PIPE, stdout=output
        )
    while log.stat().st_size < 100_000:
        assert writer.poll() is None
        time.sleep(0.01)

    rotate_log(log, max_bytes=100_000)
    assert log.stat().st_size == 100_000
    rotate_log(log, max_bytes=99_999)
    writer.communicate(b"\n")

    assert log.read_text() == "last\n"
    assert (tmp_path / "part.log.1").stat().st_size == 100_000
    assert open_to_others(tmp_path / "part.log.1") == []
