"""A small world and its stages, for `benchmarks.faults`: with a fault, killed, and without either.

A case is a rule for the sandbox: a kind of fault, the call that it hits, the number of such calls
before it, and how often it happens. The kinds are those of `smallhours_sandbox.faults`.
"""

import datetime as dt
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallhours.catalog import stages as catalog
from smallhours.errors import SmallhoursError
from smallhours.lake.files import LocalFiles
from smallhours.lake.list_tables import SET_ASIDE
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
    SIMILAR,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.listening import stages as listening
from smallhours.services.audio_features import ReccobeatsClient
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.lastfm import LastfmClient
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import (
    FAST,
    LISTENER,
    sandbox_services,
    sandbox_settings,
)
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.lake.stores import Killed, KilledDisk

NIGHT = "2026-11-02"
# Shorter than the delay of the fault "timeout", longer than any normal answer takes.
TIMEOUT_S = 1.5
TABLES: tuple[Table, ...] = (
    PLAYS, LIBRARY, TRACKS, ARTIST_TAGS, TRACK_TAGS, SIMILAR, CANDIDATES, AUDIO_FEATURES,
)  # fmt: skip
# The stages in their order, each with the clients that it is called with.
STAGES: Mapping[str, tuple[Callable[..., Summary], tuple[str, ...]]] = {
    "sync_scrobbles": (listening.sync_scrobbles, ("lastfm",)),
    "sync_recent_plays": (listening.sync_recent_plays, ("spotify",)),
    "sync_library": (listening.sync_library, ("spotify", "lastfm")),
    "update_tracks": (catalog.update_tracks, ()),
    "fetch_neighbours": (catalog.fetch_neighbours, ("lastfm",)),
    "fetch_tags": (catalog.fetch_tags, ("lastfm",)),
    "fetch_audio_features": (catalog.fetch_audio_features, ("reccobeats",)),
    "gather_candidates": (catalog.gather_candidates, ()),
}


@dataclass(frozen=True, slots=True)
class FaultCase:
    """One stage with one fault.

    Attributes:
        stage: The stage's verb.
        kind: The fault's kind.
        match: The Last.fm method, or route, that it hits.
        after: Number of such calls that pass before it.
        more: Further keys of the rule.
    """

    stage: str
    kind: str
    match: str
    after: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> dict[str, Any]:
        """Return the rule as the sandbox takes it."""
        return {"kind": self.kind, "match": self.match, "after": self.after, **self.more}

    @property
    def drifts(self) -> bool:
        """Return True if the fault changes the history itself."""
        return self.kind in (
            "page_drift", "late_scrobbles", "deleted_scrobbles", "duplicate_rows"
        )  # fmt: skip

    def __str__(self) -> str:
        """Return the case in a few words, for tables and test names."""
        more = "".join(f" {name}={value}" for name, value in self.more.items())
        return f"{self.stage}: {self.kind}{more}, call {self.after + 1} of {self.match}"


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """The result of a case.

    Attributes:
        ended: "mended", or the name of the error with which the first run ended.
        fired: Number of times that the fault happened, or that the stage was killed.
        lost_rows: Rows of a night without faults that are missing.
        doubled_rows: Rows that a night without faults does not have.
        other_rows: Rows with the same key and different values.
        same_bytes: True if all files hold the same bytes.
    """

    ended: str
    fired: int
    lost_rows: int
    doubled_rows: int
    other_rows: int
    same_bytes: bool

    @property
    def whole(self) -> bool:
        """Return True if the lake equals that of a night without faults."""
        return not (self.lost_rows or self.doubled_rows or self.other_rows)


class FaultBench:
    """A small world, a night without faults in it, and the lake before each of its stages.

    Args:
        folder: Folder of the lakes.
        world: Shared by all cases; each has a state of its own.
    """

    def __init__(self, folder: Path, world: World, server: SandboxServer) -> None:
        self._folder = folder
        self._world = world
        self._server = server
        self._copies = 0
        self.settings = _settings(server.url)
        self.fresh()
        lake = folder / "quiet"
        for stage in STAGES:
            self._keep(lake, folder / f"before-{stage}")
            self.run(stage, lake)
            self._keep(lake, folder / f"after-{stage}")

    def fresh(self) -> None:
        """Reset the world to its initial state."""
        self._server.serve(SandboxState(self._world))

    def run(self, stage: str, lake: Path, files: LocalFiles | None = None) -> None:
        """Run one stage on a lake.

        Raises:
            SmallhoursError: the stage's error.
        """
        night = self.settings.night(LISTENER, NIGHT)
        function, needs = STAGES[stage]
        with _clients(self.settings) as clients:
            function(
                LISTENER,
                Lake(str(lake), files=files),
                *(clients[name] for name in needs),
                settings=self.settings,
                night=night,
            )

    def run_case(self, case: FaultCase) -> FaultOutcome:
        """Run a stage with a fault, then again without."""
        self.fresh()
        lake = self._copy(f"before-{case.stage}")
        faults = fault_rules_of(self._server.state)
        fault = Fault.from_json(case.rule)
        faults.add(fault)
        ended = "mended"
        try:
            self.run(case.stage, lake)
        except SmallhoursError as error:
            ended = type(error).__name__
        faults.clear()
        # A service that was set aside is asked anew by the night's first stage, or the next night.
        shutil.rmtree(lake / SET_ASIDE.name, ignore_errors=True)
        self.run(case.stage, lake)
        quiet = self._folder / f"after-{case.stage}"
        if case.drifts:
            quiet = self._copy(f"before-{case.stage}")
            self.run(case.stage, quiet)
        return self._judge(ended, fault.fired, quiet, lake)

    def kill(
        self, stage: str, prepare: Callable[[Path], None], dies_at: int
    ) -> FaultOutcome | None:
        """Kill a stage at one disk operation, then run it again.

        Args:
            stage: Its verb.
            prepare: Removes rows from the lake so that the stage has something to do.
            dies_at: Number of the operation, from 1.

        Returns:
            None when the stage has fewer operations.
        """
        lake = self._prepared(stage, prepare)
        disk = KilledDisk(dies_at)
        try:
            self.run(stage, lake, LocalFiles(lake, disk=disk))
        except Killed:
            self.run(stage, lake)
            outcome = self._judge(
                f"killed at {disk.done[dies_at - 1]}", 1, self._folder / f"after-{stage}", lake
            )
            shutil.rmtree(lake)
            return outcome
        return None

    def operations(self, stage: str, prepare: Callable[[Path], None]) -> list[str]:
        """Return the disk operations of a stage in order, without a kill."""
        lake = self._prepared(stage, prepare)
        disk = KilledDisk(sys.maxsize)
        self.run(stage, lake, LocalFiles(lake, disk=disk))
        return disk.done

    def _copy(self, name: str) -> Path:
        """Return a copy of a lake, such as `before-fetch_tags`."""
        self._copies += 1
        lake = self._folder / f"lake-{self._copies}"
        self._keep(self._folder / name, lake)
        return lake

    def _prepared(self, stage: str, prepare: Callable[[Path], None]) -> Path:
        """Return the lake after a stage, without some rows, in a fresh world."""
        self.fresh()
        lake = self._copy(f"after-{stage}")
        prepare(lake)
        return lake

    def _judge(self, ended: str, fired: int, quiet: Path, lake: Path) -> FaultOutcome:
        same = _content(quiet) == _content(lake)
        lost = doubled = other = 0
        if not same:
            for table in TABLES:
                ours, theirs = _rows(lake, table), _rows(quiet, table)
                gone, more = theirs - ours, ours - theirs
                keys = {row[0] for row in gone} & {row[0] for row in more}
                other += len(keys)
                lost += sum(n for row, n in gone.items() if row[0] not in keys)
                doubled += sum(n for row, n in more.items() if row[0] not in keys)
        return FaultOutcome(ended, fired, lost, doubled, other, same)

    @staticmethod
    def _keep(source: Path, target: Path) -> None:
        if source.exists():
            shutil.copytree(source, target)


@contextmanager
def bench(folder: Path) -> Iterator[FaultBench]:
    """Build the bench over a world of 120 artists and a little more than a year, in a folder."""
    begins = dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
    world = generate_world(
        seed=1983, artists=120, tracks=1_000, scrobbles=1_800, begins=begins, generator=1
    )
    with SandboxServer(SandboxState(world)) as server:
        yield FaultBench(folder, world, server)


@contextmanager
def _clients(settings: Settings) -> Iterator[dict[str, Any]]:
    services = settings.services
    retry_policy = RetryPolicy(initial_wait_s=0.01)
    with ExitStack() as open_ones:
        lastfm = LastfmClient(
            LASTFM_API_KEY,
            api_url=services.lastfm.api_url,
            calls_per_second=FAST,
            timeout_s=TIMEOUT_S,
            rate_limit=TokenBucket(FAST, burst=100),
            retry_policy=retry_policy,
        )
        spotify = SpotifyClient(
            SpotifyCredentials(CLIENT_ID, CLIENT_SECRET, "refresh-ada"),
            settings=services.spotify,
            rate_limit=TokenBucket(FAST, burst=100),
            retry_policy=retry_policy,
        )
        reccobeats = ReccobeatsClient(
            settings=services.reccobeats,
            rate_limit=TokenBucket(FAST, burst=100),
            retry_policy=retry_policy,
        )
        for each in (lastfm, spotify, reccobeats):
            open_ones.callback(each.close)
        yield {"lastfm": lastfm, "spotify": spotify, "reccobeats": reccobeats}


def _settings(url: str) -> Settings:
    """Return settings with few seeds."""
    slow = {"timeout_s": TIMEOUT_S}
    services = sandbox_services(
        url, spotify=slow, reccobeats=slow, acousticbrainz={"enabled": False}
    )
    return sandbox_settings(
        {"dislike_playlist": "Sunday kitchen"},
        services=services,
        catalog={
            "seed_tracks": 6, "seed_artists": 4, "near_artists": 6, "seed_tags": 3,
            "foreign_tags": 3,
        },
    )  # fmt: skip


def _content(lake: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for table in TABLES
        for path in (lake / table.name).rglob("*.parquet")
    }


def _rows(lake: Path, table: Table) -> Counter[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Count each row, as its key and its whole content."""
    frame = Lake(str(lake)).frame(table)
    key = [*table.partition, *table.key]
    keys = frame[key].astype(str).itertuples(index=False, name=None)
    rows = frame.astype(str).itertuples(index=False, name=None)
    return Counter(zip(keys, rows, strict=True))
