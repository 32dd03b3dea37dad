"""Tests of the running sandbox: clock, simulated days, playlists, and saving."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.simulate import day_rng, next_local_midnight, simulate_day
from smallhours_sandbox.state import SandboxPlaylist, SandboxState, SandboxStateError
from smallhours_sandbox.world import World

DAY = 86_400.0


@pytest.fixture
def state(small_world: World) -> SandboxState:
    return SandboxState(small_world)


def _with_playlist(state: SandboxState, tracks: list[int]) -> SandboxPlaylist:
    playlist = state.create_playlist("ada", "Smallhours", public=False)
    state.add_items(playlist, tracks)
    return playlist


def _ranked(state: SandboxState, *, best: bool, count: int) -> list[int]:
    order = np.argsort(state.world.listeners["ada"].taste.liking)
    return [int(track) for track in (order[-count:] if best else order[:count])]


# -- clock -------------------------------------------------------------------------------------


def test_the_clock_starts_where_the_history_ends_and_stands_still(state: SandboxState) -> None:
    assert state.now == state.world.ends.timestamp()
    log = state.play_log("ada")
    assert (log.at + log.ms / 1000 <= state.now).all()


def test_advancing_adds_plays_after_the_known_ones(state: SandboxState) -> None:
    before = len(state.play_log("ada"))
    told = state.advance(state.now + 7 * DAY)
    log = state.play_log("ada")
    assert told["days"] == 7
    assert told["listeners"]["ada"]["plays"] >= len(log) - before > 0
    assert (np.diff(log.at) > 0).all()
    assert len(state.scrobbles("ada")) < len(log)


def test_time_does_not_run_backwards(state: SandboxState) -> None:
    with pytest.raises(ValueError, match="can't go back"):
        state.advance(state.now - 1)


@settings(max_examples=15)
@given(cuts=st.lists(st.floats(0.01, 3.99), max_size=4))
def test_the_same_days_give_the_same_plays_however_they_are_cut(
    small_world: World, cuts: list[float]
) -> None:
    whole, cut = SandboxState(small_world), SandboxState(small_world)
    start = whole.now
    whole.advance(start + 4 * DAY)
    for part in sorted(cuts):
        cut.advance(start + round(part * DAY))
    cut.advance(start + 4 * DAY)
    for name in small_world.listeners:
        one, two = whole.world.listeners[name], cut.world.listeners[name]
        assert np.array_equal(one.play_at, two.play_at)
        assert np.array_equal(one.play_track, two.play_track)


def test_two_states_over_one_world_do_not_touch_each_other(small_world: World) -> None:
    one, two = SandboxState(small_world), SandboxState(small_world)
    one.advance(one.now + 5 * DAY)
    one.world.listeners["ada"].saved[0] = 1
    assert len(two.world.listeners["ada"].play_at) == len(small_world.listeners["ada"].play_at)
    assert two.world.listeners["ada"].saved == small_world.listeners["ada"].saved


def test_what_is_playing_now_is_not_in_the_log_yet(state: SandboxState) -> None:
    state.advance(state.now + 3 * DAY)
    plays = state.world.listeners["ada"].plays
    full = int(np.flatnonzero(plays.ms > 60_000)[-1])
    state.now = float(plays.at[full] + 10)
    assert state.playing("ada") == plays.track[full]
    assert state.play_log("ada").at[-1] < plays.at[full]
    state.now = float(plays.at[full] + plays.ms[full] // 1000 + 1)
    assert state.playing("ada") is None
    assert state.play_log("ada").at[-1] == plays.at[full]


def test_a_local_day_lasts_23_or_25_hours_when_clocks_change() -> None:
    spring = datetime(2026, 3, 28, 23, 0, tzinfo=UTC).timestamp()  # midnight in Berlin
    autumn = datetime(2026, 10, 24, 22, 0, tzinfo=UTC).timestamp()
    assert next_local_midnight("Europe/Berlin", spring) - spring == 23 * 3_600
    assert next_local_midnight("Europe/Berlin", autumn) - autumn == 25 * 3_600


# -- what listeners do with the playlist ---------------------------------------------------------


def test_liked_picks_are_played_through_and_disliked_ones_skipped(state: SandboxState) -> None:
    good, bad = _ranked(state, best=True, count=10), _ranked(state, best=False, count=10)
    _with_playlist(state, [track for pair in zip(good, bad, strict=True) for track in pair])
    state.advance(state.now + 14 * DAY)
    ada = state.world.listeners["ada"]
    from_playlist = np.isin(ada.play_at, list(ada.play_context))
    skipped = {
        kind: ada.play_skipped[from_playlist & np.isin(ada.play_track, tracks)].mean()
        for kind, tracks in (("good", good), ("bad", bad))
    }
    assert from_playlist.sum() > 30
    assert skipped["good"] < 0.35 < 0.7 < skipped["bad"]


def test_liked_picks_end_up_saved_and_disliked_ones_removed(state: SandboxState) -> None:
    good, bad = _ranked(state, best=True, count=12), _ranked(state, best=False, count=12)
    before = set(state.world.listeners["ada"].saved)
    playlist = _with_playlist(state, [*good, *bad])
    snapshot = playlist.snapshot_id
    told = state.advance(state.now + 21 * DAY)["listeners"]["ada"]
    left = {item.track for item in playlist.items}
    new = set(state.world.listeners["ada"].saved) - before
    assert told["saved"] == len(new) >= 1
    assert new <= set(good)
    assert told["removed"] == 24 - len(left) >= 1
    assert set(good) <= left
    assert playlist.snapshot_id != snapshot


def test_the_order_of_events_is_the_order_of_time(state: SandboxState) -> None:
    _with_playlist(state, _ranked(state, best=True, count=30))
    start = state.now
    state.advance(start + 10 * DAY)
    ada = state.world.listeners["ada"]
    recent = [at for at in (*ada.saved.values(), *ada.loved.values()) if at >= start]
    assert all(start <= at < state.now for at in recent)


@pytest.mark.parametrize("gone", ["another's", "by hand", "unfollowed", "empty"])
def test_only_a_followed_playlist_made_by_an_app_is_gone_through(
    state: SandboxState, gone: str
) -> None:
    playlist = _with_playlist(state, [] if gone == "empty" else list(range(30)))
    playlist.owner = "bruno" if gone == "another's" else "ada"
    playlist.by_app = gone != "by hand"
    playlist.followed = gone != "unfollowed"
    state.advance(state.now + 5 * DAY)
    assert state.world.listeners["ada"].play_context == {}


def test_simulating_a_day_changes_nothing_by_itself(state: SandboxState) -> None:
    ada = state.world.listeners["ada"]
    saved, plays = dict(ada.saved), len(ada.play_at)
    picks = {"p": _ranked(state, best=True, count=20)}
    days = [
        simulate_day(
            state.world, ada, state.now, state.now + 3_600 * 18, picks, day_rng(1, ada, state.now)
        )
        for _ in range(2)
    ]
    assert np.array_equal(days[0].plays.at, days[1].plays.at)
    assert np.array_equal(days[0].plays.track, days[1].plays.track)
    assert days[0].saved == days[1].saved
    assert (ada.saved, len(ada.play_at)) == (saved, plays)


# -- playlists ---------------------------------------------------------------------------------


def test_listeners_start_with_playlists_of_their_own(state: SandboxState) -> None:
    own = [one for one in state.playlists.values() if one.owner == "ada"]
    assert [one.name for one in own] == ["On the road", "Sunday kitchen"]
    assert all(one.items and not one.by_app for one in own)


def test_every_change_gives_a_playlist_a_new_snapshot(state: SandboxState) -> None:
    playlist = state.create_playlist("ada", "Smallhours")
    seen = {playlist.snapshot_id}
    for tracks in ([1], [1], []):
        seen.add(state.add_items(playlist, tracks))
    assert len(seen) == 4
    assert len(playlist.id) == 22


def test_a_listener_is_found_by_name_or_spotify_id(state: SandboxState) -> None:
    ada = state.world.listeners["ada"]
    assert state.listener("ADA") is ada
    assert state.listener(ada.spotify_id) is ada
    assert state.listener("nobody") is None


def test_calls_are_counted_by_service_and_method(state: SandboxState) -> None:
    for _ in range(3):
        state.count("lastfm", "track.getTopTags")
    assert state.calls == {("lastfm", "track.getTopTags"): 3}


# -- a later process ---------------------------------------------------------------------------


def test_a_saved_state_continues_as_if_it_had_never_stopped(
    state: SandboxState, small_world: World, tmp_path: Path
) -> None:
    playlist = _with_playlist(state, _ranked(state, best=True, count=30))
    state.advance(state.now + 3 * DAY)
    state.save(tmp_path / "state.npz")
    again = SandboxState.load(tmp_path / "state.npz", small_world)
    assert again.now == state.now
    assert again.playlists == state.playlists
    assert again.playlists[playlist.id].snapshot_id == playlist.snapshot_id
    for one in (state, again):
        one.advance(one.now + 3 * DAY)
    for name in small_world.listeners:
        before, after = state.world.listeners[name], again.world.listeners[name]
        assert np.array_equal(before.play_at, after.play_at)
        assert np.array_equal(before.play_track, after.play_track)
        assert np.array_equal(before.play_skipped, after.play_skipped)
        assert (before.saved, before.loved) == (after.saved, after.loved)
        assert before.play_context == after.play_context
    assert again.create_playlist("ada", "x").id == state.create_playlist("ada", "x").id


def test_a_state_over_another_world_is_refused_with_advice(
    state: SandboxState, tmp_path: Path
) -> None:
    state.save(tmp_path / "state.npz")
    other = generate_world(9, 40, 300, ("ada",), 100)
    with pytest.raises(SandboxStateError, match="delete it to start that world afresh"):
        SandboxState.load(tmp_path / "state.npz", other)


def test_a_state_keeps_the_version_of_the_world_that_it_was_saved_over(
    small_world: World, tmp_path: Path
) -> None:
    former, now = replace(small_world, generator=1), replace(small_world, generator=2)
    SandboxState(former).save(tmp_path / "former.npz")
    SandboxState(now).save(tmp_path / "now.npz")

    assert SandboxState.load(tmp_path / "former.npz", now).world.generator == 1
    assert SandboxState.load(tmp_path / "now.npz", now).world.generator == 2
    with pytest.raises(SandboxStateError, match="another sandbox world"):
        SandboxState.load(tmp_path / "now.npz", former)


@pytest.mark.parametrize("keep", [0, 100, 1_000])
def test_a_damaged_state_is_refused_with_advice(
    state: SandboxState, small_world: World, tmp_path: Path, keep: int
) -> None:
    path = tmp_path / "state.npz"
    state.advance(state.now + DAY)
    state.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SandboxStateError, match=r"is damaged .* delete it"):
        SandboxState.load(path, small_world)


def test_saving_leaves_no_other_file_behind(state: SandboxState, tmp_path: Path) -> None:
    state.save(tmp_path / "deep" / "state.npz")
    state.save(tmp_path / "deep" / "state.npz")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["state.npz"]
