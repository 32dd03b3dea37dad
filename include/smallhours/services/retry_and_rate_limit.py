"""Rate limits, daily quotas and the retry policy of calls to the outside services.

There is one `TokenBucket` per service. Threads of one process share the object, processes on one
machine share it through a small locked file. A call first reserves its moment and then sleeps until
it, outside of every lock: with enough threads the allowed rate is used fully, and it is never
exceeded.
"""

import contextlib
import fcntl
import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from smallhours import __version__
from smallhours.errors import (
    BrokenReply,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.private_files import make_private_folder

logger = logging.getLogger(__name__)

HOUR_S = 3600
WINDOW_HOURS = 24
# A moment reserved further ahead than any queue is long means that the clock was set back.
MAX_RESERVATION_AHEAD_S = 300.0


# After three failures within seconds, the fault is likely to last for minutes.
RETRY_AFTER_FAULT_S = 300.0
MAX_RETRY_AFTER_S = 7 * 86_400.0


@dataclass(slots=True)
class _State:
    """The state that callers share.

    Attributes:
        next_at: When the next call may start, Unix seconds.
        hours: Metered calls per hour since 1970.
    """

    next_at: float = 0.0
    hours: dict[int, int] = field(default_factory=dict)


class TokenBucket:
    """A rate limit in calls per second, and optionally a quota of metered calls in 24 hours.

    The day is counted by whole hours and a call is forgotten only after 24 hours have passed for
    certain, as Spotify's quota was seen to roll. In any span of T seconds at most
    `burst + calls_per_second * T` calls start.

    Args:
        calls_per_second: The sustained rate.
        burst: Calls that may start at once after a pause.
        service: Whose budget it is, for messages.
        calls_per_day: Metered calls in 24 hours; None for no limit.
        state_file: Where processes of one machine share the budget; None for this process alone.
        clock: Unix seconds; wall time, so that a file outlives a restart of the machine.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        calls_per_second: float,
        burst: int = 1,
        *,
        service: str = "the service",
        calls_per_day: int | None = None,
        state_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if calls_per_second <= 0 or burst < 1:
            raise ValueError("a budget needs a positive rate and a burst of at least one")
        self.calls_per_second = calls_per_second
        self.burst = burst
        self.service = service
        self.calls_per_day = calls_per_day
        self.state_file = state_file
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._memory = _State()

    def acquire(self, *, metered: bool = True) -> None:
        """Wait until one more call may start.

        Args:
            metered: Whether the call counts towards `calls_per_day`.

        Raises:
            QuotaExceeded: when the day's calls are used up; without waiting.
        """
        interval = 1 / self.calls_per_second
        with self._exclusive() as state:
            now = self._clock()
            if metered and self.calls_per_day is not None:
                self._meter(state, now)
            start = max(state.next_at, now - (self.burst - 1) * interval)
            if start > now + MAX_RESERVATION_AHEAD_S:
                start = now
            state.next_at = start + interval
        if start > now:
            self._sleep(start - now)

    def used(self) -> int:
        """Return the number of metered calls in the last 24 hours."""
        with self._exclusive() as state:
            self._forget(state, self._clock())
            return sum(state.hours.values())

    def _meter(self, state: _State, now: float) -> None:
        self._forget(state, now)
        if self.calls_per_day is not None and sum(state.hours.values()) >= self.calls_per_day:
            oldest = min(state.hours)
            raise QuotaExceeded(
                self.service,
                f"all {self.calls_per_day} calls that we allow ourselves in a day are used.",
                remedy="Nothing is lost: the rest is done on the next night. `calls_per_day` in "
                "smallhours.toml holds the number.",
                after=(oldest + WINDOW_HOURS + 1) * HOUR_S - now,
            )
        hour = int(now // HOUR_S)
        state.hours[hour] = state.hours.get(hour, 0) + 1

    @staticmethod
    def _forget(state: _State, now: float) -> None:
        first = int(now // HOUR_S) - WINDOW_HOURS
        last = int(now // HOUR_S) + 1
        state.hours = {hour: n for hour, n in state.hours.items() if first <= hour <= last}

    @contextmanager
    def _exclusive(self) -> Iterator[_State]:
        with self._lock:
            if self.state_file is None:
                yield self._memory
                return
            make_private_folder(self.state_file.parent)
            descriptor = os.open(self.state_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                state = self._parse(os.pread(descriptor, 1 << 16, 0))
                yield state
                content = json.dumps({"next_at": state.next_at, "hours": state.hours}).encode()
                os.pwrite(descriptor, content, 0)
                os.ftruncate(descriptor, len(content))
            finally:
                os.close(descriptor)  # also gives the lock back

    def _parse(self, content: bytes) -> _State:
        if not content:
            return _State()
        try:
            stored: Any = json.loads(content)
            hours = {int(hour): int(n) for hour, n in stored["hours"].items()}
            return _State(float(stored["next_at"]), hours)
        except (ValueError, KeyError, TypeError, AttributeError):
            # A process was killed between the two writes. One second of silence covers whatever
            # the others have reserved at the most.
            logger.warning("%s is damaged; the budget in it starts afresh", self.state_file)
            return _State(self._clock() + 1)


_shared: dict[tuple[object, ...], TokenBucket] = {}
_shared_lock = threading.Lock()


def shared_rate_limit(
    service: str,
    calls_per_second: float,
    burst: int = 1,
    *,
    calls_per_day: int | None = None,
    state_file: Path | None = None,
) -> TokenBucket:
    """Return this process's only bucket for a service at this rate.

    Two clients of one service never add up to twice its budget.
    """
    key = (service, calls_per_second, burst, calls_per_day, state_file)
    with _shared_lock:
        if key not in _shared:
            _shared[key] = TokenBucket(
                calls_per_second,
                burst,
                service=service,
                calls_per_day=calls_per_day,
                state_file=state_file,
            )
        return _shared[key]


def user_agent(contact: str = "") -> str:
    """Return the name under which we make requests, with a contact where a service wants one."""
    about = f" {contact} " if contact else "a personal music recommender"
    return f"Smallhours/{__version__} ({about})"


class TransientError(RetryLater):
    """A fault that may be gone in a second: no connection, a timeout, an error 500."""


def is_of_one_question(failure: ServiceError) -> bool:
    """Return True unless the failure is a rate limit or a refused key, which concern all."""
    return isinstance(failure, BrokenReply | TransientError | Refused) and not isinstance(
        failure, SourceRefused
    )


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
