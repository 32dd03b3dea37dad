"""Tests of the AcousticBrainz client, against the sandbox and against scripted replies."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import BrokenReply, Refused, RetryLater
from smallhours.service_settings import AcousticbrainzSettings
from smallhours.services.audio_features import (
    MAX_ACOUSTICBRAINZ_IDS,
    AcousticbrainzClient,
    parse_documents,
)
from smallhours.services.json_cursor import JsonCursor
from smallhours_sandbox.server import SandboxServer
from tests.services.scripted import FakeSleep, Reply, scripted, unlimited_rate

MBID = "0a8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b01"
OTHER = "1b8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b02"
FEATURES = (
    "danceability",
    "acousticness",
    "instrumentalness",
    "loudness",
    "tempo",
    "key",
    "mode",
)


def client_at(url: str, fake_sleep: FakeSleep) -> AcousticbrainzClient:
    settings = AcousticbrainzSettings(api_url=f"{url}/api/v1/", timeout_s=5)
    return AcousticbrainzClient(
        settings=settings, rate_limit=unlimited_rate(), retry_policy=fake_sleep.retry_policy
    )


@pytest.fixture
def client(sandbox: SandboxServer, fake_sleep: FakeSleep) -> Iterator[AcousticbrainzClient]:
    with client_at(f"{sandbox.url}/acousticbrainz", fake_sleep) as made:
        yield made


@pytest.fixture
def mbids(sandbox: SandboxServer) -> list[str]:
    return [mbid for mbid in sandbox.state.world.track_mbid[:200] if mbid][:60]


def low(**parts: Any) -> dict[str, Any]:
    return {"mbid_mapping": {}, MBID: {"0": parts}}


def read(level: str, reply: object) -> dict[str, float]:
    return parse_documents(JsonCursor("AcousticBrainz", reply), level, [MBID]).get(MBID, {})


def test_a_known_recording_has_what_the_archive_can_tell_and_no_more(
    client: AcousticbrainzClient, mbids: list[str]
) -> None:
    found = client.audio_features(mbids)
    assert 0 < len(found) < len(mbids)
    for features in found.values():
        assert set(features) == set(FEATURES) - {"loudness"}
        assert 20 < features["tempo"] < 400
        assert features["key"] in range(12)
        assert features["mode"] in (0, 1)
        assert all(0 <= features[name] <= 1 for name in FEATURES[:3])


def test_tempo_and_key_are_the_recordings_own(
    client: AcousticbrainzClient, sandbox: SandboxServer, mbids: list[str]
) -> None:
    world = sandbox.state.world
    for mbid, features in client.audio_features(mbids).items():
        truth = world.track_features[world.lookup.track_mbid[mbid]]
        assert features["tempo"] == pytest.approx(float(truth[8]), abs=0.01)
        assert features["key"] == truth[9]


def test_25_ids_are_asked_for_at_once_on_either_level(
    client: AcousticbrainzClient, mbids: list[str]
) -> None:
    client.audio_features(mbids)
    batches = -(-len(mbids) // MAX_ACOUSTICBRAINZ_IDS)
    assert client.calls == {"GET low-level": batches, "GET high-level": batches}


def test_what_is_no_mbid_is_not_asked_for_and_spoils_nothing(
    client: AcousticbrainzClient, mbids: list[str]
) -> None:
    shouted = mbids[0].upper()
    plain = client.audio_features(mbids[:5])
    found = client.audio_features([*mbids[:5], "none", "", shouted])
    assert {mbid: found[mbid] for mbid in plain} == plain
    assert found.get(shouted) == plain.get(mbids[0])
    client.calls.clear()
    assert client.audio_features(["not an id"]) == {}
    assert client.calls.total() == 0


def test_loudness_is_what_replay_gain_leaves_and_never_the_measure_of_variation() -> None:
    gain = low(metadata={"audio_properties": {"replay_gain": -9.5}})
    assert read("low-level", gain) == {"loudness": -10.5}
    assert read("low-level", low(lowlevel={"average_loudness": 0.9})) == {}


def test_flats_are_keys_and_a_key_without_a_scale_is_none() -> None:
    assert read("low-level", low(tonal={"key_key": "Bb", "key_scale": "minor"})) == {
        "key": 10.0,
        "mode": 0.0,
    }
    assert read("low-level", low(tonal={"key_key": "H", "key_scale": "minor"})) == {}
    assert read("low-level", low(tonal={"key_key": "C"})) == {}


def test_a_tempo_of_nothing_is_none() -> None:
    assert read("low-level", low(rhythm={"bpm": 0.0})) == {}


def test_a_merged_recording_is_found_under_the_id_that_it_went_into() -> None:
    reply = {"mbid_mapping": {MBID: OTHER}, OTHER: {"0": {"rhythm": {"bpm": 120.0}}}}
    assert read("low-level", reply) == {"tempo": 120.0}


def test_probabilities_are_of_the_class_and_not_of_the_verdict() -> None:
    verdict = {"all": {"instrumental": 0.2, "voice": 0.8}, "probability": 0.8, "value": "voice"}
    reply = {"mbid_mapping": {}, MBID: {"0": {"highlevel": {"voice_instrumental": verdict}}}}
    assert read("high-level", reply) == {"instrumentalness": 0.2}


def test_a_rate_limit_says_how_long_to_wait(fake_sleep: FakeSleep) -> None:
    limit = Reply(b'{"message": "slow down"}', 429, {"X-RateLimit-Reset-In": "7"})
    with scripted(limit) as server, client_at(server.url, fake_sleep) as client:
        with pytest.raises(RetryLater) as caught:
            client.audio_features([MBID])
        assert caught.value.after == 7


def test_trouble_is_tried_again_and_then_handed_on(fake_sleep: FakeSleep) -> None:
    with scripted(Reply(b"<html>", 503)) as server, client_at(server.url, fake_sleep) as client:
        with pytest.raises(RetryLater):
            client.audio_features([MBID])
        assert len(server.seen) == 3


@pytest.mark.parametrize("body", [b"", b"<html>closed</html>", b"[]", b'{"mbid_mapping": 3}'])
def test_what_is_no_answer_is_never_an_absence(fake_sleep: FakeSleep, body: bytes) -> None:
    with (
        scripted(Reply(body)) as server,
        client_at(server.url, fake_sleep) as client,
        pytest.raises(BrokenReply),
    ):
        client.audio_features([MBID])


def test_a_refusal_says_how_to_switch_it_off(fake_sleep: FakeSleep) -> None:
    gone = Reply(b'{"message": "AcousticBrainz has closed"}', 410)
    with (
        scripted(gone) as server,
        client_at(server.url, fake_sleep) as client,
        pytest.raises(Refused, match="enabled = false"),
    ):
        client.audio_features([MBID])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([MBID, "0", "rhythm", "bpm", "tonal", "key_key", "highlevel", "all"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from(["low-level", "high-level"]))
def test_any_reply_is_features_or_a_broken_reply(value: object, level: str) -> None:
    reply = json.loads(json.dumps(value))
    try:
        found = read(level, reply)
    except BrokenReply:
        return
    assert set(found) <= set(FEATURES)
