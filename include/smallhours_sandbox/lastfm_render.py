"""Serialisation of Last.fm replies as XML and JSON.

Last.fm's JSON is its XML translated mechanically: attributes are under ``@attr``, text under
``#text``. So one tree of plain dicts (in the JSON shape) is enough to write both:

* a dict with ``#text`` is an element with text; its other keys are attributes,
* ``@attr`` holds the attributes of an element that has children,
* a list is a repeated element.

Methods about users are indented, the others hardly at all, like the recorded replies of both.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import quote_plus
from xml.sax.saxutils import escape

Node: TypeAlias = Mapping[str, Any]

XML_TYPE = "text/xml; charset=UTF-8"
JSON_TYPE = "application/json"

# Last.fm has answered with this grey star instead of pictures of artists and tracks since 2019.
_PICTURES = "https://lastfm.freetls.fastly.net/i/u/{}/2a96cbd8b46e442fc41c2b86b821562f.png"
_SIZES = (
    ("small", "34s"),
    ("medium", "64s"),
    ("large", "174s"),
    ("extralarge", "300x300"),
    ("mega", "300x300"),
    ("", "300x300"),
)
_ALL_IMAGES = [{"size": size, "#text": _PICTURES.format(folder)} for size, folder in _SIZES]
IMAGES = _ALL_IMAGES[:4]
"""The pictures of a track in most methods."""
ARTIST_IMAGES = _ALL_IMAGES[:5]
"""The pictures of an artist in ``tag.getTopArtists``."""
SIX_IMAGES = _ALL_IMAGES
"""The pictures in the similarity methods and ``artist.getInfo``, the last without a size."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NOT_XML = re.compile("[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(
    name: str, node: Node, *, as_json: bool, indented: bool, collapse: bool = False
) -> bytes:
    """Return the body of a successful reply.

    Args:
        name: the root element, such as ``recenttracks``.
        node: its content, in the JSON shape.
        as_json: JSON when true, else XML.
        indented: line breaks and indentation in the XML, as in the ``user.*`` methods.
        collapse: in JSON, write a list of one item as that one object (an old habit of Last.fm's
            that some installations still have).
    """
    if as_json:
        return to_json({name: _collapsed(node) if collapse else node})
    body = to_xml(name, node, indented=indented)
    return body.encode()


def render_error(code: int, message: str, *, as_json: bool, links: bool = False) -> bytes:
    """Return the body of a failed reply; catalogue errors carry an empty ``links`` in JSON."""
    if as_json:
        error: dict[str, Any] = {"message": message, "error": code}
        if links:
            error["links"] = []
        return to_json(error)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="failed">\n'
        f'  <error code="{code}">{escape(message)}</error>\n</lfm>\n'
    ).encode()


def to_json(node: Node) -> bytes:
    """Return ``node`` as compact UTF-8 JSON."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).encode()


def to_xml(name: str, node: Node, *, indented: bool) -> str:
    """Return ``node`` as an ``<lfm status="ok">`` document, without characters forbidden in XML."""
    parts: list[str] = []
    if indented:
        parts.append('<?xml version="1.0" encoding="UTF-8"?>\n<lfm status="ok">')
        _element(parts, name, node, "\n  ")
        parts.append("\n</lfm>\n")
    else:
        parts.append('<?xml version="1.0" encoding="UTF-8" ?>\n<lfm status="ok">')
        _element(parts, name, node, "")
        parts.append("\n</lfm>\n")
    return _NOT_XML.sub("", "".join(parts))


def _element(parts: list[str], name: str, value: Any, lead: str) -> None:
    """Append one element; ``lead`` is its line break and indentation, "" for the bare style."""
    parts.append(lead)
    if not isinstance(value, Mapping):
        parts.append(f"<{name}>{_text(value)}</{name}>")
        return
    if "#text" in value:
        written = "".join(
            f' {key}="{_attribute(held)}"' for key, held in value.items() if key != "#text"
        )
        parts.append(f"<{name}{written}>{_text(value['#text'])}</{name}>")
        return
    attributes = value.get("@attr", {})
    parts.append(f"<{name}")
    parts.extend(f' {key}="{_attribute(held)}"' for key, held in attributes.items())
    parts.append(">")
    inner = f"{lead}  " if lead else ""
    after = "" if lead else "\n"
    for key, child in value.items():
        if key == "@attr":
            continue
        if isinstance(child, list):
            if id(child) in _SHARED:
                parts.append(_images(id(child), inner))
                continue
            for each in child:
                _element(parts, key, each, inner)
                parts.append(after)
        else:
            _element(parts, key, child, inner)
            parts.append(after)
    parts.append(f"{lead}</{name}>")


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return escape(str(value), {'"': "&quot;", "'": "&apos;"})


def _attribute(value: Any) -> str:
    return escape(str(value), {'"': "&quot;"})


def _collapsed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _collapsed(held) for key, held in value.items()}
    if isinstance(value, list):
        return _collapsed(value[0]) if len(value) == 1 else [_collapsed(each) for each in value]
    return value


# The images are the same in every row and most of a long reply: render them only once.
_SHARED = {id(images): images for images in (IMAGES, ARTIST_IMAGES, SIX_IMAGES)}


@cache
def _images(shared: int, lead: str) -> str:
    parts: list[str] = []
    for image in _SHARED[shared]:
        _element(parts, "image", image, lead)
        parts.append("" if lead else "\n")
    return "".join(parts)


def artist_url(artist: str) -> str:
    """Return the address of an artist's page."""
    return f"https://www.last.fm/music/{quote_plus(artist)}"


def track_url(artist: str, title: str) -> str:
    """Return the address of a track's page."""
    return f"https://www.last.fm/music/{quote_plus(artist)}/_/{quote_plus(title)}"


def tag_url(tag: str) -> str:
    """Return the address of a tag's page."""
    return f"https://www.last.fm/tag/{quote_plus(tag)}"


def date_node(uts: int) -> dict[str, str]:
    """Return a scrobble's ``date``: Unix seconds and the same as English text, in UTC."""
    days, seconds = divmod(uts, 86_400)
    year, month, day = _civil(days)
    clock = f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"
    return {"uts": str(uts), "#text": f"{day:02d} {_MONTHS[month - 1]} {year}, {clock}"}


def _civil(days: int) -> tuple[int, int, int]:
    """Return (year, month, day) of a day counted from 1970-01-01 (H. Hinnant's civil_from_days).

    Replies need thousands of dates per second; ``datetime`` is five times slower.
    """
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    moon = (5 * of_year + 2) // 153
    day = of_year - (153 * moon + 2) // 5 + 1
    month = moon + 3 if moon < 10 else moon - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def paging(page: int, per_page: int, total: int) -> dict[str, str]:
    """Return the attributes of a paged list, all of them strings."""
    return {
        "page": str(page),
        "perPage": str(per_page),
        "totalPages": str(-(-total // per_page)),
        "total": str(total),
    }
