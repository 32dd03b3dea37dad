"""Tracks, artists, plays and dates in words, as reasons and descriptions write them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def listed(names: Sequence[str]) -> str:
    """Return names as a list in words: `a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def number(n: int) -> str:
    """Return a number as prose has it: up to ten in words."""
    return _WORDS[n] if n < len(_WORDS) else f"{n:,}"


def count_plays(count: int) -> str:
    """Return a number of plays: `41 plays`; empty for none."""
    if count == 0:
        return ""
    return "1 play" if count == 1 else f"{count:,} plays"


def in_brackets(text: str) -> str:
    """Return the text in brackets after a space; empty for an empty text."""
    return f" ({text})" if text else ""


def name_track(row: Mapping[str, Any]) -> str:
    """Return a known track: `Slowdive – Alison (41 plays)`, or `(saved)` if it was never played.

    One that is known for its artist alone is `Slowdive – Alison (you named Slowdive)`.
    """
    known = count_plays(int(row["plays"])) or ("saved" if row["saved"] else "")
    if row["named"]:
        known = f"you named {row['artist']}"
    return f"{row['artist']} – {row['title']}{in_brackets(known)}"


def name_artist(row: Mapping[str, Any]) -> str:
    """Return a known artist: `Slowdive (1,312 plays)`, or `Slowdive (you named them)`."""
    known = "you named them" if row["named"] else count_plays(int(row["plays"]))
    return f"{row['artist']}{in_brackets(known)}"


def name_month(moment: dt.date) -> str:
    """Return a month: `March 2019`."""
    return f"{moment:%B} {moment.year}"


def name_day(moment: dt.date) -> str:
    """Return a date: `12 October 2026`."""
    return f"{moment.day} {moment:%B} {moment.year}"
