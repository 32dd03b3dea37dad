"""Tests of who may call MetaBrainz' services and how often, and of broken answers."""

import pytest
import requests

from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from tests.sandbox.metabrainz_client import MetaBrainzApi, error_of

COUNT = "/user/ada/listen-count"


class Clock:
    """A wall clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(sandbox: SandboxServer) -> Clock:
    sandbox.state.wall_clock = clock = Clock()
    return clock


@pytest.fixture
def api(sandbox: SandboxServer, clock: Clock) -> MetaBrainzApi:
    assert sandbox.state.wall_clock is clock
    return MetaBrainzApi(sandbox)


@pytest.mark.parametrize(
    "agent",
    [
        "",
        "python-requests/2.32.0",
        "Smallhours/1.0",
        "Smallhours/1.0 (a personal music recommender)",
        "( https://example.org )",
    ],
)
def test_an_agent_without_a_contact_is_answered_and_then_blocked_everywhere(
    api: MetaBrainzApi, clock: Clock, agent: str
) -> None:
    address = f"{api.server.listenbrainz_url}1{COUNT}"
    assert requests.get(address, headers={"User-Agent": agent}, timeout=10).status_code == 200
    for path in (COUNT, "//labs/similar-artists/json", "//musicbrainz/ws/2/genre/all"):
        with pytest.raises(requests.ConnectionError):
            api.ask(path)
    clock.now += 300
    assert api.ask(COUNT).status_code == 200


@pytest.mark.parametrize("contact", ["https://example.org/me", "http://a.b", "me@example.org"])
def test_an_agent_with_a_contact_is_let_in(api: MetaBrainzApi, contact: str) -> None:
    api.session.headers["User-Agent"] = f"Small Hours/1.0 ( {contact} )"
    assert [api.ask(COUNT).status_code for _ in range(2)] == [200, 200]


def test_the_window_of_calls_is_aligned_and_shared_by_all_routes(
    api: MetaBrainzApi, clock: Clock
) -> None:
    fault_rules_of(api.state).add(Fault("call_window", service="listenbrainz", times=0))
    clock.now += 7
    answers = [api.ask(path) for path in (COUNT, "/validate-token?token=x") * 15]
    refused = api.ask(COUNT)

    assert {answer.status_code for answer in answers} == {200}
    assert [int(each.headers["X-RateLimit-Remaining"]) for each in answers] == [*range(29, -1, -1)]
    assert error_of(refused)[0] == 429
    assert error_of(refused)[1].startswith("You have exceeded your rate limit.")
    assert "Retry-After" not in refused.headers
    assert refused.headers["X-RateLimit-Reset-In"] == "3"
    assert refused.headers["X-RateLimit-Reset"] == "1000010"
    clock.now += 3
    assert api.ask(COUNT).status_code == 200


def test_without_a_rule_the_window_is_that_of_a_trusted_address(api: MetaBrainzApi) -> None:
    assert api.ask(COUNT).headers["X-RateLimit-Limit"] == "100000"


def test_musicbrainz_refuses_at_one_call_a_second_now_and_then(
    api: MetaBrainzApi, clock: Clock
) -> None:
    fault_rules_of(api.state).add(Fault("call_window", service="musicbrainz", times=0))
    answers = []
    for _ in range(20):
        clock.now += 1
        answers.append(api.ask("//musicbrainz/ws/2/genre/all", fmt="json"))
    busy = [answer for answer in answers if answer.status_code == 503]
    assert 1 < len(busy) < 12
    assert "exceeding the allowable rate limit" in busy[0].json()["error"]
    assert api.ask("//musicbrainz/ws/2/genre/all", fmt="json").status_code == 503


@pytest.mark.parametrize(
    ("service", "path", "rule", "status", "kind"),
    [
        ("listenbrainz", COUNT, {"kind": "rate_limit"}, 429, "application/json"),
        ("listenbrainz", COUNT, {"kind": "server_error"}, 500, "application/json"),
        ("listenbrainz", COUNT, {"kind": "server_error", "status": 502}, 502, "text/html"),
        ("listenbrainz", COUNT, {"kind": "refused", "status": 401}, 401, "application/json"),
        ("labs", "//labs/bulk-tag-lookup/json", {"kind": "server_error"}, 500, "text/html"),
        ("musicbrainz", "//musicbrainz/ws/2/genre/all", {"kind": "rate_limit"}, 503, "application"),
    ],
)
def test_a_fault_is_told_in_the_services_own_words(
    api: MetaBrainzApi, service: str, path: str, rule: dict[str, object], status: int, kind: str
) -> None:
    fault_rules_of(api.state).add(Fault.from_json({**rule, "service": service}))
    answer = api.ask(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(kind)
    if rule["kind"] == "rate_limit":
        assert "Retry-After" not in answer.headers


def test_rows_of_listens_feedback_and_metadata_can_be_odd(api: MetaBrainzApi) -> None:
    fault_rules_of(api.state).add(
        Fault("odd_rows", match="*/get-feedback", count=0, change={"recording_mbid": None}),
        Fault("missing_rows", match="*/listens", count=2),
        Fault("null_rows", match="*/metadata/recording/", count=1),
    )
    feedback = api.get("/feedback/user/ada/get-feedback")["feedback"]
    assert {row["recording_mbid"] for row in feedback} == {None}
    assert len(api.listens(count=9)) == 7
    asked = {"recording_mbids": api.recordings(2)}
    assert list(api.post("/metadata/recording/", asked).values()).count(None) == 1
