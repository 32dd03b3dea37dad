"""The night that a run belongs to, and all that is derived from it.

No stage reads the clock. A run is given its `Night`, and everything that depends on time - the end
of the history, the age of a tag, random numbers - follows from it. The same lake and the same
night give the same playlist.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from smallhours.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np


# Around these years there is no date to reckon from.
MIN_YEAR, MAX_YEAR = 1900, 2199


def parse_date(text: str) -> dt.date:
    """Return the date that a person wrote for a night.

    Raises:
        SettingsError: when it is not a date, or centuries away.
    """
    try:
        day = dt.datetime.fromisoformat(text.strip()).date()
    except ValueError:
        day = dt.date.min
    if not MIN_YEAR <= day.year <= MAX_YEAR:
        raise SettingsError(
            f"{text!r} is not the date of a night.", remedy="Write the night as YYYY-MM-DD."
        )
    return day


@dataclass(frozen=True, slots=True)
class Night:
    """One night of one listener.

    Attributes:
        date: The night's date in the listener's time zone.
        as_of: The moment (UTC) at which history ends for this run.
        waits: Whether a stage ends when a service is out of reach, to be run again soon; if not,
            the night goes on without the service.
    """

    date: dt.date
    as_of: dt.datetime
    waits: bool = True

    def __post_init__(self) -> None:
        """Refuse a moment without a time zone: it would be read as local somewhere."""
        if self.as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone")

    @classmethod
    def at(cls, moment: dt.datetime, timezone: ZoneInfo) -> "Night":
        """Return the night that a moment falls into; history ends at that moment."""
        return cls(moment.astimezone(timezone).date(), moment.astimezone(dt.UTC))

    @classmethod
    def on(cls, day: dt.date, timezone: ZoneInfo) -> "Night":
        """Return the night of a given date; history ends with that date."""
        ends = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), timezone)
        return cls(day, ends.astimezone(dt.UTC))

    def seed(self, listener: str, purpose: str) -> int:
        """Return a 63-bit seed that is the same for the same listener, night and purpose."""
        text = f"{listener}\x1f{self.date.isoformat()}\x1f{purpose}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1

    def rng(self, listener: str, purpose: str) -> "np.random.Generator":
        """Return a random generator seeded by `seed`."""
        import numpy as np  # Airflow imports this module each time it parses a DAG

        return np.random.default_rng(self.seed(listener, purpose))
