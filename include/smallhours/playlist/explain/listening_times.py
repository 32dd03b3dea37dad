"""Times of the week at which a listener plays some artists more than the rest of their music.

A time is only named where the excess is more than chance. Plays come in sessions, so one session
counts once: the unit is a quarter of a day (a sitting) in which something was played, not a play.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtrc

from smallhours.identity import artist_key_in

# Six hours each, from six in the morning: plays after midnight belong to the day before.
PARTS = ("morning", "afternoon", "evening", "night")
DAY_BEGINS = pd.Timedelta(hours=6)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# One-sided binomial test with Bonferroni correction over all times. Of an artist's 12 sittings 6
# were Sunday mornings, as are 10 % of all sittings: the lift is 6/12 / 0.1 = 5, and six or more
# of 12 by chance have a probability of 0.00054, below 0.05 / 40 times = 0.00125.
SIGNIFICANCE = 0.05
MIN_SITTINGS = 5
MIN_LIFT = 1.5

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeeklyTime:
    """A recurring time of the week.

    Attributes:
        name: In the plural, as it follows "your": `Sunday mornings`.
        days: 0 is Monday.
        part: Place in PARTS.
    """

    name: str
    days: frozenset[int]
    part: int


def _weekly_times() -> tuple[WeeklyTime, ...]:
    every = [("", range(7)), ("weekday ", range(5)), ("weekend ", range(5, 7))]
    every += [(f"{day} ", range(place, place + 1)) for place, day in enumerate(DAYS)]
    return tuple(
        WeeklyTime(f"{name}{part}s", frozenset(days), place)
        for name, days in every
        for place, part in enumerate(PARTS)
    )


WEEKLY_TIMES = _weekly_times()


class ListeningTimes:
    """The times of the week at which a listener plays each artist.

    Args:
        plays: `played_at` (UTC) and `track_key`.
        zone: The listener's time zone.
    """

    def __init__(self, plays: pd.DataFrame, zone: ZoneInfo) -> None:
        sittings = _sittings(plays["played_at"], zone)
        codes, tracks = pd.factorize(plays["track_key"])
        owners = np.array([artist_key_in(key) for key in tracks], dtype=object)
        pairs = pd.DataFrame({"artist": owners[codes], "sitting": sittings}).drop_duplicates()
        self._by_artist = {
            artist: np.asarray(found, dtype=np.int64)
            for artist, found in pairs.groupby("artist")["sitting"]
        }
        everything = np.unique(sittings)
        self._rates = [_share(everything, time) for time in WEEKLY_TIMES]

    def usual_time(self, artists: Iterable[str]) -> str:
        """Return the time of the week at which the listener plays some artists most above average.

        Args:
            artists: Artist keys.

        Returns:
            Its name, of several the one with the largest excess; empty where there is none.
        """
        found = [self._by_artist[each] for each in set(artists) if each in self._by_artist]
        if not found:
            return ""
        sittings = np.unique(np.concatenate(found))
        best, name = MIN_LIFT, ""
        for time, rate in zip(WEEKLY_TIMES, self._rates, strict=True):
            times = int(_within(sittings, time).sum())
            if times < MIN_SITTINGS or rate in (0.0, 1.0):
                continue
            lift = times / len(sittings) / rate
            # Of several as good, the last is the narrowest.
            if lift >= best and bdtrc(times - 1, len(sittings), rate) < SIGNIFICANCE / len(
                WEEKLY_TIMES
            ):
                best, name = lift, time.name
        return name


def within(
    moments: pd.Series, zone: ZoneInfo, hours: tuple[int, int], days: Sequence[str]
) -> "pd.Series[bool]":
    """Return which moments fall into certain hours of certain days.

    With the hours 22 to 4 on `friday`, Friday 23:00 and Saturday 03:00 are inside, Friday 03:00 is
    not.

    Args:
        moments: UTC.
        zone: The time zone of the hours.
        hours: From and until; past midnight when the first is not below the second. The hours
            after midnight belong to the day before.
        days: `monday` to `sunday`; none means all.
    """
    local = moments.dt.tz_convert(zone)
    start, end = hours
    hour = local.dt.hour
    weekday = local.dt.day_of_week
    if start < end:
        inside = (hour >= start) & (hour < end)
    else:
        inside = (hour >= start) | (hour < end)
        weekday = (weekday - (hour < end)) % 7
    if days:
        wanted = [place for place, day in enumerate(DAYS) if day.lower() in days]
        inside &= weekday.isin(wanted)
    found: pd.Series[bool] = inside.astype(bool)
    return found


def _sittings(moments: pd.Series, zone: ZoneInfo) -> Ints:
    """Return the sitting of each moment: a number of quarters of a day since 1970-01-01, 06:00.

    One number holds two facts, day and quarter: `4 * day + quarter`. 1970-01-02, 02:00 (local) is
    still the first day's night: 4 * 0 + 3 = 3. `_within` takes it apart again: day 3 // 4 = 0, a
    Thursday ((0 + 3) % 7 = 3), and quarter 3 % 4 = 3, the night.
    """
    local = moments.dt.tz_convert(zone).dt.tz_localize(None) - DAY_BEGINS
    days = local.dt.floor("D").astype("datetime64[s]").astype("int64") // 86_400
    found: Ints = (days * 4 + local.dt.hour // 6).to_numpy(dtype=np.int64)
    return found


def _within(sittings: Ints, time: WeeklyTime) -> npt.NDArray[np.bool_]:
    day = (sittings // 4 + 3) % 7
    return np.asarray((sittings % 4 == time.part) & np.isin(day, sorted(time.days)))


def _share(sittings: Ints, time: WeeklyTime) -> float:
    return float(_within(sittings, time).mean()) if len(sittings) else 0.0
