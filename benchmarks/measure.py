"""Time and peak memory of a piece of work in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

KIB = 1024


@dataclass(frozen=True)
class Cost:
    """The cost of a piece of work.

    Attributes:
        wall_s: Seconds of the work itself, without starting Python and reading the data.
        peak_mb: The process's largest resident memory in MiB, all included.
    """

    wall_s: float
    peak_mb: float


def run_apart(module: str, arguments: list[str], report: Path) -> Cost:
    """Run `python -m module arguments` and read the cost that it writes to `report`.

    Raises:
        subprocess.CalledProcessError: when it fails; its own error is printed.
    """
    subprocess.run([sys.executable, "-m", module, *arguments, str(report)], check=True)
    return Cost(**json.loads(report.read_text()))


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
