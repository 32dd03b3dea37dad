"""Tests of a list from its draft to its rows."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallhours.identity import artist_key_in, song_key_of
from smallhours.playlist.select.nightly_list import Draft, Limits
from smallhours.playlist.select.ordering import defer_explored, separate_artists
from smallhours.playlist.select.picking import Caps, RerankWeights
from smallhours.playlist_settings import Arc
from tests.playlist.select_fixtures import falling, many, shortlist

SILENCE = pd.DataFrame(columns=["energy", "tempo", "key", "mode"], dtype=float)


def limits(size: int, reserve: int = 0, exploration: float = 0.0, artist: int = 2) -> Limits:
    return Limits(size, reserve, exploration, Caps(artist, 9, 99), RerankWeights(0.3, 0.5))


def draft(keys: list[str], wanted: Limits, seed: int = 1) -> Draft:
    return Draft(shortlist(falling(keys)), wanted, np.random.default_rng(seed))


def rows(keys: list[str], mine: Draft, out: dict[str, str] | None = None) -> pd.DataFrame:
    scored = pd.DataFrame(
        {"rank": range(1, len(keys) + 1), "why_not": [(out or {}).get(key, "") for key in keys]},
        index=pd.Index(keys, dtype="str"),
    )
    return mine.rows(scored, mine.ordered(SILENCE, "none"))


def listed(frame: pd.DataFrame) -> list[str]:
    return frame[frame["position"].notna()].sort_values("position").index.tolist()


def test_the_list_is_followed_by_its_reserve() -> None:
    keys = many(5)
    mine = draft(keys, limits(2, reserve=2))
    mine.fill_reserve(set())
    found = rows(keys, mine)
    assert listed(found) == keys[:2]
    assert found.loc[keys[2:4], "why_not"].tolist() == ["reserve", "reserve"]
    assert found.loc[keys[4], "why_not"] == "rank 5"


def test_the_reserve_leaves_alone_what_is_in_another_list() -> None:
    keys = many(5)
    mine = draft(keys, limits(2, reserve=2))
    mine.fill_reserve({keys[2]})
    assert mine.reserve == keys[3:]
    assert rows(keys, mine).loc[keys[2], "why_not"] == "in another of tonight's playlists"


def test_the_cap_holds_over_list_and_reserve() -> None:
    keys = [f"ride · {i}" for i in range(5)] + many(3)
    mine = draft(keys, limits(3, reserve=3))
    mine.fill_reserve(set())
    assert Counter(map(artist_key_in, [*mine.slots, *mine.reserve]))["ride"] == 2
    assert rows(keys, mine).loc["ride · 2", "why_not"] == "artist cap"


def test_what_was_out_from_the_start_keeps_its_reason() -> None:
    keys = many(3)
    mine = Draft(shortlist(falling(keys[1:])), limits(3), np.random.default_rng(1))
    assert rows(keys, mine, {keys[0]: "known"}).loc[keys[0], "why_not"] == "known"


def test_explorers_are_marked_and_carry_their_probability() -> None:
    keys = many(40)
    found = rows(keys, draft(keys, limits(10, exploration=0.3)))
    explored = found[found["slot"] == "explore"]
    assert len(explored) == 3
    assert explored["propensity"].between(0, 1, inclusive="right").all()
    assert found.loc[found["slot"] == "exploit", "propensity"].isna().all()
    assert (explored["rank"] > 7).all()


def test_with_randomness_every_track_has_a_chance_that_is_on_record() -> None:
    keys = many(30)
    wanted = replace(limits(10), randomness=0.5)
    drafts = [draft(keys, wanted, seed) for seed in range(60)]

    assert {key for each in drafts for key in each.slots} == set(keys)
    assert all(len(each.slots) == 10 for each in drafts)
    drawn = [chance for each in drafts for chance in each.propensity.values()]
    assert len(drawn) / 600 == pytest.approx(0.5, abs=0.08)
    # One of the 20 to 30 that are left.
    assert all(0.5 / 30 <= chance <= 0.5 / 19 for chance in drawn)


def test_where_little_is_left_the_list_is_filled_all_the_same() -> None:
    keys = many(4)
    assert len(listed(rows(keys, draft(keys, limits(4, exploration=0.5))))) == 4


def test_other_nights_explore_elsewhere_and_the_same_night_the_same() -> None:
    keys = many(200)
    lists = [tuple(draft(keys, limits(20, exploration=0.5), seed).slots) for seed in (1, 1, 2)]
    assert lists[0] == lists[1]
    assert set(lists[0]) != set(lists[2])


def test_surprises_stand_at_neither_end() -> None:
    keys = many(60)
    found = rows(keys, draft(keys, limits(12, exploration=0.25)))
    order = listed(found)
    assert {found.loc[order[0], "slot"], found.loc[order[-1], "slot"]} == {"exploit"}


@settings(max_examples=60)
@given(
    artists=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=24),
    exploration=st.floats(0, 1),
    arc=st.sampled_from(["none", "rise", "fall", "wave"]),
    seed=st.integers(0, 99),
)
def test_no_surprise_stands_in_the_first_five_places_where_five_tracks_are_none(
    artists: list[str], exploration: float, arc: Arc, seed: int
) -> None:
    keys = [f"{artist} · {place}" for place, artist in enumerate(artists)]
    mine = draft(keys, limits(12, exploration=exploration, artist=3), seed)
    energies = pd.DataFrame(np.nan, index=keys, columns=SILENCE.columns)
    energies["energy"] = np.random.default_rng(seed).uniform(size=len(keys))
    order = mine.ordered(energies, arc)
    sure = [key for key in order if mine.slots[key] == "exploit"]
    assert sorted(order) == sorted(mine.slots)
    assert not set(order[: min(5, len(sure))]) & set(mine.propensity)


def test_what_follows_a_sure_beginning_keeps_an_artist_from_itself() -> None:
    keys = ["x · 1", *[f"{artist} · 1" for artist in "abcde"], "e · 2", "f · 1"]
    assert defer_explored(keys, {"x · 1"}) == [*keys[1:6], "x · 1", "e · 2", "f · 1"]


@pytest.mark.parametrize(
    ("tracks", "expected"),
    [
        ([], []),
        (["a · 1", "b · 1"], ["a · 1", "b · 1"]),
        (["a · 1", "a · 2", "b · 1"], ["a · 1", "b · 1", "a · 2"]),
        (["b · 1", "a · 1", "a · 2"], ["a · 1", "b · 1", "a · 2"]),
    ],
)
def test_arranging_separates_an_artists_tracks(tracks: list[str], expected: list[str]) -> None:
    assert separate_artists(tracks) == expected


ARTISTS = st.lists(st.sampled_from("abcdef"), max_size=30)


@given(ARTISTS)
def test_no_artist_meets_itself_unless_it_has_more_than_half(artists: list[str]) -> None:
    tracks = [f"{artist} · {place}" for place, artist in enumerate(artists)]
    arranged = separate_artists(tracks)
    assert sorted(arranged) == sorted(tracks)
    meetings = sum(
        artist_key_in(one) == artist_key_in(two) for one, two in itertools.pairwise(arranged)
    )
    most = max(Counter(artists).values(), default=0)
    assert meetings == max(0, 2 * most - len(tracks) - 1)


@settings(max_examples=60)
@given(
    songs=st.lists(
        st.tuples(st.sampled_from("abcde"), st.integers(0, 9), st.sampled_from(["", " · live"])),
        unique=True,
        max_size=40,
    ),
    size=st.integers(1, 12),
    reserve=st.integers(0, 8),
    cap=st.integers(1, 4),
    exploration=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_whatever_the_candidates_the_list_keeps_to_its_limits(
    songs: list[tuple[str, int, str]],
    size: int,
    reserve: int,
    cap: int,
    exploration: float,
    seed: int,
) -> None:
    keys = [f"{artist} · {title}{version}" for artist, title, version in songs]
    mine = draft(keys, limits(size, reserve, exploration, cap), seed)
    mine.fill_reserve(set())
    found = rows(keys, mine)
    inside = [*listed(found), *mine.reserve]
    assert len(listed(found)) <= size
    assert len({song_key_of(key) for key in inside}) == len(inside)
    assert max(Counter(map(artist_key_in, inside)).values(), default=0) <= cap
    assert ((found["why_not"] == "") == found["position"].notna()).all()
    assert set(mine.propensity) == set(found.index[found["slot"] == "explore"])
