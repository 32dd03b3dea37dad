"""How does one listener live through many nights with one way to rank?"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallhours.errors import DegeneratePlaylist, NotEnoughData
from smallhours.nights import Night
from smallhours.runs import NIGHTLY, Run
from smallhours.sandbox.server import SandboxServer
from smallhours.sandbox.state import SandboxState
from smallhours.services.credentials import LastfmCredentials, SpotifyCredentials
from smallhours.settings import Settings, parse_settings
from smallhours.simulation.kept import KeptLake
from smallhours.simulation.rivals import RIVALS, Rival
from smallhours.simulation.world import Size, Truth, truth_of, world_of

DAY_S = 86_400
# The night's hour; the mornings begin after it.
NIGHT_HOUR = 3
_ENOUGH = 1_000_000

# What a small world needs; a real one is asked for more.
_CATALOG = {
    "lastfm_calls_per_night": 1_000,
    "seed_tracks": 100,
    "seed_artists": 50,
    "near_artists": 150,
    "seed_tags": 15,
    "foreign_tags": 15,
}
LIST_SIZE = 10
# What is not done every night.
SELDOM = ("refresh_catalog", "train_models")


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
        seldom: The catalog and the models are brought up to date every so many nights, for every
            way to rank alike: they change little from one to the next. Reactions are collected,
            and a list is made, every night.
    """

    listener: str
    rival: str
    nights: int
    seed: int
    size: Size
    household: tuple[str, ...]
    seldom: int = 10


class _Keys:
    """The sandbox's credentials."""

    def lastfm(self, listener: str) -> LastfmCredentials:
        """Any key of the right length will do."""
        return LastfmCredentials("5a4d" * 8, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """The sandbox's app, and the login that it made for the listener."""
        return SpotifyCredentials(
            "sandbox-client", "sandbox-secret", f"refresh-{listener}", listener=listener
        )

    def keep_refresh_token(self, listener: str, token: str) -> None:
        """The sandbox takes the old one, too."""
        del listener, token


class Living:
    """One listener's nights and days, one after the other.

    Args:
        life: What is to be lived through.
        state: The sandbox's, that `server` serves.
        url: Where it is served.
        lake: A folder; empty at first.

    Attributes:
        state: As given.
        settings: Of the installation.
        lake: Of the installation.
        nights: How many were lived through.
    """

    def __init__(self, life: Life, state: SandboxState, url: str, lake: Path) -> None:
        self.state = state
        self.settings = _settings(url, life, lake)
        self.lake = KeptLake(str(lake))
        self.nights = 0
        self._life = life
        state.advance(_next_night(state.now))

    @property
    def tonight(self) -> Night:
        """The night that the sandbox's clock is in."""
        now = dt.datetime.fromtimestamp(self.state.now, dt.UTC)
        return self.settings.listener(self._life.listener).night_at(now)

    def night(self) -> None:
        """The stages of the four DAGs in their order; a list too poor leaves yesterday's."""
        due = self.nights % self._life.seldom == 0
        self.nights += 1
        with Run(self._life.listener, self.tonight, self.settings, _Keys()) as run:
            vars(run)["lake"] = self.lake
            try:
                _run(run, RIVALS[self._life.rival], due)
            except (NotEnoughData, DegeneratePlaylist):
                return

    def day(self) -> Truth | None:
        """The truth about the morning's list, and the day in which the listener reacts to it."""
        truth = truth_of(self.state, self._life.listener)
        self.state.advance(self.state.now + DAY_S)
        return truth


@contextmanager
def begun(life: Life, lake: Path) -> Iterator[Living]:
    """A life at its first night, with its sandbox served until the block ends."""
    state = SandboxState(world_of(life.seed, life.size, life.household))
    with SandboxServer(state) as server:
        yield Living(life, state, server.url, lake)


def live(life: Life, lake: Path, tell: Callable[[int], None] = lambda _night: None) -> list[Truth]:
    """Run the nights, each followed by a day in which the listener reacts.

    Args:
        life: What is to be lived through.
        lake: An empty folder.
        tell: Told how many nights are done.

    Returns:
        The truth about the list of each morning. A night that kept yesterday's list counts with
        that; mornings before the first list are left out.
    """
    truths = []
    with begun(life, lake) as living:
        for number in range(1, life.nights + 1):
            living.night()
            truths.append(living.day())
            tell(number)
    return [truth for truth in truths if truth is not None]


def _run(run: Run, rival: Rival, due: bool) -> None:
    for dag, stages in NIGHTLY.items():
        if dag in SELDOM and not due:
            continue
        if dag == "train_models" and not rival.trains:
            continue
        if dag == "write_playlist" and due:
            rival.settle(run.lake, run.listener, run.night.date.isoformat())
        for stage in stages:
            stage(run)


def _next_night(now: float) -> float:
    """The next night's hour, UTC."""
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    night = moment.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return (night if night >= moment else night + dt.timedelta(days=1)).timestamp()


def _settings(url: str, life: Life, lake: Path) -> Settings:
    fast: dict[str, Any] = {"calls_per_second": _ENOUGH}
    playlist = {"size": LIST_SIZE, "shortest": 5}
    listener = {"lastfm_user": life.listener, "timezone": "UTC", "playlist": playlist}
    return parse_settings(
        {
            "listeners": {life.listener: listener},
            "lake": {"url": str(lake)},
            "catalog": _CATALOG,
            "services": {
                "spotify": {
                    "api_url": f"{url}/v1/",
                    "accounts_url": f"{url}/",
                    "calls_per_day": _ENOUGH,
                    **fast,
                },
                "lastfm": {"api_url": f"{url}/2.0/", **fast},
                "reccobeats": {"api_url": f"{url}/reccobeats/v1/", **fast},
                "acousticbrainz": {"api_url": f"{url}/acousticbrainz/api/v1/", **fast},
            },
        },
        origin="the simulation",
    )
