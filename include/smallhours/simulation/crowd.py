"""Parallel simulation of every listener with every ranker, in one world."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from smallhours.simulation.nights import Life, Morning, live, spend_evening
from smallhours.simulation.world import Size

# Each has a different taste: the first two by hand, the others derived from their names.
LISTENERS = ("ada", "bruno", "chiara", "dmitri", "esra", "femi")


def lives_of(
    rivals: Sequence[str], listeners: Sequence[str], *, nights: int, seed: int
) -> list[Life]:
    """Return one simulation for every listener and ranker, all in the same world."""
    return [
        Life(listener, rival, nights, seed, Size(), tuple(listeners))
        for rival in rivals
        for listener in listeners
    ]


def run_lives(
    lives: Sequence[Life],
    *,
    processes: int,
    tell: Callable[[int], None] = lambda _done: None,
) -> Mapping[tuple[str, str], Sequence[Morning]]:
    """Run simulations in parallel; the first evening is run only once per listener.

    Args:
        lives: The simulations; those of one listener differ only in the ranker.
        processes: Number of parallel processes.
        tell: Called with the number of finished simulations.

    Returns:
        The mornings by (ranker, listener), in the order of `lives`.
    """
    found: dict[tuple[str, str], Sequence[Morning]] = {}
    evenings = {life.listener: life for life in lives}
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-lives-") as folder,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        at = {listener: Path(folder) / listener for listener in evenings}
        list(pool.map(spend_evening, evenings.values(), at.values()))
        running = {pool.submit(_live, life, at[life.listener]): life for life in lives}
        for done in as_completed(running):
            life = running[done]
            found[life.rival, life.listener] = done.result()
            tell(len(found))
    return {(life.rival, life.listener): found[life.rival, life.listener] for life in lives}


def _live(life: Life, evening: Path) -> Sequence[Morning]:
    with tempfile.TemporaryDirectory(prefix="smallhours-life-") as folder:
        lake = Path(folder) / "lake"
        shutil.copytree(evening, lake)
        return live(life, lake)
