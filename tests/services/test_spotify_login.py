"""Tests of the login: the address that the listener opens, and the exchange of the code."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from smallhours.errors import NeedsLogin
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_login import (
    SCOPES,
    authorize_url,
    code_challenge,
    exchange_code,
    new_code_verifier,
)
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import unlimited_rate

HERE = "http://127.0.0.1:8888/callback"
NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)


@pytest.fixture
def settings(sandbox: SandboxServer) -> SpotifySettings:
    return SpotifySettings(api_url=sandbox.spotify_url, accounts_url=f"{sandbox.url}/", timeout_s=2)


def test_the_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert code_challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def exchange(
    code: str, verifier: str, settings: SpotifySettings, secret: str | None
) -> SpotifyCredentials:
    return exchange_code(
        code,
        client_id="sandbox-client",
        client_secret=secret,
        redirect_uri=HERE,
        verifier=verifier,
        listener="ada",
        settings=settings,
        now=lambda: NOW,
    )


@pytest.mark.parametrize("secret", [None, "sandbox-secret"])
def test_a_listener_logs_in_and_is_recognised(
    settings: SpotifySettings, secret: str | None
) -> None:
    verifier = new_code_verifier()
    address = authorize_url(
        "sandbox-client",
        accounts_url=settings.accounts_url,
        redirect_uri=HERE,
        state="s",
        verifier=verifier,
    )
    answer = requests.get(address, timeout=5, allow_redirects=False)
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == ["s"]
    got = exchange(back["code"][0], verifier, settings, secret)
    assert set(got.scopes) == set(SCOPES)
    assert got.authorized_at == NOW
    with SpotifyClient(got, settings=settings, rate_limit=unlimited_rate()) as client:
        assert client.me().id


def test_a_wrong_code_asks_to_log_in_again(settings: SpotifySettings) -> None:
    with pytest.raises(NeedsLogin, match="--listener ada"):
        exchange("stale", new_code_verifier(), settings, None)
