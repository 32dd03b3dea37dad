"""Tests of the ReccoBeats client: features are joined by id, in any order and with gaps."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import (
    BrokenReply,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.service_settings import ReccobeatsSettings
from smallhours.services.audio_features import RECCOBEATS_FEATURES, ReccobeatsClient, parse_features
from smallhours.services.json_cursor import JsonCursor
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, Reply, scripted, unlimited_rate

ONE, TWO, THREE = "1" * 22, "2" * 22, "3" * 22


def client_at(url: str) -> ReccobeatsClient:
    settings = ReccobeatsSettings(api_url=url, timeout_s=2)
    return ReccobeatsClient(
        settings=settings, rate_limit=unlimited_rate(), retry_policy=FakeSleep().retry_policy
    )


@pytest.fixture
def reccobeats(sandbox: SandboxServer) -> Iterator[ReccobeatsClient]:
    with client_at(sandbox.reccobeats_url) as client:
        yield client


def row(spotify_id: str | None, isrc: str | None = None, **features: Any) -> dict[str, Any]:
    href = f"https://open.spotify.com/track/{spotify_id}" if spotify_id else None
    return {"id": "a-uuid", "href": href, "isrc": isrc, **features}


def test_forty_ids_go_into_a_call_and_the_unknown_are_absent(
    reccobeats: ReccobeatsClient, sandbox: SandboxServer
) -> None:
    world = sandbox.state.world
    ids = world.track_spotify_id[:90]
    got = reccobeats.audio_features([*ids, *ids[:5]])
    assert reccobeats.calls == {"GET audio-features": 3}
    assert 40 < len(got) < 90
    for track, spotify_id in enumerate(ids):
        if spotify_id in got:
            assert set(got[spotify_id]) == set(RECCOBEATS_FEATURES)
            truth = float(world.track_features[track][0])
            assert got[spotify_id]["danceability"] == pytest.approx(truth, abs=1e-3)


def test_an_isrc_may_be_asked_for_too(reccobeats: ReccobeatsClient, sandbox: SandboxServer) -> None:
    isrcs = sandbox.state.world.track_isrc[:20]
    assert set(reccobeats.audio_features(isrcs)) <= set(isrcs)
    assert reccobeats.audio_features(isrcs)


def test_nothing_asked_is_no_call(reccobeats: ReccobeatsClient) -> None:
    assert reccobeats.audio_features([]) == {}
    assert not reccobeats.calls


def test_rows_are_joined_by_link_never_by_position() -> None:
    content = [row(THREE, energy=0.3), row("9" * 22, energy=0.9), row(ONE, energy=0.1)]
    got = parse_features(JsonCursor("R", {"content": content}), [ONE, TWO, THREE])
    assert got == {ONE: {"energy": 0.1}, THREE: {"energy": 0.3}}


def test_the_first_of_several_rows_for_an_isrc_counts_and_gaps_are_left_out() -> None:
    content = [row(ONE, "X1", energy=0.1, tempo=None), row(TWO, "X1", energy=0.2), row(THREE)]
    got = parse_features(JsonCursor("R", {"content": content}), ["X1", THREE])
    assert got == {"X1": {"energy": 0.1}}


ODD_ROWS = (
    row(TWO, energy="0.5"),
    row(TWO, energy=True),
    row(TWO, tempo="200000"),
    row(None, energy=0.2),
    None,
    "?",
)


@pytest.mark.parametrize("odd", ODD_ROWS, ids=str)
def test_one_odd_row_costs_itself_only_and_is_counted(odd: Any) -> None:
    reply = JsonCursor("R", {"content": [row(ONE, energy=0.1), odd, row(THREE, energy=0.3)]})
    assert parse_features(reply, [ONE, TWO, THREE]) == {
        ONE: {"energy": 0.1},
        THREE: {"energy": 0.3},
    }
    assert reply.odd_rows == {"content": 1}


@pytest.mark.parametrize(
    "impossible",
    [
        {"key": -1}, {"key": 12}, {"key": 3.5}, {"mode": 2}, {"tempo": 0}, {"tempo": 100_000},
        {"loudness": 40}, {"loudness": -300}, {"energy": 1.2}, {"energy": -0.1},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_feature_can_not_be_is_no_value(impossible: dict[str, float]) -> None:
    reply = JsonCursor("R", {"content": [row(ONE, None, valence=0.4, **impossible)]})
    assert parse_features(reply, [ONE]) == {ONE: {"valence": 0.4}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "href": VALUES | st.just(f"https://open.spotify.com/track/{ONE}"),
        "isrc": VALUES | st.just("X1"),
        "energy": VALUES | st.floats(0, 1),
        "tempo": VALUES | st.integers(60, 200),
    },
)


@given(VALUES | st.fixed_dictionaries({"content": VALUES | st.lists(ROWS | VALUES, max_size=4)}))
def test_any_reply_gives_finite_features_of_what_was_asked_or_broken_reply(reply: Any) -> None:
    try:
        got = parse_features(JsonCursor("R", reply), [ONE, "X1"])
    except BrokenReply:
        return
    assert set(got) <= {ONE, "X1"}
    for features in got.values():
        assert set(features) <= set(RECCOBEATS_FEATURES)
        json.dumps(features, allow_nan=False)


@pytest.mark.parametrize("kind", ["server_error", "html_body", "empty_body", "truncated_body"])
def test_a_passing_fault_is_tried_again(
    reccobeats: ReccobeatsClient, sandbox: SandboxServer, kind: str
) -> None:
    rule = {"kind": kind, "service": "reccobeats", "times": 2}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=rule, timeout=10).raise_for_status()
    assert reccobeats.audio_features(sandbox.state.world.track_spotify_id[:20])
    assert reccobeats.calls.total() == 3


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(b"{}", 429, {"Retry-After": "9"}), RetryLater),
        (Reply(b"{}", 429, {"Retry-After": "70000"}), QuotaExceeded),
        (Reply(b'{"message": "ids is required"}', 400), Refused),
        (Reply(b"<html>", 403), SourceRefused),
        (Reply(b"<html>", 400), BrokenReply),
        (Reply(b'{"content": [' + b'{"energy": "loud"},' * 6 + b"{}]}"), BrokenReply),
        (Reply(b"{}"), BrokenReply),
    ],
    ids=lambda value: str(value.body) if isinstance(value, Reply) else "",
)
def test_every_refusal_has_its_typed_error(reply: Reply, expected: type[Exception]) -> None:
    with (
        scripted(reply) as server,
        client_at(server.url) as client,
        pytest.raises(ServiceError) as caught,
    ):
        client.audio_features([ONE])
    assert type(caught.value) is expected
