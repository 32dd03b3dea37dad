"""The command `simulate`: simulated listeners over many nights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smallhours.errors import SettingsError

if TYPE_CHECKING:
    from smallhours_sandbox.simulation.learning_curves import LearningCurve

MAX_LISTENERS = 6


def register(app: typer.Typer) -> None:
    """Add `simulate`."""
    app.command("simulate")(simulate)


def simulate(
    nights: Annotated[int, typer.Option(min=2, max=400, help="How many nights.")] = 60,
    listeners: Annotated[int, typer.Option(min=1, max=MAX_LISTENERS, help="How many.")] = 3,
    rivals: Annotated[
        str, typer.Option(help="Ways to rank, with commas; default: all.", show_default=False)
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1983,
    processes: Annotated[int, typer.Option(min=1, help="At the same time.")] = 2,
    picture: Annotated[
        Path | None, typer.Option(help="Where to write the learning curves, as SVG.")
    ] = None,
) -> None:
    """Simulate listeners over many nights, with Smallhours and with simpler rankers."""
    from smallhours.web.charts.canvas import standalone_svg
    from smallhours_sandbox.simulation.learning_curves import curves
    from smallhours_sandbox.simulation.learning_curves import picture as draw
    from smallhours_sandbox.simulation.runner import LISTENERS, run_simulations, simulation_specs

    chosen = _chosen(rivals)
    simulations = simulation_specs(chosen, LISTENERS[:listeners], nights=nights, seed=seed)
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("living", total=len(simulations))
        lived = run_simulations(
            simulations,
            processes=processes,
            on_progress=lambda done: bars.update(bar, completed=done),
        )
    found = curves(lived)
    _print(found)
    if picture is not None:
        picture.write_text(standalone_svg(draw(found)), encoding="utf-8")


def _chosen(rivals: str) -> list[str]:
    from smallhours_sandbox.simulation.rankers import OURS, RANKERS

    asked = [name.strip() for name in rivals.split(",") if name.strip()] or list(RANKERS)
    for name in asked:
        if name not in RANKERS:
            raise SettingsError(
                f"There is no way to rank named {name!r}.", remedy=f"Known: {', '.join(RANKERS)}."
            )
    return list(dict.fromkeys([OURS, *asked]))


def _print(found: Mapping[str, "LearningCurve"]) -> None:
    table = Table(*HEADINGS)
    for cells in rows(found):
        table.add_row(*cells)
    Console().print(table)


HEADINGS = (
    "way to rank",
    "heard to the end",
    "first nights",
    "last nights",
    "change in ten nights",
    "of what was possible",
    "diversity",
)


def rows(found: Mapping[str, "LearningCurve"]) -> Sequence[Sequence[str]]:
    """Return a row for each ranker, the highest acceptance first, under `HEADINGS`."""
    import numpy as np

    from smallhours_sandbox.simulation.learning_curves import edge_means

    lines = []
    for name, curve in sorted(found.items(), key=lambda item: -item[1].mean):
        first, last = edge_means(curve.acceptance)
        trend = curve.trend(np.random.default_rng(0))
        before, after = edge_means(curve.oracle_share)
        once, now = edge_means(curve.diversity)
        lines.append(
            (
                name,
                f"{curve.mean:.3f}",
                f"{first:.3f}",
                f"{last:.3f}",
                f"{trend.value:+.3f} [{trend.low:+.3f}, {trend.high:+.3f}]",
                f"{before:.2f} → {after:.2f}",
                f"{once:.2f} → {now:.2f}",
            )
        )
    return lines
