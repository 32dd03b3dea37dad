"""Tests of background processes: they are stopped, whatever signals come meanwhile."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallhours.local.processes import ManagedProcess, interrupted_by_signals, stop_all

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
