from pathlib import Path

import pytest

from smallhours.lake.store import Lake
from smallhours.training.tags import Tags, load_tags
from tests.training.lakes import add_artist_tags, add_track_tags

ALISON = "slowdive · alison"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(f"memory://{tmp_path}")


def test_the_first_seed_saw_five_tags_of_the_track_then_ten_of_its_artist(lake: Lake) -> None:
    add_track_tags(lake, {ALISON: {f"own {at}": 100 - at for at in range(9)}})
    add_artist_tags(lake, {"slowdive": {f"artist {at:02}": 100 - at for at in range(30)}})
    tags = load_tags(lake, [ALISON]).as_first_seed(ALISON)
    assert tags == [f"own {at}" for at in range(5)] + [f"artist {at:02}" for at in range(10)]


def test_a_tag_of_both_is_listed_once(lake: Lake) -> None:
    add_track_tags(lake, {ALISON: {"shoegaze": 100}})
    add_artist_tags(lake, {"slowdive": {"shoegaze": 100, "Dream Pop": 80}})
    assert load_tags(lake, [ALISON]).as_first_seed(ALISON) == ["shoegaze", "Dream Pop"]


def test_where_both_have_a_tag_the_tracks_own_count_stands(lake: Lake) -> None:
    add_track_tags(lake, {ALISON: {"shoegaze": 40}})
    add_artist_tags(lake, {"slowdive": {"shoegaze": 100, "dreamy": 80}})
    assert load_tags(lake, [ALISON]).of(ALISON) == {"shoegaze": 40, "dreamy": 80}


def test_a_track_without_tags_has_its_artists(lake: Lake) -> None:
    add_track_tags(lake, {ALISON: {"": 0}})
    add_artist_tags(lake, {"slowdive": {"shoegaze": 100, "never": 0}})
    assert load_tags(lake, [ALISON]).of(ALISON) == {"shoegaze": 100}


def test_case_is_kept_unless_folded_and_then_the_larger_count_stands(lake: Lake) -> None:
    add_track_tags(lake, {ALISON: {"Hip-Hop": 30, "hip-hop": 70}})
    assert load_tags(lake, [ALISON]).of(ALISON) == {"Hip-Hop": 30, "hip-hop": 70}
    assert load_tags(lake, [ALISON], normalised=True).of(ALISON) == {"hip-hop": 70}


def test_nobodys_tags_are_none(lake: Lake) -> None:
    assert load_tags(lake, []).of(ALISON) == {}
    assert load_tags(lake, [ALISON]).as_first_seed(ALISON) == []


def test_of_two_spellings_of_one_name_the_stronger_stands() -> None:
    tags = Tags({ALISON: {"dream pop": 30, "Dream-Pop": 70}}, {})
    assert tags.own_named(ALISON) == {"dream pop": 70}


def test_a_name_that_the_lake_gave_goes_before_the_shipped_rules() -> None:
    tags = Tags(
        {}, {"slowdive": {"dreampop": 70, "shoe": 40}}, {"dreampop": "", "shoe": "shoegaze"}
    )
    assert tags.artist_named("slowdive") == {"shoegaze": 40}


def test_what_only_names_the_artist_or_the_title_says_nothing() -> None:
    counts = {"slowdive": 100, "slowdive alison": 90, "alison": 80, "shoegaze": 70}
    assert Tags({ALISON: counts}, {}).own_named(ALISON) == {"alison": 80, "shoegaze": 70}
