"""The end of a login in the browser: what else connects neither ends it nor holds it up."""

import queue
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from smallhours.cli import redirect_server as module
from smallhours.cli.redirect_server import Query, redirect_server
from smallhours.errors import SettingsError
from smallhours.local.processes import free_ports

STATE = "of-this-login"


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def answers(port: int) -> Iterator["queue.Queue[Query]"]:
    with redirect_server(port, STATE) as answers:
        yield answers


def get(port: int, path: str) -> requests.Response:
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)


@pytest.mark.parametrize(
    "sent", [b"", b"GET /callback?code=x", b"\x16\x03\x01", b"NONSENSE\r\n\r\n"]
)
def test_a_silent_or_senseless_connection_holds_nothing_up(
    sent: bytes, port: int, answers: "queue.Queue[Query]"
) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(sent)

        assert get(port, f"/callback?code=good&state={STATE}").ok
        assert answers.get(timeout=10)["code"] == ["good"]


def test_a_silent_connection_is_closed_after_a_while(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTION_S", 0.1)
    with redirect_server(port, STATE), socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(30)
        assert silent.recv(1) == b""


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/favicon.ico", 404),
        ("/callback", 400),
        ("/callback?code=theirs&state=of-another-login", 400),
        ("/callback?code=theirs", 400),
        (f"/callback?code=theirs&state=x&state={STATE}", 400),
        ("/callback?error=access_denied&state=of-another-login", 400),
    ],
)
def test_what_is_not_this_logins_redirect_is_refused_and_waited_on(
    path: str, status: int, port: int, answers: "queue.Queue[Query]"
) -> None:
    reply = get(port, path)

    assert reply.status_code == status
    assert "Thank you" not in reply.text
    assert answers.empty()
    assert "Thank you" in get(port, f"/callback?code=good&state={STATE}").text
    assert answers.get(timeout=10)["code"] == ["good"]


def test_a_refused_consent_is_no_reason_to_thank(port: int, answers: "queue.Queue[Query]") -> None:
    reply = get(port, f"/callback?error=access_denied&state={STATE}")

    assert "You did not agree" in reply.text
    assert answers.get(timeout=10)["error"] == ["access_denied"]


def test_the_end_waits_for_no_connection(port: int) -> None:
    with redirect_server(port, STATE):
        held = socket.create_connection(("127.0.0.1", port))
        began = time.monotonic()
    assert time.monotonic() - began < module.MAX_CONNECTION_S
    held.close()


def test_a_taken_port_is_one_sentence(port: int, answers: "queue.Queue[Query]") -> None:
    del answers
    with pytest.raises(SettingsError, match=f"Port {port} is taken"), redirect_server(port, STATE):
        pass
