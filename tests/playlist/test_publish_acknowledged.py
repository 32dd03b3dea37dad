"""Spotify says that tracks were added, and they are not there, not yet, or not all of them."""

from typing import Any

import pandas as pd
import pytest

from smallhours.errors import RetryLater
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.stages import collect_feedback
from smallhours.playlist.publish.rollback import rollback
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.playlist.ranked_lake import RankedLake
from tests.playlist.test_publish import NEXT, PublishFixture
from tests.service_fixtures import NIGHT, ServiceFixture

ADDS = "POST /v1/playlists/*/items"
READS = "GET /v1/playlists/*"
THIRD = "2026-11-04"
NOT_DONE = pytest.mark.parametrize(
    ("kind", "done"), [("ignored_write", 0), ("partial_write", 9)], ids=["none", "9 of 12"]
)


@pytest.fixture
def publisher(found: RankedLake, household: ServiceFixture) -> PublishFixture:
    return PublishFixture(found, household)


def misbehave(publisher: PublishFixture, kind: str, match: str, **how: Any) -> None:
    fault_rules_of(publisher.household.sandbox.state).add(Fault(kind, "spotify", match, **how))


def adds(publisher: PublishFixture) -> int:
    return publisher.household.spotify.calls["POST playlists/{id}/items"]


def removals(publisher: PublishFixture) -> int:
    return publisher.household.spotify.calls["DELETE playlists/{id}/items"]


def reactions(publisher: PublishFixture, date: str) -> pd.DataFrame:
    """What became of the picks before the night of a date."""
    collect_feedback(
        "default",
        publisher.ranked_lake.lake,
        publisher.household.spotify,
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(date),
    )
    return publisher.ranked_lake.lake.frame(FEEDBACK, where={"listener": "default"})


def roll_back(publisher: PublishFixture, date: str) -> None:
    rollback(
        "default",
        publisher.ranked_lake.lake,
        publisher.household.spotify,
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(date),
    )


def lose_first_pick(publisher: PublishFixture, *, after: int) -> None:
    """Let Spotify lose what the first row of our playlist is, after a number of adds."""

    server = publisher.household.sandbox

    def lose(method: str, _path: str) -> None:
        if method == "GET" and adds(publisher) == after:
            publisher.ours()[0].items[0].track = None
            server.on_request = None

    server.on_request = lose


@NOT_DONE
def test_last_nights_list_stays_until_all_of_tonights_was_seen(
    publisher: PublishFixture, kind: str, done: int
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    misbehave(publisher, kind, ADDS, count=done)
    with pytest.raises(RetryLater, match=f"{12 - done} of 12 tracks") as raised:
        publisher.publish(NEXT)
    assert raised.value.after > 0
    assert "Run it again later" in raised.value.remedy
    assert publisher.uris() == uris[:done] + before
    assert publisher.ledger().loc[NEXT, "outcome"] == "planned"
    assert removals(publisher) == 0
    assert publisher.publish(NEXT)["outcome"] == "verified"
    assert publisher.uris() == uris


@NOT_DONE
def test_a_new_playlist_is_filled_by_the_next_try(
    publisher: PublishFixture, kind: str, done: int
) -> None:
    uris = publisher.choose(0, 12)
    misbehave(publisher, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        publisher.publish()
    assert publisher.uris() == uris[:done]
    assert publisher.ledger().loc[NIGHT, "outcome"] == "planned"
    publisher.publish()
    assert publisher.uris() == uris


@NOT_DONE
def test_a_further_playlist_keeps_last_nights_as_well(
    publisher: PublishFixture, kind: str, done: int
) -> None:
    publisher.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"], "shortest": 3}})
    publisher.choose(0, 12)
    before = publisher.choose(24, 36, intent="sleep")
    publisher.publish()
    main = publisher.choose(12, 24, NEXT)
    uris = publisher.choose(36, 48, NEXT, intent="sleep")
    misbehave(publisher, kind, ADDS, count=done, after=1)
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    first, second = ([item.uri for item in one.items] for one in publisher.ours())
    assert first == main
    assert second == uris[:done] + before
    rows = publisher.ledger().loc[[NEXT]].set_index("intent")
    assert rows["outcome"].to_dict() == {"main": "verified", "sleep": "planned"}
    publisher.publish(NEXT)
    assert [item.uri for item in publisher.ours()[1].items] == uris


@NOT_DONE
@pytest.mark.parametrize("back_to", [NIGHT, NEXT], ids=["an older list", "a withdrawn list"])
def test_a_rollback_is_finished_by_running_it_again(
    publisher: PublishFixture, kind: str, done: int, back_to: str
) -> None:
    lists = {NIGHT: publisher.choose(0, 12)}
    publisher.publish()
    lists[NEXT] = publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)

    if back_to == NEXT:
        roll_back(publisher, NIGHT)
    standing = publisher.uris()
    misbehave(publisher, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        roll_back(publisher, back_to)
    assert publisher.uris() == lists[back_to][:done] + standing
    assert publisher.ledger().loc[NEXT, "outcome"] == "withdrawing"
    assert "removed" not in set(reactions(publisher, THIRD)["reaction"])
    roll_back(publisher, back_to)
    assert publisher.uris() == lists[back_to]


@pytest.mark.parametrize("batch", [0, 1])
def test_every_request_of_a_long_list_is_looked_after(
    publisher: PublishFixture, batch: int
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 120, NEXT)
    misbehave(publisher, "partial_write", ADDS, count=5, after=batch)
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    assert publisher.uris() == uris[: 100 * batch + 5] + before
    publisher.publish(NEXT)
    assert publisher.uris() == uris


def test_tracks_that_show_late_are_waited_for(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    # The first look at the playlist is three requests, each further one as many.
    misbehave(publisher, "stale_reads", READS, after=4, times=6)
    assert publisher.publish(NEXT)["outcome"] == "verified"
    assert publisher.uris() == uris
    assert adds(publisher) == 2


def test_tracks_that_show_after_the_run_was_given_up_are_not_added_again(
    publisher: PublishFixture,
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    misbehave(publisher, "stale_reads", READS, after=4, times=0)
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    assert publisher.uris() == uris + before
    publisher.repair()
    # They show a little later still.
    misbehave(publisher, "stale_reads", READS, times=6)
    publisher.publish(NEXT)
    assert publisher.uris() == uris
    assert adds(publisher) == 2


@NOT_DONE
def test_what_was_never_seen_was_not_removed_by_the_listener(
    publisher: PublishFixture, kind: str, done: int
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    misbehave(publisher, kind, ADDS, count=done)
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    told = reactions(publisher, THIRD)
    assert set(told.loc[told["night"].astype(str) == NIGHT, "reaction"]) == {"kept", "unplayed"}
    assert not (told["night"].astype(str) == NEXT).any()
    uris = publisher.choose(24, 36, THIRD)
    publisher.publish(THIRD)
    assert publisher.uris() == uris


def test_a_pick_whose_row_reads_as_lost_is_not_taken_for_removed(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    lose_first_pick(publisher, after=1)
    assert publisher.publish()["outcome"] == "verified"
    publisher.publish()
    assert adds(publisher) == 1
    told = reactions(publisher, NEXT)["reaction"]
    assert told.value_counts().to_dict() == {"kept": 11, "unplayed": 12}


def test_a_pick_of_a_list_put_back_that_reads_as_lost_is_not_taken_for_removed(
    publisher: PublishFixture,
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    lose_first_pick(publisher, after=3)
    roll_back(publisher, NIGHT)
    assert adds(publisher) == 3
    assert "removed" not in set(reactions(publisher, THIRD)["reaction"])


def test_what_the_listener_takes_out_before_it_was_seen_stays_out(
    publisher: PublishFixture,
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    server, added = publisher.household.sandbox, adds(publisher)

    def take_out_one(method: str, _path: str) -> None:
        (playlist,) = publisher.ours()
        if method == "GET" and len(playlist.items) == 24 and adds(publisher) > added:
            del playlist.items[0]
            playlist.touch()

    server.on_request = take_out_one
    publisher.publish(NEXT)
    server.on_request = None
    publisher.publish(NEXT)
    assert publisher.uris() == uris[1:]


def test_a_list_that_vanishes_again_does_not_take_last_nights_along(
    publisher: PublishFixture,
) -> None:
    """Of two batches the first is seen, and then both are gone."""
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 120, NEXT)

    def lose(method: str, _path: str) -> None:
        (playlist,) = publisher.ours()
        if method == "GET" and len(playlist.items) == 120:
            del playlist.items[:108]
            playlist.touch()

    publisher.household.sandbox.on_request = lose
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    publisher.household.sandbox.on_request = None
    assert publisher.uris() == before
    publisher.publish(NEXT)
    assert publisher.uris() == uris
