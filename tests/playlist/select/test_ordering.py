"""Tests of the order in which a list plays."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.playlist.select.ordering import KEY_COST, order, targets, transitions
from smallhours.playlist_settings import Arc

NOTHING = np.nan


def sound(*energies: float) -> pd.DataFrame:
    return pd.DataFrame({"energy": energies, "tempo": NOTHING, "key": NOTHING, "mode": NOTHING})


def test_what_is_not_known_changes_nothing() -> None:
    artists = [f"artist {i}" for i in range(6)]
    assert order(artists, sound(*[NOTHING] * 6)) == [0, 1, 2, 3, 4, 5]


def test_the_best_track_comes_first_where_there_is_no_arc() -> None:
    artists = [f"artist {i}" for i in range(5)]
    assert order(artists, sound(0.5, 0.1, 0.9, 0.2, 0.8))[0] == 0


def test_neighbours_are_near_in_energy() -> None:
    energies = [0.1, 0.9, 0.2, 0.8, 0.3, 0.7]
    played = [energies[i] for i in order([*"abcdef"], sound(*energies))]
    assert played == sorted(energies)


@pytest.mark.parametrize(("arc", "sign"), [("rise", 1), ("fall", -1)])
def test_an_arc_leads_the_energy_where_it_should(arc: Arc, sign: int) -> None:
    energies = np.random.default_rng(3).uniform(size=12)
    played = energies[order([*"abcdefghijkl"], sound(*energies), arc=arc)]
    assert np.corrcoef(played, np.arange(12))[0, 1] * sign > 0.95


def test_a_wave_has_two_crests() -> None:
    wave = targets("wave", 9)
    assert wave is not None
    assert wave.round(2).tolist() == [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]


def test_twice_as_fast_is_the_same_beat_and_the_far_key_costs_most() -> None:
    frame = pd.DataFrame(
        {
            "energy": [NOTHING] * 4,
            "tempo": [60.0, 120.0, 85.0, NOTHING],
            "key": [0.0, 0.0, 0.0, 6.0],
            "mode": [1.0, 1.0, 1.0, 1.0],
        }
    )
    steps = transitions(frame)
    assert steps[0, 1] == 0
    assert steps[0, 2] > 0.5
    assert steps[0, 3] == pytest.approx(KEY_COST * 6 / 7)


def test_an_artists_tracks_are_far_apart() -> None:
    artists = [*"aabcdefgh"]
    first, second = (order(artists, sound(*[NOTHING] * 9)).index(i) for i in (0, 1))
    assert abs(first - second) > 4


def test_a_surprise_stands_at_neither_end() -> None:
    places = order([*"abcdefgh"], sound(*[NOTHING] * 8), is_explored=[False] * 7 + [True])
    assert 7 not in {places[0], places[-1]}


@pytest.mark.parametrize("arc", ["none", "rise", "fall", "wave"])
def test_a_list_begins_with_five_tracks_that_are_no_surprise(arc: Arc) -> None:
    is_explored = [place in {1, 3, 4} for place in range(10)]
    energies = np.linspace(0.9, 0.1, 10)
    places = order([*"abcdefghij"], sound(*energies), arc=arc, is_explored=is_explored)
    assert not any(is_explored[place] for place in places[:5])


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), max_size=12),
    st.sampled_from(["none", "rise", "fall", "wave"]),
)
def test_nothing_is_lost_or_doubled(tracks: list[tuple[str, float]], arc: Arc) -> None:
    energies = sound(*[energy for _, energy in tracks])
    places = order([artist for artist, _ in tracks], energies, arc=arc)
    assert sorted(places) == list(range(len(tracks)))
    again = order([artist for artist, _ in tracks], energies, arc=arc)
    assert places == again


def test_the_order_is_no_worse_than_the_first_one() -> None:
    energies = np.random.default_rng(1).uniform(size=9)
    steps = transitions(sound(*energies))
    places = order([*"abcdefghi"], sound(*energies))
    ways = [sum(steps[a, b] for a, b in itertools.pairwise(p)) for p in (places, range(9))]
    assert ways[0] <= ways[1]
