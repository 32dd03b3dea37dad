"""First nights of simulated listeners of whom little or much is known.

Each listener of the simulation's world, with the same taste as there, has a first night with
nothing but five artists named, with their last 50 plays, with their last 500, and with their saved
tracks alone; and a ripe one, with all of their plays and saved tracks, for which the services were
asked on three evenings. Popularity's list is what the newcomer with five artists would get by that
one signal alone. The lists have the product's own size, 30 tracks: ten say little. The truth about
a list comes from the hidden taste.

A first night takes its calls at the allowed rates, plus the processor time of its stages; the
longest are those of listeners with 100,000 plays at Last.fm alone, and at ListenBrainz too, by the
product's own settings.
"""

import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import print_progress
from smallhours.playlist_settings import PlaylistSettings
from smallhours.service_settings import ServiceSettings
from smallhours.settings import CatalogSettings, Settings
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.ground_truth import WorldSize, simulated_world
from smallhours_sandbox.simulation.listener import ListenerSimulation, SimulationSpec
from smallhours_sandbox.simulation.rankers import OURS
from smallhours_sandbox.simulation.runner import LISTENERS
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import SandboxListener, World

PEOPLE = (*LISTENERS, "gita", "hugo", "ines", "jonas")
NAMED, LIBRARY, RIPE, POPULAR = "0", "library", "ripe", "popular"
PLAYS = {"50": 50, "500": 500}
KINDS = (NAMED, *PLAYS, LIBRARY)
ARTISTS_NAMED = 5
# Plays of the first listener; the others have some two fifths of them.
RIPE_PLAYS, MANY_PLAYS = 5_000, 100_000
SERVICES = (("lastfm", "spotify"), ("lastfm", "listenbrainz", "spotify"))
# Evenings whose questions the ripe list rests on: the limits of a first night hold for each.
RIPE_EVENINGS = 3


@dataclass(frozen=True)
class FirstNight:
    """One first night.

    Attributes:
        acceptance: Mean probability that a track of the list is heard to its end.
        calls: Number of calls by service.
        minutes: Calls at the allowed rates, one service after the other, plus processor time.
    """

    acceptance: float
    calls: Mapping[str, int]
    minutes: float


def day_one_figures(seed: int, *, processes: int) -> dict[str, Any]:
    """Return the mean acceptance of each kind of first list, and the minutes of the longest night.

    Args:
        seed: Of the world.
        processes: How many at a time.
    """
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        longest = {services: pool.submit(longest_night, seed, services) for services in SERVICES}
        waiting = [pool.submit(first_nights, name, seed) for name in PEOPLE]
        told = {}
        for name, found in zip(PEOPLE, waiting, strict=True):
            told[name] = found.result()
            print_progress(f"{name}: " + ", ".join(_told(*each) for each in told[name].items()))
        many = {services: found.result() for services, found in longest.items()}
    for services, whole in many.items():
        at = ", ".join(services)
        print_progress(f"{MANY_PLAYS:,} plays at {at}: {_told('', whole)}, {dict(whole.calls)}")
    means = {
        kind: round(statistics.mean(each[kind].acceptance for each in told.values()), 4)
        for kind in (*KINDS, RIPE, POPULAR)
    }
    way = means[RIPE] - means[POPULAR]
    nights = [night for each in told.values() for night in each.values()]
    return {
        "acceptance": {kind: means[kind] for kind in KINDS},
        "ripe_acceptance": means[RIPE],
        "popular_acceptance": means[POPULAR],
        "minutes": round(max(night.minutes for night in (*nights, *many.values())), 1),
        "of_the_way": {kind: round((means[kind] - means[POPULAR]) / way, 2) for kind in KINDS},
    }


def _told(kind: str, night: FirstNight) -> str:
    return f"{kind} {night.acceptance:.3f} in {night.minutes:.1f} min".strip()


def first_nights(name: str, seed: int) -> dict[str, FirstNight]:
    """Return a listener's first night of each kind."""
    spec = SimulationSpec(name, OURS, 1, seed, WorldSize(scrobbles=RIPE_PLAYS), PEOPLE)
    world = simulated_world(seed, spec.size, PEOPLE)
    with tempfile.TemporaryDirectory(prefix="smallhours-day-one-") as made:
        folder = Path(made)
        found = {kind: _night(spec, world, kind, folder / kind) for kind in (*PLAYS, LIBRARY)}
        _evenings(spec, world, NAMED, folder / NAMED, 1)
        shutil.copytree(folder / NAMED, folder / POPULAR)
        by_popularity = replace(spec, ranker="popularity")
        found[POPULAR] = _night(by_popularity, world, NAMED, folder / POPULAR)
        found[NAMED] = _night(spec, world, NAMED, folder / NAMED)
        _evenings(spec, world, RIPE, folder / RIPE, RIPE_EVENINGS)
        found[RIPE] = _night(spec, world, RIPE, folder / RIPE, days=RIPE_EVENINGS - 1)
    return found


def _evenings(spec: SimulationSpec, world: World, kind: str, lake: Path, count: int) -> None:
    """Run what comes before the training and the ranking, on some evenings."""
    with open_first_night(spec, world, kind, lake) as simulation:
        for evening in range(count):
            if evening:
                simulation.run_day()
            simulation.run_evening()


def longest_night(seed: int, services: tuple[str, ...]) -> FirstNight:
    """Return the first night of a listener with many plays, by the product's own settings."""
    size = WorldSize(scrobbles=MANY_PLAYS)
    spec = SimulationSpec("ada", OURS, 1, seed, size, ("ada",), services=services)
    world = simulated_world(seed, size, spec.listeners)
    with tempfile.TemporaryDirectory(prefix="smallhours-day-one-") as folder:
        return _night(spec, world, RIPE, Path(folder) / RIPE, catalog=CatalogSettings())


def _night(
    spec: SimulationSpec,
    world: World,
    kind: str,
    lake: Path,
    *,
    catalog: CatalogSettings | None = None,
    days: int = 0,
) -> FirstNight:
    """Run a first night, or the rest of one whose evenings were run, the first `days` ago."""
    with open_first_night(spec, world, kind, lake) as simulation:
        if catalog is not None:
            simulation.settings = simulation.settings.model_copy(update={"catalog": catalog})
        for _ in range(days):
            simulation.run_day()
        started = time.process_time()
        simulation.run_night()
        worked = time.process_time() - started
        outcome = simulation.measure()
        if outcome is None:
            raise RuntimeError(f"{spec.listener} has no list with {kind}")
        calls = _calls(simulation.state)
    waited = sum(count / _rate(service) for service, count in calls.items())
    return FirstNight(outcome.quality.acceptance, calls, (waited + worked) / 60)


def _calls(state: SandboxState) -> Counter[str]:
    calls: Counter[str] = Counter()
    for (service, _), count in state.calls.items():
        calls[service] += count
    return calls


def _rate(service: str) -> float:
    """Return how many calls a second the product's own settings allow."""
    services = ServiceSettings()
    if service == "labs":
        return services.listenbrainz.labs_calls_per_second
    rate: float = getattr(services, service).calls_per_second
    return rate


@contextmanager
def open_first_night(
    spec: SimulationSpec, world: World, kind: str, lake: Path
) -> Iterator[ListenerSimulation]:
    """Serve a world in which the listener has only what a kind of first night knows."""
    full = world.listeners[spec.listener]
    person = _person(full, kind, world)
    state = SandboxState(replace(world, listeners={**world.listeners, spec.listener: person}))
    with SandboxServer(state) as server:
        simulation = ListenerSimulation(spec, state, server.url, lake)
        artists = _favourites(full, world) if kind == NAMED else ()
        simulation.settings = _with(simulation.settings, spec.listener, artists)
        yield simulation


def _person(full: SandboxListener, kind: str, world: World) -> SandboxListener:
    """Return the listener with the part of their history that a kind of night knows."""
    person = full.copy()
    if kind == RIPE:
        return person
    if kind != LIBRARY:
        person.saved = {}
    person.loved = {}
    person.own_playlists = []
    counted = np.isin(full.play_at, world.scrobbled(full.plays).at)
    from_the_end = np.cumsum(counted[::-1])[::-1]
    kept = counted & (from_the_end <= PLAYS.get(kind, 0))
    person.play_at, person.play_track = full.play_at[kept], full.play_track[kept]
    person.play_ms, person.play_skipped = full.play_ms[kept], full.play_skipped[kept]
    return person


def _favourites(full: SandboxListener, world: World) -> Sequence[str]:
    """Return the names of the artists that a listener played most: those that they would name."""
    counts = Counter(world.track_artist[full.play_track].tolist())
    return [world.artist_name[artist] for artist, _ in counts.most_common(ARTISTS_NAMED)]


def _with(settings: Settings, listener: str, artists: Sequence[str]) -> Settings:
    """Return the settings with a list of the product's own size, and artists named."""
    me = settings.listener(listener)
    update = {"favourite_artists": tuple(artists), "playlist": PlaylistSettings()}
    listeners = {listener: me.model_copy(update=update)}
    return settings.model_copy(update={"listeners": listeners})
