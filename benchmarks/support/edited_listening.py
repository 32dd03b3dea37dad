"""Lists for listeners whose account a child uses at set hours, with and without an edit.

Each listener's first night is run three times in the sandbox: alone, with the child's plays, and
with the child's plays and an edit that says that those hours are not theirs. The truth about
a list comes from the hidden taste, as in the simulation.
"""

import datetime as dt
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import print_progress
from smallhours.listening.edits import DAYS, Edit, hours_edit, store_edit, undo_edit
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.ground_truth import WorldSize, simulated_world
from smallhours_sandbox.simulation.listener import (
    ListenerSimulation,
    SimulationSpec,
)
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import SandboxListener, World

START, END = 16, 19  # the child's hours, UTC: where the simulated listeners live
CHILD_DAYS = 90
SONGS, SONGS_A_DAY = 60, 20
DAY_S, HOUR_S = 86_400, 3_600


def edited_figures(listeners: tuple[str, ...], seed: int, folder: Path) -> dict[str, float | bool]:
    """Return the mean acceptance of first lists of each kind, and whether undo is exact.

    Args:
        listeners: Who are simulated.
        seed: Of the world.
        folder: For the lakes.
    """
    found: dict[str, list[float]] = {"clean": [], "mixed": [], "edited": []}
    for name in listeners:
        spec = SimulationSpec(name, OURS, 1, seed, WorldSize(), listeners)
        for kind, values in found.items():
            print_progress(f"{name}, {kind}")
            values.append(_acceptance(spec, folder / f"{name}-{kind}", kind))
    first = SimulationSpec(listeners[0], OURS, 1, seed, WorldSize(), listeners)
    undone = _undone(first, folder / "undone")
    means = {f"acceptance_{kind}": statistics.mean(values) for kind, values in found.items()}
    return {
        **{name: round(value, 4) for name, value in means.items()},
        "undo_identical": undone == _made(folder / f"{listeners[0]}-mixed"),
    }


def _acceptance(spec: SimulationSpec, lake: Path, kind: str) -> float:
    with _open(spec, lake, child=kind != "clean") as simulation:
        if kind == "edited":
            _edit(simulation, spec.listener)
        simulation.run_night()
        outcome = simulation.measure()
    if outcome is None:
        raise RuntimeError(f"{spec.listener} has no list")
    return outcome.quality.acceptance


def _undone(spec: SimulationSpec, lake: Path) -> dict[str, bytes]:
    """Return what a night makes after an edit was made and undone."""
    with _open(spec, lake, child=True) as simulation:
        edit = _edit(simulation, spec.listener)
        undo_edit(simulation.lake, spec.listener, edit.kind, edit.subject, edit.value)
        simulation.run_night()
    return _made(lake)


def _made(lake: Path) -> dict[str, bytes]:
    """Return every file of a lake that holds a model, a score or a list, by its path."""
    wanted = ("models", "recommendations", "profile", "metrics")
    paths = [path for name in wanted for path in sorted((lake / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(lake)): path.read_bytes() for path in paths}


def _edit(simulation: ListenerSimulation, listener: str) -> Edit:
    at = dt.datetime.fromtimestamp(simulation.state.now, dt.UTC)
    edit = hours_edit(DAYS, START, END, "UTC", at)
    store_edit(simulation.lake, listener, edit)
    return edit


@contextmanager
def _open(spec: SimulationSpec, lake: Path, *, child: bool) -> Iterator[ListenerSimulation]:
    world = simulated_world(spec.seed, spec.size, spec.listeners)
    if child:
        me = _with_child(world, spec)
        world = replace(world, listeners={**world.listeners, spec.listener: me})
    state = SandboxState(world)
    with SandboxServer(state) as server:
        yield ListenerSimulation(spec, state, server.url, lake)


def _with_child(world: World, spec: SimulationSpec) -> SandboxListener:
    """Return a listener with a child's plays: the songs of another taste, again and again."""
    me = world.listeners[spec.listener].copy()
    others = [person for name, person in world.listeners.items() if name != spec.listener]
    foreign = np.max([person.taste.liking for person in others], axis=0) - me.taste.liking
    rng = np.random.default_rng([spec.seed, *spec.listener.encode()])
    best = np.argsort(-foreign, kind="stable")[: 20 * SONGS]
    last = int(me.play_at[-1]) // DAY_S * DAY_S
    starts = [
        last - day * DAY_S + START * HOUR_S + place * (END - START) * HOUR_S // SONGS_A_DAY
        for day in range(CHILD_DAYS, 0, -1)
        for place in range(SONGS_A_DAY)
    ]
    tracks = rng.choice(rng.choice(best, SONGS, replace=False), len(starts))
    at = np.concatenate([me.play_at, np.array(starts, dtype=np.int64)])
    order = np.argsort(at, kind="stable")
    number = np.arange(len(at))
    # No two plays of one account begin in the same second.
    me.play_at = np.maximum.accumulate(at[order] - number) + number
    me.play_track = np.concatenate([me.play_track, tracks])[order].astype(np.int32)
    ms = world.track_duration_ms[tracks]
    me.play_ms = np.concatenate([me.play_ms, ms])[order].astype(np.int32)
    skipped = np.zeros(len(starts), np.bool_)
    me.play_skipped = np.concatenate([me.play_skipped, skipped])[order]
    return me
