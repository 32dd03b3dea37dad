"""Ada's Spotify client against the sandbox, without a real rate limit."""

import requests

from smallhours.sandbox.server import SandboxServer
from smallhours.services.budget import TokenBucket
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.patience import Patience
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import Spotify
from tests.services.scripted import Naps, no_hurry

ADA = SpotifyCredentials("sandbox-client", "sandbox-secret", "refresh-ada", listener="ada")


def settings_of(sandbox: SandboxServer) -> Spotify:
    return Spotify(api_url=sandbox.spotify_url, accounts_url=f"{sandbox.url}/", timeout_s=2)


def client_of(
    sandbox: SandboxServer,
    credentials: SpotifyCredentials,
    naps: Naps,
    budget: TokenBucket | None = None,
    patience: Patience | None = None,
) -> SpotifyClient:
    return SpotifyClient(
        credentials,
        settings=settings_of(sandbox),
        budget=budget or no_hurry(),
        patience=patience or naps.patience,
    )


def misbehave(sandbox: SandboxServer, **rule: object) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=10)
    assert answer.ok, answer.text
