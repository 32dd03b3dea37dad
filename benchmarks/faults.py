"""Fault suite: no stage may lose or double a row when services misbehave or the stage is killed.

    python -m benchmarks.faults [--write] [--kills EVERY]

Every case of `benchmarks.fault_cases` runs a stage over a sandbox that misbehaves, until it ends
or raises one of our errors; then the fault is over and the stage runs again. Besides, a stage is
killed at every write operation of the lake's disk, and run again. Afterwards the lake is compared
with that of a night without faults: the files, byte for byte, and the rows by key. `--write` keeps
the table in docs/faults.md.
"""

import argparse
import datetime as dt
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fault_cases import FaultCase, cases
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
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.lastfm import LastfmClient
from smallhours.services.rate_limit import TokenBucket
from smallhours.services.reccobeats import ReccobeatsClient
from smallhours.services.retry import RetryPolicy
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings, parse_settings
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import CLIENT_ID, CLIENT_SECRET
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.lake.stores import Killed, KilledDisk

DOCS = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
LISTENER = "default"
NIGHT = "2026-11-02"
FAST = 10_000.0
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
            self._copy(lake, folder / f"before-{stage}")
            self.run(stage, lake)
            self._copy(lake, folder / f"after-{stage}")

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
        lake = self.before(case.stage)
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
            quiet = self.before(case.stage)
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
        self.fresh()
        lake = self._new()
        self._copy(self._folder / f"after-{stage}", lake)
        prepare(lake)
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
        self.fresh()
        lake = self._new()
        self._copy(self._folder / f"after-{stage}", lake)
        prepare(lake)
        disk = KilledDisk(sys.maxsize)
        self.run(stage, lake, LocalFiles(lake, disk=disk))
        return disk.done

    def before(self, stage: str) -> Path:
        """Return a copy of the lake as it was before a stage."""
        lake = self._new()
        self._copy(self._folder / f"before-{stage}", lake)
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

    def _new(self) -> Path:
        self._copies += 1
        return self._folder / f"lake-{self._copies}"

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        if source.exists():
            shutil.copytree(source, target)


@contextmanager
def bench(folder: Path) -> Iterator[FaultBench]:
    """Build the bench over a world of 120 artists and a little more than a year, in a folder."""
    begins = dt.datetime(2025, 9, 1, tzinfo=dt.UTC)
    world = generate_world(seed=1983, artists=120, tracks=1_000, scrobbles=1_800, begins=begins)
    with SandboxServer(SandboxState(world)) as server:
        yield FaultBench(folder, world, server)


def forget_two_months(lake: Path) -> None:
    """Remove the last two months of the history, for `sync_scrobbles` to read."""
    for month in sorted(lake.glob("plays/*/month=*"))[-2:]:
        shutil.rmtree(month)


def forget_some_tags(lake: Path) -> None:
    """Remove a file of artists' tags and one of tracks' tags, for `fetch_tags` to fetch."""
    for name in ("artist_tags", "track_tags"):
        shutil.rmtree(sorted(lake.glob(f"{name}/prefix=*"))[7])


KILLS: Mapping[str, Callable[[Path], None]] = {
    "sync_scrobbles": forget_two_months,
    "fetch_tags": forget_some_tags,
}


def kills(on: FaultBench, stage: str, *, every: int = 1) -> Iterator[tuple[str, FaultOutcome]]:
    """Kill a stage at each, or each n-th, write operation of its disk."""
    operations = enumerate(on.operations(stage, KILLS[stage]), 1)
    # Only write operations matter: reads change nothing.
    writing = [number for number, name in operations if name not in ("read", "walk")]
    for dies_at in writing[::every]:
        outcome = on.kill(stage, KILLS[stage], dies_at)
        if outcome is not None:
            yield f"{stage}: killed at disk operation {dies_at}", outcome


def table() -> str:
    """Return docs/faults.md: every case, in Markdown."""
    lines = [
        "# Faults",
        "",
        "<!-- Generated by `python -m benchmarks.faults --write`; do not edit. -->",
        "",
        "What the fault suite puts in the way of the stages that read from services. Each row is",
        "a case: the stage runs into the fault, ends or raises a typed error, and runs again when",
        "the fault is over; then the lake holds what a quiet night's holds, no row lost and none",
        "doubled.",
        "",
        "The kinds of fault are described by `smallhours sandbox` at `/_sandbox/faults`.",
        "",
        "| # | stage | fault | where |",
        "|---|---|---|---|",
    ]
    for number, case in enumerate(cases(), 1):
        more = "".join(f", {name} {value}" for name, value in case.more.items())
        lines.append(
            f"| {number} | `{case.stage}` | {case.kind}{more} "
            f"| call {case.after + 1} of `{case.match}` |"
        )
    lines += [
        "",
        "`times 0` is until the fault is cleared; without `times` it happens as often as its kind",
        "says, mostly once. Besides, " + " and ".join(f"`{stage}`" for stage in KILLS),
        "are killed at every operation that writes to the lake's disk (a lock, a new folder, a",
        "write that gets half way, a flush, a rename, ...) and run again.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run everything, print it, and end with the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table in docs/faults.md")
    parser.add_argument("--kills", type=int, default=1, metavar="EVERY", help="each n-th kill only")
    arguments = parser.parse_args()
    if arguments.write:
        DOCS.write_text(table(), encoding="utf-8")
    outcomes: list[FaultOutcome] = []
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as on:
        begun = time.perf_counter()
        outcomes += [_say(str(case), on.run_case(case)) for case in cases()]
        for stage in KILLS:
            killed = kills(on, stage, every=arguments.kills)
            outcomes += [_say(name, outcome) for name, outcome in killed]
    print(f"{len(outcomes)} cases in {time.perf_counter() - begun:.0f} s")
    print(f"{sum(o.same_bytes for o in outcomes)} of the lakes are the same byte for byte")
    print(
        json.dumps(
            {
                "cases": len(outcomes),
                "lost_rows": sum(o.lost_rows for o in outcomes),
                "doubled_rows": sum(o.doubled_rows for o in outcomes),
            }
        )
    )
    if not all(outcome.whole and outcome.fired for outcome in outcomes):
        sys.exit(1)


def _say(name: str, outcome: FaultOutcome) -> FaultOutcome:
    verdict = "same bytes" if outcome.same_bytes else "same rows" if outcome.whole else "DIFFERS"
    verdict = verdict if outcome.fired else "DID NOT HAPPEN"
    counts = f" lost {outcome.lost_rows}, doubled {outcome.doubled_rows}"
    counts = "" if outcome.whole else f"{counts}, other {outcome.other_rows}"
    print(f"{name:<95} {outcome.ended:<22} {verdict}{counts}", flush=True)
    return outcome


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
    """Return settings of one listener, `default`, the sandbox's `ada`, with few seeds."""
    return parse_settings(
        {
            "listeners": {
                LISTENER: {
                    "lastfm_user": "ada",
                    "timezone": "Europe/Dublin",
                    "dislike_playlist": "Sunday kitchen",
                }
            },
            "services": {
                "spotify": {
                    "api_url": f"{url}/v1/",
                    "accounts_url": f"{url}/",
                    "calls_per_second": FAST,
                    "calls_per_day": 1_000_000,
                    "timeout_s": TIMEOUT_S,
                },
                "lastfm": {"api_url": f"{url}/2.0/", "calls_per_second": FAST},
                "reccobeats": {
                    "api_url": f"{url}/reccobeats/v1/",
                    "calls_per_second": FAST,
                    "timeout_s": TIMEOUT_S,
                },
                "acousticbrainz": {"enabled": False},
            },
            "catalog": {
                "seed_tracks": 6, "seed_artists": 4, "near_artists": 6, "seed_tags": 3,
                "foreign_tags": 3,
            },
        },
        origin="the benchmark's settings",
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


if __name__ == "__main__":
    main()
