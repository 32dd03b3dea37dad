"""Tests of what the demo tells of a night: its picks' reasons, and how a list was received."""

from pathlib import Path

from smallhours.lake.store import Lake
from smallhours_sandbox.demo.results import last_reception, read_reasons
from tests.web.lists import BEFORE, NIGHT, add_list, add_reactions

NAMES = [(f"Artist {at}", f"Title {at}") for at in range(12)]


def test_what_was_heard_of_yesterdays_list_is_counted_from_the_lake(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    first, second, third, fourth, *_ = add_list(lake, BEFORE, NAMES, listener="ada")
    add_list(lake, NIGHT, NAMES[:4], listener="ada")
    said = {first: "played", second: "played", third: "skipped", fourth: "passed"}
    add_reactions(lake, BEFORE, said, listener="ada")
    add_reactions(lake, BEFORE, {first: "saved"}, listener="ada")

    assert last_reception(tmp_path, NIGHT) == (
        "Ada heard out two of yesterday's 12, saved one, skipped one and passed over one."
    )


def test_the_first_night_has_none_to_tell_of(tmp_path: Path) -> None:
    add_list(Lake(str(tmp_path)), NIGHT, NAMES, listener="ada")

    assert "has not heard it yet" in last_reception(tmp_path, NIGHT)


def test_each_pick_is_told_with_its_reason(tmp_path: Path) -> None:
    add_list(Lake(str(tmp_path)), NIGHT, NAMES[:2], listener="ada")

    assert list(read_reasons(tmp_path, "ada", NIGHT).values()) == [
        "Close to Slowdive – Alison, for Title 0.",
        "Close to Slowdive – Alison, for Title 1.",
    ]
