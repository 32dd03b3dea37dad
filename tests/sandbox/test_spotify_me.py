"""Tests of a listener's top, saved and recent tracks."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_sandbox.spotify_me import most_played, recent_plays
from smallhours_sandbox.world import PlayLog
from tests.sandbox.spotify_world import ME, OTHER, Api, access_token, running, small_world


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


def played_ms(item: dict[str, Any]) -> int:
    return round(datetime.fromisoformat(item["played_at"]).timestamp() * 1000)


def test_me_is_what_2026_left_of_it(api: Api) -> None:
    person = api.state.world.listeners[ME]
    for path in ("/me", "/me/"):
        body = api.get(path)
        assert body["id"] == person.spotify_id
        assert body["account_id"] == person.account_id
        assert set(body) == {
            "account_id", "display_name", "external_urls", "href", "id", "images", "type", "uri",
        }  # fmt: skip


def test_top_tracks_are_the_most_played_of_the_range(api: Api) -> None:
    plays = api.state.play_log(ME)
    recent = plays.track[(plays.at >= api.state.now - 365 * 86_400) & (plays.ms >= 30_000)]
    best = np.bincount(recent).max()
    first = api.get("/me/top/tracks", time_range="long_term", limit=1)["items"][0]
    top = api.state.world.track_spotify_id.index(first["id"])
    assert np.count_nonzero(recent == top) == best


def test_top_tracks_of_a_former_world_end_after_99() -> None:
    with running(replace(small_world(), generator=1)) as api:
        person = api.state.world.listeners[ME]
        person.play_at = np.arange(120, dtype=np.int64) * 300 + int(api.state.now) - 86_400
        person.play_track = np.arange(120, dtype=np.int32)
        person.play_ms = np.full(120, 200_000, dtype=np.int32)
        person.play_skipped = np.zeros(120, dtype=np.bool_)
        first = api.get("/me/top/tracks", time_range="short_term", limit=50)
        pages = list(api.pages(first))
        assert first["total"] == 99
        assert [len(page["items"]) for page in pages] == [50, 49]
        assert pages[1]["previous"].startswith(api.url)


def test_top_artists_by_default_are_twenty_of_half_a_year(api: Api) -> None:
    body = api.get("/me/top/artists")
    assert body["limit"] == 20
    assert body["items"] == api.get("/me/top/artists", time_range="medium_term")["items"]
    assert {item["type"] for item in body["items"]} == {"artist"}


def test_top_tracks_follow_the_sandbox_clock() -> None:
    with running() as api:
        before = api.get("/me/top/tracks", time_range="short_term", limit=50)["items"]
        api.state.advance(api.state.now + 60 * 86_400)
        after = api.get("/me/top/tracks", time_range="short_term", limit=50)["items"]
        assert before != after


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/me/top/tracks?limit=51", "Invalid limit"),
        ("/me/top/tracks?limit=many", "Invalid limit"),
        ("/me/top/tracks?offset=-1", "Invalid offset"),
        ("/me/top/tracks?time_range=forever", "Invalid time range"),
        ("/me/tracks?limit=0", "Invalid limit"),
        ("/me/player/recently-played?limit=51", "Invalid limit"),
        ("/me/player/recently-played?after=soon", "Invalid after"),
        (
            "/me/player/recently-played?after=1&before=2",
            "Only one of 'after' and 'before' can be specified",
        ),
    ],
)
def test_bad_parameters_are_refused(api: Api, path: str, message: str) -> None:
    assert api.refusal("GET", path) == (400, message)


def test_saved_tracks_come_newest_first_and_each_once(api: Api) -> None:
    pages = list(api.pages(api.get("/me/tracks", limit=7)))
    rows = [row for page in pages for row in page["items"]]
    saved = api.state.world.listeners[ME].saved
    assert len(rows) == pages[0]["total"] == len(saved)
    assert {row["track"]["id"] for row in rows} == {
        api.state.world.track_spotify_id[track] for track in saved
    }
    added = [row["added_at"] for row in rows]
    assert added == sorted(added, reverse=True)
    assert all(page["next"] is None or page["next"].startswith(api.url) for page in pages)


def test_recently_played_shows_the_last_fifty_and_nothing_before(api: Api) -> None:
    body = api.get("/me/player/recently-played", limit=50)
    times = [played_ms(item) for item in body["items"]]
    assert len(times) == 50
    assert times == sorted(times, reverse=True)
    assert body["cursors"] == {"after": str(times[0]), "before": str(times[-1])}
    end = api.get(body["next"])
    assert (end["items"], end["next"], end["cursors"]) == ([], None, None)


def test_paging_back_through_recent_plays_misses_none(api: Api) -> None:
    whole = api.get("/me/player/recently-played", limit=50)["items"]
    pages = api.pages(api.get("/me/player/recently-played", limit=12))
    assert [item for page in pages for item in page["items"]] == whole


def test_after_means_later_than(api: Api) -> None:
    times = [played_ms(row) for row in api.get("/me/player/recently-played", limit=50)["items"]]
    newer = api.get("/me/player/recently-played", after=times[10], limit=50)["items"]
    assert [played_ms(item) for item in newer] == times[:10]
    pages = api.pages(api.get("/me/player/recently-played", after=times[10], limit=4))
    seen = [played_ms(item) for page in pages for item in page["items"]]
    assert sorted(seen) == sorted(times[:10])


def test_some_plays_carry_their_end_and_none_lies_in_the_future(api: Api) -> None:
    plays = api.state.play_log(ME)
    starts = set(plays.at.tolist())
    times = [played_ms(row) for row in api.get("/me/player/recently-played", limit=50)["items"]]
    begun = [at for at in times if at // 1000 in starts]
    assert 0 < len(begun) < len(times)
    assert max(times) <= api.state.now * 1000


def test_short_plays_are_not_listed() -> None:
    log = PlayLog(
        np.array([100, 200, 300]),
        np.array([1, 2, 3], dtype=np.int32),
        np.array([29_999, 30_000, 180_000], dtype=np.int32),
        np.zeros(3, dtype=np.bool_),
    )
    assert {track for _, track, _ in recent_plays(log)} == {2, 3}


def test_a_play_from_a_playlist_names_it() -> None:
    with running() as api:
        playlist = api.playlist(tracks=2)["id"]
        person = api.state.world.listeners[ME]
        began = recent_plays(api.state.play_log(ME))[0][2]
        person.play_context[began] = playlist
        first = api.get("/me/player/recently-played", limit=1)["items"][0]
        assert first["context"]["uri"] == f"spotify:playlist:{playlist}"


def test_listeners_see_only_themselves(api: Api) -> None:
    theirs = api.call("GET", "/me/tracks", token=access_token(api.state, OTHER)).json()
    assert theirs["items"] != api.get("/me/tracks")["items"]


@given(st.lists(st.integers(0, 8), max_size=60))
def test_most_played_ranks_by_count_then_by_the_last_time(log: list[int]) -> None:
    ranked = most_played(np.array(log, dtype=np.int32))
    last = {track: position for position, track in enumerate(log)}
    assert ranked == sorted(set(log), key=lambda track: (-log.count(track), -last[track]))
