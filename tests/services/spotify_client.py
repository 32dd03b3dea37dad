"""Ada's Spotify client against the sandbox, without a real rate limit."""

import requests

from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, unlimited_rate

ADA = SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada", listener="ada")


def settings_of(sandbox: SandboxServer) -> SpotifySettings:
    return SpotifySettings(api_url=sandbox.spotify_url, accounts_url=f"{sandbox.url}/", timeout_s=2)


def client_of(
    sandbox: SandboxServer,
    credentials: SpotifyCredentials,
    fake_sleep: FakeSleep,
    rate_limit: TokenBucket | None = None,
    retry_policy: RetryPolicy | None = None,
) -> SpotifyClient:
    return SpotifyClient(
        credentials,
        settings=settings_of(sandbox),
        rate_limit=rate_limit or unlimited_rate(),
        retry_policy=retry_policy or fake_sleep.retry_policy,
    )


def misbehave(sandbox: SandboxServer, **rule: object) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=10)
    assert answer.ok, answer.text
