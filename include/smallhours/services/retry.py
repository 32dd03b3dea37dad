"""Retry policy for calls to outside services."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from smallhours import __version__
from smallhours.errors import BrokenReply, QuotaExceeded, RetryLater

USER_AGENT = f"Smallhours/{__version__} (a personal music recommender)"

# After three failures within seconds, the fault is likely to last for minutes.
RETRY_AFTER_FAULT_S = 300.0
MAX_RETRY_AFTER_S = 7 * 86_400.0


class TransientError(RetryLater):
    """A fault that may be gone in a second: no connection, a timeout, an error 500."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A retry policy: how often and how long one call is tried before its error is raised.

    Attributes:
        tries: Requests per call, at most.
        initial_wait_s: Seconds before the second try; doubled before each further one.
        max_wait_s: Seconds between two tries, at most.
        rate_limit_s: A rate limit that asks for a wait up to this long is waited out within the
            call; a longer one is the caller's. 0 hands on every one.
        sleep: Waits for a number of seconds.
    """

    tries: int = 3
    initial_wait_s: float = 1.0
    max_wait_s: float = 8.0
    rate_limit_s: float = 0.0
    sleep: Callable[[float], None] = time.sleep

    def wait_before(self, trial: int, error: RetryLater | BrokenReply) -> float | None:
        """Return the seconds to wait before trying again, or None when the error is final.

        Args:
            trial: How many requests have failed so far, from 1.
            error: The last one's error.
        """
        if trial >= self.tries or isinstance(error, QuotaExceeded):
            return None
        if isinstance(error, RetryLater) and not isinstance(error, TransientError):
            return error.after if error.after <= self.rate_limit_s else None
        return self.backoff(trial)

    def backoff(self, trial: int) -> float:
        """Return the seconds to wait after the `trial`-th failure, counted from 1."""
        wait: float = self.initial_wait_s * 2 ** (trial - 1)
        return min(wait, self.max_wait_s)


def retry_after(header: str | None, *, default: float) -> float:
    """Return the seconds that a Retry-After header asks for, between 1 second and a week.

    It holds seconds or a date (RFC 9110); what is neither counts as the default.
    """
    seconds = default
    if header is not None:
        try:
            seconds = float(header)
        except ValueError:
            with contextlib.suppress(ValueError, TypeError):
                seconds = parsedate_to_datetime(header).timestamp() - time.time()
    if math.isnan(seconds):
        seconds = default
    return min(max(seconds, 1.0), MAX_RETRY_AFTER_S)


def redact(text: object, secrets: Iterable[str | None]) -> str:
    """Return a service's own message as one short line without any secret."""
    line = " ".join(str(text).split())
    for secret in secrets:
        if secret:
            line = line.replace(secret, "***")
    return line[:200].rstrip(". ")
