"""Whole nights of one listener, stage by stage, over a sandbox that refuses or talks nonsense."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallhours.lake.store import Lake
from smallhours.run_context import RunContext
from smallhours.runs import NIGHTLY, Stage
from smallhours.services.credentials import (
    LastfmCredentials,
    ListenBrainzCredentials,
    SpotifyCredentials,
    SubsonicCredentials,
)
from smallhours.settings import Settings
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import sandbox_services, sandbox_settings
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import LASTFM_KEY

LISTENER = "default"
# Replies to one question that no client can read.
ODD_REPLIES: tuple[dict[str, Any], ...] = (
    {"kind": "server_error", "status": 500},
    {"kind": "lastfm_error", "code": 8},
    {"kind": "html_body", "status": 404},
    {"kind": "html_body", "status": 403},
    {"kind": "lastfm_error", "code": 6, "words": "The artist is missing or malformed"},
    {"kind": "empty_body"},
    {"kind": "other_root"},
)
FIRST = dt.date(2026, 11, 1)


@dataclass
class Keys:
    """The listener's credentials."""

    refresh: str = "refresh-ada"
    token: str | None = None
    lastfm_key: str = LASTFM_KEY

    def lastfm(self, listener: str) -> LastfmCredentials:
        """The key that the sandbox knows."""
        return LastfmCredentials(self.lastfm_key, listener=listener)

    def listenbrainz(self, listener: str) -> ListenBrainzCredentials:
        """The token, if the test gives one: most questions need none."""
        return ListenBrainzCredentials(self.token, listener=listener)

    def spotify(self, listener: str) -> SpotifyCredentials:
        """The login that the sandbox knows."""
        return SpotifyCredentials(
            "sandbox-client", "sandbox-secret", self.refresh, listener=listener
        )

    def subsonic(self, listener: str) -> SubsonicCredentials:
        raise AssertionError(listener)

    def store_refresh_token(self, listener: str, token: str) -> None:
        """The next stage logs in with the new one."""
        del listener
        self.refresh = token


@dataclass
class Nights:
    """A small world, and a lake that lives through one night after another.

    Attributes:
        server: The world's sandbox.
        folder: Where the lake is.
        date: The last night that was run.
        keys: The listener's credentials.
        me, catalog, services: Further settings of the listener, the catalog and the services.
        waits: Whether a stage ends when a service is out of reach.
    """

    server: SandboxServer
    folder: Path
    date: dt.date = FIRST - dt.timedelta(days=1)
    keys: Keys = field(default_factory=Keys)
    me: dict[str, Any] = field(default_factory=dict)
    catalog: dict[str, Any] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=dict)
    waits: bool = True

    @property
    def settings(self) -> Settings:
        """Few seeds and a short list, so that a night is short and many nights find tracks."""
        me = {
            "lastfm": "ada",
            "timezone": "Europe/Dublin",
            "playlist": {"size": 10},
            **self.me,
        }
        return sandbox_settings(
            services=sandbox_services(self.server.url, **self.services),
            listeners={LISTENER: me},
            lake={"url": str(self.folder / "lake")},
            catalog={"seed_tracks": 30, "seed_artists": 20, "near_artists": 10, "seed_tags": 5,
                     "foreign_tags": 5, **self.catalog},
        )  # fmt: skip

    @property
    def lake(self) -> Lake:
        """The lake, to be looked at."""
        return Lake(self.settings.lake.url)

    def misbehave(self, **rule: Any) -> Fault:
        """Add a fault that stays until the night is over; return it, to see how often it fired."""
        fault = Fault.from_json({"times": 0, **rule})
        fault_rules_of(self.server.state).add(fault)
        return fault

    def forgive(self) -> None:
        """End all faults."""
        fault_rules_of(self.server.state).clear()

    def next(self) -> dict[str, Summary]:
        """Run the next night but its training, each stage as a process of its own would.

        Raises:
            SmallhoursError: what a stage ends with.
        """
        self.date += dt.timedelta(days=1)
        told: dict[str, Summary] = {}
        try:
            for name, stages in NIGHTLY.items():
                for stage in () if name == "train_models" else stages:
                    told[stage.__name__] = self.run(stage)
        finally:
            self.forgive()
        return told

    def run(self, stage: Stage) -> Summary:
        """Run one stage of the night; a request that failed is made again at once.

        Raises:
            SmallhoursError: what it ends with.
        """
        settings = self.settings
        night = replace(settings.night(LISTENER, str(self.date)), waits=self.waits)
        with RunContext(LISTENER, night, settings, self.keys, sleep=lambda _s: None) as run:
            return stage(run)


@contextmanager
def nights(world: World | None = None) -> Iterator[Nights]:
    """A world, of 120 artists unless given, with a server of its own, before its first night."""
    world = world or generate_world(seed=1983, artists=120, tracks=1_000, scrobbles=1_800)
    with (
        tempfile.TemporaryDirectory() as folder,
        SandboxServer(SandboxState(world)) as server,
    ):
        yield Nights(server, Path(folder))
