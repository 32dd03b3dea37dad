"""Tests of the intents `forgotten` and `deep_cuts`."""

import pandas as pd
import pytest

from smallhours.playlist.intents.listening import deep_cuts, forgotten
from smallhours.playlist_settings import ForgottenIntent
from tests.playlist.intents.scenes import Play, at, context

FAVOURITE, LIKED, ONCE = "slowdive · alison", "ride · dagger", "lush · breeze"
FORGOTTEN = ForgottenIntent(kind="forgotten", least_plays=5)


def often(key: str, count: int, day: str = "2024-05-04") -> list[Play]:
    return [(key, at(day, hour % 24)) for hour in range(count)]


def test_what_was_played_much_fits_best_and_what_was_played_little_does_not_serve() -> None:
    plays = [*often(FAVOURITE, 20), *often(LIKED, 6), *often(ONCE, 1)]
    purpose = forgotten(FORGOTTEN, context([FAVOURITE, LIKED, ONCE], plays=plays))
    assert purpose.fits[FAVOURITE] > purpose.fits[LIKED] > purpose.fits[ONCE]
    assert purpose.why_not[[FAVOURITE, LIKED]].tolist() == ["", ""]
    assert purpose.why_not[ONCE] == "played less than 5 times"


def test_of_two_played_alike_the_saved_one_fits_better() -> None:
    plays = [*often(FAVOURITE, 6), *often(LIKED, 6)]
    purpose = forgotten(FORGOTTEN, context([FAVOURITE, LIKED], plays=plays, saved=[LIKED]))
    assert purpose.fits[LIKED] > purpose.fits[FAVOURITE]


def test_what_was_never_played_is_no_favourite() -> None:
    purpose = forgotten(FORGOTTEN, context(["new · song"], plays=often(FAVOURITE, 9)))
    assert purpose.why_not["new · song"] == "played less than 5 times"


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        ("2014-05-04", "2019-03-09", "2 plays from 2014 to March 2019, and none since"),
        ("2019-01-04", "2019-03-09", "2 plays up to March 2019, and none since"),
        ("2019-03-04", "2019-03-09", "2 plays in March 2019, and none since"),
    ],
)
def test_it_says_when_it_was_played(first: str, last: str, text: str) -> None:
    plays = [(FAVOURITE, at(first)), (FAVOURITE, at(last))]
    purpose = forgotten(FORGOTTEN, context([FAVOURITE], plays=plays))
    assert purpose.intent_evidence(pd.Index([FAVOURITE]))[FAVOURITE].text == text


def test_its_months_are_the_listeners_own() -> None:
    plays = [(FAVOURITE, at("2014-05-04")), (FAVOURITE, at("2018-06-30", 23))]  # July in Dublin
    purpose = forgotten(FORGOTTEN, context([FAVOURITE], plays=plays))
    text = purpose.intent_evidence(pd.Index([FAVOURITE]))[FAVOURITE].text
    assert text == "2 plays from 2014 to July 2018, and none since"


def of_slowdive(place: int) -> str:
    return f"slowdive · song {place}"


TOP_TRACKS = [(of_slowdive(i), "known_artist", "slowdive", 0.9 / i) for i in range(1, 7)]
SONGS = [of_slowdive(i) for i in range(1, 7)]


def test_a_deep_cut_is_not_among_the_artists_three_best_known() -> None:
    purpose = deep_cuts(context(SONGS, plays=often(FAVOURITE, 12), votes=TOP_TRACKS))
    assert purpose.why_not[SONGS[:3]].eq("one of the artist's best known").all()
    assert purpose.why_not[SONGS[3:]].eq("").all()


def test_the_deeper_the_cut_the_better_it_fits() -> None:
    fits = deep_cuts(context(SONGS, plays=often(FAVOURITE, 12), votes=TOP_TRACKS)).fits
    assert fits[SONGS].is_monotonic_increasing
    assert fits[SONGS[-1]] == 1.0


def test_a_deep_cut_is_by_an_artist_who_is_played_much() -> None:
    votes = [*TOP_TRACKS, *[(f"ride · {i}", "known_artist", "ride", 0.9 / i) for i in range(1, 6)]]
    plays = [*often(FAVOURITE, 12), *often(LIKED, 9)]
    purpose = deep_cuts(context([*SONGS, "ride · 5"], plays=plays, votes=votes))
    assert purpose.why_not["ride · 5"] == "not by an artist that you play much"
    assert purpose.why_not[SONGS[4]] == ""


def test_where_nobody_says_how_well_a_track_is_known_it_is_no_deep_cut() -> None:
    votes = [(SONGS[0], "similar_track", FAVOURITE, 0.9)]
    purpose = deep_cuts(context(SONGS[:1], plays=often(FAVOURITE, 12), votes=votes))
    assert purpose.why_not[SONGS[0]] == "how well it is known is not known"


def test_it_says_whose_deep_cut_it_is() -> None:
    purpose = deep_cuts(context(SONGS, plays=often(FAVOURITE, 12), votes=TOP_TRACKS))
    assert purpose.intent_evidence(pd.Index([SONGS[4], "nobody · known"])).keys() == {SONGS[4]}
    assert purpose.intent_evidence(pd.Index([SONGS[4]]))[SONGS[4]].text == (
        "not among the best known of Slowdive (12 plays)"
    )


def test_without_any_plays_nothing_is_a_deep_cut() -> None:
    purpose = deep_cuts(context(SONGS, votes=TOP_TRACKS))
    assert (purpose.why_not == "not by an artist that you play much").all()
