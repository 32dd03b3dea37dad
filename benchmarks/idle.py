"""Benchmark of what `smallhours up` costs while nothing runs.

    python -m benchmarks.idle [--minutes 5]

An installation is set up as the README says, with its night half a day away. When Airflow is
healthy and has come to rest, the time that its processes use is added up for some minutes, and then
their memory, in which a page that several share is counted once.
"""

import datetime as dt
import tempfile
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from benchmarks.harness import command_line, print_figures, print_progress
from smallhours.local.running import left_running
from tests.e2e.installation import Installation, cron_in

WORLD = {"artists": 80, "tracks": 700, "scrobbles": 600}
REST_S = 45.0
# The DAG processor reads the DAGs again every five minutes.
DEFAULT_MINUTES = 5.0


def main() -> None:
    """Run the benchmark, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--minutes", type=float, default=DEFAULT_MINUTES)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder, Installation(Path(folder), WORLD) as install:
        install.set_up(cron_in(720, dt.UTC))
        with install.up():
            pids = {part.name: part.pid for part in left_running(install.home.folder)}
            print_progress("waiting for Airflow to come to rest")
            time.sleep(REST_S)
            before = {name: _seconds(pid) for name, pid in pids.items()}
            time.sleep(60 * minutes)
            used = {name: (_seconds(pid) - before[name]) / minutes for name, pid in pids.items()}
            memory = {name: _megabytes(pid) for name, pid in pids.items()}
    print_figures(
        {
            "idle_cpu_s_per_minute": round(sum(used.values()), 2),
            "megabytes": round(sum(memory.values())),
            "cpu_by_part": {name: round(value, 2) for name, value in used.items()},
            "megabytes_by_part": {name: round(value) for name, value in memory.items()},
        }
    )


def _tree(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _seconds(pid: int) -> float:
    """Return the processor time of a part: of its living processes, and of those that ended."""
    return float(sum(sum(each.cpu_times()[:4]) for each in _tree(pid)))


def _megabytes(pid: int) -> float:
    return float(sum(each.memory_full_info().pss for each in _tree(pid))) / 1e6


if __name__ == "__main__":
    main()
