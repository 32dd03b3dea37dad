"""The base of clients of services that give audio features without a key, and their values.

ReccoBeats and AcousticBrainz are such services; their clients add the queries and the parsers.
"""

from collections.abc import Iterable
from typing import ClassVar, Final

from smallhours.errors import BrokenReply
from smallhours.service_settings import AcousticbrainzSettings, ReccobeatsSettings
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.retry_and_rate_limit import RetryPolicy, TokenBucket, shared_rate_limit
from smallhours.services.transport import Client, Reply, Request, Transport

# Features by name, of each id that the service knows.
Features = dict[str, dict[str, float]]

# The values that a feature can have; all others go from 0 to 1. A key of -1 means "none detected".
RANGES: Final = {
    "loudness": (-70.0, 10.0),
    "tempo": (20.0, 400.0),
    "key": (0.0, 11.0),
    "mode": (0.0, 1.0),
    "duration_ms": (1.0, 2.0**31),
}
WHOLE: Final = ("key", "mode")


class FeatureClient(Client):
    """A client of such a service.

    Args:
        settings: Where it is, and how much is asked of it.
        rate_limit: How fast requests may start; the process's own for this service by default.
        retry_policy: What is tried again.
    """

    # Its section of the settings, and how long a rate limit lasts that names no time.
    section: ClassVar[str]
    rate_limit_s: ClassVar[float]

    def __init__(
        self,
        *,
        settings: ReccobeatsSettings | AcousticbrainzSettings,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        super().__init__(
            Transport(
                self.service,
                self.section,
                timeout_s=settings.timeout_s,
                rate_limit=rate_limit or shared_rate_limit(self.service, settings.calls_per_second),
                retry_policy=retry_policy or RetryPolicy(),
                rate_limit_s=self.rate_limit_s,
            )
        )

    def _get(self, path: str, **params: str) -> Request:
        return Request("GET", f"{self._url}/{path}", f"GET {path}", more={"params": params})

    def _json(self, reply: Reply) -> JsonCursor:
        """Return a cursor over a good reply."""
        body = reply.json()
        if not reply.ok:
            told = body if isinstance(body, dict) else {}
            raise self._http.failure(reply, told.get("message") or told.get("error") or "")
        if body is None:
            raise BrokenReply(self.service, "the reply is not JSON.", remedy=REMEDY)
        return self._http.cursor(body)


def read_features(row: JsonCursor, names: Iterable[str]) -> dict[str, float]:
    """Return the features in a row, as far as they are there and possible.

    Raises:
        BrokenReply: when one of them is no number.
    """
    values = {name: row[name].number() for name in names if not row[name].absent}
    return {name: value for name, value in values.items() if is_possible(name, value)}


def is_possible(name: str, value: float) -> bool:
    """Return whether a feature can have a value."""
    low, high = RANGES.get(name, (0.0, 1.0))
    return low <= value <= high and (name not in WHOLE or value.is_integer())
