"""Tests of the AcousticBrainz API: coverage and documents."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from smallhours_sandbox.acousticbrainz_api import AcousticBrainz
from tests.sandbox.spotify_world import Api, running


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


@pytest.fixture(scope="module")
def known(api: Api) -> list[str]:
    service = AcousticBrainz(api.state.world)
    return [key for key in api.state.world.lookup.track_mbid if service.find(key) is not None]


def ask(api: Api, level: str, mbids: list[str]) -> requests.Response:
    address = f"{api.url}/acousticbrainz/api/v1/{level}"
    return api.session.get(address, params={"recording_ids": ";".join(mbids)}, timeout=10)


def document(api: Api, level: str, mbid: str) -> Any:
    return ask(api, level, [mbid]).json()[mbid]["0"]


def test_low_level_has_tempo_key_and_loudness(api: Api, known: list[str]) -> None:
    world = api.state.world
    body = document(api, "low-level", known[0])
    track = world.lookup.track_mbid[known[0]]
    assert body["rhythm"]["bpm"] == pytest.approx(world.track_features[track, 8], abs=1e-3)
    assert body["tonal"]["key_scale"] in {"major", "minor"}
    assert 0 <= body["lowlevel"]["average_loudness"] <= 1
    assert body["metadata"]["tags"]["musicbrainz_recordingid"] == known[:1]


def test_high_level_gives_two_class_verdicts(api: Api, known: list[str]) -> None:
    verdicts = document(api, "high-level", known[0])["highlevel"]
    assert {"danceability", "mood_happy", "voice_instrumental"} <= set(verdicts)
    for verdict in verdicts.values():
        assert sum(verdict["all"].values()) == pytest.approx(1)
        assert verdict["probability"] == verdict["all"][verdict["value"]]
        assert verdict["probability"] >= 0.5


def test_nothing_new_and_nothing_unknown(api: Api, known: list[str]) -> None:
    world = api.state.world
    released = {
        world.album_released[world.track_album[world.lookup.track_mbid[key]]][:4] for key in known
    }
    assert max(released) <= "2021"
    assert 0 < len(known) < len(world.lookup.track_mbid)
    unknown = "00000000-0000-4000-8000-00000000ffff"
    assert set(ask(api, "high-level", [known[0], unknown]).json()) == {known[0], "mbid_mapping"}


def test_a_submission_number_is_understood(api: Api, known: list[str]) -> None:
    assert known[0] in ask(api, "low-level", [f"{known[0]}:0"]).json()


@pytest.mark.parametrize(
    ("mbids", "message"),
    [
        ([], "Missing `recording_ids` parameter"),
        (["nonsense"], "'nonsense' is not a valid UUID"),
        (["x"] * 26, "More than 25 recordings not allowed per request"),
    ],
)
def test_bad_requests_are_refused(api: Api, mbids: list[str], message: str) -> None:
    answer = ask(api, "high-level", mbids)
    assert (answer.status_code, answer.json()) == (400, {"message": message})
