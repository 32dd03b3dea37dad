"""The simulation of one listener over many nights with one ranker."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smallhours import playlist
from smallhours.errors import DegeneratePlaylist, NotEnoughData
from smallhours.nights import Night
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.caching_lake import CachingLake
from smallhours_sandbox.simulation.ground_truth import (
    OracleBounds,
    PlaylistQuality,
    WorldSize,
    acceptance_of,
    oracle_bounds,
    playlist_quality,
    simulated_world,
    tracks_by_key,
)
from smallhours_sandbox.simulation.installation import SandboxCredentials, settings_for
from smallhours_sandbox.simulation.rankers import RANKERS
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.tastes import lose_half_the_genres

DAY_S = 86_400
# Hour (UTC) at which a night runs; the morning follows.
NIGHT_HOUR = 3
# How a source refuses: by service, route, and error code.
REFUSALS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "lastfm": {"kind": "lastfm_error", "service": "lastfm", "code": 10, "status": 403},
        "spotify_plays": {
            "kind": "refused", "service": "spotify", "match": "*/recently-played", "status": 403,
        },
        "reccobeats": {"kind": "refused", "service": "reccobeats", "status": 403},
    }
)  # fmt: skip
# The stages before the first ranking; they are the same for every ranker.
SYNC, CATALOG, TRAINING, _ = NIGHTLY
EVENING = (SYNC, CATALOG)


@dataclass(frozen=True)
class SimulationSpec:
    """The specification of one simulation; small enough to be sent to another process.

    Attributes:
        listener: Name of the listener.
        ranker: The ranker: one of `RANKERS`.
        nights: Number of nights.
        seed: Seed of the world.
        size: Size of the world.
        listeners: All listeners of the world.
        catalog_every: Number of nights between two updates of the catalog, for every ranker.
            Reactions are collected and a list is made every night.
        training_every: Number of nights between two trainings, for rankers that train models.
        services: Where the listener has an account.
        refused: Which sources refuse every question from the second night on: keys of `REFUSALS`.
        taste_changes: The night, from 1, from whose list on half of the liked genres are liked no
            more; None where the taste stays.
    """

    listener: str
    ranker: str
    nights: int
    seed: int
    size: WorldSize
    listeners: tuple[str, ...]
    catalog_every: int = 10
    training_every: int = 10
    services: tuple[str, ...] = ("lastfm", "spotify")
    refused: tuple[str, ...] = ()
    taste_changes: int | None = None


@dataclass(frozen=True)
class DailyOutcome:
    """The outcome of one night, as measured in the morning.

    Attributes:
        quality: The true quality of the list.
        oracle: The best possible and the random list; None without candidates.
    """

    quality: PlaylistQuality
    oracle: OracleBounds | None


class ListenerSimulation:
    """A running simulation of one listener's nights and days.

    Args:
        spec: What to simulate.
        state: State of the sandbox, which is served at `url`.
        url: Address of the sandbox.
        lake: Folder of the lake; not there yet, or filled by `prepare_first_evening`.

    Attributes:
        state: State of the sandbox.
        settings: Settings of the installation.
        lake: Lake of the installation.
        nights: Number of nights simulated so far.
    """

    def __init__(self, spec: SimulationSpec, state: SandboxState, url: str, lake: Path) -> None:
        self.state = state
        self.settings = settings_for(spec.listener, url, lake, services=spec.services)
        self.nights = 0
        self._evening_was_run = lake.exists()
        self.lake = CachingLake(lake)
        self._spec = spec
        self._ranker = RANKERS[spec.ranker]
        self._acceptance = acceptance_of(state.world, spec.listener)
        self._tracks = tracks_by_key(state.world)
        state.advance(_next_night(state.now))

    @property
    def tonight(self) -> Night:
        """Return the night of the sandbox's current time; it waits for no service."""
        now = dt.datetime.fromtimestamp(self.state.now, dt.UTC)
        night = self.settings.listener(self._spec.listener).night_at(now)
        return replace(night, waits=False)

    def run_evening(self) -> None:
        """Run only the stages before the first ranking."""
        self._run(EVENING)
        self._evening_was_run = True

    def run_night(self) -> None:
        """Run the stages of the four DAGs in order; a list that is too poor is not written."""
        dags = [dag for dag in NIGHTLY if self._is_due(dag)]
        if self.nights == 1:
            refusals = [Fault(**REFUSALS[name], times=0) for name in self._spec.refused]
            fault_rules_of(self.state).add(*refusals)
        self.nights += 1
        if self.nights == self._spec.taste_changes:
            self._change_taste()
        try:
            self._run(dags)
        except (NotEnoughData, DegeneratePlaylist):
            return

    def measure(self) -> DailyOutcome | None:
        """Return the outcome for the list in the playlist; None before the first list."""
        quality = playlist_quality(self.state, self._spec.listener)
        if quality is None:
            return None
        listener = self._spec.listener
        oracle = oracle_bounds(
            self.lake,
            listener,
            night=self.tonight,
            playlist_settings=self.settings.listener(listener).playlist,
            acceptance=self._acceptance,
            tracks=self._tracks,
        )
        return DailyOutcome(quality, oracle)

    def run_day(self) -> None:
        """Simulate the day on which the listener reacts to the list."""
        self.state.advance(self.state.now + DAY_S)

    def _change_taste(self) -> None:
        world = self.state.world
        person = world.listeners[self._spec.listener]
        person.taste = lose_half_the_genres(world, person.taste)
        self._acceptance = acceptance_of(world, self._spec.listener)

    def _is_due(self, dag: str) -> bool:
        if self.nights == 0 and self._evening_was_run and dag in EVENING:
            return False
        if dag == CATALOG:
            return self.nights % self._spec.catalog_every == 0
        if dag == TRAINING:
            every = self._spec.training_every
            return self.nights == 0 if self._ranker.train_once else self.nights % every == 0
        return True

    def _run(self, dags: Sequence[str]) -> None:
        with RunContext(
            self._spec.listener,
            self.tonight,
            self.settings,
            SandboxCredentials(),
            sleep=lambda _s: None,  # the sandbox's clock is not the machine's
        ) as run:
            vars(run)["lake"] = self.lake
            for dag in dags:
                for stage in NIGHTLY[dag]:
                    if stage is playlist.rank_candidates:
                        self._ranker.rank(run)
                    elif dag != TRAINING or stage in self._ranker.training_stages:
                        stage(run)


@contextmanager
def open_simulation(spec: SimulationSpec, lake: Path) -> Iterator[ListenerSimulation]:
    """Start a simulation before its first night; its sandbox is served until the block ends."""
    state = SandboxState(simulated_world(spec.seed, spec.size, spec.listeners))
    with SandboxServer(state) as server:
        yield ListenerSimulation(spec, state, server.url, lake)


def prepare_first_evening(spec: SimulationSpec, lake: Path) -> None:
    """Fill a new lake with the results of the first evening, which all rankers share."""
    with open_simulation(spec, lake) as simulation:
        simulation.run_evening()


def run_simulation(
    spec: SimulationSpec, lake: Path, on_progress: Callable[[int], None] = lambda _night: None
) -> list[DailyOutcome]:
    """Run all nights, each followed by a day on which the listener reacts.

    Args:
        spec: What to simulate.
        lake: Folder of the lake; not there yet, or a copy of one that `prepare_first_evening`
            filled.
        on_progress: Called with the number of finished nights.

    Returns:
        Each morning's outcome. A night that kept yesterday's list counts with that list; mornings
        before the first list are left out.
    """
    mornings = []
    with open_simulation(spec, lake) as simulation:
        for number in range(1, spec.nights + 1):
            simulation.run_night()
            mornings.append(simulation.measure())
            simulation.run_day()
            on_progress(number)
    return [morning for morning in mornings if morning is not None]


def _next_night(now: float) -> float:
    """Return the unix second of the next night's hour, in UTC."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    night = moment.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night >= moment else night + dt.timedelta(days=1)).timestamp()
