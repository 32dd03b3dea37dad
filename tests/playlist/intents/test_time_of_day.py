"""Tests of the intent `time_of_day`."""

import pandas as pd
import pytest

from smallhours.playlist.intents.listening import time_of_day, window_in_words
from smallhours.playlist_settings import TimeOfDayIntent
from tests.playlist.intents.scenes import Play, at, context

EVENING = TimeOfDayIntent(kind="time_of_day", hours=(20, 24))
DRONE, TECHNO = "low · drone", "model · techno"
LIKE_DRONE, LIKE_TECHNO = "hum · quiet", "beat · loud"
TRACKS = [LIKE_DRONE, LIKE_TECHNO]
TAGS = {
    DRONE: {"drone": 100},
    LIKE_DRONE: {"drone": 100},
    TECHNO: {"techno": 100},
    LIKE_TECHNO: {"techno": 100},
}
VOTES = [
    (LIKE_DRONE, "similar_track", DRONE, 0.8),
    (LIKE_TECHNO, "similar_track", TECHNO, 0.8),
]


def days(evenings: int) -> list[Play]:
    """Return plays of drone on some evenings, and of techno at noon on the same days."""
    dates = [f"2026-10-{day:02}" for day in range(1, evenings + 1)]
    return [
        *[(DRONE, at(date, 21)) for date in dates],
        *[(TECHNO, at(date, 12)) for date in dates],
    ]


def test_what_the_plays_at_these_hours_lead_to_fits_best() -> None:
    purpose = time_of_day(EVENING, context(TRACKS, plays=days(25), votes=VOTES, tags=TAGS))
    assert purpose.fits[LIKE_DRONE] > purpose.fits[LIKE_TECHNO]
    assert (purpose.why_not == "").all()


def test_tags_alone_make_no_track_fit() -> None:
    votes = [
        (LIKE_DRONE, "similar_track", TECHNO, 0.8),
        (LIKE_TECHNO, "similar_track", DRONE, 0.8),
    ]
    purpose = time_of_day(EVENING, context(TRACKS, plays=days(25), votes=votes, tags=TAGS))
    assert purpose.fits[LIKE_TECHNO] > purpose.fits[LIKE_DRONE]


def test_a_known_track_fits_by_its_own_plays_at_these_hours_and_recent_ones_count_more() -> None:
    old, rare = "ash · old", "elm · rare"
    plays = [
        *days(25),
        *[(old, at(f"2025-06-{day:02}", 21)) for day in range(1, 26)],
        (rare, at("2026-10-20", 21)),
    ]
    known = [DRONE, TECHNO, old, rare]
    fits = time_of_day(EVENING, context(known, plays=plays, votes=VOTES, tags=TAGS)).fits
    assert fits[DRONE] == 1.0
    assert fits[DRONE] > fits[old] > fits[rare] > fits[TECHNO] == 0.0


def test_the_lists_mix_follows_the_plays_at_these_hours() -> None:
    mix = time_of_day(EVENING, context(TRACKS, plays=days(25), votes=VOTES, tags=TAGS)).mix
    assert mix is not None
    assert list(mix.index) == [DRONE]


def test_it_names_what_is_played_then_and_how_often() -> None:
    purpose = time_of_day(EVENING, context(TRACKS, plays=days(25), votes=VOTES, tags=TAGS))
    intent_evidence = purpose.intent_evidence(pd.Index(TRACKS))
    assert intent_evidence[LIKE_DRONE].text == (
        "you play Low – Drone between 20:00 and 24:00 (25 of 25 plays)"
    )
    assert LIKE_TECHNO not in intent_evidence


def test_few_plays_at_these_hours_make_no_list_and_say_so() -> None:
    purpose = time_of_day(EVENING, context(TRACKS, plays=days(19), votes=VOTES, tags=TAGS))
    assert (purpose.why_not == "too few plays at these hours").all()
    assert purpose.missing_data == "plays at these hours: 19 so far, 20 are needed"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"hours": (6, 11)}, "between 6:00 and 11:00"),
        (
            {"hours": (22, 4), "days": ("friday", "saturday")},
            "on Fridays and Saturdays between 22:00 and 4:00",
        ),
    ],
)
def test_the_window_in_words(wanted: dict[str, object], words: str) -> None:
    intent = TimeOfDayIntent.model_validate({"kind": "time_of_day", **wanted})
    assert window_in_words(intent) == words
