"""Tests of the intent `tags`."""

import pandas as pd
import pytest

from smallhours.playlist.intents.of_tags import of_tags
from smallhours.wishes import OfTags
from tests.playlist.intents.scenes import scene

PURE, PARTLY, OTHER, BARE = "low · pure", "ride · partly", "miles · other", "nobody · bare"
TAGS = {
    PURE: {"shoegaze": 100},
    PARTLY: {"shoegaze": 30, "dream pop": 100, "slowcore": 10},
    OTHER: {"jazz": 100},
}
TRACKS = [PURE, PARTLY, OTHER, BARE]
SHOEGAZE = OfTags(kind="tags", tags=("Shoegaze",))


def test_what_has_none_of_the_tags_does_not_serve() -> None:
    why = of_tags(SHOEGAZE, scene(TRACKS, tags=TAGS)).why_not
    assert why[TRACKS].tolist() == ["", "", "none of these tags", "none of these tags"]


def test_the_more_of_it_a_track_is_the_better_it_fits() -> None:
    fits = of_tags(SHOEGAZE, scene(TRACKS, tags=TAGS)).fits
    assert fits[PURE] > fits[PARTLY] > fits[OTHER]


@pytest.mark.parametrize("written", ["SHOEGAZE", "shoe-gaze", "shoegaze"])
def test_a_tag_is_meant_however_it_is_written(written: str) -> None:
    wanted = OfTags(kind="tags", tags=(written, "shoegaze"))
    why = of_tags(wanted, scene(TRACKS, tags=TAGS)).why_not
    assert why[PURE] == ""


def test_it_says_which_of_the_tags_a_track_has_the_strongest_first() -> None:
    wanted = OfTags(kind="tags", tags=("shoegaze", "dream pop"))
    special = of_tags(wanted, scene(TRACKS, tags=TAGS)).special(pd.Index(TRACKS))
    assert special[PARTLY].text == "tagged dream pop and shoegaze"
    assert special[PURE].text == "tagged shoegaze"
    assert special.keys() == {PURE, PARTLY}


def test_a_tag_that_no_track_has_is_said_to_be_lacking() -> None:
    wanted = OfTags(kind="tags", tags=("shoegaze", "zydeco"))
    purpose = of_tags(wanted, scene(TRACKS, tags=TAGS))
    assert purpose.lacking == "tracks tagged zydeco"
    assert purpose.why_not[PURE] == ""


def test_where_no_tag_is_known_nothing_serves() -> None:
    purpose = of_tags(SHOEGAZE, scene(TRACKS))
    assert (purpose.why_not == "none of these tags").all()
