"""Spotify says that tracks were added, and they are not there, not yet, or not all of them."""

from typing import Any

import pandas as pd
import pytest

from smallhours.errors import RetryLater
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.stages import collect_feedback
from smallhours.playlist.rollback import rollback
from smallhours.sandbox.faults import Fault, book
from tests.household import NIGHT, Household
from tests.playlist.evening import Evening
from tests.playlist.test_publish import NEXT, Desk

ADDS = "POST /v1/playlists/*/items"
READS = "GET /v1/playlists/*"
THIRD = "2026-11-04"
NOT_DONE = pytest.mark.parametrize(
    ("kind", "done"), [("ignored_write", 0), ("partial_write", 9)], ids=["none", "9 of 12"]
)


@pytest.fixture
def desk(found: Evening, household: Household) -> Desk:
    return Desk(found, household)


def misbehave(desk: Desk, kind: str, match: str, **how: Any) -> None:
    book(desk.household.sandbox.state).add(Fault(kind, "spotify", match, **how))


def adds(desk: Desk) -> int:
    return desk.household.spotify.calls["POST playlists/{id}/items"]


def removals(desk: Desk) -> int:
    return desk.household.spotify.calls["DELETE playlists/{id}/items"]


def reactions(desk: Desk, date: str) -> pd.DataFrame:
    """What became of the picks before the night of a date."""
    collect_feedback(
        "default",
        desk.evening.lake,
        desk.household.spotify,
        settings=desk.evening.settings,
        night=desk.evening.night(date),
    )
    return desk.evening.lake.frame(FEEDBACK, where={"listener": "default"})


def roll_back(desk: Desk, date: str) -> None:
    rollback(
        "default",
        desk.evening.lake,
        desk.household.spotify,
        settings=desk.evening.settings,
        night=desk.evening.night(date),
    )


def lose_first_pick(desk: Desk, *, after: int) -> None:
    """Let Spotify lose what the first row of our playlist is, after a number of adds."""

    server = desk.household.sandbox

    def lose(method: str, _path: str) -> None:
        if method == "GET" and adds(desk) == after:
            desk.ours()[0].items[0].track = None
            server.on_request = None

    server.on_request = lose


@NOT_DONE
def test_last_nights_list_stays_until_all_of_tonights_was_seen(
    desk: Desk, kind: str, done: int
) -> None:
    before = desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 24, NEXT)
    misbehave(desk, kind, ADDS, count=done)
    with pytest.raises(RetryLater, match=f"{12 - done} of 12 tracks") as raised:
        desk.publish(NEXT)
    assert raised.value.after > 0
    assert "Run it again later" in raised.value.remedy
    assert desk.uris() == uris[:done] + before
    assert desk.ledger().loc[NEXT, "outcome"] == "planned"
    assert removals(desk) == 0
    assert desk.publish(NEXT)["outcome"] == "verified"
    assert desk.uris() == uris


@NOT_DONE
def test_a_new_playlist_is_filled_by_the_next_try(desk: Desk, kind: str, done: int) -> None:
    uris = desk.choose(0, 12)
    misbehave(desk, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        desk.publish()
    assert desk.uris() == uris[:done]
    assert desk.ledger().loc[NIGHT, "outcome"] == "planned"
    desk.publish()
    assert desk.uris() == uris


@NOT_DONE
def test_a_further_playlist_keeps_last_nights_as_well(desk: Desk, kind: str, done: int) -> None:
    desk.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"], "shortest": 3}})
    desk.choose(0, 12)
    before = desk.choose(24, 36, intent="sleep")
    desk.publish()
    main = desk.choose(12, 24, NEXT)
    uris = desk.choose(36, 48, NEXT, intent="sleep")
    misbehave(desk, kind, ADDS, count=done, after=1)
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    first, second = ([item.uri for item in one.items] for one in desk.ours())
    assert first == main
    assert second == uris[:done] + before
    rows = desk.ledger().loc[[NEXT]].set_index("intent")
    assert rows["outcome"].to_dict() == {"main": "verified", "sleep": "planned"}
    desk.publish(NEXT)
    assert [item.uri for item in desk.ours()[1].items] == uris


@NOT_DONE
@pytest.mark.parametrize("back_to", [NIGHT, NEXT], ids=["an older list", "a withdrawn list"])
def test_a_rollback_is_finished_by_running_it_again(
    desk: Desk, kind: str, done: int, back_to: str
) -> None:
    lists = {NIGHT: desk.choose(0, 12)}
    desk.publish()
    lists[NEXT] = desk.choose(12, 24, NEXT)
    desk.publish(NEXT)

    if back_to == NEXT:
        roll_back(desk, NIGHT)
    standing = desk.uris()
    misbehave(desk, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        roll_back(desk, back_to)
    assert desk.uris() == lists[back_to][:done] + standing
    assert desk.ledger().loc[NEXT, "outcome"] == "withdrawing"
    assert "removed" not in set(reactions(desk, THIRD)["reaction"])
    roll_back(desk, back_to)
    assert desk.uris() == lists[back_to]


@pytest.mark.parametrize("batch", [0, 1])
def test_every_request_of_a_long_list_is_looked_after(desk: Desk, batch: int) -> None:
    before = desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 120, NEXT)
    misbehave(desk, "partial_write", ADDS, count=5, after=batch)
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    assert desk.uris() == uris[: 100 * batch + 5] + before
    desk.publish(NEXT)
    assert desk.uris() == uris


def test_tracks_that_show_late_are_waited_for(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 24, NEXT)
    # The first look at the playlist is three requests, each further one as many.
    misbehave(desk, "stale_reads", READS, after=4, times=6)
    assert desk.publish(NEXT)["outcome"] == "verified"
    assert desk.uris() == uris
    assert adds(desk) == 2


def test_tracks_that_show_after_the_run_was_given_up_are_not_added_again(desk: Desk) -> None:
    before = desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 24, NEXT)
    misbehave(desk, "stale_reads", READS, after=4, times=0)
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    assert desk.uris() == uris + before
    desk.repair()
    # They show a little later still.
    misbehave(desk, "stale_reads", READS, times=6)
    desk.publish(NEXT)
    assert desk.uris() == uris
    assert adds(desk) == 2


@NOT_DONE
def test_what_was_never_seen_was_not_removed_by_the_listener(
    desk: Desk, kind: str, done: int
) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    misbehave(desk, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    told = reactions(desk, THIRD)
    assert set(told.loc[told["night"].astype(str) == NIGHT, "reaction"]) == {"kept", "unplayed"}
    assert not (told["night"].astype(str) == NEXT).any()
    uris = desk.choose(24, 36, THIRD)
    desk.publish(THIRD)
    assert desk.uris() == uris


def test_a_pick_whose_row_reads_as_lost_is_not_taken_for_removed(desk: Desk) -> None:
    desk.choose(0, 12)
    lose_first_pick(desk, after=1)
    assert desk.publish()["outcome"] == "verified"
    desk.publish()
    assert adds(desk) == 1
    told = reactions(desk, NEXT)["reaction"]
    assert told.value_counts().to_dict() == {"kept": 11, "unplayed": 12}


def test_a_pick_of_a_list_put_back_that_reads_as_lost_is_not_taken_for_removed(
    desk: Desk,
) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    lose_first_pick(desk, after=3)
    roll_back(desk, NIGHT)
    assert adds(desk) == 3
    assert "removed" not in set(reactions(desk, THIRD)["reaction"])


def test_what_the_listener_takes_out_before_it_was_seen_stays_out(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 24, NEXT)
    server, added = desk.household.sandbox, adds(desk)

    def take_out_one(method: str, _path: str) -> None:
        (playlist,) = desk.ours()
        if method == "GET" and len(playlist.items) == 24 and adds(desk) > added:
            del playlist.items[0]
            playlist.touch()

    server.on_request = take_out_one
    desk.publish(NEXT)
    server.on_request = None
    desk.publish(NEXT)
    assert desk.uris() == uris[1:]


def test_a_list_that_vanishes_again_does_not_take_last_nights_along(desk: Desk) -> None:
    """Of two batches the first is seen, and then both are gone."""
    before = desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 120, NEXT)

    def lose(method: str, _path: str) -> None:
        (playlist,) = desk.ours()
        if method == "GET" and len(playlist.items) == 120:
            del playlist.items[:108]
            playlist.touch()

    desk.household.sandbox.on_request = lose
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    desk.household.sandbox.on_request = None
    assert desk.uris() == before
    desk.publish(NEXT)
    assert desk.uris() == uris
