import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_sandbox.genres import load_genres, load_words
from smallhours_sandbox.names import NameGenerator, Script, lastfm_titles


@pytest.fixture(scope="module")
def thousand_names() -> list[str]:
    namer = NameGenerator(np.random.default_rng(5))
    return [namer.artist()[0] for _ in range(3_000)]


def test_no_two_artists_share_a_name_even_ignoring_case(thousand_names: list[str]) -> None:
    assert len({name.casefold() for name in thousand_names}) == len(thousand_names)


@pytest.mark.parametrize(
    "awkward",
    [r", The ", "/", " & the ", r"^Live ", r"\bfeat\b", r"[À-ž]", r"[ぁ-龯]", r"[А-я]", r"^The "],
)
def test_names_that_are_hard_to_join_by_occur(thousand_names: list[str], awkward: str) -> None:
    assert any(re.search(awkward, name, re.IGNORECASE) for name in thousand_names)


@given(seed=st.integers(0, 10_000))
def test_an_artist_never_uses_a_title_twice(seed: int) -> None:
    namer = NameGenerator(np.random.default_rng(seed))
    taken: set[str] = set()
    titles = [namer.title(Script.JAPANESE, taken) for _ in range(40)]
    assert len({title.casefold() for title in titles}) == 40
    assert all(title.strip() == title != "" for title in titles)


def test_artists_who_write_in_another_script_also_title_their_songs_in_it() -> None:
    namer = NameGenerator(np.random.default_rng(1))
    titles = [namer.title(Script.CYRILLIC, set()) for _ in range(40)]
    assert sum(bool(re.search("[А-я]", title)) for title in titles) > 20


def test_lastfm_sometimes_drops_the_edition_but_never_the_song() -> None:
    spotify = ["Hollow Bus - 2011 Remaster"] * 200
    spelt = set(lastfm_titles(np.random.default_rng(1), spotify, [False] * 200))
    assert {"Hollow Bus", "Hollow Bus - 2011 Remaster"} <= spelt
    assert all(title.lower().startswith("hollow bus") for title in spelt)


def test_a_live_take_keeps_its_mark_however_it_is_spelt() -> None:
    spelt = set(
        lastfm_titles(np.random.default_rng(1), ["Bus - Live at Leith"] * 200, [False] * 200)
    )
    assert "Bus (Live at Leith)" in spelt
    assert all("live" in title.lower() for title in spelt)


def test_a_guest_is_dropped_only_where_the_title_names_one() -> None:
    rng = np.random.default_rng(1)
    with_guest = set(lastfm_titles(rng, ["Bus (with Ada Vale)"] * 200, [True] * 200))
    without = set(lastfm_titles(rng, ["Stay (with Me)"] * 200, [False] * 200))
    assert {"Bus", "Bus ft. Ada Vale", "Bus (with Ada Vale)"} <= with_guest
    assert {title.lower() for title in without} == {"stay (with me)"}


def test_the_genre_tree_has_a_dozen_families_and_more_than_a_hundred_leaves() -> None:
    tree = load_genres()
    assert 12 <= len(tree.families) <= 15
    assert len(tree.leaves) == len(set(tree.leaves)) > 120
    assert tree.share.sum() == pytest.approx(1)
    assert ((tree.levels >= 0) & (tree.levels <= 1)).all()


def test_genres_of_a_family_lie_closer_than_genres_of_different_ones() -> None:
    tree = load_genres()
    place = tree.embedding(np.random.default_rng(1))
    near = place @ place.T
    same = tree.leaf_family[:, None] == tree.leaf_family[None, :]
    np.fill_diagonal(same, val=False)
    other = tree.leaf_family[:, None] != tree.leaf_family[None, :]
    assert near[same].mean() > near[other].mean() + 0.3


def test_word_lists_are_complete() -> None:
    words = load_words()
    assert all(len(listed) >= 10 for listed in words.values())
    assert {"seen live", "favourites"} <= set(words["noise"])
