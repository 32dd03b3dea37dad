"""Property tests of Last.fm's parsers: any input gives valid rows or BrokenReply."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours.errors import BrokenReply
from smallhours.services import lastfm_replies as replies
from smallhours.services.lastfm import parse_xml

PARSERS: dict[str, Callable[[Element], Any]] = {
    "recenttracks": lambda root: replies.parse_scrobbles(root, "ada"),
    "lovedtracks": lambda root: replies.parse_loved(root, "ada"),
    "user": replies.parse_user,
    "toptags": lambda root: replies.parse_tags(root, "Asked", "For"),
    "similartracks": replies.parse_similar_tracks,
    "similarartists": replies.parse_similar_artists,
    "toptracks": replies.parse_top_tracks,
    "tags": replies.parse_top_tags,
}
NAMES = [
    *("track", "artist", "name", "mbid", "album", "date", "tag", "count", "match", "url"),
    *("playcount", "listeners", "registered", "reach", "taggings"),
]
TEXTS = st.one_of(
    st.sampled_from(["", " ", "ada", "0", "1", "100", "0.5", "nan", "-3", "1e400", "٣", "9" * 30]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=6),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["user", "page", "totalPages", "total", "uts", "unixtime", "nowplaying"])
    | st.sampled_from(["mbid", "rank", "artist", "track"]),
    st.sampled_from(["ada", "true", "1", "1311261170", "99999999999999999999", "-1"]) | TEXTS,
    max_size=4,
)


def _element(name: str, attributes: dict[str, str], text: str, children: list[Element]) -> Element:
    element = Element(name, attributes)
    element.text = text
    element.extend(children)
    return element


ELEMENTS = st.recursive(
    st.builds(_element, st.sampled_from(NAMES), ATTRIBUTES, TEXTS, st.just([])),
    lambda inner: st.builds(
        _element, st.sampled_from(NAMES), ATTRIBUTES, TEXTS, st.lists(inner, max_size=5)
    ),
    max_leaves=20,
)


@given(
    name=st.sampled_from(sorted(PARSERS)),
    section=st.sampled_from(sorted(PARSERS)) | st.just(""),
    attributes=ATTRIBUTES,
    good=st.booleans(),
    rows=st.lists(ELEMENTS, max_size=6),
)
def test_any_reply_gives_rows_or_broken_reply(
    name: str, section: str, attributes: dict[str, str], good: bool, rows: list[Element]
) -> None:
    if good:
        section = name
        attributes = attributes | {"user": "ada", "page": "1", "totalPages": "1", "total": "1"}
    root = Element("lfm")
    root.append(_element(section or "other", attributes, "", rows))
    try:
        got = PARSERS[name](root)
    except BrokenReply:
        return
    if isinstance(got, replies.ScrobblePage):
        kept = len(got.scrobbles)
        skipped = got.now_playing_skipped + got.undated_skipped + got.nameless_skipped
        assert kept + skipped == sum(row.tag == "track" for row in rows)
        assert all(row.artist and row.title for row in got.scrobbles)
        assert all(row.played_at >= replies.FIRST_SCROBBLE for row in got.scrobbles)
    elif isinstance(got, replies.LastfmTags):
        assert all(tag.name and 0 <= tag.count <= 100 for tag in got.tags)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_xml_or_not(body: bytes) -> None:
    assert parse_xml(body) is None or isinstance(parse_xml(body), Element)


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_characters_that_xml_forbids_are_dropped_from_a_title(title: str) -> None:
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    root = parse_xml(f"<lfm><name>{escaped}</name></lfm>".encode())
    assert root is not None
    kept = [c for c in title if c >= " " or c in "\t\n\r"]
    kept = [c for c in kept if c not in "\ufffe\uffff"]
    got = (root.findtext("name") or "").replace("\r\n", "\n").replace("\r", "\n")
    assert got == "".join(kept).replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("reference", ["&#x1f;", "&#0;", "&#11;", "&#31;"])
def test_references_to_forbidden_characters_are_dropped(reference: str) -> None:
    root = parse_xml(f"<lfm>Bel{reference}la</lfm>".encode())
    assert root is not None
    assert root.text == "Bella"


@pytest.mark.parametrize("reference", ["&#9;", "&#10;", "&#xA;", "&#13;", "&#32;"])
def test_references_to_white_space_stay(reference: str) -> None:
    root = parse_xml(f"<lfm>a{reference}b&#x1;</lfm>".encode())
    assert root is not None
    assert root.text in ("a\tb", "a\nb", "a\rb", "a b")


RECORDED = """<lfm status="ok"><recenttracks user="RJ" page="1" perPage="11" totalPages="1"
 total="2"><track nowplaying="true">
  <artist mbid="">The Knife</artist><name>Pass This On</name></track>
<track><artist mbid="a1"> Boards of Canada</artist><name>Roygbiv</name><mbid>t1</mbid>
  <album mbid="">Music Has the Right</album><date uts="1311261170">21 Jul 2011, 15:12</date></track>
<track><artist><name>Grimes</name><mbid>a2</mbid></artist><loved>1</loved><name>Oblivion</name>
  <mbid></mbid><album/><date uts="1311261000">21 Jul 2011, 15:10</date></track>
</recenttracks></lfm>"""


def test_plain_and_extended_rows_read_the_same() -> None:
    page = replies.parse_scrobbles(ElementTree.fromstring(RECORDED), "rj")  # noqa: S314 - ours
    assert page.now_playing_skipped == 1
    assert page.scrobbles == (
        replies.Scrobble(
            datetime(2011, 7, 21, 15, 12, 50, tzinfo=UTC),
            "Boards of Canada",
            "a1",
            "Music Has the Right",
            "Roygbiv",
            "t1",
        ),
        replies.Scrobble(
            datetime(2011, 7, 21, 15, 10, tzinfo=UTC), "Grimes", "a2", None, "Oblivion", None
        ),
    )
