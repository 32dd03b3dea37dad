"""Tests of the rollback: an earlier night's list comes back, and the ledger records it."""

import re

import pandas as pd
import pytest

from smallhours.errors import NotEnoughData, RetryLater
from smallhours.lake.tables import FEEDBACK, TRACKS
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.publish.rollback import rollback
from smallhours.summary import Summary
from tests.playlist.ranked_lake import RankedLake
from tests.playlist.test_publish import NEXT, PublishFixture
from tests.service_fixtures import NIGHT, ServiceFixture

THIRD = "2026-11-04"


@pytest.fixture
def publisher(found: RankedLake, household: ServiceFixture) -> PublishFixture:
    return PublishFixture(found, household)


def back_to(publisher: PublishFixture, night: str) -> Summary:
    return rollback(
        "default",
        publisher.ranked_lake.lake,
        SpotifyPlace(publisher.household.spotify),
        settings=publisher.ranked_lake.settings,
        night=publisher.ranked_lake.night(night),
    )


def two_nights(publisher: PublishFixture) -> tuple[list[str], list[str]]:
    first = publisher.choose(0, 12)
    publisher.publish()
    second = publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    return first, second


def test_the_list_of_an_earlier_night_is_put_back(publisher: PublishFixture) -> None:
    first, _ = two_nights(publisher)
    summary = back_to(publisher, NIGHT)
    assert publisher.uris() == first
    assert (summary["added"], summary["removed"]) == (12, 12)
    assert publisher.ledger()["outcome"].to_dict() == {NIGHT: "verified", NEXT: "withdrawn"}
    assert "2 November" in publisher.ours()[0].description


def test_tonights_run_leaves_it_alone_and_the_next_nights_replaces_it(
    publisher: PublishFixture,
) -> None:
    first, _ = two_nights(publisher)
    back_to(publisher, NIGHT)
    assert "put back" in str(publisher.publish(NEXT)["note"])
    assert publisher.uris() == first
    third = publisher.choose(24, 36, THIRD)
    publisher.publish(THIRD)
    assert publisher.uris() == third


def test_a_withdrawn_list_can_come_back_as_well(publisher: PublishFixture) -> None:
    _, second = two_nights(publisher)
    back_to(publisher, NIGHT)
    back_to(publisher, NEXT)
    assert publisher.uris() == second


def react(publisher: PublishFixture, key: str, reaction: str) -> None:
    row = {"night": publisher.ranked_lake.night().date, "intent": "main", "track_key": key}
    row |= {"reaction": reaction, "at": pd.Timestamp("2026-11-03", tz="UTC")}
    where = {"listener": "default", "month": "2026-11"}
    publisher.ranked_lake.lake.merge(FEEDBACK, pd.DataFrame([row]), partition=where)


@pytest.mark.parametrize("reaction", ["removed", "thumbs_down", "blocked"])
def test_what_the_listener_rejected_since_stays_away(
    reaction: str, publisher: PublishFixture
) -> None:
    first, _ = two_nights(publisher)
    react(publisher, publisher.ranked_lake.candidates[3], reaction)

    summary = back_to(publisher, NIGHT)

    assert publisher.uris() == [*first[:3], *first[4:]]
    assert re.search(r"was put back, without [^;]+ \(disliked\)\. ", str(summary["note"]))
    assert "without" in str(publisher.ledger().loc[NEXT, "note"])


@pytest.mark.parametrize(
    ("setting", "why"),
    [("blocked_artists", "blocked artist"), ("blocked_tracks", "blocked track")],
)
def test_what_the_settings_ban_stays_away(
    setting: str, why: str, publisher: PublishFixture
) -> None:
    first, _ = two_nights(publisher)
    key = publisher.ranked_lake.candidates[3]
    tracks = publisher.ranked_lake.lake.frame(TRACKS, columns=["track_key", "artist", "title"])
    artist, title = tracks.set_index("track_key").loc[key, ["artist", "title"]]
    said = {"blocked_artists": artist, "blocked_tracks": f"{artist} - {title}"}[setting]
    publisher.wish(playlist={setting: [said]})

    note = str(back_to(publisher, NIGHT)["note"])

    assert first[3] not in publisher.uris()
    assert f"{artist} – {title} ({why})" in note


def test_where_nothing_may_come_back_the_list_that_stands_there_stays(
    publisher: PublishFixture,
) -> None:
    _, second = two_nights(publisher)
    for key in publisher.ranked_lake.candidates[:12]:
        react(publisher, key, "blocked")

    with pytest.raises(NotEnoughData, match="Nothing of the list of 2026-11-02 may come back"):
        back_to(publisher, NIGHT)
    assert publisher.uris() == second


def test_what_the_listener_added_stays(publisher: PublishFixture) -> None:
    first, _ = two_nights(publisher)
    own = publisher.foreign_uri()
    publisher.add_by_hand(own)
    back_to(publisher, NIGHT)
    assert publisher.uris() == [*first, own]


def test_one_that_fails_is_finished_by_running_it_again(publisher: PublishFixture) -> None:
    first, _ = two_nights(publisher)
    publisher.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        back_to(publisher, NIGHT)
    publisher.repair()
    back_to(publisher, NIGHT)
    assert publisher.uris() == first


def test_one_that_fails_and_is_forgotten_is_cleared_away_by_the_next_night(
    publisher: PublishFixture,
) -> None:
    two_nights(publisher)
    publisher.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        back_to(publisher, NIGHT)
    publisher.repair()
    third = publisher.choose(24, 36, THIRD)
    publisher.publish(THIRD)
    assert publisher.uris() == third


def test_a_night_without_a_list_names_those_with_one(publisher: PublishFixture) -> None:
    two_nights(publisher)
    with pytest.raises(NotEnoughData, match="those of 2026-11-02, 2026-11-03"):
        back_to(publisher, "2026-10-30")
