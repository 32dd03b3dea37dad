"""Tests of promises and of the detection of worse lists, on simulated receptions."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest

from smallhours.training.evaluation.receptions import MIN_LISTS, Reception, find_drop, promise

FIRST = dt.date(2026, 1, 1)


def lived(
    seed: int, *, size: int = 10, nights: int = 60, lost_on: int | None = None
) -> list[Reception]:
    """Simulate the lists that a listener goes through on two mornings of three.

    Args:
        seed: Of the draws.
        size: Tracks of a list.
        nights: Number of nights.
        lost_on: The night from which on half of the picks are hardly liked.
    """
    rng = np.random.default_rng(seed)
    lists = []
    for night in range(nights):
        liking = 1 / (1 + np.exp(-rng.normal(0.75 + 0.35 * rng.standard_normal(), 1.2, size)))
        if lost_on is not None and night >= lost_on:
            liking = np.where(rng.random(size) < 0.5, 0.1 * liking, liking)
        heard = rng.random(size) < 0.12 + 0.84 * liking
        rejected = ~heard & (rng.random(size) < 0.4 * (0.4 - liking))
        if rng.random() < 2 / 3:
            day = FIRST + dt.timedelta(days=night)
            lists.append(Reception(day, size, int(heard.sum()), int(rejected.sum())))
    return lists


def month_of(each: Reception) -> int:
    """Return the month of thirty nights, from 0."""
    return (each.night - FIRST).days // 30


@pytest.mark.parametrize("lost_on", [None, 40])
def test_nine_promises_of_ten_are_kept_in_each_month_though_the_taste_changes(
    lost_on: int | None,
) -> None:
    kept: dict[int, list[bool]] = {0: [], 1: []}
    widths = []
    for seed in range(20):
        lists = lived(seed, lost_on=lost_on)
        for at, each in enumerate(lists):
            if found := promise(lists[:at], each.size):
                kept[month_of(each)].append(found.low <= each.heard_out <= found.high)
                widths.append(found.high - found.low)

    for month in kept.values():
        assert 0.87 <= np.mean(month) <= 0.95
    # A binomial of 10 and .65 has 90 % between 4 and 9.
    assert np.mean(widths) <= 1.3 * 5


def test_nothing_is_promised_after_too_few_lists() -> None:
    few = [Reception(FIRST, 10, 6)] * (MIN_LISTS - 1)

    assert promise(few, 10) is None
    assert promise([*few, Reception(FIRST, 10, 6)], 10) is not None


@pytest.mark.parametrize("heard", [0, 10])
def test_a_promise_stays_within_the_list(heard: int) -> None:
    found = promise([Reception(FIRST, 10, heard)] * 30, 10)

    assert found is not None
    assert 0 <= found.low <= found.high <= 10
    assert found.low <= heard <= found.high


def test_a_promise_follows_the_size_of_the_list() -> None:
    past = [Reception(FIRST, 10, heard) for heard in (6, 7, 5, 6, 8, 6, 6)]

    short, long = promise(past, 10), promise(past, 30)

    assert short is not None
    assert long is not None
    assert long.expected == pytest.approx(3 * short.expected)


def first_alarm(lists: Sequence[Reception], since: int) -> int | None:
    """Return after how many nights from a night on a drop is found."""
    for at, each in enumerate(lists, start=1):
        nights = (each.night - FIRST).days - since
        if nights >= 0 and find_drop(lists[:at]):
            return nights + 1
    return None


def test_a_lost_half_of_the_taste_is_found_within_a_week_in_the_median() -> None:
    found = [first_alarm(lived(seed, nights=60, lost_on=30), 30) for seed in range(61)]

    assert sorted(99 if nights is None else nights for nights in found)[30] <= 7


def test_a_taste_that_stays_gives_at_most_one_alarm_a_year() -> None:
    alarms = 0
    for seed in range(8):
        lists = lived(seed, nights=200)
        quiet_until = FIRST
        for at, each in enumerate(lists, start=1):
            if each.night >= quiet_until and find_drop(lists[max(0, at - 60) : at]):
                alarms += 1
                quiet_until = each.night + dt.timedelta(days=30)

    assert alarms <= 8 * 200 / 365
