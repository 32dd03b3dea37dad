"""Tests of the rollback: an earlier night's list comes back, and the ledger records it."""

import pandas as pd
import pytest

from smallhours.errors import NotEnoughData, RetryLater
from smallhours.lake.tables import FEEDBACK
from smallhours.playlist.rollback import rollback
from smallhours.summary import Summary
from tests.household import NIGHT, Household
from tests.playlist.evening import Evening
from tests.playlist.test_publish import NEXT, Desk

THIRD = "2026-11-04"


@pytest.fixture
def desk(found: Evening, household: Household) -> Desk:
    return Desk(found, household)


def back_to(desk: Desk, night: str) -> Summary:
    return rollback(
        "default",
        desk.evening.lake,
        desk.household.spotify,
        settings=desk.evening.settings,
        night=desk.evening.night(night),
    )


def two_nights(desk: Desk) -> tuple[list[str], list[str]]:
    first = desk.choose(0, 12)
    desk.publish()
    second = desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    return first, second


def test_the_list_of_an_earlier_night_is_put_back(desk: Desk) -> None:
    first, _ = two_nights(desk)
    summary = back_to(desk, NIGHT)
    assert desk.uris() == first
    assert (summary["added"], summary["removed"]) == (12, 12)
    assert desk.ledger()["outcome"].to_dict() == {NIGHT: "verified", NEXT: "withdrawn"}
    assert "2 November" in desk.ours()[0].description


def test_tonights_run_leaves_it_alone_and_the_next_nights_replaces_it(desk: Desk) -> None:
    first, _ = two_nights(desk)
    back_to(desk, NIGHT)
    assert "put back" in str(desk.publish(NEXT)["note"])
    assert desk.uris() == first
    third = desk.choose(24, 36, THIRD)
    desk.publish(THIRD)
    assert desk.uris() == third


def test_a_withdrawn_list_can_come_back_as_well(desk: Desk) -> None:
    _, second = two_nights(desk)
    back_to(desk, NIGHT)
    back_to(desk, NEXT)
    assert desk.uris() == second


def test_what_the_listener_removed_since_stays_away(desk: Desk) -> None:
    first, _ = two_nights(desk)
    removed = pd.DataFrame(
        {
            "night": [desk.evening.night().date],
            "intent": "main",
            "track_key": desk.evening.candidates[3],
            "reaction": "removed",
            "at": pd.Timestamp("2026-11-03", tz="UTC"),
        }
    )
    where = {"listener": "default", "month": "2026-11"}
    desk.evening.lake.merge(FEEDBACK, removed, partition=where)
    back_to(desk, NIGHT)
    assert desk.uris() == [*first[:3], *first[4:]]


def test_what_the_listener_added_stays(desk: Desk) -> None:
    first, _ = two_nights(desk)
    own = desk.foreign_uri()
    desk.add_by_hand(own)
    back_to(desk, NIGHT)
    assert desk.uris() == [*first, own]


def test_one_that_fails_is_finished_by_running_it_again(desk: Desk) -> None:
    first, _ = two_nights(desk)
    desk.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        back_to(desk, NIGHT)
    desk.repair()
    back_to(desk, NIGHT)
    assert desk.uris() == first


def test_one_that_fails_and_is_forgotten_is_cleared_away_by_the_next_night(desk: Desk) -> None:
    two_nights(desk)
    desk.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        back_to(desk, NIGHT)
    desk.repair()
    third = desk.choose(24, 36, THIRD)
    desk.publish(THIRD)
    assert desk.uris() == third


def test_a_night_without_a_list_names_those_with_one(desk: Desk) -> None:
    two_nights(desk)
    with pytest.raises(NotEnoughData, match="those of 2026-11-02, 2026-11-03"):
        back_to(desk, "2026-10-30")
