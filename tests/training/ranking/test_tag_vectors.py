"""Tag vectors, and closeness by tags."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import Tags, weighted_tags

TAGS = Tags(
    own={
        "slowdive · alison": {"shoegaze": 100, "dream pop": 80, "seen live": 60},
        "ride · vapour trail": {"Shoegaze": 100, "shoegaze": 40, "ride": 20},
        "miles davis · so what": {"jazz": 100},
    },
    artist={"lush": {"shoegaze": 100}, "slowdive": {"ambient": 100}},
)
SOME_TRACKS = [f"{artist} · song {number}" for artist in "cab" for number in (2, 1, 3)]
COUNTS = st.dictionaries(
    st.sampled_from(["shoegaze", "Shoegaze", "seen live", "a", "song 1", "dub", "jazz"]),
    st.integers(0, 100),
    max_size=5,
)
TRACKS = [*TAGS.own, "lush · ladykillers", "nobody · nothing"]


@pytest.fixture
def space() -> TagVectors:
    return TagVectors.of_weights(weighted_tags(TAGS, TRACKS))


@given(
    own=st.dictionaries(st.sampled_from(SOME_TRACKS), COUNTS, max_size=8),
    artist=st.dictionaries(st.sampled_from("abc"), COUNTS, max_size=3),
)
def test_built_at_once_the_vectors_are_the_same_to_the_last_bit(
    own: dict[str, dict[str, int]], artist: dict[str, dict[str, int]]
) -> None:
    tags = Tags(own, artist)
    slow = TagVectors.of_weights(weighted_tags(tags, sorted(SOME_TRACKS)))
    fast = TagVectors.of(tags, SOME_TRACKS)
    assert list(fast.tracks) == list(slow.tracks)
    assert list(fast.tags) == list(slow.tags)
    assert fast.rarity.tolist() == slow.rarity.tolist()
    for one, other in (
        (fast.vectors.data, slow.vectors.data),
        (fast.vectors.indices, slow.vectors.indices),
        (fast.vectors.indptr, slow.vectors.indptr),
    ):
        assert one.tolist() == other.tolist()


def test_the_profile_is_the_listeners_mix(space: TagVectors) -> None:
    profile = space.profile(pd.Series({"slowdive · alison": 3.0, "miles davis · so what": 1.0}))
    assert profile.sum() == pytest.approx(1.0)
    assert profile["shoegaze"] > profile["jazz"]


def test_shared_tags_come_with_the_one_that_brings_them_closest_first(space: TagVectors) -> None:
    profile = space.profile(pd.Series({"slowdive · alison": 1.0}))
    assert space.shared(profile, "slowdive · alison")[0] == "dream pop"
    assert space.shared(profile, "miles davis · so what") == []
    assert space.shared(profile, "nobody · nothing") == []


def test_a_listener_without_history_has_no_profile(space: TagVectors) -> None:
    assert space.profile(pd.Series(dtype=float)).empty


def test_a_catalog_without_tags_is_no_error() -> None:
    bare = TagVectors.of_weights(weighted_tags(Tags({}, {}), TRACKS))
    assert bare.profile(pd.Series({"slowdive · alison": 1.0})).empty
