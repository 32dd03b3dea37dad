"""Tests of concurrent requests: answers come in batches, and failures end the asking."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from smallhours.catalog import concurrent_fetch
from smallhours.catalog.concurrent_fetch import (
    LOOK_AGAIN,
    MAX_UNSTORED,
    Fetch,
    by_partition,
    fetch_all,
    fetch_due,
)
from smallhours.errors import (
    BrokenReply,
    NotFound,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.lake.store import prefix_of
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import MAX_FAILURES, Tally


@dataclass
class Clock:
    """A clock that a test moves on."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@contextmanager
def frozen_clock() -> Iterator[Clock]:
    """Replace the clock of `fetch_all`."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(concurrent_fetch, "time", clock)
        yield clock


def fetched(
    questions: Sequence[int],
    ask: Callable[[int], int],
    *,
    missing: int = 0,
    about: Callable[[int], str] = str,
    tally: Tally | None = None,
) -> list[list[tuple[int, int]]]:
    """Ask the questions and return the batches that were stored."""
    batches: list[list[tuple[int, int]]] = []
    store = lambda answers: batches.append(list(answers))  # noqa: E731
    fetch_all(questions, Fetch(lambda n: partial(ask, n), store, missing, about), tally or Tally())
    return batches


def limited() -> RetryLater:
    return RetryLater("Last.fm", "the rate limit is exceeded.", remedy="Wait.", after=60)


def broken() -> BrokenReply:
    return BrokenReply("Last.fm", "it is not XML.", remedy="Wait.")


def refused() -> Refused:
    return Refused("Last.fm", "it may not be asked.", remedy="Leave it.")


def passing() -> TransientError:
    return TransientError("Last.fm", "an error 500.", remedy="Wait.", after=300)


def test_answers_come_in_the_order_of_the_questions_and_an_absence_is_one() -> None:
    def ask(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        if number == 7:
            raise NotFound("Last.fm", "no such track.", remedy="None.")
        return number * 10

    batches = fetched(range(200), ask, missing=-1)
    answers = list(itertools.chain.from_iterable(batches))
    assert answers == [(n, -1 if n == 7 else n * 10) for n in range(200)]


def test_at_most_ten_questions_are_asked_and_not_stored() -> None:
    asked: list[int] = []
    unstored: list[int] = []
    stored = 0

    def ask(number: int) -> int:
        asked.append(number)
        return number

    def store(answers: Sequence[tuple[int, int]]) -> None:
        nonlocal stored
        unstored.append(len(asked) - stored)
        stored += len(answers)

    # As if storing took no time: what a real store needs is waited for before the next batch.
    with frozen_clock():
        fetch_all(range(200), Fetch(lambda n: partial(ask, n), store, 0, str), Tally())
    assert stored == 200
    assert max(unstored) <= MAX_UNSTORED


def test_a_slow_store_gets_larger_batches() -> None:
    def store(answers: Sequence[tuple[int, int]]) -> None:
        sizes.append(len(answers))
        clock.now += 1.0

    def ask(number: int) -> int:
        with lock:
            clock.now += 0.01
        return number

    sizes: list[int] = []
    lock = threading.Lock()
    with frozen_clock() as clock:
        fetch_all(range(1000), Fetch(lambda n: partial(ask, n), store, 0, str), Tally())
    assert sum(sizes) == 1000
    assert max(sizes) > 150


def test_answers_are_stored_every_few_seconds_while_others_are_asked() -> None:
    def ask(number: int) -> int:
        with lock:
            clock.now += 1.0
        return number

    lock = threading.Lock()
    with frozen_clock() as clock:
        sizes = [len(batch) for batch in fetched(range(120), ask)]
    assert sum(sizes) == 120
    assert max(sizes) <= 5


def test_a_rate_limit_stops_the_asking_and_keeps_what_was_answered() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.001)
        if number >= 50:
            raise limited()
        return number

    kept: list[tuple[int, int]] = []
    with pytest.raises(RetryLater):
        fetch_all(range(1000), Fetch(lambda n: partial(ask, n), kept.extend, 0, str), Tally())
    assert [number for number, _ in kept] == list(range(50))
    assert len(asked) <= 50 + MAX_UNSTORED


@pytest.mark.parametrize(
    "failure", [broken(), refused(), passing()], ids=lambda e: type(e).__name__
)
def test_a_few_failures_are_left_out_and_counted(failure: ServiceError) -> None:
    odd = {3, 77, 78, 200, 499}

    def ask(number: int) -> int:
        if number in odd:
            raise failure
        return number

    tally = Tally()
    kept = [each for batch in fetched(range(500), ask, tally=tally) for each in batch]
    assert [number for number, _ in kept] == [n for n in range(500) if n not in odd]
    assert (tally.answered, tally.failed) == (495, 5)


def test_all_questions_about_one_artist_are_one_oddity() -> None:
    def ask(number: int) -> int:
        if number < 20:
            raise broken()
        return number

    tally = Tally()
    whose = lambda number: "odd" if number < 20 else str(number)  # noqa: E731
    fetched(range(40), ask, about=whose, tally=tally)
    assert (tally.answered, tally.failed) == (20, 20)


def test_more_than_a_twentieth_failing_ends_the_asking() -> None:
    def ask(number: int) -> int:
        if number % 10 == 9:
            raise broken()
        return number

    with pytest.raises(BrokenReply):
        fetched(range(1000), ask)


def test_a_service_that_goes_down_late_is_left_alone_soon() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        if number >= 2000:
            raise passing()
        return number

    with pytest.raises(RetryLater):
        fetched(range(4000), ask)
    assert len(asked) <= 2000 + MAX_FAILURES + 1 + MAX_UNSTORED


def test_a_service_that_refuses_every_question_refuses_us() -> None:
    def ask(_: int) -> int:
        raise refused()

    with pytest.raises(SourceRefused, match="may not") as ended:
        fetched(range(1000), ask)
    assert str(ended.value).count("Last.fm:") == 1


def test_a_refused_key_ends_the_asking_at_once() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        raise SourceRefused("Last.fm", "a wrong key.", remedy="Another.")

    with pytest.raises(SourceRefused):
        fetched(range(1000), ask)
    assert len(asked) <= MAX_UNSTORED


def test_a_service_whose_every_reply_is_broken_is_left_alone() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.001)
        raise broken()

    with pytest.raises(BrokenReply):
        fetched(range(1000), ask)
    assert len(asked) <= MAX_FAILURES + 1 + MAX_UNSTORED


def test_questions_about_the_same_file_come_together_within_each_hundred() -> None:
    artists = [f"artist {number}" for number in range(250)]
    kept: list[tuple[str, int]] = []
    fetch = Fetch(lambda _: lambda: 0, kept.extend, 0, str)
    ordered = by_partition(artists, fetch)
    for at in range(0, 250, 100):
        part = ordered[at : at + 100]
        assert sorted(part) == sorted(artists[at : at + 100])
        prefixes = [prefix_of(each) for each in part]
        assert prefixes == sorted(prefixes)


def test_what_another_run_was_answered_meanwhile_is_not_asked() -> None:
    asked: list[int] = []
    looked: list[int] = []

    def still_due(some: Sequence[int]) -> Sequence[int]:
        looked.append(len(some))
        return [number for number in some if number % 2]

    fetch: Fetch[int, int] = Fetch(lambda n: partial(int, n), lambda _: None, 0, str)
    count = LOOK_AGAIN + 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            concurrent_fetch, "fetch_all", lambda questions, *_, **__: asked.extend(questions)
        )
        fetch_due(range(count), fetch, Tally(), still_due=still_due)
    assert looked == [10]
    assert sorted(asked) == [n for n in range(count) if n < LOOK_AGAIN or n % 2]
