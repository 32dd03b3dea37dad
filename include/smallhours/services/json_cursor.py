"""A checked cursor over JSON replies.

What we act on is checked strictly, what stands beside it is not looked at. Every step into a reply
checks its type and raises `BrokenReply` with the path of the part that is not as documented; the
reply's content never enters the message.
"""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from smallhours.errors import BrokenReply

LOG = logging.getLogger(__name__)
T = TypeVar("T")

REMEDY: Final = (
    "It usually passes; if it lasts, the service has changed and Smallhours needs an update."
)
# More rows than this that can't be parsed, and no other, mean that the whole reply is broken.
MAX_ODD_ROWS: Final = 5


@dataclass(frozen=True, slots=True)
class JsonCursor:
    """One place in a reply.

    Attributes:
        service: Who replied.
        value: What is there.
        path: Where that is, such as `items[3].track`.
        odd_rows: Counts the rows that were left out, by the path of their list.
    """

    service: str
    value: Any
    path: str = "the reply"
    odd_rows: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    def __getitem__(self, key: str) -> "JsonCursor":
        """Return the member of an object; null when it is absent.

        Raises:
            BrokenReply: when this is no object.
        """
        if not isinstance(self.value, dict):
            raise self.broken("an object")
        path = key if self.path == "the reply" else f"{self.path}.{key}"
        return JsonCursor(self.service, self.value.get(key), path, self.odd_rows)

    def __iter__(self) -> Iterator["JsonCursor"]:
        """Yield the elements of an array.

        Raises:
            BrokenReply: when this is no array.
        """
        if not isinstance(self.value, list):
            raise self.broken("an array")
        for index, element in enumerate(self.value):
            yield JsonCursor(self.service, element, f"{self.path}[{index}]", self.odd_rows)

    def rows(self, parse: Callable[["JsonCursor"], T | None]) -> list[T]:
        """Return the parsed elements of an array; those that can't be parsed are left out, counted.

        Args:
            parse: Parses an element. It returns None for what is no row, or raises BrokenReply.

        Raises:
            BrokenReply: when this is no array, or nothing but rows that can't be parsed.
        """
        parsed: list[T] = []
        odd: list[BrokenReply] = []
        for element in self:
            try:
                row = parse(element)
            except BrokenReply as error:
                odd.append(error)
            else:
                if row is not None:
                    parsed.append(row)
        if len(odd) > MAX_ODD_ROWS and not parsed:
            raise odd[0]
        if odd:
            LOG.warning("%d rows are left out. %s", len(odd), odd[0].what)
            self.odd_rows[self.path] += len(odd)
        return parsed

    @property
    def absent(self) -> bool:
        """Return whether there is nothing here, or null."""
        return self.value is None

    def text(self) -> str:
        """Return a text.

        Half of a surrogate pair, which JSON can spell but UTF-8 can't, becomes `?`.
        """
        if not isinstance(self.value, str):
            raise self.broken("a text")
        return self.value.encode("utf-8", "replace").decode("utf-8")

    def some_text(self) -> str:
        """Return a text that is not empty."""
        text = self.text()
        if not text.strip():
            raise self.broken("a text that is not empty")
        return text

    def text_or_none(self) -> str | None:
        """Return a text; None when it is absent or empty."""
        return None if self.absent else (self.text() or None)

    def whole(self) -> int:
        """Return a whole number of at most 63 bits."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.broken("a whole number")
        if not math.isfinite(self.value) or self.value != int(self.value):
            raise self.broken("a whole number")
        if abs(self.value) >= 2**63:
            raise self.broken("a whole number of a sensible size")
        return int(self.value)

    def whole_or_none(self) -> int | None:
        """Return a whole number, or None when it is absent."""
        return None if self.absent else self.whole()

    def number(self) -> float:
        """Return a finite number."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.broken("a number")
        try:
            number = float(self.value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.broken("a finite number")
        return number

    def moment(self) -> datetime:
        """Return a moment in ISO 8601, UTC; one without a time zone is taken as UTC."""
        try:
            moment = datetime.fromisoformat(self.text())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self.broken("a moment in ISO 8601") from None

    def broken(self, expected: str) -> BrokenReply:
        """Return the error that this place is not as expected."""
        found = "missing" if self.absent else f"not {expected}"
        return BrokenReply(
            self.service, f"{self.path} should be {expected} but is {found}.", remedy=REMEDY
        )
