"""Benchmark of `train_models` for 20,000 tracks and one listener.

    python -m benchmarks.train_cost [--tracks N] [--plays N] [--lake FOLDER]

An invented catalog and log (`train_cost_data`) are written to a lake as the stages before training
leave it. Then every stage of the DAG `train_models` runs in its order, each in a process of its
own as Airflow runs it; the figures count everything in it, importing included. It is the first
night, on which everything is learned from the beginning. The last line is the figures as one line
of JSON: `{"train_s", "train_cpu_s", "peak_mb", "stages": {verb: {"wall_s", "cpu_s", "peak_mb"}}}`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import peak_mb
from benchmarks.train_cost_data import LISTENER, write_catalog
from smallhours.lake.store import Lake
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours.settings import Settings, parse_settings
from smallhours_sandbox.simulation.installation import SandboxCredentials

DAG = "train_models"
TRACKS, PLAYS = 20_000, 90_000
NIGHT = "2026-11-02"


def settings_of(lake: Path) -> Settings:
    """Return the default settings."""
    return parse_settings(
        {
            "listeners": {LISTENER: {"lastfm_user": "ada", "timezone": "Europe/Dublin"}},
            "lake": {"url": str(lake)},
        },
        origin="the benchmark's settings",
    )


def run_stage(verb: str, lake: Path, note: Path) -> None:
    """Run one stage in this process, and write the cost of the whole process."""
    began = time.perf_counter()
    settings = settings_of(lake)
    stage = next(stage for stage in NIGHTLY[DAG] if stage.__name__ == verb)
    with RunContext(
        LISTENER, settings.night(LISTENER, NIGHT), settings, SandboxCredentials()
    ) as run:
        summary = stage(run)
    told = {
        "wall_s": time.perf_counter() - began,
        "cpu_s": _cpu_seconds(),
        "peak_mb": peak_mb(),
        "summary": {name: str(value) for name, value in summary.items()},
    }
    note.write_text(json.dumps(told))


def _cpu_seconds() -> float:
    """Return user and system time of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measure(lake: Path) -> dict[str, Any]:
    """Run all stages, print them, and return the figures."""
    stages: dict[str, dict[str, float]] = {}
    print(f"{'stage':<26}{'wall s':>8}{'CPU s':>8}{'peak MB':>9}  what it did", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "cost.json"
        for stage in NIGHTLY[DAG]:
            began = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.train_cost", "--lake", str(lake)]
            subprocess.run([*command, "--apart", stage.__name__, str(note)], check=True)
            told = json.loads(note.read_text())
            cost = {**told, "wall_s": time.perf_counter() - began}
            summary = cost.pop("summary")
            stages[stage.__name__] = {name: round(value, 1) for name, value in cost.items()}
            said = ", ".join(f"{name} {value}" for name, value in list(summary.items())[:4])
            print(
                f"{stage.__name__:<26}{cost['wall_s']:>8.1f}{cost['cpu_s']:>8.1f}"
                f"{cost['peak_mb']:>9.0f}  {said}",
                flush=True,
            )
    return {
        "train_s": round(sum(each["wall_s"] for each in stages.values()), 1),
        "train_cpu_s": round(sum(each["cpu_s"] for each in stages.values()), 1),
        "peak_mb": round(max(each["peak_mb"] for each in stages.values())),
        "stages": stages,
    }


def main() -> None:
    """Make the catalog up, run the stages, and report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--plays", type=int, default=PLAYS)
    parser.add_argument("--lake", type=Path, help="keep the made-up lake here, and use it again")
    parser.add_argument("--apart", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart is not None:
        verb, note = options.apart
        run_stage(verb, options.lake, Path(note))
        return
    with tempfile.TemporaryDirectory() as spare:
        lake = options.lake or Path(spare) / "lake"
        if not lake.exists():
            settings = settings_of(lake)
            write_catalog(
                Lake(str(lake)),
                tracks=options.tracks,
                plays=options.plays,
                settings=settings,
                night=settings.night(LISTENER, NIGHT),
            )
        print(f"{os.cpu_count()} cores; `training.threads` is {settings_of(lake).training.threads}")
        figures = measure(lake)
    print(
        f"\n{DAG}: {figures['train_s']} s, {figures['train_cpu_s']} s of processor time, "
        f"{figures['peak_mb']} MB at most"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
