"""Promises and alarms over a year, on lists that are drawn in place of the product's.

The listeners, their tastes and their reactions are the sandbox's, as in `promised_nights`. The
lists are tracks that the listener likes, drawn by the hidden taste of the beginning with an error
that shrinks in the first three weeks. So a year of ten listeners takes minutes, and shows how rare
false alarms are. The lists know nothing of a taste that changes, and do not learn it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.harness import print_progress
from benchmarks.support.promised_nights import KeptAccount
from smallhours.playlist.select.quality import ACCEPTANCE, QUIET_NIGHTS
from smallhours.training.evaluation.receptions import DAYS, Reception, find_drop, promise
from smallhours_sandbox.simulate import DAY, day_rng, next_local_midnight, simulate_day
from smallhours_sandbox.simulation.ground_truth import WorldSize, acceptance_of, simulated_world
from smallhours_sandbox.tastes import lose_half_the_genres
from smallhours_sandbox.world import SandboxListener, World

SIZE = WorldSize(artists=400, tracks=6_000)
LIST_SIZE = 10
# Of so many tracks the liked ones are candidates, as many as the second number.
POOL, CANDIDATES = 900, 150
# Standard deviation of a candidate's error when all is learned, of a whole night's, and the nights
# after which all is learned.
ERROR, NIGHT_ERROR, NIGHTS_TO_LEARN = 0.21, 0.1, 20
FIRST = dt.date(2026, 1, 1)

Floats = npt.NDArray[np.float64]


def stand_in_account(name: str, *, nights: int, changed_on: int, seed: int) -> KeptAccount:
    """Simulate one listener's nights.

    Args:
        name: Of the listener.
        nights: Number of nights.
        changed_on: The night on which the taste changes, from 1; one after the last: never.
        seed: Of the world and of the lists.
    """
    print_progress(name)
    world = simulated_world(seed, SIZE, (name,))
    listener = world.listeners[name].copy()
    world = replace(world, listeners={name: listener})
    liking = listener.taste.liking.astype(np.float64)
    rng = np.random.default_rng([seed, *name.encode()])
    past: list[Reception] = []
    promises: list[tuple[int, int, int, int, int, float]] = []
    alarms: list[tuple[int, str]] = []
    quiet_until = 0
    begins = next_local_midnight(listener.timezone, world.ends.timestamp())
    for number in range(1, nights + 1):
        if number == changed_on:
            listener.taste = lose_half_the_genres(world, listener.taste)
        recent = [each for each in past if (_date(number) - each.night).days <= DAYS]
        if number >= quiet_until and find_drop(recent):
            alarms.append((number, ACCEPTANCE))
            quiet_until = number + QUIET_NIGHTS
        chosen = _draw_list(liking, number, rng)
        found = promise(recent, LIST_SIZE)
        truth = float(acceptance_of(world, name)[chosen].mean())
        reception = _reception(world, listener, chosen, begins + (number - 1) * DAY, number)
        if reception is None:
            continue
        past.append(reception)
        if found:
            heard = reception.heard_out
            promises.append((number, found.low, found.high, heard, LIST_SIZE, truth))
    return KeptAccount(nights, changed_on, promises, alarms)


def _draw_list(liking: Floats, number: int, rng: np.random.Generator) -> list[int]:
    pool = rng.choice(len(liking), POOL, replace=False)
    candidates = pool[np.argsort(-liking[pool])[:CANDIDATES]]
    unlearned = max(0.0, 1 - number / NIGHTS_TO_LEARN)
    error = ERROR * (1 + unlearned) * rng.standard_normal(CANDIDATES)
    error += NIGHT_ERROR * rng.standard_normal()
    ranked: list[int] = candidates[np.argsort(-(liking[candidates] + error))].tolist()
    return ranked[:LIST_SIZE]


def _reception(
    world: World, listener: SandboxListener, chosen: Sequence[int], begins: float, number: int
) -> Reception | None:
    """Let a day pass; None where the listener did not go through the list."""
    rng = day_rng(world.seed, listener, begins)
    day = simulate_day(world, listener, begins, begins + DAY - 1, {"list": list(chosen)}, rng)
    listener.append(day.plays)
    plays = zip(
        *(values.tolist() for values in (day.plays.at, day.plays.track, day.plays.skipped)),
        strict=True,
    )
    heard = {track: not skipped for at, track, skipped in plays if at in day.contexts}
    if not heard:
        return None
    removed = len({track for _, track, _ in day.removed})
    return Reception(_date(number), LIST_SIZE, sum(heard.values()), removed)


def _date(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number)
