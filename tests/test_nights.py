"""Nights and time zones: every moment belongs to exactly one night."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import pytest

from smallhours.nights import Night

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
