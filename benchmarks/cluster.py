"""Cluster suite: nights on CeleryExecutor while a part is killed, or a machine is at fault.

    python -m benchmarks.cluster [--listeners N] [--only NAME ...]

PostgreSQL, Redis, an S3 server with the lake, Airflow with two workers, and the sandbox run as
processes on loopback. Each fault has a night of its own, one after the other on the same
installation, as the real scheduler runs it; a mount can go away only where the lake is in a folder,
which is another installation. What was killed is started again after half a minute, or as long as
the fault says; nothing else is done by hand. Then the lists are looked at where they arrive, and
the rows in the lake.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import command_line, print_figures
from benchmarks.object_store import store_figures
from benchmarks.support.cluster_nights import ClusterNight, NightOutcome
from benchmarks.support.cluster_runs import (
    NAMES,
    WORKERS,
    Cluster,
    has_faketime,
    missing_programs,
)
from smallhours.local.processes import interrupted_by_signals

DAY_S = 86_400.0
BUSY_S = 60.0
BAD = ("lost_rows", "doubled_rows", "mixtures", "left_stuck", "by_hand")
SICK = WORKERS[1]


def nothing(_cluster: Cluster) -> None:
    """Let the night run."""


def busy_worker_is_killed(cluster: Cluster) -> None:
    """Kill a worker, and with it the task that it runs."""
    cluster.kill(cluster.busy_worker())


def part_is_killed(name: str, cluster: Cluster, away: float = 30.0) -> None:
    """Kill another part."""
    cluster.kill(name, away=away)


def worker_and_redis(cluster: Cluster) -> None:
    """Kill a worker that runs a task, and take Redis away for 20 s."""
    busy_worker_is_killed(cluster)
    cluster.kill("redis", away=20.0)


def redis_without_aof(cluster: Cluster) -> None:
    """Kill Redis and lose what it had: all messages on their way."""
    cluster.kill("redis", away=20.0)
    cluster.forget_redis()


def worker_without_settings(cluster: Cluster) -> None:
    """Take away a worker's settings file."""
    cluster.settings_of(SICK).unlink()


def worker_without_lake(cluster: Cluster) -> None:
    """Put an empty folder where a worker had the lake, as when a mount is gone."""
    cluster.mount_of(SICK).unlink()
    cluster.mount_of(SICK).mkdir()


def store_is_busy(cluster: Cluster) -> None:
    """Let the store answer 503 to everything, for a minute."""
    cluster.s3.misbehave("busy")
    time.sleep(BUSY_S)
    cluster.s3.misbehave("none")


def worker_with_full_disk(cluster: Cluster) -> None:
    """Let no process of a worker write to a file any more."""
    cluster.limit_files(SICK, "0")


def worker_with_wrong_clock(cluster: Cluster) -> None:
    """Start a worker anew whose clock is five minutes ahead."""
    cluster.set_clock(SICK, "+5m")


FAULTS: Mapping[str, Callable[[Cluster], None]] = {
    "nothing": nothing,
    "worker-and-redis": worker_and_redis,
    "worker": busy_worker_is_killed,
    "redis": partial(part_is_killed, "redis", away=20.0),
    "redis-without-aof": redis_without_aof,
    "redis-five-minutes": partial(part_is_killed, "redis", away=300.0),
    "postgres": partial(part_is_killed, "postgres"),
    "scheduler": partial(part_is_killed, "scheduler"),
    "api-server": partial(part_is_killed, "api-server"),
    "dag-processor": partial(part_is_killed, "dag-processor"),
    "no-settings": worker_without_settings,
    "store-busy": store_is_busy,
    "full-disk": worker_with_full_disk,
    "clock": worker_with_wrong_clock,
    "no-mount": worker_without_lake,
}
IN_FOLDER = ("no-mount",)


def main() -> None:
    """Run the nights, print each, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--listeners", type=int, default=5, choices=range(1, len(NAMES) + 1))
    parser.add_argument("--only", nargs="+", choices=FAULTS, default=list(FAULTS), metavar="NAME")
    arguments = parser.parse_args()
    if missing := missing_programs():
        print(f"Skipped: {', '.join(missing)} is not installed.", file=sys.stderr)
        return
    if "clock" in arguments.only and not has_faketime():
        print("Without clock: faketime (Debian: faketime) is not installed.", file=sys.stderr)
        arguments.only.remove("clock")
    listeners = NAMES[: arguments.listeners]
    outcomes: dict[str, NightOutcome] = {}
    by_hand = 0
    with interrupted_by_signals():
        for on_s3 in (True, False):
            chosen = [name for name in arguments.only if (name not in IN_FOLDER) == on_s3]
            if chosen:
                by_hand += _run_nights(chosen, listeners, outcomes, on_s3=on_s3)
    figures = {**_figures(outcomes, len(listeners)), "by_hand": by_hand}
    if set(FAULTS) - {"clock"} <= set(outcomes):  # with `--only`, only those
        figures |= store_figures()
    print_figures(figures)
    if (
        any(figures[name] for name in BAD)
        or figures["lists"] + figures["excused"] < figures["nights"]
    ):
        sys.exit(1)


def _run_nights(
    names: Sequence[str],
    listeners: Sequence[str],
    outcomes: dict[str, NightOutcome],
    *,
    on_s3: bool,
) -> int:
    """Run the nights of some faults, and add their outcomes; return what was switched by hand."""
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-cluster-") as folder,
        Cluster(Path(folder), listeners, on_s3=on_s3) as cluster,
    ):
        for number, name in enumerate(names):
            if number:
                cluster.sandbox.state.advance(cluster.sandbox.state.now + DAY_S)
            outcomes[name] = ClusterNight.tonight(cluster).run(FAULTS[name])
            _print(name, outcomes[name])
        with contextlib.closing(cluster.api()) as api:
            return api.switched_by_hand()


def _print(name: str, outcome: NightOutcome) -> None:
    told = (
        f"{outcome.lost_tries} tries lost, {outcome.lost_rows} rows lost, "
        f"{outcome.doubled_rows} doubled, {outcome.mixtures} mixtures, {outcome.left_stuck} stuck"
    )
    print(f"{name:<20} {outcome.lists} lists {outcome.seconds:6.0f} s  {told}", flush=True)
    for listener, why in outcome.excused.items():
        print(f"  {listener}: {why}", flush=True)


def _figures(outcomes: Mapping[str, NightOutcome], listeners: int) -> dict[str, Any]:
    every = list(outcomes.values())
    return {
        "faults": sum(name != "nothing" for name in outcomes),
        "nights": len(every) * listeners,
        "lists": sum(each.lists for each in every),
        "excused": sum(len(each.excused) for each in every),
        "excused_why": [why for each in every for why in each.excused.values()],
        "lost_rows": sum(each.lost_rows for each in every),
        "doubled_rows": sum(each.doubled_rows for each in every),
        "mixtures": sum(each.mixtures for each in every),
        "left_stuck": sum(each.left_stuck for each in every),
    }


if __name__ == "__main__":
    main()
