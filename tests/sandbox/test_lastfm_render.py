"""Tests that one tree is rendered as XML and as JSON without loss."""

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_sandbox.lastfm_render import IMAGES, date_node, paging, render, to_xml

# Everything that XML 1.0 can carry in text without normalising it away.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=30).filter(
    lambda text: "\ufffe" not in text and "\uffff" not in text
)


@given(name=TEXT, attribute=TEXT, indented=st.booleans())
def test_any_text_survives_xml(name: str, attribute: str, *, indented: bool) -> None:
    tree = {"@attr": {"tag": attribute}, "track": [{"name": name}, {"name": "b"}]}

    root = ET.fromstring(to_xml("tracks", tree, indented=indented))  # noqa: S314 - our own XML

    tracks = root[0]
    assert tracks.get("tag") == attribute
    assert [row.findtext("name") for row in tracks] == [name, "b"]


@given(name=TEXT)
def test_any_text_survives_json(name: str) -> None:
    body = render("a", {"track": [{"name": name}]}, as_json=True, indented=False)

    assert json.loads(body) == {"a": {"track": [{"name": name}]}}


def test_characters_that_xml_forbids_are_left_out() -> None:
    root = ET.fromstring(to_xml("a", {"name": "x\x00\x0by"}, indented=False))  # noqa: S314

    assert root[0].findtext("name") == "xy"


@pytest.mark.parametrize("indented", [True, False])
def test_text_with_attributes_and_shared_pictures(*, indented: bool) -> None:
    tree = {"track": {"artist": {"mbid": "m", "#text": "A"}, "image": IMAGES, "match": 0.5}}

    track = ET.fromstring(to_xml("a", tree, indented=indented))[0][0]  # noqa: S314

    artist = track.find("artist")
    assert artist is not None
    assert (artist.get("mbid"), artist.text) == ("m", "A")
    assert [image.get("size") for image in track.findall("image")] == [
        "small",
        "medium",
        "large",
        "extralarge",
    ]
    assert track.findtext("match") == "0.500"


def test_lists_of_one_collapse_only_when_told() -> None:
    tree = {"track": [{"tag": [{"name": "a"}, {"name": "b"}]}]}

    kept = json.loads(render("t", tree, as_json=True, indented=False))["t"]
    collapsed = json.loads(render("t", tree, as_json=True, indented=False, collapse=True))["t"]

    assert kept == tree
    assert collapsed == {"track": {"tag": [{"name": "a"}, {"name": "b"}]}}


@given(st.integers(0, 4_102_444_800))
def test_dates_are_written_as_the_calendar_has_them(uts: int) -> None:
    moment = datetime.fromtimestamp(uts, UTC)

    written = date_node(uts)

    assert written["uts"] == str(uts)
    assert datetime.strptime(written["#text"], "%d %b %Y, %H:%M").replace(
        tzinfo=UTC
    ) == moment.replace(second=0)


@pytest.mark.parametrize(("total", "pages"), [(0, "0"), (1, "1"), (50, "1"), (51, "2")])
def test_pages_are_counted_upwards(total: int, pages: str) -> None:
    assert paging(1, 50, total)["totalPages"] == pages
