"""Tests that the generated listeners' histories resemble those of people."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.ragged import Doubles
from smallhours_sandbox.tastes import lose_half_the_genres
from smallhours_sandbox.world import PlayLog, World


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(seed=2, artists=300, tracks=3_000, scrobbles=12_000)


def _tag_profile(world: World, plays: PlayLog) -> Doubles:
    count = np.bincount(world.track_artist[plays.track], minlength=world.n_artists)
    tags = world.artist_tags
    profile = np.bincount(
        tags.ids, weights=tags.values * count[tags.rows], minlength=len(world.tags)
    )
    unit: Doubles = profile / np.linalg.norm(profile)
    return unit


@pytest.mark.parametrize("name", ["ada", "bruno"])
def test_plays_come_one_after_the_other_within_the_worlds_time(world: World, name: str) -> None:
    plays = world.listeners[name].plays
    assert (np.diff(plays.at) > 0).all()
    assert (plays.at[1:] >= plays.at[:-1] + plays.ms[:-1] // 1000).all()
    assert world.begins.timestamp() <= plays.at[0]
    assert plays.at[-1] < world.ends.timestamp()


def test_the_history_is_sixteen_years_long_and_reaches_the_present(world: World) -> None:
    at = world.listeners["ada"].play_at
    assert (at[-1] - at[0]) / 86_400 / 365.25 > 14.5
    assert world.ends.timestamp() - at[-1] < 10 * 86_400


@pytest.mark.parametrize("name", ["ada", "bruno"])
def test_nothing_is_heard_before_it_was_released(world: World, name: str) -> None:
    plays = world.listeners[name].plays
    released = np.asarray(
        [
            datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()
            for day in world.album_released
        ]
    )
    assert (plays.at >= released[world.track_album[plays.track]]).all()


def test_skips_are_short_and_some_of_them_never_reach_lastfm(world: World) -> None:
    plays = world.listeners["ada"].plays
    assert 0.03 < plays.skipped.mean() < 0.2
    length = world.track_duration_ms[plays.track]
    assert (plays.ms[~plays.skipped] == length[~plays.skipped]).all()
    counted = world.scrobbles("ada")
    assert len(counted) == 12_000 < len(plays)
    assert counted.skipped.mean() < plays.skipped.mean()


def test_nights_are_quiet_by_the_listeners_own_clock(world: World) -> None:
    ada = world.listeners["ada"]
    zone = ZoneInfo(ada.timezone)
    hours = np.bincount(
        [datetime.fromtimestamp(at, zone).hour for at in ada.play_at[::5].tolist()], minlength=24
    )
    assert hours[3:6].sum() < 0.05 * hours.sum()
    assert hours[19:23].sum() > 0.2 * hours.sum()


def test_there_are_holidays_without_any_play(world: World) -> None:
    gaps = np.diff(world.listeners["ada"].play_at) / 86_400
    assert (gaps > 3).sum() > 5


def test_favourites_are_played_again_and_again(world: World) -> None:
    count = np.bincount(world.listeners["ada"].play_track)
    heard = count[count > 0]
    top = np.sort(heard)[::-1][: len(heard) // 10]
    assert top.sum() > 0.4 * heard.sum()
    assert (heard <= 2).mean() > 0.1


def test_albums_are_often_heard_in_order(world: World) -> None:
    track = world.listeners["ada"].play_track
    in_order = (np.diff(track) == 1) & (np.diff(world.track_album[track]) == 0)
    assert 0.08 < in_order.mean() < 0.5


def test_most_of_the_world_is_still_to_be_discovered(world: World) -> None:
    for listener in world.listeners.values():
        known = np.unique(world.track_artist[listener.play_track])
        assert 0.1 < len(known) / world.n_artists < 0.5


def test_two_listeners_differ_more_than_one_does_from_herself(world: World) -> None:
    ada, bruno = world.listeners["ada"], world.listeners["bruno"]
    odd = np.arange(len(ada.play_at)) % 2 == 1
    halves = [_tag_profile(world, ada.plays.where(mask)) for mask in (odd, ~odd)]
    other = _tag_profile(world, bruno.plays)
    assert halves[0] @ halves[1] > 0.95
    assert halves[0] @ other < 0.6
    assert np.corrcoef(ada.taste.liking, bruno.taste.liking)[0, 1] < 0.2


def test_taste_drifts_over_the_years(world: World) -> None:
    ada = world.listeners["ada"]
    third = len(ada.play_at) // 3
    place = np.arange(len(ada.play_at))
    first, middle, last = (
        _tag_profile(world, ada.plays.where(place // third == number)) for number in range(3)
    )
    assert first @ last < first @ middle
    assert first @ last < 0.97


def test_the_library_holds_what_was_heard_and_is_liked(world: World) -> None:
    for listener in world.listeners.values():
        heard = set(listener.play_track.tolist())
        assert set(listener.saved) <= heard
        assert set(listener.loved) <= heard
        assert len(listener.loved) < len(listener.saved)
        liking = listener.taste.liking
        assert liking[list(listener.saved)].mean() > liking[list(heard)].mean()
        first = listener.play_at[0]
        assert all(first <= at < world.ends.timestamp() for at in listener.saved.values())


def test_what_is_near_to_the_library_is_liked_more_than_the_rest(world: World) -> None:
    """Check that a recommender has something to find, and that random picks do badly."""
    ada = world.listeners["ada"]
    liking = ada.taste.liking
    near = np.concatenate([world.track_similar[track][0][:20] for track in ada.saved])
    unheard = near[~np.isin(near, ada.play_track)]
    assert len(np.unique(unheard)) > 100
    assert liking[unheard].mean() > 1.6 * liking.mean() > 0.2
    assert 0.1 < (liking > 0.5).mean() < 0.25


def test_half_of_the_liked_genres_can_be_lost(world: World) -> None:
    taste = world.listeners["ada"].taste
    liked = taste.liking > 0.5

    lost = lose_half_the_genres(world, taste).liking < taste.liking

    assert 0.35 < lost[liked].mean() < 0.65
    by_artist = {(artist, gone) for artist, gone in zip(world.track_artist, lost, strict=True)}
    assert len(by_artist) == len(np.unique(world.track_artist))
    assert (lose_half_the_genres(world, taste).liking[lost & liked] < 0.11).all()


def test_an_unknown_name_gets_a_taste_of_its_own() -> None:
    world = generate_world(3, 60, 500, ("carla", "dan"), 500)
    carla, dan = world.listeners["carla"].taste, world.listeners["dan"].taste
    assert carla.clusters != dan.clusters
    assert len(world.scrobbles("dan")) == 200
