"""The `fields` parameter, which filters a reply: `fields=items(added_by.id,item(name,!href))`."""

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(r"[(),.!]|[^(),.!\s]+")


@dataclass(slots=True)
class _Wanted:
    """Selected members (each with its own selection), or all but the excluded ones."""

    named: dict[str, "_Wanted"] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)


def select_fields(body: Any, fields: str | None) -> Any:
    """Return the part of a reply that a `fields` parameter selects.

    Understands lists, dots, parentheses and the leading exclamation mark
    (https://developer.spotify.com/documentation/web-api/reference/get-playlist). Parts that can't
    be parsed are ignored rather than refused, as Spotify does.
    """
    if not fields:
        return body
    return _select(body, _parse(_TOKEN.findall(fields)))


def _parse(tokens: list[str]) -> _Wanted:
    """Parse a list up to its closing parenthesis or the end, consuming `tokens`."""
    wanted = _Wanted()
    exclude = False
    at = wanted
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            break
        if token == "(":
            inner = _parse(tokens)
            at.named.update(inner.named)
            at.excluded.update(inner.excluded)
        elif token == ",":
            at, exclude = wanted, False
        elif token == "!":
            exclude = True
        elif token != "." and exclude:
            at.excluded.add(token)
        elif token != ".":
            at = at.named.setdefault(token, _Wanted())
    return wanted


def _select(body: Any, wanted: _Wanted) -> Any:
    if isinstance(body, list):
        return [_select(entry, wanted) for entry in body]
    if not isinstance(body, dict) or not (wanted.named or wanted.excluded):
        return body
    return {
        key: _select(value, wanted.named.get(key, _Wanted()))
        for key, value in body.items()
        if key in wanted.named or (not wanted.named and key not in wanted.excluded)
    }
