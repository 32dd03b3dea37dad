"""Tests of Spotify replies that only a scripted server sends: refusals, odd bodies, odd headers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smallhours.errors import (
    BrokenReply,
    NotFound,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.service_settings import SpotifySettings
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.spotify import SpotifyClient
from smallhours.services.spotify_transport import route_of
from tests.services.scripted import FakeSleep, Reply, ScriptedServer, scripted, unlimited_rate

TOKEN = Reply(b'{"access_token": "hush-access", "expires_in": 3600}')
ACCOUNT = Reply(b'{"id": "ada", "account_id": "1"}')
CREDENTIALS = SpotifyCredentials("app", "hush-secret", "hush-refresh", listener="ada")


@contextmanager
def serving(*replies: Reply) -> Iterator[tuple[SpotifyClient, ScriptedServer, list[str]]]:
    new_tokens: list[str] = []
    with scripted(*replies) as server:
        settings = SpotifySettings(
            api_url=f"{server.url}/v1/", accounts_url=server.url, timeout_s=2
        )
        client = SpotifyClient(
            CREDENTIALS,
            settings=settings,
            rate_limit=unlimited_rate(),
            retry_policy=FakeSleep().retry_policy,
            on_new_refresh_token=new_tokens.append,
        )
        with client:
            yield client, server, new_tokens


def failure(*replies: Reply) -> ServiceError:
    with serving(*replies) as (client, _, _), pytest.raises(ServiceError) as caught:
        client.me()
    assert "hush" not in repr(caught.value)
    return caught.value


def error(status: int, message: object, **more: object) -> Reply:
    body = {"error": {"status": status, "message": message, **more}}
    return Reply(json.dumps(body).encode(), status)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Insufficient client scope", "smallhours login spotify --listener ada"),
        ("Active premium subscription required for the owner of the app", "Premium subscription"),
        ("User not registered in the Developer Dashboard", "User Management"),
        ("Forbidden.", "look for an update"),
    ],
)
def test_a_403_says_which_of_its_reasons_it_has(said: str, remedy: str) -> None:
    for reply in (error(403, said), Reply(said.encode(), 403)):
        got = failure(TOKEN, reply)
        assert isinstance(got, Refused)
        assert isinstance(got, SourceRefused) == (
            remedy in ("Premium subscription", "User Management")
        )
        assert remedy in got.remedy


def test_a_403_for_premium_that_goes_away_is_survived() -> None:
    premium = error(403, "Active premium subscription required for the owner of the app")
    with serving(TOKEN, premium, ACCOUNT) as (client, _, _):
        assert client.me().id == "ada"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (error(404, "Resource not found"), NotFound),
        (error(400, "Invalid base62 id"), NotFound),
        (error(404, "Service not found"), Refused),
        (error(400, "Invalid limit"), Refused),
        (Reply(b"<html>login here</html>", 404), BrokenReply),
        (Reply(b"", 404), BrokenReply),
        (Reply(b"null", 404), BrokenReply),
        (Reply(b"default backend - 404", 404), BrokenReply),
        (Reply(b"[]", 404), BrokenReply),
        (Reply(b'{"error": "invalid_request"}', 400), Refused),
        (Reply(b'{"error": 17}', 418), BrokenReply),
        (Reply(b"<html>", 503), RetryLater),
        (Reply(b"[1]"), BrokenReply),
        (Reply(b"17"), BrokenReply),
        (Reply(b"NaN"), BrokenReply),
        (Reply(b"[" * 100_000), BrokenReply),
        (Reply(b'{"id": null}'), BrokenReply),
        (Reply(b'{"id": "a"', cut=True), RetryLater),
    ],
    ids=lambda value: str(value)[:50] if isinstance(value, Reply) else "",
)
def test_every_odd_reply_has_its_typed_error(reply: Reply, expected: type[Exception]) -> None:
    assert type(failure(TOKEN, reply)) in (expected, *expected.__subclasses__())


@pytest.mark.parametrize(
    ("header", "expected", "after"),
    [
        ({}, RetryLater, 30),
        ({"Retry-After": "7"}, RetryLater, 7),
        ({"Retry-After": "-5"}, RetryLater, 1),
        ({"Retry-After": "nan"}, RetryLater, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, RetryLater, 1),
        ({"Retry-After": "Wed, 21 Oct 2195 07:28:00 GMT"}, QuotaExceeded, 7 * 86400),
        ({"Retry-After": "tomorrow"}, RetryLater, 30),
        ({"Retry-After": "86236"}, QuotaExceeded, 86236),
        ({"Retry-After": "1e300"}, QuotaExceeded, 7 * 86400),
    ],
)
def test_a_wait_is_read_from_whatever_the_header_holds(
    header: dict[str, str], expected: type[RetryLater], after: float
) -> None:
    got = failure(TOKEN, Reply(b'{"error": {"message": "API rate limit"}}', 429, header))
    assert type(got) is expected
    assert isinstance(got, RetryLater)
    assert got.after == after


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"status": 429, "message": "Too many", "reason": "QUOTA_EXCEEDED"}}',
        b'{"error": {"status": 429, "message": "Too many"}, "reason": "QUOTA_EXCEEDED"}',
        b'{"error": "QUOTA_EXCEEDED"}',
    ],
)
def test_the_quota_is_recognised_wherever_the_reason_stands(body: bytes) -> None:
    assert isinstance(failure(TOKEN, Reply(body, 429)), QuotaExceeded)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"{}"),
        Reply(b'{"access_token": ""}'),
        Reply(b'{"access_token": 5}'),
        Reply(b'{"access_token": "a\\nb"}'),
        Reply(b'{"access_token": "a", "expires_in": "soon"}'),
        Reply(b"[]"),
        Reply(b"what?", 418),
    ],
    ids=lambda reply: reply.body.decode(),
)
def test_every_odd_token_reply_is_broken(reply: Reply) -> None:
    assert isinstance(failure(reply), BrokenReply)


@pytest.mark.parametrize("lasts", ['"3600"', "3600", "null"])
def test_the_life_of_a_token_may_be_a_text(lasts: str) -> None:
    token = Reply(f'{{"access_token": "a", "expires_in": {lasts}}}'.encode())
    with serving(token, ACCOUNT) as (client, server, _):
        client.me()
        client.me()
        assert len(server.seen) == 3


def test_a_replaced_refresh_token_is_handed_over_and_used() -> None:
    rotated = Reply(b'{"access_token": "a", "expires_in": 0, "refresh_token": "fresh"}')
    with serving(rotated, ACCOUNT, rotated, ACCOUNT) as (client, server, new_tokens):
        client.me()
        client.me()
        assert new_tokens == ["fresh"]
        assert b"refresh_token=fresh" in server.seen[2].body


def test_an_echoed_secret_is_struck_out() -> None:
    said = failure(TOKEN, error(400, "you sent hush-access and hush-secret"))
    assert "***" in said.what


def test_netrc_never_replaces_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(TOKEN, ACCOUNT) as (client, server, _):
        client.me()
        assert server.seen[1].headers["Authorization"] == "Bearer hush-access"


def test_an_endless_list_of_empty_pages_ends() -> None:
    page = Reply(b'{"items": [], "next": "http://elsewhere.example/"}')
    with serving(TOKEN, page) as (client, server, _):
        with pytest.raises(BrokenReply, match="empty page"):
            list(client.playlists())
        assert len(server.seen) == 2


def test_the_address_of_a_next_page_is_never_followed() -> None:
    first = Reply(b'{"items": [null], "next": "http://elsewhere.example/"}')
    last = Reply(b'{"items": [], "next": null}')
    with serving(TOKEN, first, last) as (client, server, _):
        assert list(client.playlists()) == []
        assert "offset=50" in server.seen[2].path


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("me/", "GET me"),
        ("me/top/tracks", "GET me/top/tracks"),
        ("me/player/recently-played", "GET me/player/recently-played"),
        ("me/library/contains", "GET me/library/contains"),
        ("tracks/4iV5W9uYEdYUVa79Axb7Rh", "GET tracks/{id}"),
        ("playlists/4iV5W9uYEdYUVa79Axb7Rh/items", "GET playlists/{id}/items"),
    ],
)
def test_routes_have_their_ids_taken_out(url: str, route: str) -> None:
    assert route_of("GET", url) == route
