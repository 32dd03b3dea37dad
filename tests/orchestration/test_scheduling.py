"""When the nightly run starts: at the hour, and once for all that were missed."""

import datetime as dt
from typing import Any

import pytest

from smallhours.orchestration.scheduling import NightlyTimetable, NightMapper, settings_changed_at
from tests.airflow_home import AirflowInstall

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)


def next_start(timetable: NightlyTimetable, *, last: dt.datetime | None = None) -> dt.datetime:
    """Return the start that Airflow would note, with the last run that it made."""
    from airflow.sdk.timezone import coerce_datetime
    from airflow.timetables.base import DataInterval, TimeRestriction

    interval = None if last is None else DataInterval.exact(coerce_datetime(last))
    found = timetable.next_dagrun_info(
        last_automated_data_interval=interval,
        restriction=TimeRestriction(earliest=None, latest=None, catchup=False),
    )
    assert found is not None
    return found.run_after


def daily(when: dt.datetime, **options: Any) -> NightlyTimetable:
    """A timetable of every day at the hour and minute of a moment."""
    return NightlyTimetable(f"{when.minute} {when.hour} * * *", timezone="UTC", **options)


def at_its_minute(moment: dt.datetime) -> dt.datetime:
    return moment.replace(second=0, microsecond=0)


def test_a_new_installation_waits_for_its_hour() -> None:
    hour = NOW - 2 * HOUR

    assert next_start(daily(hour, since=NOW)) == at_its_minute(hour + DAY)


def test_a_first_night_that_the_machine_slept_through_is_made_up_for() -> None:
    hour = NOW - 2 * HOUR

    assert next_start(daily(hour, since=NOW - 5 * HOUR)) == at_its_minute(hour)


def test_after_a_week_off_only_the_newest_night_is_due() -> None:
    hour = NOW - 2 * HOUR

    assert next_start(daily(hour), last=at_its_minute(hour - 7 * DAY)) == at_its_minute(hour)
    assert next_start(daily(hour), last=at_its_minute(hour)) == at_its_minute(hour + DAY)


@pytest.mark.parametrize("since", [None, dt.datetime(2026, 11, 29, 20, tzinfo=dt.UTC)])
def test_it_survives_the_way_to_the_scheduler(since: dt.datetime | None) -> None:
    before = NightlyTimetable("30 3 * * *", timezone="Asia/Tokyo", since=since)

    after = NightlyTimetable.deserialize(before.serialize())

    assert after == before
    assert after.serialize() == before.serialize()
    assert after.partitioned_at_runtime


def test_starts_count_from_when_the_settings_were_written(airflow_install: AirflowInstall) -> None:
    written = settings_changed_at()
    assert written is not None
    assert dt.datetime.now(dt.UTC) - written < HOUR

    airflow_install.settings.unlink()
    assert settings_changed_at() is None


def test_a_run_that_assets_start_is_dated_by_its_night() -> None:
    mapper = NightMapper()

    assert mapper.to_downstream("ada@2026-11-04") == "ada@2026-11-04"
    assert mapper.to_partition_date("ada@2026-11-04") == dt.datetime(2026, 11, 4, tzinfo=dt.UTC)
    assert mapper.to_partition_date("somebody else's key") is None
    assert mapper.to_partition_date("ada@tonight") is None


def test_events_of_one_key_never_differ_in_their_date() -> None:
    assert NightMapper().carry_partition_date(NOW) is None  # type: ignore[func-returns-value]
