"""Tests of what no reply of any service may do: last for ever, fill the memory, lead elsewhere."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
import requests

from smallhours.errors import BrokenReply, RetryLater, ServiceError
from smallhours.service_settings import (
    AcousticbrainzSettings,
    ReccobeatsSettings,
    SpotifySettings,
)
from smallhours.services.audio_features import AcousticbrainzClient, ReccobeatsClient
from smallhours.services.lastfm import LastfmClient
from smallhours.services.spotify import SpotifyClient
from smallhours.services.transport import Client
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, Reply, scripted, unlimited_rate
from tests.services.spotify_client import ADA

MBID = "0a8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b01"
Ask = Callable[[str, float], tuple[Client, Callable[[], object]]]


def lastfm(url: str, timeout_s: float) -> tuple[Client, Callable[[], object]]:
    client = LastfmClient(
        LASTFM_API_KEY,
        api_url=f"{url}/2.0/",
        calls_per_second=4,
        timeout_s=timeout_s,
        rate_limit=unlimited_rate(),
        retry_policy=FakeSleep().retry_policy,
    )
    return client, lambda: client.user_info("ada")


def spotify(url: str, timeout_s: float) -> tuple[Client, Callable[[], object]]:
    settings = SpotifySettings(api_url=f"{url}/v1/", accounts_url=url, timeout_s=timeout_s)
    retry = FakeSleep().retry_policy
    client = SpotifyClient(ADA, settings=settings, rate_limit=unlimited_rate(), retry_policy=retry)
    return client, client.me


def reccobeats(url: str, timeout_s: float) -> tuple[Client, Callable[[], object]]:
    settings = ReccobeatsSettings(api_url=f"{url}/reccobeats/v1/", timeout_s=timeout_s)
    retry = FakeSleep().retry_policy
    client = ReccobeatsClient(settings=settings, rate_limit=unlimited_rate(), retry_policy=retry)
    return client, lambda: client.audio_features(["1" * 22])


def acousticbrainz(url: str, timeout_s: float) -> tuple[Client, Callable[[], object]]:
    settings = AcousticbrainzSettings(api_url=f"{url}/acousticbrainz/api/v1/", timeout_s=timeout_s)
    client = AcousticbrainzClient(
        settings=settings, rate_limit=unlimited_rate(), retry_policy=FakeSleep().retry_policy
    )
    return client, lambda: client.audio_features([MBID])


SERVICES = pytest.mark.parametrize("service", [lastfm, spotify, reccobeats, acousticbrainz])


def failure(service: Ask, url: str, timeout_s: float = 30.0) -> ServiceError:
    client, ask = service(url, timeout_s)
    with client, pytest.raises(ServiceError) as caught:
        ask()
    return caught.value


def misbehave(sandbox: SandboxServer, **rule: object) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=10)
    assert answer.ok, answer.text


@pytest.mark.slow(seconds=2)
@SERVICES
def test_a_reply_that_drips_is_given_up(service: Ask, sandbox: SandboxServer) -> None:
    # It would drip for minutes; each byte comes well within the time for a whole reply.
    misbehave(sandbox, kind="drip", seconds=0.1, times=0)
    assert isinstance(failure(service, sandbox.url, timeout_s=0.4), RetryLater)


@contextmanager
def dripping_headers() -> Iterator[str]:
    """Serve a status line, and then a header that never ends, a byte at a time."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_headers_that_drip_are_given_up() -> None:
    with dripping_headers() as url:
        assert isinstance(failure(reccobeats, url, timeout_s=0.3), RetryLater)


@pytest.mark.slow(seconds=2)
@SERVICES
def test_a_packed_reply_that_fills_the_memory_is_broken(
    service: Ask, sandbox: SandboxServer
) -> None:
    misbehave(sandbox, kind="oversized", count=20)
    error = failure(service, sandbox.url)
    assert isinstance(error, BrokenReply)
    assert "larger than 16 MB" in error.what


def test_an_unpacked_reply_that_fills_the_memory_is_broken() -> None:
    with scripted(Reply(b" " * (17 * 2**20) + b"{}")) as server:
        assert "larger than 16 MB" in failure(reccobeats, server.url).what


@SERVICES
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(service: Ask, status: int, sandbox: SandboxServer) -> None:
    with scripted(Reply(b"{}")) as elsewhere:
        misbehave(sandbox, kind="redirect", status=status, words=elsewhere.url)
        assert isinstance(failure(service, sandbox.url), BrokenReply)
        assert not elsewhere.seen


@SERVICES
def test_a_wait_may_be_given_as_a_date(service: Ask) -> None:
    wait = {"Retry-After": "Wed, 21 Oct 2195 07:28:00 GMT"}
    with scripted(Reply(b"<html>", 429, wait)) as server:
        error = failure(service, server.url)
    assert isinstance(error, RetryLater)
    assert error.after == 7 * 86_400
