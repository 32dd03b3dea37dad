"""Rows that moved between the look and the removal by number."""

import pytest

from smallhours.places.by_row_number import hit_by_mistake

BEFORE = ("a", "b", "c", "d", "e", "f")


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (("a", "d", "e", "f"), []),  # b and c went, as was meant
        (("x", "a", "d", "e", "f"), []),  # and x came at the top later
        (("x", "c", "d", "e", "f"), ["a"]),  # x came first: a and b went
        (("c", "x", "d", "e", "f"), ["a"]),
        (("b", "e", "f"), ["d"]),  # a had been taken out: c and d went, and so did a
        (("a", "e", "f", "b"), ["d"]),  # b had been moved to the end: c and d went
        (("a", "d", "e"), []),  # f was taken out, far from the rows that went
        (("a", "b", "c", "d", "e", "f"), []),  # nothing was done
        (("a", "c", "d", "e", "f"), []),  # half was done
    ],
)
def test_what_a_removal_hit_by_mistake_is_told_from_what_the_listener_took_out(
    after: tuple[str, ...], lost: list[str]
) -> None:
    assert hit_by_mistake(BEFORE, (1, 2), after) == lost
