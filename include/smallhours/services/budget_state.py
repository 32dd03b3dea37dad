"""Where a rate limit keeps its state: in this process, in a file of this machine, or in the lake.

What processes share is changed by one at a time, under a lock or by a conditional write.
"""

import fcntl
import json
import logging
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from smallhours.lake.files import local_folder
from smallhours.private_files import make_private_folder

if TYPE_CHECKING:
    from smallhours.lake.object_files import ObjectFiles

logger = logging.getLogger(__name__)

# A moment reserved further ahead than any queue is long means that the clock was set back.
MAX_RESERVATION_AHEAD_S = 300.0

T = TypeVar("T")


@dataclass(slots=True)
class BudgetState:
    """The state that callers share.

    Attributes:
        next_at: When the next call may start, Unix seconds.
        hours: Metered calls per hour since 1970, of each listener, who is not named.
        damaged: Whether it could not be read, so that others may have reserved a moment.
    """

    next_at: float = 0.0
    hours: dict[int, dict[str, int]] = field(default_factory=dict)
    damaged: bool = False

    def used(self, listener: str | None = None) -> int:
        """Return the calls of all hours: of one listener, or of all."""
        return sum(
            calls
            for hour in self.hours.values()
            for name, calls in hour.items()
            if listener in (None, name)
        )

    def to_json(self) -> bytes:
        """Return the state as it is stored."""
        return json.dumps({"next_at": self.next_at, "hours": self.hours}).encode()

    @classmethod
    def from_json(cls, content: bytes | None, where: str) -> "BudgetState":
        """Return a stored state; a new one where there is none, or it is damaged."""
        if not content:
            return cls()
        try:
            stored = json.loads(content)
            hours = {int(hour): _by_listener(told) for hour, told in stored["hours"].items()}
            return cls(float(stored["next_at"]), hours)
        except (ValueError, KeyError, TypeError, AttributeError):
            # A process was killed between the two writes.
            logger.warning("%s is damaged; the budget in it starts afresh", where)
            return cls(damaged=True)


def _by_listener(told: int | dict[str, int]) -> dict[str, int]:
    """Return the calls of an hour by listener; they were once stored as one number."""
    if isinstance(told, int):
        return {"": told}
    return {str(name): int(calls) for name, calls in told.items()}


class SharedBudget(Protocol):
    """A place for the state of one budget.

    Attributes:
        max_ahead_s: How far ahead a moment can be reserved.
        block_s: Seconds of calls that a process may reserve in one go, where asking is slow.
    """

    max_ahead_s: float
    block_s: float

    def clock(self) -> float:
        """Return Unix seconds, of the clock that all processes go by."""

    def change(self, edit: Callable[[BudgetState], T]) -> T:
        """Change the state, and return what `edit` returns; an error leaves it as it was."""

    def look(self) -> BudgetState | None:
        """Return the state as it is; None where no call was ever made."""


class ProcessBudget:
    """The state of a budget of this process alone."""

    max_ahead_s = MAX_RESERVATION_AHEAD_S
    block_s = 0.0

    def __init__(self) -> None:
        self._state = BudgetState()

    def clock(self) -> float:
        """Return the time of this machine."""
        return time.time()

    def change(self, edit: Callable[[BudgetState], T]) -> T:
        """Change the state."""
        return edit(self._state)

    def look(self) -> BudgetState | None:
        """Return the state."""
        return self._state


@dataclass(frozen=True)
class FileBudget:
    """The state of a budget that the processes of this machine share, in a locked file."""

    path: Path
    max_ahead_s = MAX_RESERVATION_AHEAD_S
    block_s = 0.0

    def clock(self) -> float:
        """Return the time of this machine."""
        return time.time()

    def change(self, edit: Callable[[BudgetState], T]) -> T:
        """Change the state while no other process does."""
        make_private_folder(self.path.parent)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            state = self._parse(os.pread(descriptor, 1 << 20, 0))
            result = edit(state)
            content = state.to_json()
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        finally:
            os.close(descriptor)  # also gives the lock back
        return result

    def look(self) -> BudgetState | None:
        """Return the state."""
        return self._parse(self.path.read_bytes()) if self.path.exists() else None

    def _parse(self, content: bytes) -> BudgetState:
        return BudgetState.from_json(content, str(self.path))


@dataclass(frozen=True)
class LakeBudget:
    """The state of a budget that all workers share, in the object store that holds the lake.

    The clock is the store's: a worker's own may be minutes off. A process reserves the calls of
    some seconds in one go.
    """

    url: str
    path: str
    max_ahead_s = math.inf
    block_s = 5.0

    @property
    def _files(self) -> "ObjectFiles":
        return _opened_store(self.url)

    def clock(self) -> float:
        """Return the store's time."""
        return time.time() + self._files.clock_offset_s

    def change(self, edit: Callable[[BudgetState], T]) -> T:
        """Change the state, again where another worker was faster."""
        results: list[T] = []

        def rewrite(content: bytes | None) -> bytes:
            state = self._parse(content)
            results.append(edit(state))
            return state.to_json()

        self._files.update(self.path, rewrite, empty=b"")
        return results[-1]

    def look(self) -> BudgetState | None:
        """Return the state."""
        try:
            return self._parse(self._files.fetch(self.path)[0])
        except FileNotFoundError:
            return None

    def _parse(self, content: bytes | None) -> BudgetState:
        return BudgetState.from_json(content, self._files.address(self.path))


@cache
def _opened_store(url: str) -> "ObjectFiles":
    """Return this process's files for all budgets of a lake: its clock is asked for once."""
    from smallhours.lake.object_files import open_store

    return open_store(url)


def budget_of(lake: str, service: str) -> SharedBudget:
    """Return the budget of a service that all who work on a lake share.

    Args:
        lake: The lake's folder or URL.
        service: A short name of the service.
    """
    path = f".budgets/{service}.json"
    folder = local_folder(lake)
    return LakeBudget(lake, path) if folder is None else FileBudget(folder / path)
