"""How does one listener live through many nights with one way to rank?"""

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
# The night's hour; the mornings begin after it.
NIGHT_HOUR = 3
# What comes before the first ranking is the same evening for every way to rank.
SYNC, CATALOG, TRAINING, PLAYLIST = NIGHTLY
EVENING = (SYNC, CATALOG)


@dataclass(frozen=True)
class Life:
    """What is to be lived through; small enough to be sent to another process.

    Attributes:
        listener: Who.
        rival: By what the list is ranked: one of `RIVALS`.
        nights: How many.
        seed: Of the world.
        size: Of the world.
        household: All listeners of that world.
        catalog_every: The catalog is brought up to date every so many nights, for every way to rank
            alike. Reactions are collected, and a list is made, every night.
        training_every: Whoever trains models does so every so many nights.
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
    """One night's list, as it stands in the morning.

    Attributes:
        truth: What is true of it.
        offer: What it could have been; None without candidates.
    """

    truth: Truth
    offer: Offer | None


class Living:
    """One listener's nights and days, one after the other.

    Args:
        life: What is to be lived through.
        state: The sandbox's, that `server` serves.
        url: Where it is served.
        lake: A folder; empty at first, or as `spend_evening` left it.

    Attributes:
        state: As given.
        settings: Of the installation.
        lake: Of the installation.
        nights: How many were lived through.
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
        """The night that the sandbox's clock is in."""
        now = dt.datetime.fromtimestamp(self.state.now, dt.UTC)
        return self.settings.listener(self._life.listener).night_at(now)

    def evening(self) -> None:
        """What comes before the first ranking, alone."""
        self._run(EVENING)
        self._evening_is_over = True

    def night(self) -> None:
        """The stages of the four DAGs in their order; a list too poor leaves yesterday's."""
        dags = [dag for dag in NIGHTLY if self._is_due(dag)]
        self.nights += 1
        try:
            self._run(dags)
        except (NotEnoughData, DegeneratePlaylist):
            return

    def morning(self) -> Morning | None:
        """What is true of the list that stands in the playlist; None before the first."""
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
        """The day in which the listener reacts to the list."""
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
    """A life at its first night, with its sandbox served until the block ends."""
    state = SandboxState(world_of(life.seed, life.size, life.household))
    with SandboxServer(state) as server:
        yield Living(life, state, server.url, lake)


def spend_evening(life: Life, lake: Path) -> None:
    """Fill an empty folder with what every way to rank finds on the first night."""
    with begun(life, lake) as living:
        living.evening()


def live(
    life: Life, lake: Path, tell: Callable[[int], None] = lambda _night: None
) -> list[Morning]:
    """Run the nights, each followed by a day in which the listener reacts.

    Args:
        life: What is to be lived through.
        lake: A folder that is not there yet, or a copy of what `spend_evening` filled.
        tell: Told how many nights are done.

    Returns:
        Each morning. A night that kept yesterday's list counts with that; mornings before the
        first list are left out.
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
    """The next night's hour, UTC."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    night = moment.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night >= moment else night + dt.timedelta(days=1)).timestamp()
