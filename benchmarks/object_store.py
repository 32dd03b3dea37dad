"""Measure a lake on S3 that processes share: lost rows, overdrawn budgets, and requests.

    python -m benchmarks.object_store

Processes that share nothing else write to moto's S3 server: all into one partition, and all on one
budget of calls. Then one listener's first and normal night run over the sandbox with their lake
there, each stage as a process of its own would, all on one machine; and a night whose stages each
run in a pod that has kept nothing. A file is needed once by a machine that reads it, and once by
one that writes it; small files that are no data (locks, budgets) are not.
"""

import datetime as dt
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any
from unittest.mock import patch

from benchmarks.harness import command_line, print_figures, print_progress
from smallhours.lake.object_files import ObjectFiles
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.runs import NIGHTLY
from smallhours.services import budget_state, retry_and_rate_limit
from smallhours.settings import Settings
from tests.faults.nights import Nights, nights
from tests.lake.s3_server import BUCKET, CHECKOUT, S3Server, is_installed, running_s3

WRITERS = 8
MERGES = 10
CALLS_PER_DAY = 400

_WRITER = """if True:
    import sys
    from smallhours.errors import QuotaExceeded
    from smallhours.lake.store import Lake
    from smallhours.lake.tables import PLAYS
    from smallhours.services.budget_state import budget_of
    from smallhours.services.retry_and_rate_limit import TokenBucket
    from tests.lake.samples import MINE, play, plays

    url, number, merges, writers, calls = sys.argv[1], *map(int, sys.argv[2:])
    lake = Lake(url)
    lake.check_writable()
    sys.stdin.readline()
    again = 0
    for minute in range(merges):
        rows = plays(play(number * merges + minute))
        again += lake.merge(PLAYS, rows, partition=MINE).conflicts
    bucket = TokenBucket(1000, calls_per_day=calls, state=budget_of(url, "spotify"),
                         listener=str(number), listeners=writers)
    made = 0
    try:
        while True:
            bucket.acquire()
            made += 1
    except QuotaExceeded:
        print(again, made)
"""


def store_figures() -> dict[str, Any]:
    """Return the figures of an object store that processes share."""
    with (
        running_s3() as s3,
        tempfile.TemporaryDirectory() as cache,
        in_environment({**s3.environment, "XDG_CACHE_HOME": cache}),
    ):
        print_progress(f"{WRITERS} writers")
        figures = shared_writes()
        print_progress("three nights")
        return {**figures, **night_requests(s3)}


@contextmanager
def in_environment(more: dict[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def shared_writes() -> dict[str, Any]:
    """Let processes write and spend at the same time; return what was lost and overdrawn."""
    url = f"s3://{BUCKET}/writers"
    folders = os.pathsep.join(str(CHECKOUT / part) for part in ("include", "."))
    numbers = [str(each) for each in (MERGES, WRITERS, CALLS_PER_DAY)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, url, str(number), *numbers],
            env=os.environ | {"PYTHONPATH": folders},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:  # those that are ready wait for the line
        print("go", file=writer.stdin, flush=True)
    told = [writer.communicate(timeout=400)[0].split() for writer in writers]
    return {
        "s3_writers": sum(writer.returncode == 0 for writer in writers),
        "s3_lost_rows": WRITERS * MERGES - len(Lake(url).read(PLAYS)),
        "s3_repeated_writes": sum(int(again) for again, _ in told),
        "overdrawn_calls": max(sum(int(made) for _, made in told) - CALLS_PER_DAY, 0),
    }


@dataclass
class NightsOnS3(Nights):
    """Nights with their lake on S3."""

    @property
    def settings(self) -> Settings:
        """The settings, with the lake there."""
        local = super().settings
        return local.model_copy(
            update={"lake": local.lake.model_copy(update={"url": f"s3://{BUCKET}/nights"})}
        )


def night_requests(s3: S3Server) -> dict[str, Any]:
    """Run three nights; return the requests of each for a file that it needs."""
    figures: dict[str, Any] = {}
    ratios = []
    with nights() as local, files_used() as used, tempfile.TemporaryDirectory() as caches:
        home = NightsOnS3(local.server, local.folder)
        s3.requests()
        for name in ("first_night", "normal_night", "night_in_pods"):
            home.date += dt.timedelta(days=1)
            requests, needed = 0, set()
            for stage in chain.from_iterable(NIGHTLY.values()):
                machine = stage.__name__ if name == "night_in_pods" else "one"
                os.environ["XDG_CACHE_HOME"] = f"{caches}/{machine}"
                forget_budgets()
                home.run(stage)
                asked = len(s3.requests())
                print_progress(f"{name}, {stage.__name__}: {asked} for {len(used)}")
                requests += asked
                needed |= {(machine, *each) for each in used}
                used.clear()
            figures |= {f"{name}_requests": requests, f"{name}_files": len(needed)}
            ratios.append(requests / len(needed))
    return {**figures, "s3_requests_per_needed_file": round(max(ratios), 2)}


@contextmanager
def files_used() -> Iterator[set[tuple[str, str]]]:
    """Collect which files the product reads, however it gets them, and which it writes."""
    used: set[tuple[str, str]] = set()
    known, write, replace = (
        ObjectFiles._known_or_fetched,  # noqa: SLF001
        ObjectFiles.write_if,
        ObjectFiles.replace,
    )

    def note(what: str, path: str) -> None:
        if path == ".format" or not path.startswith("."):
            used.add((what, path))

    def watched_read(files: ObjectFiles, path: str) -> Any:
        found = known(files, path)
        note("read", path)
        return found

    def watched_write(files: ObjectFiles, path: str, *more: Any) -> Any:
        note("written", path)
        return write(files, path, *more)

    def watched_replace(files: ObjectFiles, path: str, data: bytes) -> None:
        note("written", path)
        replace(files, path, data)

    with (
        patch.object(ObjectFiles, "_known_or_fetched", watched_read),
        patch.object(ObjectFiles, "write_if", watched_write),
        patch.object(ObjectFiles, "replace", watched_replace),
    ):
        yield used


def forget_budgets() -> None:
    """Let the next stage find the budgets as a process of its own does."""
    retry_and_rate_limit._shared.clear()  # noqa: SLF001
    budget_state._opened_store.cache_clear()  # noqa: SLF001


def main() -> int:
    """Print the figures."""
    command_line(__doc__).parse_args()
    if not is_installed():
        print("moto's server is missing: make cluster", file=sys.stderr)
        return 1
    print_figures(store_figures())
    return 0


if __name__ == "__main__":
    sys.exit(main())
