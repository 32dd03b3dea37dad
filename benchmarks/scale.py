"""Benchmark of a normal night by size: files, bytes, processor time and memory.

    python -m benchmarks.scale [--plays 90000] [--catalog 20000] [--only NAME ...] [--folder FOLDER]

A lake with a listener's plays and a catalog lives through two nights. The night after them, with
a day's plays and nothing else new, is measured: each stage runs in a process of its own, as Airflow
does. Then the same night is measured with 16 times the catalog, with a million plays, and with nine
other listeners in the installation, each with music of their own. `--only` chooses among `night`,
`catalog`, `plays` and `listeners`; `--folder` keeps the lakes, or uses them again.

    python -m benchmarks.scale --household [--listeners 20]

counts calls to services instead: the first night of each listener of one installation, one after
the other, and then a normal night of each.

The last line is the figures as one line of JSON. `files_opened`, `read_mb` and `written_mb` are of
the lake, and a file that is read twice counts twice; `start_ratio` is the CPU time before the
stages' functions begin, of imports and of building clients ÷ that of as many processes that only
import pandas and pyarrow; the other ratios are ÷ the first night measured; a peak is the worst
stage's.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.harness import command_line, print_figures, print_progress
from benchmarks.support.household import household_calls
from benchmarks.support.scale_lakes import (
    NIGHT,
    day_after,
    enlarge_catalog,
    lengthen_history,
    settle,
    write_two_nights,
)
from benchmarks.support.stage_process import StageCost, run_stage
from benchmarks.train_cost import made_up_world
from smallhours.runs import NIGHTLY
from smallhours_sandbox.world import World

STAGES = [stage.__name__ for stages in NIGHTLY.values() for stage in stages]
TIMES, OTHERS, MANY_PLAYS = 16, 9, 1_000_000
# The world of `--household`.
HOUSEHOLD = {"artists": 600, "tracks": 6_000, "scrobbles": 6_000}
MEASURED = ("night", "catalog", "plays", "listeners")


class ScaleBench:
    """The lakes in a folder, and the nights measured on them.

    Args:
        folder: Where the lakes are kept.
        world: The world of the sandbox.
        plays: Number of plays in it.
    """

    def __init__(self, folder: Path, world: World, plays: int) -> None:
        self._folder = folder
        self._world = world
        self._plays = plays

    @property
    def first(self) -> Path:
        """The lake after its first two nights."""
        lake = self._folder / "lake"
        if not lake.exists():
            print_progress("living through two nights")
            write_two_nights(self._folder, self._world)
        return lake

    def night(self) -> StageCost:
        """Measure the normal night."""
        return self._measure("normal", lambda lake: shutil.copytree(self.first, lake))

    def catalog(self) -> StageCost:
        """Measure the night with 16 times the catalog."""
        return self._measure(
            "catalog", lambda lake: enlarge_catalog(self.first, lake, copies=TIMES - 1)
        )

    def plays(self) -> StageCost:
        """Measure the night with a million plays."""
        times = round(MANY_PLAYS / self._plays)
        return self._measure("plays", lambda lake: lengthen_history(self.first, lake, times=times))

    def listeners(self) -> StageCost:
        """Measure the first listener's night with nine others."""
        return self._measure(
            "listeners",
            lambda lake: enlarge_catalog(self.first, lake, copies=OTHERS, listeners=True),
            listeners=OTHERS + 1,
        )

    def _measure(
        self, name: str, make: Callable[[Path], object], *, listeners: int = 1
    ) -> StageCost:
        kept = self._folder / name
        with day_after(self.first.parent, self._world) as url:
            if not kept.exists():
                print_progress(f"making the lake for {name}")
                make(kept)
            lake = self._folder / "tonight"
            shutil.rmtree(lake, ignore_errors=True)
            shutil.copytree(kept, lake)
            settle(lake, url, listeners=listeners)
            return measure_night(name, lake, url, listeners)


def measure_night(name: str, lake: Path, url: str, listeners: int) -> StageCost:
    """Run every stage of the night in its own process; print each, and return the sum."""
    whole = StageCost()
    print(f"\n{name:<24}{'CPU s':>7}{'start':>7}{'opened':>8}{'read MB':>9}{'wrote':>7}{'peak':>7}")
    for verb in STAGES:
        cost, summary = run_stage(verb, lake, url, NIGHT, listeners=listeners)
        whole += cost
        said = ", ".join(f"{each} {value[:24]}" for each, value in list(summary.items())[:4])
        print(f"{verb:<24}{_row(cost)}  {said}", flush=True)
    print(f"{'all':<24}{_row(whole)}", flush=True)
    return whole


def _row(cost: StageCost) -> str:
    return (
        f"{cost.cpu_s:>7.1f}{cost.start_s:>7.2f}{cost.opened:>8,}{cost.read_mb:>9.1f}"
        f"{cost.written_mb:>7.1f}{cost.peak_mb:>7.0f}"
    )


def figures_of(costs: Mapping[str, StageCost]) -> dict[str, float]:
    """Return the figures of the nights that were measured."""
    night = costs["night"]
    figures: dict[str, float] = {
        "files_opened": night.opened,
        "read_mb": round(night.read_mb, 1),
        "written_mb": round(night.written_mb, 2),
        "start_ratio": round(night.start_s / night.import_s, 2),
    }
    if "catalog" in costs:
        large = costs["catalog"]
        figures |= {
            "cpu_ratio_16x": round(large.cpu_s / night.cpu_s, 2),
            "written_mb_16x": round(large.written_mb, 2),
            "peak_mb_16x": round(large.peak_mb),
        }
    if "plays" in costs:
        figures["peak_mb_1m_plays"] = round(costs["plays"].peak_mb)
    if "listeners" in costs:
        figures["cpu_ratio_10_listeners"] = round(costs["listeners"].cpu_s / night.cpu_s, 2)
    return figures


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    """Run the benchmark, print, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--plays", type=int, default=90_000)
    parser.add_argument("--catalog", type=int, default=20_000, help="number of tracks")
    parser.add_argument("--only", nargs="+", choices=MEASURED, default=MEASURED)
    parser.add_argument("--household", action="store_true", help="only count calls; see above")
    parser.add_argument("--listeners", type=int, default=20, help="of the household")
    parser.add_argument("--folder", type=Path, help="keep the lakes there, or use those there")
    options = parser.parse_args()
    if options.household:
        print_figures(household_calls(options.listeners, **HOUSEHOLD))
        return
    print(f"{os.cpu_count()} cores, {options.plays:,} plays, {options.catalog:,} tracks")
    with _folder(options.folder) as folder:
        world = made_up_world(options.catalog, options.plays)
        bench = ScaleBench(folder, world, options.plays)
        chosen = dict.fromkeys(["night", *options.only])
        print_figures(figures_of({name: getattr(bench, name)() for name in chosen}))


if __name__ == "__main__":
    main()
