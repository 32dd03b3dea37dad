"""Tests of the ReccoBeats API: coverage and answers."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import requests

from smallhours_sandbox.reccobeats_api import ReccoBeats, own_id
from smallhours_sandbox.world import FEATURES
from tests.sandbox.spotify_world import Api, running


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


@pytest.fixture(scope="module")
def service(api: Api) -> ReccoBeats:
    return ReccoBeats(api.state.world)


def ask(api: Api, ids: list[str] | str) -> requests.Response:
    address = f"{api.url}/reccobeats/v1/audio-features"
    return api.session.get(address, params={"ids": ids}, timeout=10)


def content(api: Api, ids: list[str] | str) -> list[dict[str, Any]]:
    answer = ask(api, ids)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["content"]
    return found


def known_track(service: ReccoBeats, api: Api) -> int:
    return next(track for track in range(api.state.world.n_tracks) if service.known(track))


def test_a_known_track_has_every_feature_but_the_time_signature(
    api: Api, service: ReccoBeats
) -> None:
    track = known_track(service, api)
    key = api.state.world.track_spotify_id[track]
    (row,) = content(api, key)
    assert set(row) == {"id", "href", "isrc", *FEATURES} - {"time_signature"}
    assert row["href"] == f"https://open.spotify.com/track/{key}"
    assert UUID(row["id"]).version == 4
    assert row["energy"] == pytest.approx(api.state.world.track_features[track, 2], abs=1e-4)
    assert isinstance(row["key"], int)


def test_it_takes_its_own_ids_and_isrcs_too(api: Api, service: ReccoBeats) -> None:
    world = api.state.world
    track = known_track(service, api)
    by_spotify = content(api, world.track_spotify_id[track])
    assert content(api, own_id(world.track_spotify_id[track])) == by_spotify
    by_isrc = content(api, world.track_isrc[track])
    assert by_spotify[0] in by_isrc
    assert {row["isrc"] for row in by_isrc} == {world.track_isrc[track]}


def test_unknown_ids_are_left_out_so_that_positions_mean_nothing(
    api: Api, service: ReccoBeats
) -> None:
    key = api.state.world.track_spotify_id[known_track(service, api)]
    rows = content(api, ["z" * 22, key, "nonsense"])
    assert [row["href"].rpartition("/")[2] for row in rows] == [key]


def test_ids_come_repeated_or_separated_by_commas(api: Api) -> None:
    ids = api.state.world.track_spotify_id[:40]
    assert content(api, ids) == content(api, ",".join(ids))


@pytest.mark.parametrize("count", [0, 41])
def test_between_one_and_forty_ids(api: Api, count: int) -> None:
    answer = ask(api, api.state.world.track_spotify_id[:count])
    assert answer.status_code == 400
    assert "between 1 and 40" in answer.json()["errors"][0]["message"]


def test_about_eighty_in_a_hundred_tracks_are_known(api: Api, service: ReccoBeats) -> None:
    known = [service.known(track) for track in range(api.state.world.n_tracks)]
    assert 0.75 < np.mean(known) < 0.85


def test_a_track_without_features_is_unknown(api: Api, service: ReccoBeats) -> None:
    track = known_track(service, api)
    features = api.state.world.track_features
    whole = features[track].copy()
    features[track, 0] = np.nan
    try:
        assert content(api, api.state.world.track_spotify_id[track]) == []
    finally:
        features[track] = whole


def test_calls_are_counted(api: Api) -> None:
    api.state.calls.clear()
    ask(api, "x")
    assert dict(api.state.calls) == {("reccobeats", "GET /reccobeats/v1/audio-features"): 1}
