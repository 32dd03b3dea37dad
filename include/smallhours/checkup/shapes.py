"""The shapes of services' replies: keys, types and lengths, without any content.

A shape is a list of members by path, such as `items[].track.name`. Each has the types that were
seen there, and whether every object that could have it had it. XML is described as the JSON that
it could be: an attribute has an `@` before its name.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from xml.etree.ElementTree import Element

# Of keys that are no names but ids: AcousticBrainz' recordings.
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+|[0-9A-Za-z]{22}")
_NAME = re.compile(r"[@#]?[A-Za-z][A-Za-z0-9_-]{0,40}")
ANY_KEY = "*"
OPTIONAL = "optional"


@dataclass
class Member:
    """What was seen at one path.

    Attributes:
        types: JSON's names of types; in XML `text`, `digits` and `empty` for texts.
        always: Whether it was in every object that could have it.
        length: The shortest and the longest text or list.
        objects: How many of them were objects.
    """

    types: set[str] = field(default_factory=set)
    always: bool = True
    length: tuple[int, int] | None = None
    objects: int = 0

    def add(self, kind: str, length: int | None) -> None:
        """Note one occurrence."""
        self.types.add(kind)
        if length is not None:
            low, high = self.length or (length, length)
            self.length = (min(low, length), max(high, length))

    def line(self, *, lengths: bool) -> str:
        """Return types, lengths and whether it is optional, as one line."""
        length = "{}-{}".format(*self.length) if lengths and self.length else ""
        parts = ["|".join(sorted(self.types)), length, "" if self.always else OPTIONAL]
        return " ".join(filter(None, parts))

    @classmethod
    def of_line(cls, line: str) -> Self:
        """Return what a line says; lengths are not read."""
        types, *more = line.split()
        return cls(set(types.split("|")), OPTIONAL not in more)


@dataclass
class Shape:
    """The members of a reply, or of several replies to the same question, by path."""

    members: dict[str, Member] = field(default_factory=dict)

    def add(self, body: bytes, *, known: "Shape | None" = None) -> None:
        """Add a reply.

        Args:
            body: The reply as it came: JSON, XML or something else.
            known: Its keys may be named whatever the reply's texts are; None allows all names.
        """
        value = _parsed(body)
        named = {_key(path) for path in known.members} if known else set()
        texts = {text.casefold() for text in _texts(value)} if known is not None else set()
        self._walk("", value, _Keys(named, texts))

    def _walk(self, path: str, value: Any, keys: "_Keys") -> None:
        member = self.members.setdefault(path, Member())
        member.add(*_type_of(value))
        if isinstance(value, list):
            for inner in value:
                self._walk(f"{path}[]", inner, keys)
        if not isinstance(value, dict):
            return
        present = {f"{path}.{keys.shown(key)}": inner for key, inner in value.items()}
        for child, inner in present.items():
            if child not in self.members and member.objects:
                self.members[child] = Member(always=False)  # an object before had none
            self._walk(child, inner, keys)
        for child in self._children(path) - set(present):
            self.members[child].always = False
        member.objects += 1

    def _children(self, path: str) -> set[str]:
        return {
            each for each in self.members if each and _parent(each) == path and each != f"{path}[]"
        }

    def to_json(self, *, lengths: bool = True) -> dict[str, str]:
        """Return a line for each member, such as `null|string 3-12 optional`."""
        return {path: member.line(lengths=lengths) for path, member in sorted(self.members.items())}

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Self:
        """Return a stored shape."""
        return cls({path: Member.of_line(line) for path, line in stored.items()})


@dataclass(frozen=True)
class _Keys:
    """Which keys are names, and which may be content.

    A key is shown if it is known, or if it looks like a name and is no text of the reply: a service
    may send objects whose keys are ids or names of people.
    """

    known: set[str]
    texts: set[str]

    def shown(self, key: str) -> str:
        if key in self.known:
            return key
        plain = _NAME.fullmatch(key) and not _ID.fullmatch(key)
        return key if plain and key.casefold() not in self.texts else ANY_KEY


def differences(known: Shape, seen: Shape) -> list[str]:
    """Return what differs in a reply from what is known of its kind, one line each.

    A member is missing only if the object that holds it was there, and a type is another one only
    if it was never seen at that place. Null says nothing: it may stand for any value.
    """
    found = []
    for path, member in seen.members.items():
        if path not in known.members:
            if _parent(path) in known.members:
                found.append(f"new: {_shown(path)}")
            continue
        types = known.members[path].types
        # Lists and objects that were always empty or null tell nothing of what they may hold.
        others = member.types - types - {"null", "empty"}
        if others and types - {"null", "empty"}:
            found.append(f"type: {_shown(path)} is {_listed(others)}, not {_listed(types)}")
    for path, member in known.members.items():
        holder = seen.members.get(_parent(path))
        if path not in seen.members and member.always and holder and "object" in holder.types:
            found.append(f"missing: {_shown(path)}")
    return sorted(found)


def serious_ones(lines: Iterable[str]) -> list[str]:
    """Return the differences that a parser may trip over: members that are missing or others."""
    return [line for line in lines if not line.startswith("new:")]


def _parent(path: str) -> str:
    return path.removesuffix("[]") if path.endswith("[]") else path.rpartition(".")[0]


def _key(path: str) -> str:
    return path.rpartition(".")[2].removesuffix("[]")


def _shown(path: str) -> str:
    return path.removeprefix(".") or "the reply"


def _listed(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))


def _parsed(body: bytes) -> Any:
    from smallhours.services.lastfm import parse_xml

    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError:
        root = parse_xml(body)
    return "not JSON or XML" if root is None else {root.tag: _of_element(root)}


def _of_element(element: Element) -> Any:
    """Return an element as the JSON that it could be; repeated children are always lists."""
    if not len(element) and not element.attrib:
        return _Text(element.text or "")
    inner: dict[str, Any] = {f"@{key}": _Text(value) for key, value in element.attrib.items()}
    if (element.text or "").strip():
        inner["#text"] = _Text(element.text or "")
    for child in element:
        inner.setdefault(child.tag, []).append(_of_element(child))
    return inner


class _Text(str):
    """A text of XML, which has no other types."""


def _type_of(value: Any) -> tuple[str, int | None]:
    if isinstance(value, _Text):
        stripped = value.strip()
        kind = "digits" if re.fullmatch(r"-?[0-9.]+", stripped) else "text"
        return (kind if stripped else "empty"), len(value)
    if value is None:
        return "null", None
    if isinstance(value, bool):
        return "boolean", None
    if isinstance(value, int | float):
        return "number", None
    if isinstance(value, str):
        return "string", len(value)
    return ("array", len(value)) if isinstance(value, list) else ("object", None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
