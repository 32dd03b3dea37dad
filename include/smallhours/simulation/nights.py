"""The simulation of one listener over many nights with one ranker."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smallhours.errors import DegeneratePlaylist, NotEnoughData
from smallhours.nights import Night
from smallhours.runs import NIGHTLY, Run
from smallhours.sandbox.server import SandboxServer
from smallhours.sandbox.state import SandboxState
from smallhours.simulation.installation import Keys, settings_for
from smallhours.simulation.kept import KeptLake
from smallhours.simulation.offer import Offer, offer_of, tracks_by_key
from smallhours.simulation.rivals import RIVALS
from smallhours.simulation.world import Size, Truth, acceptance_of, truth_of, world_of

DAY_S = 86_400
# Hour (UTC) at which a night runs; the morning follows.
NIGHT_HOUR = 3
# The stages before the first ranking; they are the same for every ranker.
SYNC, CATALOG, TRAINING, PLAYLIST = NIGHTLY
EVENING = (SYNC, CATALOG)


@dataclass(frozen=True)
class Life:
    """The specification of one simulation; small enough to be sent to another process.

    Attributes:
        listener: Name of the listener.
        rival: The ranker: one of `RIVALS`.
        nights: Number of nights.
        seed: Seed of the world.
        size: Size of the world.
        household: All listeners of the world.
        catalog_every: Number of nights between two updates of the catalog, for every ranker.
            Reactions are collected and a list is made every night.
        training_every: Number of nights between two trainings, for rankers that train models.
    """

    listener: str
    rival: str
    nights: int
    seed: int
    size: Size
    household: tuple[str, ...]
    catalog_every: int = 10
    training_every: int = 10


@dataclass(frozen=True)
class Morning:
    """The outcome of one night, as measured in the morning.

    Attributes:
        truth: The true quality of the list.
        offer: The best possible and the random list; None without candidates.
    """

    truth: Truth
    offer: Offer | None


class Living:
    """A running simulation of one listener's nights and days.

    Args:
        life: What to simulate.
        state: State of the sandbox, which is served at `url`.
        url: Address of the sandbox.
        lake: Folder of the lake; not there yet, or filled by `spend_evening`.

    Attributes:
        state: State of the sandbox.
        settings: Settings of the installation.
        lake: Lake of the installation.
        nights: Number of nights simulated so far.
    """

    def __init__(self, life: Life, state: SandboxState, url: str, lake: Path) -> None:
        self.state = state
        self.settings = settings_for(life.listener, url, lake)
        self.nights = 0
        self._evening_is_over = lake.exists()
        self.lake = KeptLake(lake)
        self._life = life
        self._rival = RIVALS[life.rival]
        self._acceptance = acceptance_of(state.world, life.listener)
        self._tracks = tracks_by_key(state.world)
        state.advance(_next_night(state.now))

    @property
    def tonight(self) -> Night:
        """Return the night of the sandbox's current time."""
        now = dt.datetime.fromtimestamp(self.state.now, dt.UTC)
        return self.settings.listener(self._life.listener).night_at(now)

    def evening(self) -> None:
        """Run only the stages before the first ranking."""
        self._run(EVENING)
        self._evening_is_over = True

    def night(self) -> None:
        """Run the stages of the four DAGs in order; a list that is too poor is not written."""
        dags = [dag for dag in NIGHTLY if self._is_due(dag)]
        self.nights += 1
        try:
            self._run(dags)
        except (NotEnoughData, DegeneratePlaylist):
            return

    def morning(self) -> Morning | None:
        """Return the outcome for the list in the playlist; None before the first list."""
        truth = truth_of(self.state, self._life.listener)
        if truth is None:
            return None
        listener = self._life.listener
        offer = offer_of(
            self.lake,
            listener,
            night=self.tonight,
            wishes=self.settings.listener(listener).playlist,
            acceptance=self._acceptance,
            tracks=self._tracks,
        )
        return Morning(truth, offer)

    def day(self) -> None:
        """Simulate the day on which the listener reacts to the list."""
        self.state.advance(self.state.now + DAY_S)

    def _is_due(self, dag: str) -> bool:
        if self.nights == 0 and self._evening_is_over and dag in EVENING:
            return False
        if dag == CATALOG:
            return self.nights % self._life.catalog_every == 0
        if dag == TRAINING:
            every = self._life.training_every
            return self.nights == 0 if self._rival.once else self.nights % every == 0
        return True

    def _run(self, dags: Sequence[str]) -> None:
        with Run(self._life.listener, self.tonight, self.settings, Keys()) as run:
            vars(run)["lake"] = self.lake
            for dag in dags:
                if dag == PLAYLIST:
                    self._rival.settle(run.lake, run.listener, run.night.date.isoformat())
                for stage in NIGHTLY[dag]:
                    if dag != TRAINING or stage.verb in self._rival.trained_by:
                        stage(run)


@contextmanager
def begun(life: Life, lake: Path) -> Iterator[Living]:
    """Start a simulation before its first night; its sandbox is served until the block ends."""
    state = SandboxState(world_of(life.seed, life.size, life.household))
    with SandboxServer(state) as server:
        yield Living(life, state, server.url, lake)


def spend_evening(life: Life, lake: Path) -> None:
    """Fill a new lake with the results of the first evening, which all rankers share."""
    with begun(life, lake) as living:
        living.evening()


def live(
    life: Life, lake: Path, tell: Callable[[int], None] = lambda _night: None
) -> list[Morning]:
    """Run all nights, each followed by a day on which the listener reacts.

    Args:
        life: What to simulate.
        lake: Folder of the lake; not there yet, or a copy of one that `spend_evening` filled.
        tell: Called with the number of finished nights.

    Returns:
        Each morning's outcome. A night that kept yesterday's list counts with that list; mornings
        before the first list are left out.
    """
    mornings = []
    with begun(life, lake) as living:
        for number in range(1, life.nights + 1):
            living.night()
            mornings.append(living.morning())
            living.day()
            tell(number)
    return [morning for morning in mornings if morning is not None]


def _next_night(now: float) -> float:
    """Return the unix second of the next night's hour, in UTC."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    night = moment.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night >= moment else night + dt.timedelta(days=1)).timestamp()
