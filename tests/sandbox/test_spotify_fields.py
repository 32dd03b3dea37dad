"""Tests of the `fields` parameter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallhours_sandbox.spotify_http import select_fields

BODY: dict[str, Any] = {
    "name": "n",
    "owner": {"id": "o", "href": "h"},
    "items": [{"added_by": {"id": "u", "type": "user"}, "item": {"name": "t", "href": "h"}}],
}


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        (None, BODY),
        ("", BODY),
        ("name", {"name": "n"}),
        ("owner.id, name", {"owner": {"id": "o"}, "name": "n"}),
        ("items(added_by.id)", {"items": [{"added_by": {"id": "u"}}]}),
        (
            "items(added_by(id),item(name))",
            {"items": [{"added_by": {"id": "u"}, "item": {"name": "t"}}]},
        ),
        ("items(item(!href))", {"items": [{"item": {"name": "t"}}]}),
        ("items.item(!href)", {"items": [{"item": {"name": "t"}}]}),
        ("!items,!owner", {"name": "n"}),
        ("nothing", {}),
    ],
)
def test_fields_select_members(fields: str | None, left: object) -> None:
    assert select_fields(BODY, fields) == left


@given(st.text(alphabet="abitems().,! ", max_size=30))
def test_no_text_is_too_odd(fields: str) -> None:
    assert isinstance(select_fields(BODY, fields), dict)
