"""A streaming reader of a JSON array, for files larger than memory."""

import json
import re
from collections.abc import Iterable, Iterator

from smallhours.listening.formats.reading import MalformedFile

_BLANK = " \t\r\n"
_MAX_ELEMENT_CHARS = 1 << 20  # characters of one element; a stream of Spotify's has some 800


def iter_elements(texts: Iterable[str], member: str | None = None) -> Iterator[object]:
    """Yield each element of the array that the texts form together.

    Args:
        texts: The pieces of the text.
        member: The name of the array in the object that the texts form; what else the object
            has is not looked at.

    Raises:
        MalformedFile: The text ends too early, goes on too long or is not JSON; the elements
            before that were yielded.
    """
    text = _Text(iter(texts))
    if member is not None:
        text.skip_to(member)
    sign = text.take()
    if sign != "[":
        raise MalformedFile("it is empty" if sign == "" else "it is not a list")
    if text.peek() == "]":
        sign = text.take()
    while sign != "]":
        yield text.value()
        sign = text.take()
        if sign not in (",", "]"):
            raise MalformedFile(_ENDS if sign == "" else f"there is {sign!r} between two rows")
    if member is None and text.peek():
        raise MalformedFile("something follows after its end")


_ENDS = "it ends in the middle"


class _Text:
    """The text that was read and not yet used."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text = ""
        self._at = 0
        self._decoder = json.JSONDecoder()

    def skip_to(self, member: str) -> None:
        """Go to the list of that name, wherever in the first characters it is."""
        place = re.compile(rf'"{member}"\s*:\s*(?=\[)')
        while not (found := place.search(self._text)):
            if len(self._text) > _MAX_ELEMENT_CHARS or not self._read_on():
                raise MalformedFile(f"it has no list {member!r}")
        self._at = found.end()

    def peek(self) -> str:
        """Return the next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._read_on():
                return ""

    def take(self) -> str:
        sign = self.peek()
        self._at += 1
        return sign

    def value(self) -> object:
        if self.peek() == "":
            raise MalformedFile(_ENDS)
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > _MAX_ELEMENT_CHARS:
                    raise MalformedFile(f"a row is not JSON ({error.msg})") from error
                if not self._read_on():
                    raise MalformedFile(f"{_ENDS}, or a row is not JSON ({error.msg})") from error
            except (ValueError, RecursionError) as error:
                raise MalformedFile(f"a row is not JSON ({error})") from error
            else:
                return value

    def _read_on(self) -> bool:
        more = next(self._texts, None)
        if more is None:
            return False
        self._text = self._text[self._at :] + more
        self._at = 0
        return True
