"""What runs in a home: one `up` at a time, and the parts that a killed one left behind.

The lock is a file that the system lets go of when its holder ends, however it ends. Beside it is a
record of the parts that were started. A part leads a session of its own, so that all processes that
it started can be told by it. A process is known by its id and its moment of start, since ids are
used again; after a restart of the machine nothing of the record holds. Sessions are read from
/proc; on a system without it, nothing is found.
"""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from smallhours.errors import SettingsError
from smallhours.private_files import make_private_folder, private_opener, write_private

LOCK = "up.lock"
_RECORD = "parts.json"
_PROC = Path("/proc")
_BOOT = _PROC / "sys/kernel/random/boot_id"
STOP_S = 20.0
_KILLED_S = 5.0


class StartedPart(NamedTuple):
    """A part as recorded: its name, the process that leads its session, and its start."""

    name: str
    pid: int
    started: int


class _Process(NamedTuple):
    """A process: the session that it is in, and its start in ticks since the machine's."""

    session: int
    started: int


@contextlib.contextmanager
def hold_home(home: Path) -> Iterator[None]:
    """Hold the lock of a home.

    Raises:
        SettingsError: when another process holds it.
    """
    make_private_folder(home)
    with open(home / LOCK, "a+", encoding="utf-8", opener=private_opener) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise SettingsError(
                f"Smallhours' Airflow runs in {home} already (process {lock.read() or '?'}).",
                remedy="Stop that one first: Ctrl+C where it runs, or `systemctl --user stop "
                "smallhours` if it is a service.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def record_parts(home: Path, parts: Mapping[str, int]) -> None:
    """Record the parts that run, by name and process id."""
    running = _processes()
    started = [[name, pid, running[pid].started] for name, pid in parts.items() if pid in running]
    write_private(home / _RECORD, json.dumps({"boot": _boot(), "parts": started}))


def forget_parts(home: Path) -> None:
    """Remove the record: all parts have ended."""
    (home / _RECORD).unlink(missing_ok=True)


def left_running(home: Path) -> list[StartedPart]:
    """Return the recorded parts of which some process still runs."""
    try:
        record: Any = json.loads((home / _RECORD).read_text(encoding="utf-8"))
        boot, parts = record["boot"], [StartedPart(*part) for part in record["parts"]]
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return [part for part in parts if boot == _boot() and _members(part)]


def end_parts(parts: Sequence[StartedPart]) -> None:
    """End parts with all that they started: ask first, and kill what still runs after 20 s."""
    for part in parts:
        if part.pid in _members(part):
            _signal(part.pid, signal.SIGTERM)
    _wait(lambda: not any(part.pid in _members(part) for part in parts), STOP_S)
    for part in parts:
        for pid in _members(part):
            _signal(pid, signal.SIGKILL)
    _wait(lambda: not any(_members(part) for part in parts), _KILLED_S)


def kill_session(leader: int) -> None:
    """Kill all processes of a session whose leader has ended."""
    for pid, process in _processes().items():
        if process.session == leader:
            _signal(pid, signal.SIGKILL)


def _members(part: StartedPart) -> list[int]:
    """Return the processes of a part that run; none where its id belongs to another one now."""
    running = _processes()
    leader = running.get(part.pid)
    if leader and leader.started != part.started:
        return []
    return [
        pid
        for pid, process in running.items()
        if process.session == part.pid and process.started >= part.started
    ]


def _processes() -> dict[int, _Process]:
    """Return what runs on this machine, by process id; what has ended, and waits, is left out."""
    found = {}
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            # Behind the name, which may hold anything: state, parent, group, session, ...
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if fields[0] not in {"Z", "X"}:
            found[int(path.parent.name)] = _Process(int(fields[3]), int(fields[19]))
    return found


def _boot() -> str:
    """Return what tells one start of the machine from another."""
    return _BOOT.read_text(encoding="utf-8").strip() if _BOOT.exists() else ""


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _wait(until: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        time.sleep(0.1)
