"""A checked cursor over JSON replies.

Every step into a reply checks its type and raises `BrokenReply` with the path of the part that is
not as documented; the reply's content never enters the message.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from smallhours.errors import BrokenReply

REMEDY = "It usually passes; if it lasts, the service has changed and Smallhours needs an update."


@dataclass(frozen=True, slots=True)
class JsonCursor:
    """One place in a reply.

    Attributes:
        service: Who replied.
        value: What is there.
        path: Where that is, such as `items[3].track`.
    """

    service: str
    value: Any
    path: str = "the reply"

    def __getitem__(self, key: str) -> "JsonCursor":
        """Return the member of an object; null when it is absent.

        Raises:
            BrokenReply: when this is no object.
        """
        if not isinstance(self.value, dict):
            raise self._broken("an object")
        path = key if self.path == "the reply" else f"{self.path}.{key}"
        return JsonCursor(self.service, self.value.get(key), path)

    def __iter__(self) -> Iterator["JsonCursor"]:
        """Yield the elements of an array.

        Raises:
            BrokenReply: when this is no array.
        """
        if not isinstance(self.value, list):
            raise self._broken("an array")
        for index, element in enumerate(self.value):
            yield JsonCursor(self.service, element, f"{self.path}[{index}]")

    @property
    def absent(self) -> bool:
        """Return whether there is nothing here, or null."""
        return self.value is None

    def text(self) -> str:
        """Return a text.

        Half of a surrogate pair, which JSON can spell but UTF-8 can't, becomes `?`.
        """
        if not isinstance(self.value, str):
            raise self._broken("a text")
        return self.value.encode("utf-8", "replace").decode("utf-8")

    def some_text(self) -> str:
        """Return a text that is not empty."""
        text = self.text()
        if not text.strip():
            raise self._broken("a text that is not empty")
        return text

    def text_or_none(self) -> str | None:
        """Return a text; None when it is absent or empty."""
        return None if self.absent else (self.text() or None)

    def whole(self) -> int:
        """Return a whole number of at most 63 bits."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._broken("a whole number")
        if not math.isfinite(self.value) or self.value != int(self.value):
            raise self._broken("a whole number")
        if abs(self.value) >= 2**63:
            raise self._broken("a whole number of a sensible size")
        return int(self.value)

    def whole_or_none(self) -> int | None:
        """Return a whole number, or None when it is absent."""
        return None if self.absent else self.whole()

    def number(self) -> float:
        """Return a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self._broken("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._broken("a finite number")
        return number

    def flag(self, *, default: bool) -> bool:
        """Return true or false; the default when it is absent."""
        if self.absent:
            return default
        if not isinstance(self.value, bool):
            raise self._broken("true or false")
        return self.value

    def moment(self) -> datetime:
        """Return a moment in ISO 8601, UTC; one without a time zone is taken as UTC."""
        try:
            moment = datetime.fromisoformat(self.text())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self._broken("a moment in ISO 8601") from None

    def _broken(self, expected: str) -> BrokenReply:
        found = "missing" if self.absent else f"not {expected}"
        return BrokenReply(
            self.service, f"{self.path} should be {expected} but is {found}.", remedy=REMEDY
        )
