"""Tests of the search for a track's Spotify id, and of its cost."""

import datetime as dt
from typing import Any

import pytest

from smallhours.catalog.overrides import Overrides
from smallhours.catalog.spotify_ids import SpotifyIds, WantedTrack
from smallhours.errors import ServiceError
from smallhours.lake.tables import TRACKS
from smallhours.services.set_aside import MAX_FAILURES
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.world import World
from tests.service_fixtures import ServiceFixture

NIGHT = dt.date(2026, 11, 2)
ID = "7" * 22


def row(household: ServiceFixture, track: int = 0, **values: Any) -> dict[str, Any]:
    world = household.sandbox.state.world
    return {
        **dict.fromkeys(column.name for column in TRACKS.columns),
        "track_key": "someone · something",
        "artist": world.artist_name[world.track_artist[track]],
        "title": world.track_title[track],
        **values,
    }


def finder(household: ServiceFixture, **overrides: Any) -> SpotifyIds:
    return SpotifyIds(household.spotify, NIGHT, Overrides(**overrides))


def with_isrc(world: World) -> int:
    return next(track for track in range(world.n_tracks) if world.track_isrc[track])


def test_an_unknown_track_costs_one_search(household: ServiceFixture) -> None:
    ids = finder(household)
    found = ids.look_up(row(household))
    world = household.sandbox.state.world
    recording = world.track_recording[world.lookup.spotify[found["spotify_id"]]]
    assert recording == world.track_recording[0]
    assert found["spotify_method"] == "search"
    assert found["spotify_score"] >= 90
    assert found["spotify_at"] == NIGHT
    assert ids.searches == household.spotify.calls["GET search"] == 1


def test_what_is_known_costs_nothing(household: ServiceFixture) -> None:
    ids = finder(household)
    known = row(household, spotify_id=ID, spotify_method="history")
    assert ids.look_up(known) == known
    assert household.spotify.calls["GET search"] == 0


def test_an_isrc_finds_a_track_whose_names_do_not(household: ServiceFixture) -> None:
    world = household.sandbox.state.world
    track = with_isrc(world)
    ids = finder(household)
    asked = row(household, title="Quite Another Name", isrc=world.track_isrc[track])
    found = ids.look_up(asked)
    assert world.track_isrc[world.lookup.spotify[found["spotify_id"]]] == world.track_isrc[track]
    assert found["spotify_method"] == "isrc"
    assert ids.searches == 1


def test_an_unknown_isrc_does_not_keep_the_names_from_being_asked(
    household: ServiceFixture,
) -> None:
    ids = finder(household)
    found = ids.look_up(row(household, isrc="ZZZZZ9999999"))
    assert (found["spotify_method"], ids.searches) == ("search", 2)


def test_a_track_that_is_not_there_is_a_miss_with_its_date(household: ServiceFixture) -> None:
    ids = finder(household)
    found = ids.look_up(row(household, title="No Such Song Anywhere"))
    assert (found["spotify_id"], found["spotify_method"], found["spotify_at"]) == (
        None,
        "miss",
        NIGHT,
    )
    assert ids.searches == 2


def test_a_version_that_is_not_there_is_not_replaced_by_the_studio_one(
    household: ServiceFixture,
) -> None:
    world = household.sandbox.state.world
    wanted_track = WantedTrack(
        world.artist_name[world.track_artist[0]], f"{world.track_title[0]} (Slowed)"
    )
    assert finder(household).search(wanted_track).method == "miss"


@pytest.mark.parametrize(("days", "asked_again"), [(29, False), (30, True)])
def test_a_miss_is_believed_for_thirty_days(
    days: int, asked_again: bool, household: ServiceFixture
) -> None:
    ids = finder(household)
    missed_at = NIGHT - dt.timedelta(days=days)
    ids.look_up(row(household, spotify_method="miss", spotify_at=missed_at))
    assert bool(ids.searches) == asked_again


def test_a_failure_is_no_miss(household: ServiceFixture) -> None:
    faults = fault_rules_of(household.sandbox.state)
    faults.add(Fault(kind="server_error", service="spotify", match="*search*", times=0))
    ids = finder(household)
    assert ids.look_up(row(household)) == row(household)
    assert ids.tally.failed == 1
    for track in range(1, MAX_FAILURES):
        ids.look_up(row(household, track))
    with pytest.raises(ServiceError):
        ids.look_up(row(household, MAX_FAILURES))
    faults.clear()
    faults.add(Fault(kind="server_error", service="spotify", match="*search*", status=404))
    assert finder(household).look_up(row(household))["spotify_id"] is not None


def test_an_override_wins_over_what_was_found(household: ServiceFixture) -> None:
    ids = finder(household, ids={"someone · something": ID})
    found = ids.look_up(row(household, spotify_id="8" * 22, spotify_method="history"))
    assert (found["spotify_id"], found["spotify_method"]) == (ID, "override")
    assert (found["spotify_score"], ids.searches) == (None, 0)
    assert ids.look_up(found) == found


def test_an_override_that_was_taken_back_is_asked_for_again(household: ServiceFixture) -> None:
    ids = finder(household)
    found = ids.look_up(row(household, spotify_id=ID, spotify_method="override"))
    assert (found["spotify_method"], ids.searches) == ("search", 1)
    assert found["spotify_id"] != ID
