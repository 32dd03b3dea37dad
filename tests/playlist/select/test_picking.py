"""Tests of the greedy choice of tracks: which one is next, and which are capped."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from smallhours.playlist.select.picking import Caps, GreedyPicker, RerankWeights
from smallhours.playlist.select.shortlist import Shortlist
from tests.playlist.select_fixtures import falling, many, shortlist

FREE = Caps(artist=9, album=9, seed=99)
PLAIN = RerankWeights(0.0, 0.0)


def picker(among: Shortlist, caps: Caps = FREE, balance: RerankWeights = PLAIN) -> GreedyPicker:
    return GreedyPicker(among, caps, balance)


def test_with_nothing_else_to_mind_the_most_relevant_come_first() -> None:
    keys = many(5)
    assert picker(shortlist(falling(keys))).best(3) == keys[:3]


def test_an_artist_has_no_more_than_their_cap() -> None:
    keys = [f"ride · {i}" for i in range(5)] + many(2)
    mine = picker(shortlist(falling(keys)), Caps(2, 9, 9))
    assert mine.best(9) == [*keys[:2], *keys[5:]]
    assert mine.rejected[keys[2]] == "artist cap"


def test_an_album_has_its_own_cap_where_it_is_known() -> None:
    keys = [f"ride · {i}" for i in range(4)]
    albums = {keys[0]: "Nowhere", keys[1]: "NOWHERE", keys[2]: "Tarantula"}
    mine = picker(shortlist(falling(keys), albums=albums), Caps(9, 1, 9))
    assert mine.best(9) == [keys[0], keys[2], keys[3]]
    assert mine.rejected[keys[1]] == "album cap"


def test_albums_of_one_title_by_two_artists_are_two() -> None:
    keys = ["ride · a", "lush · b"]
    albums = dict.fromkeys(keys, "Greatest Hits")
    assert picker(shortlist(falling(keys), albums=albums), Caps(9, 1, 9)).best(2) == keys


def test_two_versions_of_a_song_never_meet() -> None:
    keys = ["ride · seagull", "ride · seagull · live", "ride · dreams burn down"]
    assert picker(shortlist(falling(keys))).best(3) == [keys[0], keys[2]]


def test_a_seed_leads_to_no_more_than_its_cap_while_others_are_left() -> None:
    keys = many(6)
    seeds = {key: ["slowdive"] for key in keys[:4]} | {key: ["lush"] for key in keys[4:]}
    mine = picker(shortlist(falling(keys), seeds=seeds), Caps(9, 9, 2))
    assert mine.best(4) == [keys[0], keys[1], keys[4], keys[5]]
    assert mine.best(2) == keys[2:4]  # nothing else is left


def test_an_artist_of_the_last_nights_waits_while_others_are_left() -> None:
    keys = many(4)
    mine = picker(shortlist(falling(keys), resting={"artist 0", "artist 1"}))
    assert mine.best(3) == [keys[2], keys[3], keys[0]]


def test_no_explored_track_is_by_an_artist_of_the_last_nights_while_others_are_left() -> None:
    keys = many(6)
    mine = picker(shortlist(falling(keys), resting={f"artist {at}" for at in range(5)}))
    rng = np.random.default_rng(1)
    assert list(mine.draw(1, cut=2, rng=rng)) == [keys[5]]
    assert len(mine.draw(3, cut=2, rng=rng)) == 3


def test_one_shared_tag_carries_no_track_while_others_are_left() -> None:
    keys = many(3)
    by_tags = {keys[0]: ["canadian"], keys[1]: ["canadian", "folk"]}
    mine = picker(shortlist(falling(keys), by_tags=by_tags, seeds={keys[2]: ["lush"]}))
    assert mine.best(3) == [keys[1], keys[2], keys[0]]


def test_a_track_of_two_seeds_is_counted_for_the_one_with_room() -> None:
    keys = many(3)
    seeds = {keys[0]: ["slowdive"], keys[1]: ["slowdive", "lush"], keys[2]: ["slowdive"]}
    mine = picker(shortlist(falling(keys), seeds=seeds), Caps(9, 9, 1))
    mine.best(2)
    assert mine.lead == {keys[0]: "slowdive", keys[1]: "lush"}


def test_diversity_passes_over_what_is_alike() -> None:
    keys = many(4)
    tags = dict(zip(keys, ["dub", "dub", "dub", "jazz"], strict=True))
    alike = pd.Series([1.0, 0.95, 0.9, 0.85], index=keys)
    assert picker(shortlist(alike, tags=tags)).best(2) == keys[:2]
    diverse = picker(shortlist(alike, tags=tags), balance=RerankWeights(0.8, 0.0))
    assert diverse.best(2) == [keys[0], keys[3]]


@pytest.mark.parametrize(("calibration", "jazz"), [(0.0, 0), (1.0, 6)])
def test_calibration_keeps_the_share_of_a_minor_taste(calibration: float, jazz: int) -> None:
    keys = many(60)
    tags = {key: "jazz" if place >= 30 else "dub" for place, key in enumerate(keys)}
    short = shortlist(falling(keys), tags=tags, mix={"dub": 0.7, "jazz": 0.3})
    taken = picker(short, balance=RerankWeights(0.0, calibration)).best(20)
    assert Counter(tags[key] for key in taken)["jazz"] >= jazz
    assert calibration or Counter(tags[key] for key in taken)["jazz"] == 0


def test_what_is_left_out_is_never_taken() -> None:
    keys = many(3)
    mine = picker(shortlist(falling(keys)))
    mine.exclude({keys[0]}, "elsewhere")
    assert mine.best(3) == keys[1:]
    assert mine.rejected == {keys[0]: "elsewhere"}


def test_a_draw_comes_from_below_the_cut_with_its_probability() -> None:
    keys = many(12)
    drawn = picker(shortlist(falling(keys))).draw(2, cut=10, rng=np.random.default_rng(1))
    assert set(drawn) == set(keys[10:])
    first, second = drawn.values()
    assert 0 < first < 1
    assert second == 1


def test_the_most_relevant_thousand_are_compared_and_no_more() -> None:
    assert len(shortlist(falling(many(1_500))).tracks) == 1_000
