"""Tests of the order in which tags are requested: new, then stale, by weight."""

import datetime as dt

import pandas as pd

from smallhours.catalog.stored_answers import due_keys

NIGHT = dt.date(2026, 11, 2)
FRESH = 60


def days_ago(days: int) -> dt.date:
    return NIGHT - dt.timedelta(days=days)


def due(weights: dict[str, float], fetched: dict[str, dt.date]) -> list[str]:
    answered = pd.Series(fetched, dtype=object)
    return due_keys(pd.Series(weights), answered, night=NIGHT, fresh_days=FRESH)


def test_what_is_new_comes_before_what_is_stale_however_little_it_matters() -> None:
    assert due({"old": 9.0, "new": 0.1}, {"old": days_ago(400)}) == ["new", "old"]


def test_what_is_stale_comes_by_how_much_it_matters_and_not_by_its_age() -> None:
    fetched = {"dear": days_ago(61), "dull": days_ago(900), "liked": days_ago(100)}
    assert due({"dull": 0.1, "liked": 2.0, "dear": 3.0}, fetched) == ["dear", "liked", "dull"]


def test_what_is_fresh_is_not_asked_for() -> None:
    assert due({"a": 1.0, "b": 1.0}, {"a": days_ago(60), "b": days_ago(61)}) == ["b"]


def test_what_matters_the_same_comes_in_a_fixed_order() -> None:
    assert due({"b": 1.0, "c": 1.0, "a": 1.0}, {}) == ["a", "b", "c"]
