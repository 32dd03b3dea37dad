"""Tests of the lengths that Last.fm tells beside neighbours."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from smallhours.catalog.features import LENGTHS_NOTE, MAX_NOTED, ToldLengths
from smallhours.lake.store import Lake, MergeReport
from smallhours.lake.tables import AUDIO_FEATURES

NIGHT = dt.date(2026, 11, 9)
FIRST, SECOND = {"a · one": 180_000.0, "b · two": 200_000.0}, {"b · two": 210_000.0}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def stored(lake: Lake) -> dict[str, float]:
    rows = lake.frame(AUDIO_FEATURES)
    assert set(rows["source"]) <= {"lastfm"}
    assert set(rows["feature"]) <= {"duration_ms"}
    return dict(zip(rows["track_key"], rows["value"], strict=True))


def test_lengths_of_many_answers_are_stored_at_once_and_the_note_goes(lake: Lake) -> None:
    lengths = ToldLengths(lake, NIGHT)
    lengths.note(FIRST)
    lengths.note(SECOND)
    assert stored(lake) == {}
    lengths.store()
    assert stored(lake) == FIRST | SECOND
    assert not Path(lake.files.address(LENGTHS_NOTE)).exists()


def test_what_a_killed_process_noted_is_stored_by_the_next(lake: Lake) -> None:
    ToldLengths(lake, NIGHT).note(FIRST)
    ToldLengths(lake, NIGHT).store()
    assert stored(lake) == FIRST


def test_lengths_that_are_known_are_not_stored_again_nor_noted_once_they_were_read(
    lake: Lake,
) -> None:
    note = Path(lake.files.address(LENGTHS_NOTE))
    lengths = ToldLengths(lake, NIGHT)
    lengths.note(FIRST)
    lengths.store()
    before = lake.files.stamps(AUDIO_FEATURES.name)
    lengths.note(FIRST)
    assert not note.exists()
    later = ToldLengths(lake, NIGHT + dt.timedelta(days=1))
    later.note(FIRST)
    assert note.exists()
    later.store()
    assert not note.exists()
    assert lake.files.stamps(AUDIO_FEATURES.name) == before


class LakeWithAnotherProcess(Lake):
    """A lake in which another process notes a length while this one stores its own."""

    def merge(self, *given: Any, **named: Any) -> MergeReport:
        """Note first, as the other process."""
        ToldLengths(Lake(self.url), NIGHT).note(SECOND)
        return super().merge(*given, **named)


def test_what_others_note_meanwhile_stays(lake: Lake) -> None:
    ToldLengths(lake, NIGHT).note(FIRST)
    ToldLengths(LakeWithAnotherProcess(lake.url), NIGHT).store()
    assert stored(lake) == FIRST
    ToldLengths(lake, NIGHT).store()
    assert stored(lake) == FIRST | SECOND


def test_a_damaged_note_costs_only_what_it_held(lake: Lake) -> None:
    lake.files.replace(LENGTHS_NOTE, b"{broken")
    ToldLengths(lake, NIGHT).note(FIRST)
    ToldLengths(lake, NIGHT).store()
    assert stored(lake) == FIRST


def test_the_note_stays_small(lake: Lake) -> None:
    many = {f"artist {at} · song": 1_000.0 * at for at in range(1, MAX_NOTED + 1)}
    half = dict(list(many.items())[: MAX_NOTED // 2])
    ToldLengths(lake, NIGHT).note(half)
    assert not stored(lake)
    ToldLengths(lake, NIGHT).note(many)
    assert stored(lake) == many
