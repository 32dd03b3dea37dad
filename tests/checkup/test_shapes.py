"""Tests of the shapes of replies: what they keep, what they hide, and how they differ."""

import json

import pytest

from smallhours.checkup.shapes import Shape, differences, serious_ones


def shape_of(*values: object, known: Shape | None = None) -> Shape:
    shape = Shape()
    for value in values:
        shape.add(json.dumps(value).encode(), known=known)
    return shape


def test_a_shape_has_keys_types_and_lengths_and_no_content() -> None:
    rows = {"items": [{"name": "Tolo", "ms": 5}, {"name": None, "ms": 7, "tags": []}]}

    assert shape_of(rows).to_json() == {
        "": "object",
        ".items": "array 2-2",
        ".items[]": "object",
        ".items[].ms": "number",
        ".items[].name": "null|string 4-4",
        ".items[].tags": "array 0-0 optional",
    }


@pytest.mark.parametrize(
    ("first", "second"), [({"a": 1}, {"a": 1, "b": 2}), ({"a": 1, "b": 2}, {"a": 1})]
)
def test_what_one_reply_of_two_lacks_is_optional(first: object, second: object) -> None:
    members = shape_of(first, second).members
    assert (members[".a"].always, members[".b"].always) == (True, False)


def test_xml_is_described_too() -> None:
    shape = Shape()
    shape.add(
        b'<lfm status="ok"><tags><tag><name>mpb</name><count>9</count><url/></tag></tags></lfm>'
    )

    assert shape.to_json() == {
        "": "object",
        ".lfm": "object",
        ".lfm.@status": "text 2-2",
        ".lfm.tags": "array 1-1",
        ".lfm.tags[]": "object",
        ".lfm.tags[].tag": "array 1-1",
        ".lfm.tags[].tag[]": "object",
        ".lfm.tags[].tag[].count": "array 1-1",
        ".lfm.tags[].tag[].count[]": "digits 1-1",
        ".lfm.tags[].tag[].name": "array 1-1",
        ".lfm.tags[].tag[].name[]": "text 3-3",
        ".lfm.tags[].tag[].url": "array 1-1",
        ".lfm.tags[].tag[].url[]": "empty 0-0",
    }


@pytest.mark.parametrize(("body", "line"), [(b"", "null"), (b"<html>", "string 15-15")])
def test_a_body_that_is_nothing_has_a_shape(body: bytes, line: str) -> None:
    shape = Shape()
    shape.add(body)
    assert shape.to_json() == {"": line}


@pytest.mark.parametrize(
    "key",
    [
        "Mira Tolo",
        "mira@example.org",
        "0a8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b01",
        "5XmjOoSydcec9hbpUd9PM9",
        "1983",
        "mira",
        "ミラ",
        "a" * 60,
    ],
)
def test_a_key_that_may_be_content_is_hidden(key: str) -> None:
    shape = shape_of({key: 1, "owner": "Mira"}, known=shape_of({"owner": "x"}))
    assert set(shape.members) == {"", ".*", ".owner"}


def test_a_known_key_is_shown_even_if_it_is_a_text_of_the_reply() -> None:
    shape = shape_of({"track": {"type": "track"}}, known=shape_of({"track": {"type": "x"}}))
    assert ".track.type" in shape.members


def test_a_shape_survives_its_file() -> None:
    shape = shape_of({"a": [1, "x"], "b": None}, {"a": []})
    stored = json.loads(json.dumps(shape.to_json()))
    assert Shape.from_json(stored).to_json() == shape.to_json(lengths=False)


KNOWN = {"items": [{"name": "x", "ms": 1, "album": {"name": "x"}}], "next": None}


@pytest.mark.parametrize(
    ("seen", "lines"),
    [
        (KNOWN, []),
        ({"items": [], "next": None}, []),
        ({**KNOWN, "total": 3}, ["new: total"]),
        ({**KNOWN, "more": {"deep": 1}}, ["new: more"]),
        ({"items": []}, ["missing: next"]),
        ({**KNOWN, "items": [{"name": "x", "ms": 1}]}, ["missing: items[].album"]),
        ({**KNOWN, "items": [{**KNOWN["items"][0], "album": None}]}, []),  # type: ignore[index]
        (
            {**KNOWN, "items": [{**KNOWN["items"][0], "ms": "1"}]},  # type: ignore[index]
            ["type: items[].ms is string, not number"],
        ),
        ({**KNOWN, "next": "https://..."}, []),
        ([], ["type: the reply is array, not object"]),
    ],
)
def test_differences_name_the_path_and_the_kind(seen: object, lines: list[str]) -> None:
    found = differences(shape_of(KNOWN), shape_of(seen))
    assert found == lines
    assert serious_ones(found) == [line for line in lines if "new" not in line]
