"""Simulation of many nights: the playlist's improvement, and comparison with simpler rankings.

    python -m benchmarks.simulate [--nights 60] [--listeners 3] [--quick] [--write] [--keep FOLDER]
                                  [--rankers NAME ...]
    python -m benchmarks.simulate --promises 10 [--keep FOLDER]
    python -m benchmarks.simulate --stand-in [--nights 365]
    python -m benchmarks.simulate --edits [--listeners 3]
    python -m benchmarks.simulate --day-one

Simulated listeners with different hidden tastes, new to the service, live through the nights in the
sandbox: every night the whole product runs, every day they go through the playlist and react. The
same world, from the same seed, is simulated with each baseline; `--rankers` chooses some of them.
`--quick` simulates ten nights of one listener, with ours and similar tracks alone. `--write` draws
docs/images/simulate.svg. After that, ten further listeners live through the nights in small worlds,
whose taste changes after a month: how many promises were kept, and when an alarm came. `--promises
N` simulates only these, N of them. `--keep FOLDER` keeps each finished simulation there, so that a
second run goes on: all of them together take two hours.
`--stand-in` draws their lists in place of the product, which makes a year affordable: each listener
lives once with a taste that stays, and once with one that changes.
`--edits` instead compares first lists of listeners whose account a child uses at set hours, with
and without an edit that says so. `--day-one` instead makes the first list of ten listeners, of whom
little or much is known.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import command_line, print_figures
from benchmarks.support.day_one import day_one_figures
from benchmarks.support.edited_listening import edited_figures
from benchmarks.support.promised_nights import LISTENERS as PROMISED
from benchmarks.support.promised_nights import MONTH, kept_accounts, promise_figures
from benchmarks.support.stand_in_lists import stand_in_account
from smallhours.web.charts.canvas import standalone_svg
from smallhours_sandbox.commands.simulate import HEADINGS, rows
from smallhours_sandbox.simulation.learning_curves import curves, figures, picture
from smallhours_sandbox.simulation.rankers import OURS, RANKERS
from smallhours_sandbox.simulation.runner import LISTENERS, run_simulations, simulation_specs

QUICK = [OURS, "similar_tracks"]
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "simulate.svg"


def main() -> None:
    """Run the simulation, print, and end with the figures as one line of JSON."""
    parser = command_line(__doc__)
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--listeners", type=int, default=3, choices=range(1, len(LISTENERS) + 1))
    parser.add_argument("--seed", type=int, default=1983)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="ten nights of one listener")
    parser.add_argument(
        "--rankers", nargs="+", choices=RANKERS, metavar="NAME", help="ours and NAME"
    )
    parser.add_argument("--write", action="store_true", help="draw docs/images/simulate.svg")
    parser.add_argument("--promises", type=int, choices=range(1, len(PROMISED) + 1), metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--stand-in", action="store_true", help="promises on drawn lists")
    parser.add_argument("--edits", action="store_true", help="with a child's listening instead")
    parser.add_argument("--day-one", action="store_true", help="first nights instead")
    options = parser.parse_args()
    started = time.monotonic()
    if options.edits and options.listeners < 2:
        parser.error("--edits needs two listeners: the child has the taste of another")
    if options.day_one:
        told = day_one_figures(options.seed, processes=options.processes)
        print_figures({**told, "wall_s": round(time.monotonic() - started, 1)})
        return
    if options.edits:
        with tempfile.TemporaryDirectory() as folder:
            found = edited_figures(LISTENERS[: options.listeners], options.seed, Path(folder))
        print_figures({**found, "wall_s": round(time.monotonic() - started, 1)})
        return
    if options.stand_in:
        print_figures(
            {**_stand_in_figures(options), "wall_s": round(time.monotonic() - started, 1)}
        )
        return
    rankers = [each for each in RANKERS if each in {OURS, *(options.rankers or RANKERS)}]
    promised = PROMISED[: options.promises]
    if options.quick:
        options.nights, options.listeners, rankers = 10, 1, QUICK
        promised = promised[:1]
    judged = promise_figures(
        kept_accounts(
            promised,
            nights=20 if options.quick else options.nights,
            seed=options.seed,
            processes=options.processes,
            folder=options.keep,
        )
    )
    if options.promises:
        print_figures({**judged, "wall_s": round(time.monotonic() - started, 1)})
        return
    who = LISTENERS[: options.listeners]
    simulations = simulation_specs(rankers, who, nights=options.nights, seed=options.seed)
    lived = curves(run_simulations(simulations, processes=options.processes, keep=options.keep))
    took = time.monotonic() - started
    print(f"{options.listeners} listeners, {options.nights} nights, seed {options.seed}\n")
    for line in (HEADINGS, *rows(lived)):
        print(" | ".join(line))
    told = figures(lived, np.random.default_rng(options.seed))
    print("\nours minus each, acceptance over the same nights:")
    for name, each in told["baselines"].items():
        value, low, high = each["ours_minus"]
        print(f"  {name:16} {value:+.3f} [{low:+.3f}, {high:+.3f}]")
    print(f"{took:.0f} s, {took / (len(simulations) * options.nights):.2f} s a night and life")
    if options.write:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(standalone_svg(picture(lived)), encoding="utf-8")
    print_figures({**told, **judged, "wall_s": round(took, 1)})


def _stand_in_figures(options: argparse.Namespace) -> dict[str, Any]:
    """Return false alarms of tastes that stay, and the other figures of tastes that change."""
    who = PROMISED[: options.promises]
    nights, seed = options.nights, options.seed
    stays = [
        stand_in_account(name, nights=nights, changed_on=nights + 1, seed=seed) for name in who
    ]
    changes = [
        stand_in_account(name, nights=2 * MONTH, changed_on=MONTH + 1, seed=seed) for name in who
    ]
    quiet = promise_figures(stays)
    return {
        **promise_figures(changes),
        "false_alarms": quiet["false_alarms"],
        "promise_coverage_without_change": quiet["promise_coverage"],
    }


if __name__ == "__main__":
    main()
