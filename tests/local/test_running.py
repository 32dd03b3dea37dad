"""One process runs a home, and what a killed one left running is known and can be ended."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallhours.errors import SettingsError
from smallhours.local.running import (
    end_parts,
    forget_parts,
    hold_home,
    left_running,
    record_parts,
)

# Leads a session, starts a child with a group of its own, as Airflow's tasks have, and waits.
PART = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"], process_group=0)
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def part() -> Iterator[tuple[subprocess.Popen[str], int]]:
    started = subprocess.Popen(
        [sys.executable, "-c", PART], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert started.stdout is not None
    child = int(started.stdout.readline())
    yield started, child
    for pid in (started.pid, child):
        if exists(pid):
            os.kill(pid, signal.SIGKILL)
    started.wait()
    started.stdout.close()


def exists(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def test_a_second_one_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with hold_home(tmp_path), pytest.raises(SettingsError, match=f"process {os.getpid()}"):
        hold_home(tmp_path).__enter__()

    with hold_home(tmp_path):
        pass  # free again


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    def hold(ready: "multiprocessing.synchronize.Event") -> None:
        with hold_home(tmp_path):
            ready.set()
            signal.pause()

    fork = multiprocessing.get_context("fork")
    ready = fork.Event()
    holder = fork.Process(target=hold, args=(ready,))
    holder.start()
    ready.wait()
    holder.kill()
    holder.join()

    with hold_home(tmp_path):
        pass


def test_what_still_runs_is_told_and_ended_with_its_children(
    part: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    leader, child = part
    record_parts(tmp_path, {"scheduler": leader.pid})

    (left,) = left_running(tmp_path)
    end_parts([left])

    assert (left.name, left.pid) == ("scheduler", leader.pid)
    assert not exists(leader.pid)
    assert not exists(child)
    assert left_running(tmp_path) == []


def test_children_of_a_part_that_has_died_are_found(
    part: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    leader, child = part
    record_parts(tmp_path, {"scheduler": leader.pid})
    leader.kill()
    leader.wait()

    left = left_running(tmp_path)
    end_parts(left)

    assert [each.pid for each in left] == [leader.pid]
    assert not exists(child)


@pytest.mark.parametrize("change", ["start", "boot"])
def test_a_process_that_got_the_same_id_is_left_alone(
    change: str, part: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    leader, child = part
    record_parts(tmp_path, {"scheduler": leader.pid})
    path = tmp_path / "parts.json"
    record = json.loads(path.read_text())
    if change == "start":
        record["parts"][0][2] -= 1
    else:
        record["boot"] = "another"
    path.write_text(json.dumps(record))

    end_parts(left_running(tmp_path))

    assert left_running(tmp_path) == []
    assert exists(leader.pid)
    assert exists(child)


@pytest.mark.parametrize("text", ["", "[]", '{"boot": 1, "parts": [[1]]}', "\x00"])
def test_a_damaged_record_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_text(text)

    assert left_running(tmp_path) == []


def test_after_a_clean_end_nothing_is_recorded(tmp_path: Path) -> None:
    record_parts(tmp_path, {"scheduler": os.getpid()})
    forget_parts(tmp_path)

    assert list(tmp_path.iterdir()) == []
