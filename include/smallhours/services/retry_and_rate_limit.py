"""Rate limits, daily quotas and the retry policy of calls to the outside services.

There is one `TokenBucket` per service. Threads of one process share the object; processes share it
through a small locked file, and workers through a file in the lake's object store
(`smallhours.services.budget_state`). A call first reserves its moment and then sleeps until it,
outside of every lock: with enough threads the allowed rate is used fully, and it is never exceeded.
"""

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path

from smallhours import __version__
from smallhours.errors import (
    BrokenReply,
    LakeError,
    QuotaExceeded,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.services.budget_state import (
    BudgetState,
    FileBudget,
    ProcessBudget,
    SharedBudget,
)

logger = logging.getLogger(__name__)

HOUR_S = 3600
WINDOW_HOURS = 24
# Metered calls that are reserved in one go: a killed process loses no more of a day's.
MAX_METERED_BLOCK = 10
# Where a state is damaged, this covers whatever others have reserved at the most.
SILENCE_S = 1.0

# After three failures within seconds, the fault is likely to last for minutes.
RETRY_AFTER_FAULT_S = 300.0
MAX_RETRY_AFTER_S = 7 * 86_400.0


class TokenBucket:
    """A rate limit in calls per second, and optionally a quota of metered calls in 24 hours.

    The day is counted by whole hours and a call is forgotten only after 24 hours have passed for
    certain, as Spotify's quota was seen to roll. In any span of T seconds at most
    `burst + calls_per_second * T` calls start.

    Of a quota that several listeners share, each has an equal part that no other can use up before
    their night is over.

    Args:
        calls_per_second: The sustained rate.
        burst: Calls that may start at once after a pause.
        service: Whose budget it is, for messages.
        calls_per_day: Metered calls in 24 hours; None for no limit.
        state_file: Where processes of one machine share the budget; None for this process alone.
        state: Where processes share the budget, instead of a file.
        listener: Whose calls they are.
        listeners: How many share the quota.
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
        state: SharedBudget | None = None,
        listener: str = "",
        listeners: int = 1,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if calls_per_second <= 0 or burst < 1:
            raise ValueError("a budget needs a positive rate and a burst of at least one")
        self.calls_per_second = calls_per_second
        self.burst = burst
        self.service = service
        self.calls_per_day = calls_per_day
        self.listener = listener
        # No name is written: `smallhours forget` must not have to look for it.
        self._caller = blake2b(listener.encode(), digest_size=4).hexdigest()
        self.listeners = listeners
        self._state = state or (FileBudget(state_file) if state_file else ProcessBudget())
        self._clock = clock or self._state.clock
        self._sleep = sleep
        self._lock = threading.Lock()
        # What is reserved and not yet used: the moments from `_next` to `_last`, one call each
        # `1 / calls_per_second`, and metered calls of one hour.
        self._next, self._last = 0.0, -1.0
        self._block = 1
        self._metered, self._hour = 0, 0

    def acquire(self, *, metered: bool = True) -> None:
        """Wait until one more call may start.

        Args:
            metered: Whether the call counts towards `calls_per_day`.

        Raises:
            QuotaExceeded: when the day's calls are used up; without waiting.
            LakeError: when the state is in an object store that fails.
        """
        interval = 1 / self.calls_per_second
        with self._lock:
            now = self._clock()
            start = max(self._next, now - (self.burst - 1) * interval)
            moment = start > self._last + interval / 1000
            meter = metered and self.calls_per_day is not None
            if moment or (meter and not self._has_metered(now)):
                self._reserve(now, moment=moment, meter=meter and not self._has_metered(now))
                start = max(self._next, now - (self.burst - 1) * interval)
            self._next = start + interval
            self._metered -= meter
        if start > now:
            self._sleep(start - now)

    def used(self) -> int:
        """Return the number of metered calls in the last 24 hours, those reserved included."""
        state = self._state.look() or BudgetState()
        self._forget(state, self._clock())
        return state.used()

    def give_back(self) -> None:
        """Return the metered calls that were reserved and not made."""
        with self._lock:
            unused, hour = self._metered, self._hour
            self._metered = 0
            if unused:
                try:
                    self._state.change(lambda state: self._count(state, hour, -unused))
                except LakeError as error:
                    logger.warning("%d reserved calls are not given back: %s", unused, error)

    def _has_metered(self, now: float) -> bool:
        return self._metered > 0 and self._hour == int(now // HOUR_S)

    def _reserve(self, now: float, *, moment: bool, meter: bool) -> None:
        """Reserve what is missing: four times as much while calls follow each other closely."""
        interval = 1 / self.calls_per_second
        if moment:
            in_a_row = now - self._last < self._state.block_s
            longest = max(int(self._state.block_s * self.calls_per_second), 1)
            self._block = min(self._block * 4, longest) if in_a_row else 1

        def reserve(state: BudgetState) -> tuple[float, int]:
            calls = self._meter(state, now) if meter else 0
            start = max(state.next_at, now - (self.burst - 1) * interval)
            if state.damaged:
                start = now + SILENCE_S
            if start > now + self._state.max_ahead_s:
                start = now
            if moment:
                state.next_at = start + self._block * interval
            return start, calls

        start, calls = self._state.change(reserve)
        if moment:
            self._next, self._last = start, start + (self._block - 1) * interval
        if meter:
            self._metered, self._hour = calls, int(now // HOUR_S)

    def _meter(self, state: BudgetState, now: float) -> int:
        """Count some more calls of this listener, at most as many as are left; return them."""
        self._forget(state, now)
        limit = self.calls_per_day or 0
        left = limit - state.used() - self._kept_for_others(state, limit // self.listeners, now)
        if left <= 0:
            oldest = min(state.hours, default=int(now // HOUR_S))
            raise QuotaExceeded(
                self.service,
                f"all {limit} calls that we allow ourselves in a day are used."
                if self.listeners == 1
                else f"{self.listener}'s part of the {limit} calls that we allow ourselves in a "
                "day is used.",
                remedy="Nothing is lost: the rest is done on the next night. `calls_per_day` in "
                "smallhours.toml holds the number.",
                after=(oldest + WINDOW_HOURS + 1) * HOUR_S - now,
            )
        calls = min(self._block, MAX_METERED_BLOCK, left)
        self._count(state, int(now // HOUR_S), calls)
        return calls

    def _kept_for_others(self, state: BudgetState, share: int, now: float) -> int:
        """Return the calls that are kept for listeners whose night is to come, or is under way.

        Who made calls, but none in this hour and the last, has had their night.
        """
        others = {name for hour in state.hours.values() for name in hour} - {self._caller}
        hour = int(now // HOUR_S)
        at_it = {name for each in (hour - 1, hour) for name in state.hours.get(each, {})}
        unused = [max(share - state.used(name), 0) for name in others & at_it]
        unused += [share] * (self.listeners - 1 - len(others))
        # Those who were listeners until today have no share any more.
        return sum(sorted(unused, reverse=True)[: self.listeners - 1])

    def _count(self, state: BudgetState, hour: int, calls: int) -> None:
        of_hour = state.hours.setdefault(hour, {})
        of_hour[self._caller] = max(of_hour.get(self._caller, 0) + calls, 0)

    @staticmethod
    def _forget(state: BudgetState, now: float) -> None:
        first = int(now // HOUR_S) - WINDOW_HOURS
        last = int(now // HOUR_S) + 1
        state.hours = {hour: n for hour, n in state.hours.items() if first <= hour <= last}


_shared: dict[tuple[object, ...], TokenBucket] = {}
_shared_lock = threading.Lock()


def shared_rate_limit(
    service: str,
    calls_per_second: float,
    *,
    calls_per_day: int | None = None,
    state: SharedBudget | None = None,
    listener: str = "",
    listeners: int = 1,
) -> TokenBucket:
    """Return this process's only bucket for a service at this rate, and for a listener's quota.

    Two clients of one service never add up to twice its budget.
    """
    key = (service, calls_per_second, calls_per_day, state, listener, listeners)
    with _shared_lock:
        if key not in _shared:
            _shared[key] = TokenBucket(
                calls_per_second,
                service=service,
                calls_per_day=calls_per_day,
                state=state,
                listener=listener,
                listeners=listeners,
            )
        return _shared[key]


def give_back_unused() -> None:
    """Return what this process has reserved of its quotas and not used."""
    with _shared_lock:
        buckets = list(_shared.values())
    for bucket in buckets:
        bucket.give_back()


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
