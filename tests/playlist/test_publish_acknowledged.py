"""Spotify says that tracks were added, and they are not there, not yet, or not all of them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest

from smallhours.errors import RetryLater
from smallhours.lake.tables import FEEDBACK
from smallhours.listening.stages import collect_feedback
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.publish.rollback import rollback
from smallhours_sandbox.faults import Fault, fault_rules_of
from tests.playlist.ranked_lake import RankedLake
from tests.playlist.test_publish import NEXT, PublishFixture
from tests.service_fixtures import NIGHT, ServiceFixture

pytestmark = pytest.mark.slow(seconds=1.3)

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
        {"spotify": lambda: SpotifyPlace(publisher.household.spotify)},
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(date),
    )
    return publisher.ranked_lake.lake.frame(FEEDBACK, where={"listener": "default"})


def roll_back(publisher: PublishFixture, date: str) -> None:
    rollback(
        "default",
        publisher.ranked_lake.lake,
        SpotifyPlace(publisher.household.spotify),
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


REMOVALS = "DELETE /v1/playlists/*/items"
MOVES = "PUT /v1/playlists/*/items"


def two_nights(publisher: PublishFixture, size: int) -> tuple[list[str], list[str]]:
    """One list in the playlist, another one chosen for the night after."""
    publisher.wish(playlist={"size": 100, "shortest": 1})
    before = publisher.choose(0, size)
    publisher.publish()
    return before, publisher.choose(size, 2 * size, NEXT)


@pytest.mark.parametrize("size", [1, 12, 60])
@pytest.mark.parametrize("first", [True, False], ids=["first night", "later"])
def test_an_add_that_is_done_twice_leaves_one_list(
    publisher: PublishFixture, size: int, first: bool
) -> None:
    publisher.wish(playlist={"size": 100, "shortest": 1})
    uris = publisher.choose(0, size)
    if not first:
        _, uris = two_nights(publisher, size)
    misbehave(publisher, "repeated_write", ADDS)
    assert publisher.publish(NIGHT if first else NEXT)["outcome"] == "verified"
    assert publisher.uris() == uris


def test_copies_that_show_after_the_run_was_given_up_are_ours(publisher: PublishFixture) -> None:
    _, uris = two_nights(publisher, 12)
    misbehave(publisher, "late_reads", READS, count=60, times=0)
    for _ in range(4):
        with contextlib.suppress(RetryLater):
            publisher.publish(NEXT)
    publisher.repair()
    publisher.publish(NEXT)
    assert publisher.uris() == uris


@pytest.mark.parametrize(
    ("kind", "done"), [("ignored_write", 0), ("partial_write", 5)], ids=["none", "5 of 12"]
)
@pytest.mark.parametrize("moved", [True, False], ids=["new snapshot", "same snapshot"])
def test_a_removal_that_is_not_done_is_sent_again(
    publisher: PublishFixture, kind: str, done: int, moved: bool
) -> None:
    _, uris = two_nights(publisher, 12)
    misbehave(publisher, kind, REMOVALS, count=done)
    if moved:
        misbehave(publisher, "moved_snapshot", "*", times=0)
    assert publisher.publish(NEXT)["outcome"] == "verified"
    assert publisher.uris() == uris


def test_a_removal_that_is_never_done_is_not_called_verified(publisher: PublishFixture) -> None:
    before, uris = two_nights(publisher, 12)
    misbehave(publisher, "ignored_write", REMOVALS, times=0)
    for _ in range(2):
        with pytest.raises(RetryLater, match="does not show a removal"):
            publisher.publish(NEXT)
    assert publisher.uris() == uris + before
    assert publisher.ledger().loc[NEXT, "outcome"] == "written"
    third = publisher.choose(24, 36, THIRD)
    with pytest.raises(RetryLater):
        publisher.publish(THIRD)
    assert publisher.uris() == uris + before, "nothing comes in while the older list can't go"
    publisher.repair()
    publisher.publish(THIRD)
    assert publisher.uris() == third


def test_a_removal_is_tried_without_a_snapshot_id(publisher: PublishFixture) -> None:
    _, uris = two_nights(publisher, 12)
    misbehave(publisher, "snapshot_refused", REMOVALS, times=0)
    assert publisher.publish(NEXT)["outcome"] == "verified"
    assert publisher.uris() == uris


def test_a_move_that_is_not_seen_is_not_built_upon(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    keys = [*range(11, 5, -1), *range(6)]
    publisher.ranked_lake.candidates[:12] = [publisher.ranked_lake.candidates[k] for k in keys]
    publisher.choose(0, 12, NEXT)
    misbehave(publisher, "ignored_write", MOVES)
    with pytest.raises(RetryLater, match="does not show an order"):
        publisher.publish(NEXT)
    publisher.publish(NEXT)
    assert publisher.uris() == [uris[k] for k in keys]


@pytest.mark.parametrize("lag", [1, 3, 7, 20])
def test_reads_that_lag_behind_every_write_change_nothing(
    publisher: PublishFixture, lag: int
) -> None:
    before, uris = two_nights(publisher, 60)
    keys = publisher.ranked_lake.candidates
    keys[60:63], keys[63:66] = keys[63:66], keys[60:63]
    misbehave(publisher, "late_reads", READS, count=lag, times=0)
    try:
        publisher.publish(NEXT)
        assert publisher.uris() == uris
    except RetryLater:
        assert set(before) <= set(publisher.uris()) or set(uris) <= set(publisher.uris())
    publisher.repair()
    publisher.publish(NEXT)
    assert publisher.uris() == uris
    assert "removed" not in set(reactions(publisher, THIRD)["reaction"])


@pytest.mark.parametrize("kind", ["lost_adds", "relinked_adds"])
def test_tracks_that_read_as_others_are_ours_and_go_the_next_night(
    publisher: PublishFixture, kind: str
) -> None:
    before = publisher.choose(0, 12)
    misbehave(publisher, kind, ADDS, count=3)
    publisher.publish()
    assert sorted(publisher.uris()) == sorted(before)
    publisher.publish()
    assert adds(publisher) == 1
    publisher.add_by_hand(own := publisher.foreign_uri())
    assert "removed" not in set(reactions(publisher, NEXT)["reaction"])
    uris = publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    assert publisher.uris() == [*uris, own]


@pytest.mark.parametrize(
    "how", ["missing", "null", "doubled", "without owner", "without owner id", "without name"]
)
@pytest.mark.parametrize("times", [1, 0], ids=["once", "always"])
def test_a_listing_without_our_playlist_makes_no_second_one(
    publisher: PublishFixture, how: str, times: int
) -> None:
    _, uris = two_nights(publisher, 12)
    misbehave(publisher, "odd_listing", "GET /v1/me/playlists*", words=how, times=times)
    publisher.publish(NEXT)
    assert publisher.uris() == uris
    publisher.publish(NEXT)
    assert len(publisher.ours()) == 1


def test_a_playlist_that_is_not_found_right_after_it_was_made_is_tried_again(
    publisher: PublishFixture,
) -> None:
    uris = publisher.choose(0, 12)
    misbehave(publisher, "refused", "* /v1/playlists/*", status=404, words="Not found.", times=9)
    for _ in range(20):
        with contextlib.suppress(RetryLater):
            publisher.publish()
    assert publisher.uris() == uris
    assert len(publisher.ours()) == 1


def test_two_first_nights_at_once_make_one_playlist(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(publisher.publish) for _ in range(2)]
    assert {outcome.result()["outcome"] for outcome in outcomes} == {"verified"}
    assert publisher.uris() == uris
