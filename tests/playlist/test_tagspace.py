"""Closeness by tags."""

import pandas as pd
import pytest

from smallhours.playlist.tagspace import TagSpace, says_something, weighted_tags
from smallhours.training.tags import Tags

TAGS = Tags(
    own={
        "slowdive · alison": {"shoegaze": 100, "dream pop": 80, "seen live": 60},
        "ride · vapour trail": {"Shoegaze": 100, "shoegaze": 40, "ride": 20},
        "miles davis · so what": {"jazz": 100},
    },
    artist={"lush": {"shoegaze": 100}, "slowdive": {"ambient": 100}},
)
TRACKS = [*TAGS.own, "lush · ladykillers", "nobody · nothing"]


@pytest.fixture
def space() -> TagSpace:
    return TagSpace.of(weighted_tags(TAGS, TRACKS))


def rows(track: str) -> dict[str, float]:
    frame = weighted_tags(TAGS, [track])
    return dict(zip(frame["tag"], frame["weight"], strict=True))


def test_a_track_without_tags_takes_its_artists_at_half_the_weight() -> None:
    assert rows("lush · ladykillers") == {"shoegaze": 0.5}


def test_a_tracks_own_tags_stand_alone() -> None:
    assert "ambient" not in rows("slowdive · alison")


def test_spellings_of_a_tag_are_one_and_the_stronger_stands() -> None:
    assert rows("ride · vapour trail") == {"shoegaze": 1.0}


def test_tags_about_the_tagger_and_the_artists_own_name_say_nothing() -> None:
    assert not says_something("Seen Live", "slowdive · alison")
    assert not says_something("Slowdive", "slowdive · alison")
    assert says_something("shoegaze", "slowdive · alison")


def test_what_shares_the_listeners_tags_is_closer(space: TagSpace) -> None:
    profile = space.profile(pd.Series({"slowdive · alison": 1.0}))
    affinity = space.affinity(profile, pd.Index(TRACKS))
    assert affinity["slowdive · alison"] == pytest.approx(1.0)
    assert 0 < affinity["lush · ladykillers"] < 1
    assert affinity["miles davis · so what"] == 0
    assert affinity["nobody · nothing"] == 0


def test_the_profile_is_the_listeners_mix(space: TagSpace) -> None:
    profile = space.profile(pd.Series({"slowdive · alison": 3.0, "miles davis · so what": 1.0}))
    assert profile.sum() == pytest.approx(1.0)
    assert profile["shoegaze"] > profile["jazz"]


def test_shared_tags_come_with_the_one_that_brings_them_closest_first(space: TagSpace) -> None:
    profile = space.profile(pd.Series({"slowdive · alison": 1.0}))
    assert space.shared(profile, "slowdive · alison")[0] == "dream pop"
    assert space.shared(profile, "miles davis · so what") == []
    assert space.shared(profile, "nobody · nothing") == []


def test_a_listener_without_history_is_close_to_nothing(space: TagSpace) -> None:
    profile = space.profile(pd.Series(dtype=float))
    assert profile.empty
    assert (space.affinity(profile, pd.Index(TRACKS)) == 0).all()


def test_a_catalog_without_tags_is_no_error() -> None:
    bare = TagSpace.of(weighted_tags(Tags({}, {}), TRACKS))
    assert bare.profile(pd.Series({"slowdive · alison": 1.0})).empty
    assert (bare.affinity(pd.Series(dtype=float), pd.Index(TRACKS)) == 0).all()
