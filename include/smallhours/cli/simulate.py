"""How does a person see whether the recommender learns? Simulated listeners, many nights."""

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from smallhours.errors import SettingsError

if TYPE_CHECKING:
    from smallhours.simulation.nights import Life
    from smallhours.simulation.outcome import Curve
    from smallhours.simulation.world import Truth

# Each has a taste of their own; the first two are written by hand, the others by their names.
LISTENERS = ("ada", "bruno", "chiara", "dmitri", "esra", "femi")


def register(app: typer.Typer) -> None:
    """Add `simulate`."""
    app.command("simulate")(simulate)


def simulate(
    nights: Annotated[int, typer.Option(min=1, max=400, help="How many nights.")] = 60,
    listeners: Annotated[int, typer.Option(min=1, max=len(LISTENERS), help="How many.")] = 3,
    rivals: Annotated[
        str, typer.Option(help="Ways to rank, with commas; default: all.", show_default=False)
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the world.")] = 1983,
    processes: Annotated[int, typer.Option(min=1, help="At the same time.")] = 2,
    picture: Annotated[
        Path | None, typer.Option(help="Where to write the learning curves, as SVG.")
    ] = None,
) -> None:
    """Run simulated listeners through many nights, with ours and with simpler ways to rank."""
    from smallhours.charts.canvas import as_file
    from smallhours.simulation.outcome import curves
    from smallhours.simulation.outcome import picture as draw

    chosen = _chosen(rivals)
    lives = lives_of(chosen, LISTENERS[:listeners], nights=nights, seed=seed)
    found = curves(run_lives(lives, processes=processes))
    _print(found)
    if picture is not None:
        picture.write_text(as_file(draw(found)), encoding="utf-8")


def lives_of(
    rivals: Sequence[str], listeners: Sequence[str], *, nights: int, seed: int
) -> list["Life"]:
    """Every listener with every way to rank, in the same world."""
    from smallhours.simulation.nights import Life
    from smallhours.simulation.world import Size

    return [
        Life(listener, rival, nights, seed, Size(), tuple(listeners))
        for rival in rivals
        for listener in listeners
    ]


def run_lives(
    lives: Sequence["Life"], *, processes: int
) -> Mapping[tuple[str, str], Sequence["Truth"]]:
    """Live them side by side, with a bar that shows how far they are.

    Returns:
        By (way to rank, listener), in the order of `lives`.
    """
    found: dict[tuple[str, str], Sequence[Truth]] = {}
    context = get_context("spawn")
    with (
        Progress(console=Console(stderr=True), transient=True) as bars,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        bar = bars.add_task("living", total=len(lives))
        running = {pool.submit(_live, life): life for life in lives}
        for done in as_completed(running):
            life = running[done]
            found[life.rival, life.listener] = done.result()
            bars.advance(bar)
    return {(life.rival, life.listener): found[life.rival, life.listener] for life in lives}


def _live(life: "Life") -> Sequence["Truth"]:
    from smallhours.simulation.nights import live

    with tempfile.TemporaryDirectory(prefix="smallhours-life-") as folder:
        return live(life, Path(folder) / "lake")


def _chosen(rivals: str) -> list[str]:
    from smallhours.simulation.rivals import OURS, RIVALS

    asked = [name.strip() for name in rivals.split(",") if name.strip()] or list(RIVALS)
    for name in asked:
        if name not in RIVALS:
            raise SettingsError(
                f"There is no way to rank named {name!r}.", remedy=f"Known: {', '.join(RIVALS)}."
            )
    return list(dict.fromkeys([OURS, *asked]))


def _print(found: Mapping[str, "Curve"]) -> None:
    table = Table("way to rank", "heard to the end", "first nights", "last nights", "diversity")
    for name, curve in sorted(found.items(), key=lambda item: -item[1].mean):
        first, last = curve.ends(curve.acceptance)
        before, after = curve.ends(curve.diversity)
        table.add_row(
            name, f"{curve.mean:.3f}", f"{first:.3f}", f"{last:.3f}", f"{before:.2f} → {after:.2f}"
        )
    Console().print(table)
