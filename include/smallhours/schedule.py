"""When the nightly run and the hourly poll start: the settings' section `[schedule]`."""

import re
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

from smallhours.playlist_settings import SettingsSection


@cache
def timezones() -> frozenset[str]:
    """Return the names of all time zones; looking them up reads the whole of the zone database."""
    return frozenset(available_timezones())


def _known_timezone(name: str) -> str:
    import difflib

    if name not in timezones():
        near = difflib.get_close_matches(name, timezones(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"{name!r} is not a time zone name{hint}")
    return name


_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def _valid_cron(text: str) -> str:
    """Return cron fields, also for an hour of the day: `30 3 * * *` for `03:30`."""
    from croniter import CroniterBadDateError, croniter

    if clock := _CLOCK.fullmatch(text):
        hour, minute = map(int, clock.groups())
        if hour > 23 or minute > 59:
            raise ValueError(f"{text!r} is no hour of the day; write one from 00:00 to 23:59")
        return f"{minute} {hour} * * *"
    fields = text.split()
    # croniter also takes seconds, and `R` and `H` for a time of its own choosing.
    plain = len(fields) == 5 and not any(field[0] in "rRhH" for field in fields)
    if not (plain or text.startswith("@")) or not croniter.is_valid(text):
        raise ValueError(
            f'{text!r} is not a cron expression; write an hour of the day, such as "03:30", or '
            'five fields: minute, hour, day, month, weekday, such as "30 3 * * *"'
        )
    try:
        croniter(text).get_next()
    except CroniterBadDateError:
        raise ValueError(f"{text!r} names a date that never comes") from None
    return text


Timezone = Annotated[str, AfterValidator(_known_timezone)]
Cron = Annotated[str, AfterValidator(_valid_cron)]


class ScheduleSettings(SettingsSection):
    """When the nightly run starts, for all listeners."""

    cron: Cron = Field(
        "30 3 * * *",
        description="When the night starts: an hour such as 03:30, or five cron fields.",
    )
    timezone: Timezone = Field(
        "UTC",
        description="The time zone of the cron fields; left out: the first listener's.",
        json_schema_extra={"default": None},  # UTC holds only where there is no listener yet
    )
    poll_cron: Cron = Field(
        "15 * * * *", description="When Spotify is asked for the last 50 plays."
    )
    today: date | None = Field(
        None,
        description="The date to take for today's: only for a sandbox, which has its own clock.",
    )

    def next_start(self, cron: str, now: datetime) -> datetime:
        """Return the next time after a moment that a cron expression names, in the schedule's zone.

        Worked out as Airflow's cron timetable does, on the wall clock: a start in an hour that
        the clocks skip in spring comes an hour later.
        """
        from croniter import croniter

        zone = ZoneInfo(self.timezone)
        wall = now.astimezone(zone).replace(tzinfo=None)
        start: datetime = croniter(cron, start_time=wall).get_next(datetime)
        return start.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)

    def describe_next_night(self, now: datetime) -> str:
        """Return when the nightly run starts next: `Monday, 30 November 2026 at 03:30 (UTC)`."""
        start = self.next_start(self.cron, now)
        return f"{start:%A}, {start.day} {start:%B %Y} at {start:%H:%M} ({self.timezone})"
