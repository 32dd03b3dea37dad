"""Tests of ListenBrainz' listens: bounds, windows, what is missing, late, doubled or unmapped."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.listenbrainz_listens import (
    SUBMITTED,
    ListenLog,
    Listens,
    joined_at,
    page_of,
)
from smallhours_sandbox.musicbrainz_index import MusicBrainzIndex
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.sandbox.lastfm_client import ask
from tests.sandbox.metabrainz_client import MetaBrainzApi, check_shape, error_of

DAY = 86_400
LISTEN = {
    "listened_at": int,
    "inserted_at": int,
    "recording_msid": str,
    "user_name": str,
    "track_metadata": {
        "artist_name": str,
        "track_name": str,
        "release_name?": str,
        "additional_info": dict,
        "mbid_mapping?": {
            "recording_mbid": str,
            "recording_name?": str,
            "release_mbid?": str,
            "release_group_mbid?": str,
            "artist_mbids?": [str],
            "artists?": [{"artist_mbid": str, "artist_credit_name": str, "join_phrase": str}],
            "caa_id?": int,
            "caa_release_mbid?": str,
        },
    },
}


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(seed=5, artists=80, tracks=700, scrobbles=6_000)


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[MetaBrainzApi]:
    with SandboxServer(SandboxState(world)) as server:
        yield MetaBrainzApi(server)


def log_at(*times: int) -> ListenLog:
    """Return listens at these times."""
    at = np.asarray(times, dtype=np.int64)
    nought = np.zeros(len(at), dtype=np.int32)
    return ListenLog(at, at, nought, nought + SUBMITTED)


def times(log: ListenLog, now: int, low: int | None, high: int | None, count: int) -> list[int]:
    return [int(log.at[row]) for row in page_of(log, now, low, high, count)]


# -- a page ----------------------------------------------------------------------------------


def test_a_listen_has_the_known_shape(api: MetaBrainzApi) -> None:
    payload = api.get("/user/ada/listens", count=500)["payload"]

    check_shape(payload["listens"], [LISTEN])
    assert payload["count"] == 500
    assert payload["user_id"] == "ada"
    assert payload["latest_listen_ts"] == payload["listens"][0]["listened_at"]


def test_bounds_are_exclusive_and_pages_are_newest_first() -> None:
    log = log_at(100, 200, 300, 400)

    assert times(log, 1_000, 100, None, 2) == [300, 200]
    assert times(log, 1_000, None, 400, 2) == [300, 200]
    assert times(log, 1_000, 100, 400, 9) == [300, 200]
    assert times(log, 1_000, None, None, 3) == [400, 300, 200]


def test_a_lower_bound_far_before_the_history_finds_nothing() -> None:
    log = log_at(100 * DAY, 101 * DAY)

    assert times(log, 200 * DAY, 0, None, 9) == []
    assert times(log, 200 * DAY, 100 * DAY - 1, None, 9) == [101 * DAY, 100 * DAY]


def test_an_upper_bound_far_in_the_future_finds_nothing() -> None:
    log, now = log_at(99 * DAY, 100 * DAY), 101 * DAY

    assert times(log, now, None, now + 31 * DAY, 9) == []
    assert times(log, now, None, now + 28 * DAY, 9) == [100 * DAY]


def test_downwards_a_listen_on_the_edge_of_a_window_is_lost_and_upwards_it_is_not() -> None:
    edge = 2_592_000
    log = log_at(0, 10, edge, edge + 10)

    assert times(log, edge, None, edge + 10, 9) == [edge, 0]
    assert times(log, edge, 0, None, 9) == [edge + 10, edge, 10]
    assert times(log, edge, None, 4 * edge, 9) == []


def test_a_crawl_upwards_finds_every_listen_that_the_count_names(api: MetaBrainzApi) -> None:
    low = api.get("/user/ada/listens", count=1)["payload"]["oldest_listen_ts"] - 1
    found: set[tuple[int, str]] = set()
    while True:
        page = api.listens(min_ts=low, count=1_000)
        new = {(each["listened_at"], each["recording_msid"]) for each in page} - found
        if not new:
            break
        found |= new
        low = page[0]["listened_at"] - 1

    assert len(found) == api.get("/user/ada/listen-count")["payload"]["count"]


def test_more_than_1000_listens_are_1000(api: MetaBrainzApi) -> None:
    assert len(api.listens(count=5_000)) == 1_000


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"min_ts": "soon"}, "Incorrect min_ts timestamp argument: soon"),
        ({"max_ts": 1_700_000_000_000}, "Incorrect max_ts timestamp argument: 1700000000000"),
        ({"min_ts": 9, "max_ts": 9}, "max_ts should be greater than min_ts"),
        ({"count": "few"}, "Invalid count argument: few"),
        ({"count": -1}, "Number of items requested should be positive"),
    ],
)
def test_a_bad_argument_is_refused(api: MetaBrainzApi, query: dict[str, Any], words: str) -> None:
    assert error_of(api.ask("/user/ada/listens", **query)) == (400, words)


def test_an_unknown_user_is_not_found(api: MetaBrainzApi) -> None:
    assert error_of(api.ask("/user/nobody/listens")) == (404, "Cannot find user: nobody")


def test_what_is_not_computed_is_204_without_a_body(api: MetaBrainzApi) -> None:
    for path in ("/stats/user/ada/artists", "/cf/recommendation/user/ada/recording"):
        answer = api.ask(path)
        assert (answer.status_code, answer.content) == (204, b"")


# -- the log ---------------------------------------------------------------------------------


def test_listens_are_another_witness_of_the_same_plays(api: MetaBrainzApi, world: World) -> None:
    index = MusicBrainzIndex(world)
    log = Listens(api.state, index).log("ada")
    scrobbles = world.scrobbles("ada")
    joined = joined_at(world)

    missing = 1 - np.isin(scrobbles.at, np.concatenate([log.at, log.at - 1])).mean()
    assert 0.005 < missing < 0.04
    assert (log.inserted[log.at < joined] == joined).all()
    assert ((log.inserted - log.at)[log.at > joined] > 6 * 3600).any()
    assert len(log) > len(np.unique(log.at // 10))


def test_a_late_listen_is_not_there_before_it_arrives(world: World) -> None:
    state = SandboxState(world)
    listens = Listens(state, MusicBrainzIndex(world))
    log = listens.log("ada")
    late = int(np.flatnonzero((log.inserted - log.at > 6 * 3600) & (log.at > joined_at(world)))[0])
    arrives = int(log.inserted[late])

    state.now = arrives - 1
    assert int(log.at[late]) not in listens.log("ada").at
    state.now = arrives
    assert int(log.at[late]) in listens.log("ada").at


def test_a_mapping_may_appear_weeks_later(world: World) -> None:
    state = SandboxState(world)
    listens = Listens(state, MusicBrainzIndex(world))

    def unmapped() -> set[tuple[int, str]]:
        log = listens.log("ada")
        rows = [listens.row("ada", log, row) for row in np.flatnonzero(log.at > recent).tolist()]
        return {
            (row["listened_at"], row["recording_msid"])
            for row in rows
            if "mbid_mapping" not in row["track_metadata"]
        }

    recent = world.ends.timestamp() - 60 * DAY
    before = unmapped()
    state.advance(state.now + 40 * DAY)
    assert 0 < len(before & unmapped()) < len(before)


def test_a_guest_is_joined_to_the_artist_in_listens_from_spotify(
    api: MetaBrainzApi, world: World
) -> None:
    log = Listens(api.state, api.index)
    guests = next(track for track, names in enumerate(world.track_featured) if names)

    told = log.playing(guests)

    names = told["additional_info"]["artist_names"]
    assert told["artist_name"] == ", ".join(names)
    assert len(names) == 2


def test_an_answer_is_kept_for_an_hour_also_when_a_deletion_is_carried_out(world: World) -> None:
    with SandboxServer(SandboxState(world)) as server:
        api, state = MetaBrainzApi(server), server.state
        state.now += 1800
        first = api.listens(count=1)
        gone = {name: first[0][name] for name in ("listened_at", "recording_msid")}
        api.post("/delete-listen", gone)
        assert api.listens(count=1) == first
        state.now += 1800
        assert api.listens(count=1) == first
        state.now += 1800
        assert api.listens(count=1) != first


def test_a_token_is_judged_by_valid_and_not_by_the_status(api: MetaBrainzApi) -> None:
    assert api.get("/validate-token", token=True)["user_name"] == "ada"
    wrong = api.session.get(
        f"{api.server.listenbrainz_url}1/validate-token", params={"token": "x"}, timeout=10
    )
    assert (wrong.status_code, wrong.json()["valid"]) == (200, False)
    assert error_of(api.ask("/validate-token"))[0] == 400


def test_who_scrobbles_to_listenbrainz_alone_is_unknown_to_lastfm(
    api: MetaBrainzApi, world: World
) -> None:
    assert world.listeners["bruno"].scrobbles_to == ("listenbrainz",)
    assert api.get("/user/bruno/listen-count")["payload"]["count"] > 100
    assert ask(api.server, "user.getRecentTracks", user="bruno").status_code == 404
    assert ask(api.server, "user.getRecentTracks", user="ada").status_code == 200


def test_before_version_3_everyone_scrobbles_to_both(world: World) -> None:
    with SandboxServer(SandboxState(replace(world, generator=2))) as server:
        assert ask(server, "user.getRecentTracks", user="bruno").status_code == 200
        assert MetaBrainzApi(server).get("/user/bruno/listen-count")["payload"]["count"] > 100
