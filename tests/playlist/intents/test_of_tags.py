"""Tests of the intent `tags`."""

import pandas as pd
import pytest

from smallhours.playlist.intents.tags_and_sound import tagged
from smallhours.playlist_settings import TagsIntent
from tests.playlist.intents.scenes import context

PURE, PARTLY, OTHER, BARE = "low · pure", "ride · partly", "miles · other", "nobody · bare"
TAGS = {
    PURE: {"shoegaze": 100},
    PARTLY: {"shoegaze": 30, "dream pop": 100, "slowcore": 10},
    OTHER: {"jazz": 100},
}
TRACKS = [PURE, PARTLY, OTHER, BARE]
SHOEGAZE = TagsIntent(kind="tags", tags=("Shoegaze",))


def test_what_has_none_of_the_tags_does_not_serve() -> None:
    why = tagged(SHOEGAZE, context(TRACKS, tags=TAGS)).why_not
    assert why[TRACKS].tolist() == ["", "", "none of these tags", "none of these tags"]


def test_the_more_of_it_a_track_is_the_better_it_fits() -> None:
    fits = tagged(SHOEGAZE, context(TRACKS, tags=TAGS)).fits
    assert fits[PURE] > fits[PARTLY] > fits[OTHER]


@pytest.mark.parametrize("written", ["SHOEGAZE", "shoe-gaze", "shoegaze"])
def test_a_tag_is_meant_however_it_is_written(written: str) -> None:
    wanted = TagsIntent(kind="tags", tags=(written, "shoegaze"))
    why = tagged(wanted, context(TRACKS, tags=TAGS)).why_not
    assert why[PURE] == ""


def test_it_says_which_of_the_tags_a_track_has_the_strongest_first() -> None:
    wanted = TagsIntent(kind="tags", tags=("shoegaze", "dream pop"))
    intent_evidence = tagged(wanted, context(TRACKS, tags=TAGS)).intent_evidence(pd.Index(TRACKS))
    assert intent_evidence[PARTLY].text == "tagged dream pop and shoegaze"
    assert intent_evidence[PURE].text == "tagged shoegaze"
    assert intent_evidence.keys() == {PURE, PARTLY}


def test_a_tag_that_no_track_has_is_said_to_be_lacking() -> None:
    wanted = TagsIntent(kind="tags", tags=("shoegaze", "zydeco"))
    purpose = tagged(wanted, context(TRACKS, tags=TAGS))
    assert purpose.missing_data == "tracks tagged zydeco"
    assert purpose.why_not[PURE] == ""


def test_where_no_tag_is_known_nothing_serves() -> None:
    purpose = tagged(SHOEGAZE, context(TRACKS))
    assert (purpose.why_not == "none of these tags").all()
