import datetime as dt
from typing import Any

import pandas as pd

from smallhours.training.evaluation.receptions import Reception, receptions

DAY = dt.timedelta(days=1)
FIRST = dt.datetime(2026, 11, 1, 3, tzinfo=dt.UTC)


def shown(*lists: str, as_of: bool = True) -> pd.DataFrame:
    """Return a list a night, with a letter for each track."""
    rows: list[dict[str, Any]] = [
        {
            "night": (FIRST + at * DAY).date(),
            "intent": "main",
            "place": "spotify",
            "outcome": "verified",
            "track_keys": list(tracks),
            "as_of": FIRST + at * DAY if as_of else None,
        }
        for at, tracks in enumerate(lists)
    ]
    return pd.DataFrame(rows).astype({"as_of": "datetime64[us, UTC]"})


def told(*reactions: tuple[int, str, str]) -> pd.DataFrame:
    """Return reactions: how many nights after the first they were seen, what, to which tracks."""
    rows = [
        {"intent": "main", "track_key": track, "reaction": what, "at": FIRST + after * DAY}
        for after, what, tracks in reactions
        for track in tracks
    ]
    return pd.DataFrame(rows).astype({"at": "datetime64[us, UTC]"})


def test_a_list_that_nobody_went_through_does_not_count() -> None:
    found = receptions(shown("abc", "def"), told((1, "kept", "abc"), (2, "played", "de")))

    assert found == [Reception((FIRST + DAY).date(), 3, 2)]


def test_a_pick_that_is_heard_later_belongs_to_the_list_that_it_was_heard_from() -> None:
    feedback = told((1, "played", "a"), (2, "played", "b"), (2, "removed", "c"))

    first, second = receptions(shown("abcd", "bcde"), feedback)

    assert (first.size, first.heard_out, first.rejected) == (4, 1, 0)
    assert (second.size, second.heard_out, second.rejected) == (4, 1, 1)


def test_what_is_heard_when_another_list_is_there_counts_for_none_without_it() -> None:
    feedback = told((1, "played", "a"), (3, "played", "bd"), (4, "removed", "c"))

    first, third = receptions(shown("abc", "def", "def"), feedback)

    assert (first.heard_out, first.rejected) == (1, 0)
    assert (third.night, third.heard_out) == ((FIRST + 2 * DAY).date(), 1)


def test_lists_of_unknown_hours_stand_until_the_next_nights_run() -> None:
    feedback = told((1, "played", "ab"), (2, "played", "d"))

    first, second = receptions(shown("abc", "def", as_of=False), feedback)

    assert (first.heard_out, second.heard_out) == (2, 1)


def test_no_list_is_received_without_lists() -> None:
    assert receptions(shown("a").iloc[:0], told((1, "played", "a"))) == []
