"""When the nights start: cron expressions, their time zone, and the next start in words."""

import datetime as dt
from typing import Any

import pytest

from smallhours.errors import SettingsError
from smallhours.schedule import ScheduleSettings
from smallhours.settings import Settings, parse_settings


def settings(*zones: str, **schedule: Any) -> Settings:
    """Settings with a listener in each of some time zones."""
    listeners = {
        f"listener-{number}": {"lastfm_user": "ada", "timezone": zone}
        for number, zone in enumerate(zones or ["Europe/Dublin"])
    }
    content: dict[str, Any] = {"listeners": listeners}
    if schedule:
        content["schedule"] = schedule
    return parse_settings(content, origin="smallhours.toml")


@pytest.mark.parametrize("key", ["cron", "poll_cron"])
@pytest.mark.parametrize(
    "expression",
    [
        "every night",
        "",
        "30 3 * *",
        "0 30 3 * * *",
        "99 3 * * *",
        "@once",
        "R R * * *",
        "H H * * *",
    ],
)
def test_what_is_no_cron_expression_is_an_error_that_says_how_to_write_one(
    key: str, expression: str
) -> None:
    with pytest.raises(SettingsError, match=rf"`schedule\.{key}`: .* five fields"):
        settings(**{key: expression})


def test_a_date_that_never_comes_is_an_error() -> None:
    with pytest.raises(SettingsError, match="never comes"):
        settings(cron="0 3 30 2 *")


@pytest.mark.parametrize("expression", ["30 3 * * *", "@daily", "*/5 1-4 * jan,feb mon-fri"])
def test_cron_expressions_are_taken_as_they_are(expression: str) -> None:
    assert settings(cron=expression).schedule.cron == expression


def test_an_hour_of_the_day_is_taken_and_one_that_there_is_not_is_refused() -> None:
    assert settings(cron="04:05").schedule.cron == "5 4 * * *"
    for hour in ("25:00", "24:00", "3:60"):
        with pytest.raises(SettingsError, match=f"'{hour}' is no hour .* from 00:00 to 23:59"):
            settings(cron=hour)


def test_the_schedule_is_in_the_first_listeners_time_zone() -> None:
    assert settings("Asia/Tokyo", "Europe/Dublin").schedule.timezone == "Asia/Tokyo"
    assert settings("Asia/Tokyo", cron="5 2 * * *").schedule.timezone == "Asia/Tokyo"
    assert settings("Asia/Tokyo", timezone="UTC").schedule.timezone == "UTC"


def test_a_wrong_time_zone_is_named_once() -> None:
    with pytest.raises(SettingsError) as caught:
        settings("Europe/Dubln")

    assert str(caught.value).count("is not a time zone name") == 1
    assert "did you mean 'Europe/Dublin'" in caught.value.what


@pytest.mark.parametrize(
    ("now", "starts"),
    [
        ("2026-11-29T20:00+00:00", "Monday, 30 November 2026 at 03:30 (Europe/Dublin)"),
        ("2026-11-30T03:30+00:00", "Tuesday, 1 December 2026 at 03:30 (Europe/Dublin)"),
        # Clocks go back at 02:00 on 25 October: the wall clock decides.
        ("2026-10-24T12:00+00:00", "Sunday, 25 October 2026 at 03:30 (Europe/Dublin)"),
    ],
)
def test_the_next_night_is_said_with_its_date_and_hour(now: str, starts: str) -> None:
    schedule = ScheduleSettings(timezone="Europe/Dublin")

    assert schedule.describe_next_night(dt.datetime.fromisoformat(now)) == starts


def test_a_start_in_an_hour_that_the_clocks_skip_comes_an_hour_later() -> None:
    schedule = ScheduleSettings(cron="30 1 * * *", timezone="Europe/Dublin")
    before = dt.datetime(2027, 3, 27, 12, tzinfo=dt.UTC)

    start = schedule.next_start(schedule.cron, before)

    assert start.isoformat() == "2027-03-28T02:30:00+01:00"
