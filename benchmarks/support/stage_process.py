"""One stage of a night in a process of its own, with what it cost.

`python -m benchmarks.support.stage_process STAGE LAKE URL NIGHT LISTENER LISTENERS REPORT` runs a
stage as Airflow does, and writes its cost to REPORT.
"""

import builtins
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.harness import peak_mb
from smallhours.run_context import CLIENTS, RunContext
from smallhours.runs import STAGES
from smallhours.services.credentials import SpotifyCredentials
from smallhours.settings import Settings
from smallhours_sandbox.simulation.installation import (
    LISTENER,
    SandboxCredentials,
    sandbox_services,
    sandbox_settings,
)

MB = 1e6


@dataclass(frozen=True)
class StageCost:
    """The cost of one stage's process.

    Attributes:
        cpu_s: CPU seconds of the process and its children.
        start_s: Those until the stage's function begins, of all imports, and of building clients.
        import_s: Those of a process that only imports pandas and pyarrow, run right after it.
        opened: Number of times that a file of the lake was opened.
        read_mb: Megabytes of the lake's files that were opened to be read.
        written_mb: Megabytes of new files in the lake.
        peak_mb: Largest resident memory.
    """

    cpu_s: float = 0.0
    start_s: float = 0.0
    import_s: float = 0.0
    opened: int = 0
    read_mb: float = 0.0
    written_mb: float = 0.0
    peak_mb: float = 0.0

    def __add__(self, other: "StageCost") -> "StageCost":
        """Return the sum of two costs; the peak is the higher one."""
        both = {
            field.name: getattr(self, field.name) + getattr(other, field.name)
            for field in fields(self)
        }
        return StageCost(**(both | {"peak_mb": max(self.peak_mb, other.peak_mb)}))


class ScaleCredentials(SandboxCredentials):
    """The sandbox's credentials of its `ada`, whatever the listener is called here."""

    def spotify(self, listener: str) -> SpotifyCredentials:
        """Return the login of `ada`."""
        del listener
        return super().spotify("ada")


def settings_of(url: str, lake: Path, listeners: int = 1) -> Settings:
    """Return the default settings without rate limits, of the first listener and some others."""
    first = {LISTENER: {"lastfm": "ada", "timezone": "Europe/Dublin"}}
    others = {
        f"other{at}": {"lastfm": f"other{at}", "timezone": "UTC"} for at in range(1, listeners)
    }
    return sandbox_settings(
        listeners=first | others,
        lake={"url": str(lake)},
        services=sandbox_services(url),
        catalog={"lastfm_calls_per_night": 30_000},
    )


class FileCounter:
    """Counts the files of a lake that this process opens, by Python's audit events."""

    def __init__(self, lake: Path) -> None:
        self._root = f"{lake}{os.sep}"
        self.opened = 0
        self.read = 0
        self.written = 0
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, _ = given
            if not str(path).startswith(self._root) or mode is None:
                return  # a file handle of the system's is for a lock, or to flush
            self.opened += 1
            if "r" in mode and Path(path).exists():
                self.read += Path(path).stat().st_size
        elif event == "os.rename" and str(given[1]).startswith(self._root):
            self.written += Path(given[0]).stat().st_size


class StartTimer:
    """Adds up the CPU time of imports and of building clients, each moment once."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._here = threading.local()

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the time of the block, unless it is counted already."""
        if getattr(self._here, "counting", False):
            yield
            return
        self._here.counting, began = True, time.thread_time()
        try:
            yield
        finally:
            self.cpu_s += time.thread_time() - began
            self._here.counting = False

    def watch(self) -> None:
        """Count every import and every client from now on."""
        original = builtins.__import__

        def imported(*args: Any, **named: Any) -> Any:
            with self.counted():
                return original(*args, **named)

        builtins.__import__ = imported
        for name in CLIENTS:
            vars(RunContext)[name].func = self._timed(vars(RunContext)[name].func)

    def _timed(self, build: Callable[[RunContext], Any]) -> Callable[[RunContext], Any]:
        def timed(run: RunContext) -> Any:
            with self.counted():
                return build(run)

        return timed


def run_stage(
    verb: str, lake: Path, url: str, night: str, *, listener: str = LISTENER, listeners: int = 1
) -> tuple[StageCost, dict[str, str]]:
    """Run a stage in a process of its own; return its cost and its summary."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "benchmarks.support.stage_process", verb, str(lake), url]
        command += [night, listener, str(listeners), str(report)]
        subprocess.run(command, check=True)
        told = json.loads(report.read_text())
    summary = told.pop("summary")
    return StageCost(**told | {"import_s": import_seconds()}), summary


def import_seconds() -> float:
    """Return the CPU seconds of a process that only imports pandas and pyarrow."""

    def used() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    before = used()
    subprocess.run([sys.executable, "-c", "import pandas, pyarrow"], check=True)
    return used() - before


def main() -> None:
    """Run the stage of the command line, and write its cost."""
    verb, where, url, night, listener, listeners, report = sys.argv[1:]
    lake = Path(where)
    settings = settings_of(url, lake, int(listeners))
    files, start = FileCounter(lake), StartTimer()
    with RunContext(listener, settings.night(listener, night), settings, ScaleCredentials()) as run:
        before = time.process_time()
        start.watch()
        summary = STAGES[verb](run)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = StageCost(
        cpu_s=time.process_time() + children.ru_utime + children.ru_stime,
        start_s=before + start.cpu_s,
        opened=files.opened,
        read_mb=files.read / MB,
        written_mb=files.written / MB,
        peak_mb=peak_mb(),
    )
    told = {**asdict(cost), "summary": {name: str(value) for name, value in summary.items()}}
    Path(report).write_text(json.dumps(told))


if __name__ == "__main__":
    main()
