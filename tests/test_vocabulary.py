import re
from enum import StrEnum
from typing import get_args

import pytest

from smallhours.lake.list_tables import PLAYLISTS, RECOMMENDATIONS
from smallhours.lake.schema import Table
from smallhours.lake.tables import AUDIO_FEATURES, CANDIDATES, FEEDBACK, LIBRARY
from smallhours.settings import Source
from smallhours.vocabulary import (
    ACCEPTED,
    LENGTH_SOURCES,
    REJECTED,
    Outcome,
    Provenance,
    Reaction,
    Route,
    Signal,
    Slot,
)


@pytest.mark.parametrize(
    ("table", "column", "vocabulary"),
    [
        (FEEDBACK, "reaction", Reaction),
        (PLAYLISTS, "outcome", Outcome),
        (CANDIDATES, "route", Route),
        (LIBRARY, "signal", Signal),
        (RECOMMENDATIONS, "slot", Slot),
        (AUDIO_FEATURES, "source", Provenance),
    ],
)
def test_the_dictionary_of_the_lake_names_every_member(
    table: Table, column: str, vocabulary: type[StrEnum]
) -> None:
    (doc,) = (each.doc for each in table.columns if each.name == column)
    assert set(re.findall(r"`(\w+)`", doc)) == set(vocabulary)


def test_no_reaction_is_both_accepted_and_rejected() -> None:
    assert ACCEPTED
    assert REJECTED
    assert not set(ACCEPTED) & set(REJECTED)


def test_a_pick_that_was_not_heard_out_is_neither_accepted_nor_rejected() -> None:
    for reaction in (Reaction.KEPT, Reaction.UNPLAYED, Reaction.PASSED, Reaction.SKIPPED):
        assert not reaction.accepted
        assert not reaction.rejected


def test_training_may_be_told_to_use_any_source_of_measurements() -> None:
    assert {*get_args(Source), *LENGTH_SOURCES, Provenance.PREDICTED} == set(Provenance)
