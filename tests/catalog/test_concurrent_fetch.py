"""Tests of concurrent requests: answers come in batches, and failures end the asking."""

import itertools
import time

import pytest

from smallhours.catalog.concurrent_fetch import MAX_QUEUED, fetch_all
from smallhours.errors import (
    BrokenReply,
    NotFound,
    Refused,
    RetryLater,
    ServiceError,
    SourceRefused,
)
from smallhours.services.deferred import MAX_FAILURES, Tally
from smallhours.services.retry import TransientError


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

    batches = list(fetch_all(range(200), ask, missing=-1, about=str, tally=Tally(), batch=30))
    assert all(len(batch) <= 30 for batch in batches)
    answers = list(itertools.chain.from_iterable(batches))
    assert answers == [(n, -1 if n == 7 else n * 10) for n in range(200)]


def test_answers_are_handed_over_every_few_seconds_while_others_are_asked() -> None:
    def ask(number: int) -> int:
        time.sleep(0.02)
        return number

    sizes = [
        len(batch)
        for batch in fetch_all(range(120), ask, missing=0, about=str, tally=Tally(), every_s=0.05)
    ]
    assert len(sizes) > 2
    assert sum(sizes) == 120


def test_a_rate_limit_stops_the_asking_and_keeps_what_was_answered() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.001)
        if number >= 50:
            raise limited()
        return number

    kept: list[tuple[int, int]] = []
    with pytest.raises(RetryLater):  # noqa: PT012 - what came before the error counts
        for batch in fetch_all(range(1000), ask, missing=0, about=str, tally=Tally()):
            kept += batch
    assert [number for number, _ in kept] == list(range(50))
    assert len(asked) <= 50 + MAX_QUEUED


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
    kept: list[tuple[int, int]] = []
    for batch in fetch_all(range(500), ask, missing=0, about=str, tally=tally):
        kept += batch
    assert [number for number, _ in kept] == [n for n in range(500) if n not in odd]
    assert (tally.answered, tally.failed) == (495, 5)


def test_all_questions_about_one_artist_are_one_oddity() -> None:
    def ask(number: int) -> int:
        if number < 20:
            raise broken()
        return number

    tally = Tally()
    whose = lambda number: "odd" if number < 20 else str(number)  # noqa: E731
    list(fetch_all(range(40), ask, missing=0, about=whose, tally=tally))
    assert (tally.answered, tally.failed) == (20, 20)


def test_more_than_a_twentieth_failing_ends_the_asking() -> None:
    def ask(number: int) -> int:
        if number % 10 == 9:
            raise broken()
        return number

    with pytest.raises(BrokenReply):
        list(fetch_all(range(1000), ask, missing=0, about=str, tally=Tally()))


def test_a_service_that_goes_down_late_is_left_alone_soon() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        if number >= 2000:
            raise passing()
        return number

    with pytest.raises(RetryLater):
        list(fetch_all(range(4000), ask, missing=0, about=str, tally=Tally()))
    assert len(asked) <= 2000 + MAX_FAILURES + 1 + MAX_QUEUED


def test_a_service_that_refuses_every_question_refuses_us() -> None:
    def ask(_: int) -> int:
        raise refused()

    with pytest.raises(SourceRefused, match="may not") as ended:
        list(fetch_all(range(1000), ask, missing=0, about=str, tally=Tally()))
    assert str(ended.value).count("Last.fm:") == 1


def test_a_refused_key_ends_the_asking_at_once() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        raise SourceRefused("Last.fm", "a wrong key.", remedy="Another.")

    with pytest.raises(SourceRefused):
        list(fetch_all(range(1000), ask, missing=0, about=str, tally=Tally()))
    assert len(asked) <= MAX_QUEUED


def test_a_service_whose_every_reply_is_broken_is_left_alone() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.001)
        raise broken()

    with pytest.raises(BrokenReply):
        list(fetch_all(range(1000), ask, missing=0, about=str, tally=Tally()))
    assert len(asked) <= MAX_FAILURES + 1 + MAX_QUEUED
