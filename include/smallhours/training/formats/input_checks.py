"""Checks of input rows: tags with counts, or text, per track."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TagCounts = Mapping[str, float]


def tag_rows(rows: Sequence[TagCounts]) -> Iterator[TagCounts]:
    """Yield the rows, each after it is checked.

    Raises:
        TypeError: when a row is not a mapping of tag to count.
        ValueError: when a count is negative or no number.
    """
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {at} must map tags to counts, but is a {type(row).__name__}")
        for tag, count in row.items():
            if not (math.isfinite(count) and count >= 0):
                raise ValueError(f"row {at} counts {tag!r} {count} times: counts are 0 or more")
        yield row


def text_rows(texts: Sequence[Any]) -> list[str]:
    """Return the texts as a list, checked.

    Raises:
        TypeError: when one text was given instead of many, or a row is no text.
    """
    if isinstance(texts, str):
        raise TypeError("expected a sequence of texts, one a track, but got one text")
    for at, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"row {at} must be a text, but is a {type(text).__name__}")
    return [str(text) for text in texts]
