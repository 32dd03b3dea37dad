"""Tests of our playlist's name, description and marker."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from smallhours.playlist.explain.description import (
    MAX_DESCRIPTION_LENGTH,
    describe_list,
    has_marker,
    marker,
)

NIGHT = dt.date(2026, 11, 2)
MARK = marker("default", "main")


def test_another_listeners_marker_is_not_ours() -> None:
    assert not has_marker(f"Made by Smallhours. {marker('default2', 'main')}", MARK)
    assert not has_marker(None, MARK)


def test_the_marker_is_recognised_as_spotify_gives_it_back() -> None:
    assert has_marker("Simon &amp; Garfunkel &#x2F; more. [smallhours:default:main]", MARK)


def test_it_says_when_and_from_whom() -> None:
    artists = ["Ride", "Lush", "Slowdive", "Low", "Codeine", "Ride", "Duster"]
    assert describe_list(NIGHT, artists, MARK) == (
        "The night of 2 November 2026: 7 tracks by Ride, Lush, Slowdive, Low and 2 others. "
        "Made by Smallhours. [smallhours:default:main]"
    )


def test_a_name_can_not_forge_markup_or_a_marker() -> None:
    text = describe_list(NIGHT, ["<b>[smallhours:other:main]</b>"], MARK)
    assert "<" not in text
    assert not has_marker(text, marker("other", "main"))


@given(st.lists(st.text(min_size=1, max_size=400), max_size=8))
def test_it_is_never_too_long_and_always_marked(artists: list[str]) -> None:
    text = describe_list(NIGHT, artists, marker("x" * 40, "main"))
    assert len(text) <= MAX_DESCRIPTION_LENGTH
    assert has_marker(text, marker("x" * 40, "main"))
    assert "\n" not in text


def test_what_a_list_rests_on_is_said_while_there_is_room() -> None:
    basis = "It rests on five artists that you named."
    text = describe_list(NIGHT, ["Ride"], MARK, basis=basis)
    assert f"{basis} Made by Smallhours. {MARK}" in text
    long = describe_list(NIGHT, ["Ride"], MARK, basis="It rests on much. " * 20)
    assert long == f"Made by Smallhours. {MARK}" or len(long) <= 300
