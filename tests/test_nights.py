"""Nights and time zones: every moment belongs to exactly one night."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from smallhours.errors import SettingsError
from smallhours.nights import Night, parse_date
from smallhours.settings import Settings, parse_settings

# With clocks that change at midnight, by half an hour, south of the equator, or never.
ZONES = (
    "UTC", "Europe/Dublin", "America/Halifax", "America/Santiago", "America/Havana",
    "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Auckland",
)  # fmt: skip
FIRST, DAYS = dt.date(2024, 12, 31), 3 * 365 + 1
QUARTER = dt.timedelta(minutes=15)


@pytest.mark.parametrize("name", ZONES)
def test_nights_tile_three_years(name: str) -> None:
    zone = ZoneInfo(name)
    nights = [Night.on(FIRST + dt.timedelta(days=day), zone) for day in range(DAYS)]
    changes = 0
    for before, night in itertools.pairwise(nights):
        length = night.as_of - before.as_of
        changes += length != dt.timedelta(days=1)
        # Every quarter of an hour of a day on which the clocks change, else both ends.
        steps = length // QUARTER if length != dt.timedelta(days=1) else 1
        moments = [before.as_of + step * QUARTER for step in range(steps)]
        moments.append(night.as_of - dt.timedelta(microseconds=1))
        assert {Night.at(moment, zone).date for moment in moments} == {night.date}
    assert changes == (0 if name == "UTC" else 6)


@pytest.mark.parametrize("text", ["2026-11-02", "20261102", " 2026-11-02 ", "2026-11-02T23:30"])
def test_a_date_is_read_as_iso_8601_has_it(text: str) -> None:
    assert parse_date(text) == dt.date(2026, 11, 2)


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "02.11.2026", "2026-02-30", "0001-01-01", "9999-12-31", "-1", "2026-11-02\0"],
)
def test_what_is_no_date_of_a_night_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="YYYY-MM-DD"):
        parse_date(text)


def settings_of(zone: str, today: str = "") -> Settings:
    schedule = {"today": today} if today else {}
    listeners = {"ada": {"lastfm": "ada", "timezone": zone}}
    return parse_settings({"listeners": listeners, "schedule": schedule}, origin="the test")


@pytest.mark.parametrize(
    ("zone", "today"), [("Pacific/Auckland", "2026-11-03"), ("America/Havana", "2026-11-02")]
)
def test_a_night_later_than_today_where_the_listener_lives_is_refused(
    zone: str, today: str
) -> None:
    now = dt.datetime(2026, 11, 2, 20, tzinfo=dt.UTC)
    settings = settings_of(zone)

    assert settings.chosen_night("ada", today, now) == settings.night("ada", today)
    later = str(dt.date.fromisoformat(today) + dt.timedelta(days=1))
    for refused in (later, "2031-01-01"):
        with pytest.raises(SettingsError, match=f"Choose {today} or an earlier night"):
            settings.chosen_night("ada", refused, now)


def test_a_sandbox_has_a_date_of_its_own() -> None:
    settings = settings_of("UTC", today="2027-01-05")
    now = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)

    assert settings.tonight("ada", now).date == dt.date(2027, 1, 5)
    assert settings.chosen_night("ada", "2027-01-05", now).date == dt.date(2027, 1, 5)
