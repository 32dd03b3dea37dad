"""Does the playlist get better with the nights, and better than simpler ways to rank?

    python -m benchmarks.simulate [--nights 60] [--listeners 3] [--write]

Simulated listeners with different hidden tastes live through the nights in the sandbox: every
night the whole product runs, every day they go through the playlist and react. The same world, from
the same seed, is lived through with each baseline. `--write` draws docs/images/simulate.svg.
"""

import argparse
import json
import time
from pathlib import Path

from smallhours.charts.canvas import as_file
from smallhours.cli.simulate import LISTENERS, lives_of, run_lives
from smallhours.simulation.outcome import Curve, curves, figures, picture
from smallhours.simulation.rivals import OURS, RIVALS

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "simulate.svg"


def main() -> None:
    """Run, print, and end with the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--listeners", type=int, default=3, choices=range(1, len(LISTENERS) + 1))
    parser.add_argument("--seed", type=int, default=1983)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="draw docs/images/simulate.svg")
    options = parser.parse_args()
    started = time.monotonic()
    lives = lives_of(
        list(RIVALS), LISTENERS[: options.listeners], nights=options.nights, seed=options.seed
    )
    found = curves(run_lives(lives, processes=options.processes))
    took = time.monotonic() - started
    print(f"{options.listeners} listeners, {options.nights} nights, seed {options.seed}\n")
    for curve in sorted(found.values(), key=lambda each: -each.mean):
        print(_line(curve))
    ours = found[OURS]
    best = max((curve for name, curve in found.items() if name != OURS), key=lambda c: c.mean)
    print(f"\nours against the best baseline, {best.name}: {ours.mean / best.mean:.3f} times")
    print(f"{took:.0f} s, {took / (len(lives) * options.nights):.2f} s a night and life")
    if options.write:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(as_file(picture(found)), encoding="utf-8")
    print(json.dumps({**figures(found), "wall_s": round(took, 1)}))


def _line(curve: Curve) -> str:
    first, last = curve.ends(curve.acceptance)
    before, after = curve.ends(curve.diversity)
    return (
        f"{curve.name:16} heard to the end {curve.mean:.3f} "
        f"(first ten nights {first:.3f}, last ten {last:.3f}); diversity {before:.3f} → {after:.3f}"
    )


if __name__ == "__main__":
    main()
