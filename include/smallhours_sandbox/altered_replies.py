"""Faults that alter the right answer: rows that are odd, null, missing or doubled.

A row is one entry of the list that an answer consists of, such as ``items`` or ``listens``; where
an answer is an object by MusicBrainz id, one recording; in Last.fm's XML one child of the list.
"""

import json
import re
from collections.abc import Callable, Mapping, MutableSequence
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from smallhours_sandbox.faults import Fault
from smallhours_sandbox.identifiers import is_uuid

Alteration = Callable[[Fault, bytes], bytes]
# Where a row is: the list or object that holds it, and its index or key there.
Place = tuple[Any, Any]

_LISTS = (
    "items", "content", "audio_features", "listens", "feedback", "playlists", "track", "recordings",
)  # fmt: skip
_NAMES = (
    "name", "title", "id", "uri", "href", "isrc", "recording_mbid", "recording_msid",
    "artist_mbid", "track_name", "artist_name",
)  # fmt: skip
_INNER = ("item", "track", "track_metadata", "playlist", "recording")


def _of_rows(alter: Callable[[Fault, Place], None]) -> Alteration:
    """Return an alteration that changes each chosen row."""

    def altered(fault: Fault, body: bytes) -> bytes:
        xml = body.lstrip().startswith(b"<")
        whole: Any = ElementTree.fromstring(body) if xml else json.loads(body)  # noqa: S314 - ours
        places = _xml_rows(whole) if xml else _json_rows(whole)
        chosen = [place for place in places if _fits(fault, place[0][place[1]])]
        # From the last to the first, so that the places before a removed row stay the same.
        for place in reversed(chosen[: fault.count or None]):
            alter(fault, place)
        if xml:
            written: bytes = ElementTree.tostring(whole, encoding="utf-8")
            return written
        return json.dumps(whole, ensure_ascii=False).encode("utf-8", "surrogatepass")

    return altered


def _xml_rows(root: Element) -> list[Place]:
    return [(each, index) for each in root[:1] for index in range(len(each))]


def _json_rows(body: Any) -> list[Place]:
    """Return the rows of an answer: of its first list, or its members by MusicBrainz id."""
    if isinstance(body, list):
        return [(body, index) for index in range(len(body))]
    if not isinstance(body, dict):
        return []
    if "mbid_mapping" in body:
        return [(body, key) for key in body if key != "mbid_mapping"]
    if body and all(map(is_uuid, body)):
        return [(body, key) for key in body]
    for name in _LISTS:
        if name in body:
            return _json_rows(body[name])
    return [place for value in body.values() for place in _json_rows(value)]


def _fits(fault: Fault, row: Any) -> bool:
    if fault.rows == "*":
        return True
    return any(fnmatchcase(name.lower(), fault.rows.lower()) for name in _names(row))


def _names(row: Any) -> list[str]:
    if isinstance(row, Element):
        return [row.findtext(name) or "" for name in _NAMES]
    if not isinstance(row, dict):
        return []
    own = [row[name] for name in _NAMES if isinstance(row.get(name), str)]
    return [*own, *(name for inner in _INNER for name in _names(row.get(inner)))]


def _change(fault: Fault, place: Place) -> None:
    holder, key = place
    for path, value in (fault.change or {}).items():
        if isinstance(holder, Element):
            _change_element(holder[key], path.split("."), value)
        else:
            _change_member(holder[key], path.split("."), value)


def _change_member(row: Any, path: list[str], value: Any) -> None:
    """Set one member of a JSON row, through objects and lists; what is not there is left alone."""
    *folders, last = path
    for name in folders:
        row = row[int(name)] if isinstance(row, list) and name.isdigit() else row.get(name)
        if not isinstance(row, dict | list):
            return
    if isinstance(row, list):
        row[int(last)] = value
    else:
        row[last] = value


def _change_element(row: Element, path: list[str], value: Any) -> None:
    """Set the text of a child, or an attribute; null removes it."""
    *folders, last = path
    for name in folders:
        found = row.find(name)
        if found is None:
            return
        row = found
    child = row.find(last)
    if child is None and last in row.attrib:
        row.attrib.pop(last)
        if value is not None:
            row.set(last, str(value))
        return
    if value is None:
        if child is not None:
            row.remove(child)
        return
    target = ElementTree.SubElement(row, last) if child is None else child
    target.text = str(value)


def _null(fault: Fault, place: Place) -> None:
    del fault
    holder, key = place
    holder[key] = Element(holder[key].tag) if isinstance(holder, Element) else None


def _missing(fault: Fault, place: Place) -> None:
    del fault
    holder, key = place
    del holder[key]


def _doubled(fault: Fault, place: Place) -> None:
    del fault
    holder, key = place
    if isinstance(holder, Element | MutableSequence):
        holder.insert(key, deepcopy(holder[key]))


def _track(place: Place) -> list[dict[str, Any]]:
    """Return the track of a row, once for each name under which the row holds it."""
    row = place[0][place[1]] or {}
    held = [row[name] for name in ("item", "track") if isinstance(row.get(name), dict)]
    return held or [row]


def _relinked(fault: Fault, place: Place) -> None:
    del fault
    for track in _track(place):
        old = track.get("id")
        if old:
            new = old[::-1]
            track |= {"id": new, "uri": f"spotify:track:{new}"}
            track["href"] = track["href"].replace(old, new)


def _unplayable(fault: Fault, place: Place) -> None:
    del fault
    for track in _track(place):
        track |= {"is_playable": False, "restrictions": {"reason": "market"}}


def _emptied(fault: Fault, body: bytes) -> bytes:
    """Return the page with its first tracks emptied, each in another of the ways that were seen."""
    whole = json.loads(body)
    shapes: tuple[list[Any], ...] = (
        [],
        [{"name": "", "id": None}],
        [{"name": "\u200b", "id": None}],
    )
    for number, place in enumerate(_json_rows(whole)[: fault.count]):
        title = "" if number % 2 == 0 else " "
        for track in _track(place):
            track |= {"name": title, "artists": shapes[number % 3]}
    return json.dumps(whole).encode()


def _odd_count(fault: Fault, body: bytes) -> bytes:
    said = f"<count>{fault.words or ''}</count>".encode()
    return re.sub(rb"<count>[^<]*</count>", said, body, count=1)


def _other_root(fault: Fault, body: bytes) -> bytes:
    del fault, body
    return b"<?xml version='1.0'?><hello/>"


ALTERATIONS: Mapping[str, Alteration] = {
    "odd_rows": _of_rows(_change),
    "null_rows": _of_rows(_null),
    "missing_rows": _of_rows(_missing),
    "doubled_rows": _of_rows(_doubled),
    "relinked_rows": _of_rows(_relinked),
    "unplayable_rows": _of_rows(_unplayable),
    "emptied_rows": _emptied,
    "odd_tag_count": _odd_count,
    "other_root": _other_root,
}
