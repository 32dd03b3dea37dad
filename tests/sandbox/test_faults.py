"""Tests of fault rules: matching of calls, and broken transport."""

import time
from typing import Any

import pylast
import pytest
import requests

from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.faults import (
    Fault,
    FaultBook,
    FaultError,
    active_fault,
    fault_rules_of,
)
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from tests.sandbox.lastfm_client import ask, network, post_faults

RECENT = "user.getRecentTracks"


def token(sandbox: SandboxServer) -> requests.Response:
    """Redeem ada's refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": "refresh-ada"}
    return requests.post(
        f"{sandbox.url}/api/token", data=form, auth=("sandbox-client", "sandbox-secret"), timeout=10
    )


def spotify(sandbox: SandboxServer, path: str) -> requests.Response:
    """GET a route of the Web API as ada."""
    headers = {"Authorization": f"Bearer {token(sandbox).json()['access_token']}"}
    return requests.get(f"{sandbox.url}/v1/{path}", headers=headers, timeout=10)


# -- rules ------------------------------------------------------------------------------------


def test_every_kind_has_a_description_of_one_line() -> None:
    assert all(kind.summary and "\n" not in kind.summary for kind in KINDS.values())


def test_a_rule_fires_after_some_calls_and_then_so_often() -> None:
    rules = FaultBook([Fault("server_error", after=2, times=2)])

    fired = [rules.next_fault(("server_error",), "lastfm", (RECENT,)) is not None for _ in range(6)]

    assert fired == [False, False, True, True, False, False]


def test_nought_times_is_until_it_is_cleared() -> None:
    rules = FaultBook([Fault("server_error", times=0)])

    assert all(rules.next_fault(("server_error",), "lastfm", (RECENT,)) for _ in range(50))
    rules.clear()
    assert rules.next_fault(("server_error",), "lastfm", (RECENT,)) is None


@pytest.mark.parametrize(
    ("rule", "service", "route", "user", "fires"),
    [
        ({"service": "lastfm"}, "lastfm", RECENT, "", True),
        ({"service": "spotify"}, "lastfm", RECENT, "", False),
        ({"match": "user.*"}, "lastfm", RECENT, "", True),
        ({"match": "user.getrecenttracks"}, "lastfm", RECENT, "", True),
        ({"match": "artist.*"}, "lastfm", RECENT, "", False),
        ({"match": "GET /v1/me*"}, "spotify", "GET /v1/me/tracks", "", True),
        ({"user": "ada"}, "lastfm", RECENT, "Ada", True),
        ({"user": "ada"}, "lastfm", RECENT, "bruno", False),
    ],
)
def test_rules_choose_by_service_route_and_listener(
    rule: dict[str, str], service: str, route: str, user: str, *, fires: bool
) -> None:
    assert Fault.from_json({"kind": "slow", **rule}).applies_to(service, (route,), user) is fires


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "gremlins"}, "unknown fault kind 'gremlins'"),
        ({"match": "*"}, "needs a kind"),
        ({"kind": "slow", "speed": 3}, "unknown keys speed"),
        ({"kind": "slow", "seconds": "three"}, "seconds can't be 'three'"),
        ({"kind": "unpaid_key", "since": "December"}, "since is a date"),
        ({"kind": "slow", "times": True}, "times can't be True"),
        ({"kind": "slow", "times": -1}, "can't be negative"),
        ({"kind": "slow", "service": "napster"}, "no service is called 'napster'"),
        ({"kind": "server_error", "status": 99}, "status 99"),
        ("slow", "a fault is a JSON object"),
    ],
)
def test_rules_that_make_no_sense_say_why(rule: object, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        Fault.from_json(rule)


def test_states_keep_their_rules_apart(small_world: Any) -> None:
    one, other = SandboxState(small_world), SandboxState(small_world)
    fault_rules_of(one).add(Fault("null_items", times=0))

    asked = {"service": "spotify", "route": "GET /v1/playlists/x/items"}
    assert active_fault(one, "null_items", **asked) is not None
    assert active_fault(other, "null_items", **asked) is None


# -- transport ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 200])
def test_lastfm_rate_limit_is_error_29(sandbox: SandboxServer, status: int) -> None:
    post_faults(sandbox, {"kind": "rate_limit", "service": "lastfm", "status": status})

    with pytest.raises(pylast.WSError) as raised:
        network(sandbox).get_user("ada").get_playcount()

    assert raised.value.status == "29"
    assert network(sandbox).get_user("ada").get_playcount() > 0


def test_pylast_itself_outlives_one_rate_limit_in_a_crawl(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "rate_limit", "match": RECENT, "after": 1})

    plays = network(sandbox).get_user("ada").get_recent_tracks(limit=120)

    assert len(plays) == 120


def test_spotify_rate_limit_says_when_to_come_back(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "rate_limit", "service": "spotify", "seconds": 7})

    answer = spotify(sandbox, "me")

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert spotify(sandbox, "me").status_code == 200


def test_spotify_quota_stays_exceeded_for_most_of_a_day(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "quota_exceeded", "match": "*/search*", "after": 1})

    answers = [spotify(sandbox, "search?q=a&type=track") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert answers[1].json()["error"]["reason"] == "QUOTA_EXCEEDED"
    assert int(answers[1].headers["Retry-After"]) > 70_000
    assert spotify(sandbox, "me").status_code == 200


def test_a_401_that_goes_away(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "unauthorized_once"})

    assert [spotify(sandbox, "me").status_code for _ in range(2)] == [401, 200]


def test_a_revoked_refresh_token(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "invalid_grant", "service": "spotify"})

    answer = token(sandbox)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_errors(sandbox: SandboxServer, status: int) -> None:
    post_faults(sandbox, {"kind": "server_error", "status": status, "times": 2})

    assert ask(sandbox, RECENT, user="ada").status_code == status
    token_answer = token(sandbox)
    assert token_answer.status_code == status
    assert token_answer.json()["error"]["status"] == status


@pytest.mark.parametrize("code", [8, 11, 16, 26])
def test_lastfm_errors_by_number(sandbox: SandboxServer, code: int) -> None:
    post_faults(sandbox, {"kind": "lastfm_error", "code": code, "status": 200})

    answer = ask(sandbox, "artist.getTopTags", artist="x")

    assert answer.status_code == 200
    assert answer.json()["error"] == code


def test_a_timeout_outlasts_the_client(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "timeout", "seconds": 60})
    asked = {"method": RECENT, "user": "ada"}

    with pytest.raises(requests.ReadTimeout):
        requests.get(sandbox.lastfm_url, params=asked, timeout=0.2)
    assert ask(sandbox, RECENT, user="ada").status_code == 200


def test_a_timeout_ends_with_a_closed_connection(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "timeout", "seconds": 0.1})

    with pytest.raises(requests.RequestException):
        ask(sandbox, RECENT, user="ada")


def test_slow_is_right_but_late(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "slow", "seconds": 0.3})
    began = time.monotonic()

    answer = ask(sandbox, "user.getInfo", user="ada")

    assert answer.json()["user"]["name"] == "ada"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("status", [200, 502])
def test_html_from_a_proxy(sandbox: SandboxServer, status: int) -> None:
    post_faults(sandbox, {"kind": "html_body", "status": status})

    answer = ask(sandbox, RECENT, user="ada")

    assert answer.status_code == status
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_truncated_body_is_no_json(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "truncated_body"})

    answer = ask(sandbox, RECENT, user="ada")

    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_pylast_calls_a_truncated_body_malformed(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "truncated_body"})

    with pytest.raises(pylast.MalformedResponseError):
        network(sandbox).get_user("ada").get_playcount()


def test_an_empty_body(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "empty_body"})

    answer = ask(sandbox, RECENT, user="ada")

    assert (answer.status_code, answer.content) == (200, b"")


def test_a_connection_that_breaks_halfway(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "drop_connection"})

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(sandbox, RECENT, user="ada")
    assert ask(sandbox, RECENT, user="ada").status_code == 200


def test_pylast_calls_a_broken_connection_a_network_error(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "drop_connection"})

    with pytest.raises(pylast.NetworkError):
        network(sandbox).get_user("ada").get_playcount()


def test_calls_that_failed_are_counted_too(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "server_error", "match": "*me*", "service": "spotify"})

    spotify(sandbox, "me")

    assert sandbox.state.calls["spotify", "GET /me"] == 1


def test_an_answer_can_be_lost_after_the_request_was_carried_out(sandbox: SandboxServer) -> None:
    headers = {"Authorization": f"Bearer {token(sandbox).json()['access_token']}"}
    before = len(sandbox.state.playlists)
    post_faults(sandbox, {"kind": "server_error", "match": "POST /v1/me/playlists", "acted": True})

    answer = requests.post(
        f"{sandbox.url}/v1/me/playlists", json={"name": "Lost"}, headers=headers, timeout=10
    )

    assert answer.status_code == 500
    assert len(sandbox.state.playlists) == before + 1
