"""Parallel simulation of every listener with every ranker, in one world."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from pydantic import TypeAdapter

from smallhours_sandbox.simulation.ground_truth import WorldSize
from smallhours_sandbox.simulation.listener import (
    DailyOutcome,
    SimulationSpec,
    prepare_first_evening,
    run_simulation,
)

# Each has a different taste: the first two by hand, the others derived from their names.
LISTENERS = ("ada", "bruno", "chiara", "dmitri", "esra", "femi")
_MORNINGS = TypeAdapter(list[DailyOutcome])


def simulation_specs(
    rankers: Sequence[str], listeners: Sequence[str], *, nights: int, seed: int
) -> list[SimulationSpec]:
    """Return one simulation for every listener and ranker, all in the same world."""
    return [
        SimulationSpec(listener, ranker, nights, seed, WorldSize(), tuple(listeners))
        for ranker in rankers
        for listener in listeners
    ]


def run_simulations(
    simulations: Sequence[SimulationSpec],
    *,
    processes: int,
    on_progress: Callable[[int], None] = lambda _done: None,
    keep: Path | None = None,
) -> Mapping[tuple[str, str], Sequence[DailyOutcome]]:
    """Run simulations in parallel; the first evening is run only once per listener.

    Args:
        simulations: The simulations; those of one listener differ only in the ranker.
        processes: Number of parallel processes.
        on_progress: Called with the number of finished simulations.
        keep: Folder where each finished simulation is kept, and taken from when it is there.

    Returns:
        The mornings by (ranker, listener), in the order of `simulations`.
    """
    found: dict[tuple[str, str], Sequence[DailyOutcome]] = {}
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for spec in simulations:
            if (kept := _kept_file(keep, spec)).exists():
                found[spec.ranker, spec.listener] = _MORNINGS.validate_json(kept.read_bytes())
    missing = [spec for spec in simulations if (spec.ranker, spec.listener) not in found]
    evenings = {spec.listener: spec for spec in missing}
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="smallhours-lives-") as folder,
        ProcessPoolExecutor(processes, mp_context=context) as pool,
    ):
        at = {listener: Path(folder) / listener for listener in evenings}
        list(pool.map(prepare_first_evening, evenings.values(), at.values()))
        running = {pool.submit(_run_in_copy, spec, at[spec.listener]): spec for spec in missing}
        for done in as_completed(running):
            spec = running[done]
            mornings = found[spec.ranker, spec.listener] = done.result()
            if keep:
                _kept_file(keep, spec).write_bytes(_MORNINGS.dump_json(list(mornings)))
            on_progress(len(found))
    return {(spec.ranker, spec.listener): found[spec.ranker, spec.listener] for spec in simulations}


def _kept_file(keep: Path, spec: SimulationSpec) -> Path:
    return keep / f"{spec.ranker}-{spec.listener}-{spec.nights}-{spec.seed}.json"


def _run_in_copy(spec: SimulationSpec, evening: Path) -> Sequence[DailyOutcome]:
    with tempfile.TemporaryDirectory(prefix="smallhours-life-") as folder:
        lake = Path(folder) / "lake"
        shutil.copytree(evening, lake)
        return run_simulation(spec, lake)
