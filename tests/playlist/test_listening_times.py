"""Tests of times of the week that belong to an artist."""

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from smallhours.playlist.explain.listening_times import ListeningTimes, within

DUBLIN = ZoneInfo("Europe/Dublin")
SUNDAY = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)  # winter time: UTC


def plays(*rows: tuple[str, dt.datetime]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["track_key", "played_at"])
    return frame.assign(played_at=pd.to_datetime(frame["played_at"], utc=True))


def weekly(
    key: str, hour: int, day: int = 0, weeks: int = 30, each: int = 1
) -> list[tuple[str, dt.datetime]]:
    return [
        (key, SUNDAY + dt.timedelta(weeks=week, days=day, hours=hour, minutes=minute))
        for week in range(weeks)
        for minute in range(each)
    ]


EVERYTHING = [row for day in range(7) for row in weekly("others · song", 20, day)]


def test_what_is_played_on_sunday_mornings_belongs_there() -> None:
    hours = ListeningTimes(plays(*weekly("slowdive · alison", 8), *EVERYTHING), DUBLIN)
    assert hours.usual_time(["slowdive"]) == "Sunday mornings"


def test_what_is_played_like_everything_else_belongs_nowhere() -> None:
    rows = [
        *EVERYTHING,
        *weekly("ride · seagull", 20, 3)[::6],
        *weekly("ride · seagull", 20, 5)[::6],
    ]
    assert ListeningTimes(plays(*rows), DUBLIN).usual_time(["ride"]) == ""
    assert ListeningTimes(plays(*EVERYTHING), DUBLIN).usual_time(["others"]) == ""


def test_one_long_sitting_is_no_habit() -> None:
    sitting = weekly("slowdive · alison", 8, weeks=1, each=50)
    assert ListeningTimes(plays(*sitting, *EVERYTHING), DUBLIN).usual_time(["slowdive"]) == ""


def test_who_was_never_played_belongs_nowhere() -> None:
    assert ListeningTimes(plays(*EVERYTHING), DUBLIN).usual_time(["nobody"]) == ""
    assert ListeningTimes(plays(), DUBLIN).usual_time(["nobody"]) == ""


def test_after_midnight_it_is_still_the_night_before() -> None:
    hours = ListeningTimes(plays(*weekly("slowdive · alison", 25, day=-1), *EVERYTHING), DUBLIN)
    assert hours.usual_time(["slowdive"]) == "Saturday nights"


@pytest.mark.parametrize(
    ("at", "hours", "days", "inside"),
    [
        ("2026-03-01T07:00Z", (6, 11), ("sunday",), True),
        ("2026-03-02T07:00Z", (6, 11), ("sunday",), False),
        ("2026-03-01T11:00Z", (6, 11), (), False),
        ("2026-03-02T01:00Z", (22, 4), ("sunday",), True),
        ("2026-03-01T01:00Z", (22, 4), ("sunday",), False),
        ("2026-07-05T05:30Z", (6, 11), ("sunday",), True),  # summer time
    ],
)
def test_a_window_is_in_the_listeners_own_time(
    at: str, hours: tuple[int, int], days: tuple[str, ...], inside: bool
) -> None:
    moments = pd.Series(pd.to_datetime([at]))
    assert within(moments, DUBLIN, hours, days).tolist() == [inside]
