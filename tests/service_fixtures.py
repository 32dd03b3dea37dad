"""One listener's settings, lake and clients of the sandbox, for tests of stages."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.services.audio_features import ReccobeatsClient
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.lastfm import LastfmClient
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Settings
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.simulation.installation import FAST, sandbox_services, sandbox_settings

LASTFM_KEY = "5a4d" * 8
NIGHT = "2026-11-02"


def settings_for(url: str, **sections: Any) -> Settings:
    """Return settings of the listener `default`, the sandbox's `ada`, with further sections."""
    return sandbox_settings(services=sandbox_services(url), **sections)


@dataclass
class ServiceFixture:
    """Everything that a stage needs, over one sandbox."""

    sandbox: SandboxServer
    settings: Settings
    lake: Lake
    lastfm: LastfmClient
    spotify: SpotifyClient
    reccobeats: ReccobeatsClient

    def night(self, date: str = NIGHT) -> Night:
        """Return the listener's night of a date."""
        return self.settings.night("default", date)


@contextmanager
def open_household(sandbox: SandboxServer, lake: Path) -> Iterator[ServiceFixture]:
    """Yield everything that a stage needs for the listener `default`, with a lake in a folder."""
    settings = settings_for(sandbox.url)
    retry_policy = RetryPolicy(initial_wait_s=0.01)
    services = settings.services
    with (
        closing(
            LastfmClient(
                LASTFM_KEY,
                api_url=services.lastfm.api_url,
                calls_per_second=FAST,
                timeout_s=10,
                rate_limit=TokenBucket(FAST, burst=100),
                retry_policy=retry_policy,
            )
        ) as lastfm,
        closing(
            SpotifyClient(
                SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada"),
                settings=services.spotify,
                rate_limit=TokenBucket(FAST, burst=100),
                retry_policy=retry_policy,
            )
        ) as spotify,
        closing(
            ReccobeatsClient(
                settings=services.reccobeats,
                rate_limit=TokenBucket(FAST, burst=100),
                retry_policy=retry_policy,
            )
        ) as reccobeats,
    ):
        yield ServiceFixture(sandbox, settings, Lake(str(lake)), lastfm, spotify, reccobeats)


@pytest.fixture
def household(sandbox: SandboxServer, tmp_path: Path) -> Iterator[ServiceFixture]:
    """Yield everything that a stage needs for the listener `default`, with an empty lake."""
    with open_household(sandbox, tmp_path / "lake") as made:
        yield made
