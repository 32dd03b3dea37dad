"""Tests of concurrent requests: answers come in batches, and failures end the asking."""

import itertools
import time

import pytest

from smallhours.catalog.asking import AHEAD, TOLERATED, ask_all
from smallhours.errors import BrokenReply, NotFound, RetryLater


def limited() -> RetryLater:
    return RetryLater("Last.fm", "the rate limit is exceeded.", remedy="Wait.", after=60)


def broken() -> BrokenReply:
    return BrokenReply("Last.fm", "it is not XML.", remedy="Wait.")


def test_answers_come_in_the_order_of_the_questions_and_an_absence_is_one() -> None:
    def ask(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        if number == 7:
            raise NotFound("Last.fm", "no such track.", remedy="None.")
        return number * 10

    batches = list(ask_all(range(200), ask, missing=-1, batch=30))
    assert all(len(batch) <= 30 for batch in batches)
    answers = list(itertools.chain.from_iterable(batches))
    assert answers == [(n, -1 if n == 7 else n * 10) for n in range(200)]


def test_answers_are_handed_over_every_few_seconds_while_others_are_asked() -> None:
    def ask(number: int) -> int:
        time.sleep(0.02)
        return number

    sizes = [len(batch) for batch in ask_all(range(120), ask, missing=0, every_s=0.05)]
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
        for batch in ask_all(range(1000), ask, missing=0):
            kept += batch
    assert [number for number, _ in kept] == list(range(50))
    assert len(asked) <= 50 + AHEAD


def test_one_broken_reply_does_not_stand_in_the_way_of_other_questions() -> None:
    def ask(number: int) -> int:
        if number == 3:
            raise broken()
        return number

    kept: list[tuple[int, int]] = []
    with pytest.raises(BrokenReply):  # noqa: PT012 - what came before the error counts
        for batch in ask_all(range(500), ask, missing=0):
            kept += batch
    assert [number for number, _ in kept] == [n for n in range(500) if n != 3]


def test_a_service_whose_every_reply_is_broken_is_left_alone() -> None:
    asked = []

    def ask(number: int) -> int:
        asked.append(number)
        time.sleep(0.001)
        raise broken()

    with pytest.raises(BrokenReply):
        list(ask_all(range(1000), ask, missing=0))
    assert len(asked) <= TOLERATED + AHEAD
