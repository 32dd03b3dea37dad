"""Command line, line of figures, time and memory, and shared data of all benchmarks."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

KIB = 1024
# Public data sets beside the project, for those who have them.
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


class BadTable(ValueError):
    """The error for a table that a benchmark cannot use, with its name and the reason."""


@dataclass(frozen=True)
class Cost:
    """The cost of a piece of work.

    Attributes:
        wall_s: Seconds of the work itself, without starting Python and reading the data.
        peak_mb: The process's largest resident memory in MiB, all included.
    """

    wall_s: float
    peak_mb: float


def command_line(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser that describes a benchmark by the first line of its module's docstring."""
    return argparse.ArgumentParser(description=(doc or "").partition("\n")[0])


def print_progress(what: str) -> None:
    """Print what is being done to stderr, apart from the figures."""
    print(f"  {what} …", file=sys.stderr, flush=True)


def print_figures(figures: Mapping[str, Any]) -> None:
    """Print the figures as one line of JSON, the last of every benchmark."""
    print(json.dumps(figures))


def run_apart(module: str, arguments: Sequence[str]) -> Any:
    """Run `python -m module arguments REPORT`, and return the JSON that it writes to REPORT.

    Raises:
        subprocess.CalledProcessError: when it fails; its own error is printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([sys.executable, "-m", module, *arguments, str(report)], check=True)
        return json.loads(report.read_text())


def record_cost(work: Callable[[], T], report: Path) -> T:
    """Do the work and write its cost to `report`, for `run_apart`."""
    start = time.perf_counter()
    done = work()
    wall = time.perf_counter() - start
    report.write_text(json.dumps({"wall_s": wall, "peak_mb": peak_mb()}))
    return done


def peak_mb() -> float:
    """Return the largest resident memory of this process in MiB.

    getrusage includes the parent's memory at the fork; Linux's own count does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return int(next(x for x in lines if x.startswith("VmHWM")).split()[1]) / KIB
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / KIB**2 if sys.platform == "darwin" else used / KIB
