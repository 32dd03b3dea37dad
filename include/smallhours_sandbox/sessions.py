"""Generation of listening sessions: start, length and manner."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from smallhours_sandbox.ragged import Doubles, Ints, Longs
from smallhours_sandbox.tastes import Profile, strength_over_time

DAY = 86_400
MONTH = 30 * DAY
MIXED, ONE_ARTIST, ALBUM = 0, 1, 2
_MANNER_SHARE = (0.55, 0.15, 0.3)
_MEAN_SESSION = 10.0
_MAX_SESSION_PLAYS = 60
# In the last days before the sandbox's present the listener is active: no holiday, a session at
# least every other day.
_PRESENT_DAYS = 21


@dataclass(slots=True)
class Sessions:
    """Listening sessions, in the order they begin.

    Attributes:
        start: int64 unix seconds UTC.
        length: int32, number of plays.
        cluster: int32, the side of the taste that dominates.
        manner: `MIXED`, `ONE_ARTIST` or `ALBUM`.
        month: int32, counted from the history's beginning.
    """

    start: Longs
    length: Ints
    cluster: Ints
    manner: Ints
    month: Ints


def draw_sessions(
    rng: np.random.Generator, profile: Profile, wanted: float, begins: datetime, ends: datetime
) -> Sessions:
    """Draw the start of sessions by weekday, hour, holidays, and busy and quiet years."""
    zone = ZoneInfo(profile.timezone)
    first = begins.astimezone(zone).date()
    n_days = (ends.astimezone(zone).date() - first).days + 1
    midnights = np.empty(n_days, dtype=np.int64)
    weekend = np.empty(n_days, dtype=np.bool_)
    for number in range(n_days):
        date = first + timedelta(days=number)
        midnight = datetime(date.year, date.month, date.day, tzinfo=zone)
        midnights[number] = int(midnight.astimezone(UTC).timestamp())
        weekend[number] = date.weekday() >= 5
    rate = np.where(weekend, 1.3, 1.0) * _yearly(rng, n_days) * _absence(rng, n_days)
    rate *= np.exp(0.35 * rng.standard_normal(n_days))
    rate *= wanted / _MEAN_SESSION / max(rate.sum(), 1e-9)
    rate[-_PRESENT_DAYS:] = np.maximum(rate[-_PRESENT_DAYS:], 0.5)
    day = np.repeat(np.arange(n_days), rng.poisson(rate))
    count = len(day)
    hour = np.empty(count, dtype=np.int64)
    for hours, mask in (
        (profile.weekday_hours, ~weekend[day]),
        (profile.weekend_hours, weekend[day]),
    ):
        weight = np.asarray(hours, dtype=np.float64)
        hour[mask] = rng.choice(24, int(mask.sum()), p=weight / weight.sum())
    start = midnights[day] + hour * 3_600 + rng.integers(0, 3_600, count)
    inside = start >= begins.timestamp()
    start, day = start[inside], day[inside]
    order = np.argsort(start, kind="stable")
    start = start[order]
    length = np.minimum(rng.geometric(1 / _MEAN_SESSION, len(start)), _MAX_SESSION_PLAYS)
    month = (start - int(begins.timestamp())) // MONTH
    position = np.arange(int(month.max(initial=0)) + 1) / max(1, n_days * DAY / MONTH)
    shares = np.cumsum(strength_over_time(profile, position), axis=1)[month]
    cluster = (shares < rng.random((len(start), 1))).sum(axis=1)
    manner = rng.choice(3, len(start), p=_MANNER_SHARE)
    return Sessions(
        start=start,
        length=length.astype(np.int32),
        cluster=np.minimum(cluster, len(profile.clusters) - 1).astype(np.int32),
        manner=manner.astype(np.int32),
        month=month.astype(np.int32),
    )


def _yearly(rng: np.random.Generator, n_days: int) -> Doubles:
    knots = np.arange(0, n_days + 365, 182)
    smooth: Doubles = np.exp(
        np.interp(np.arange(n_days), knots, 0.4 * rng.standard_normal(len(knots)))
    )
    return smooth


def _absence(rng: np.random.Generator, n_days: int) -> Doubles:
    """Return 0 on holidays and in longer breaks, else 1: about three breaks a year."""
    present = np.ones(n_days)
    for _ in range(max(1, 3 * n_days // 365)):
        first = int(rng.integers(0, n_days))
        present[first : first + int(rng.integers(3, 16))] = 0.0
    if present.sum() == 0:
        present[:] = 1.0
    present[-_PRESENT_DAYS:] = 1.0
    return present
