"""Tests of the listening stages against the sandbox."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from smallhours.errors import NotFound, RetryLater
from smallhours.lake.tables import LIBRARY, PLAYS
from smallhours.listening.stages import (
    sync_library,
    sync_recent_plays,
    sync_scrobbles,
)
from smallhours.listening.verification import unread_plays, verify_history
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.service_fixtures import ServiceFixture, open_household

LATER = "2026-11-03"


@pytest.fixture(scope="module")
def first_sync(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with every scrobble; do not change it."""
    folder = tmp_path_factory.mktemp("first_sync") / "lake"
    with (
        SandboxServer(SandboxState(small_world)) as server,
        open_household(server, folder) as made,
    ):
        scrobbles(made)
    return folder


@pytest.fixture
def synced(household: ServiceFixture, first_sync: Path) -> ServiceFixture:
    """A household whose lake holds every scrobble."""
    shutil.copytree(first_sync, household.lake.url)
    return household


def scrobbles(household: ServiceFixture, date: str = "2026-11-02") -> Summary:
    return sync_scrobbles(
        "default",
        household.lake,
        household.lastfm,
        settings=household.settings,
        night=household.night(date),
    )


def at_lastfm(household: ServiceFixture) -> Counter[tuple[int, str]]:
    """Return every scrobble of the sandbox as (unix seconds, title)."""
    world = household.sandbox.state.world
    log = household.sandbox.state.scrobbles("ada")
    return Counter(
        (int(uts), world.lastfm_title(int(track)))
        for uts, track in zip(log.at, log.track, strict=True)
    )


def in_lake(household: ServiceFixture) -> Counter[tuple[int, str]]:
    plays = household.lake.frame(PLAYS, columns=["played_at", "title"])
    uts = plays["played_at"].astype("datetime64[s, UTC]").astype("int64")
    return Counter(zip(uts.tolist(), plays["title"].tolist(), strict=True))


def test_the_first_sync_holds_every_scrobble_once(household: ServiceFixture) -> None:
    summary = scrobbles(household)
    assert in_lake(household) == at_lastfm(household)
    assert summary["plays_added"] == len(at_lastfm(household)) > 2500


def test_the_same_night_again_changes_nothing(synced: ServiceFixture) -> None:
    before = in_lake(synced)
    summary = scrobbles(synced)
    assert in_lake(synced) == before
    assert (summary["plays_added"], summary["plays_removed"]) == (0, 0)


def test_the_next_night_asks_once_and_adds_the_new_plays(synced: ServiceFixture) -> None:
    synced.sandbox.state.advance(synced.night(LATER).as_of.timestamp())
    synced.lastfm.calls.clear()
    summary = scrobbles(synced, LATER)
    assert synced.lastfm.calls.total() == 1
    assert summary["plays_added"] > 0
    assert in_lake(synced) == at_lastfm(synced)


def test_an_interrupted_crawl_goes_on_where_it_stopped(household: ServiceFixture) -> None:
    faults = fault_rules_of(household.sandbox.state)
    faults.add(Fault("lastfm_error", match="user.getRecentTracks", code=11, after=6, times=0))
    with pytest.raises(RetryLater):
        scrobbles(household)
    partly = in_lake(household)
    assert 0 < len(partly) < len(at_lastfm(household))
    faults.clear()
    summary = scrobbles(household)
    assert in_lake(household) == at_lastfm(household)
    assert summary["scrobbles_read"] < len(at_lastfm(household))


def test_an_unknown_user_is_named_in_the_error(household: ServiceFixture) -> None:
    listener = household.settings.listener("default").model_copy(update={"lastfm": "nobody"})
    household.settings = household.settings.model_copy(update={"listeners": {"default": listener}})
    with pytest.raises(NotFound, match="nobody"):
        scrobbles(household)


def test_a_play_that_spotify_saw_too_is_one_row_with_its_id(synced: ServiceFixture) -> None:
    before = len(synced.lake.frame(PLAYS))
    summary = sync_recent_plays(
        "default",
        synced.lake,
        synced.spotify,
        settings=synced.settings,
        night=synced.night(),
    )
    plays = synced.lake.frame(PLAYS)
    both = plays[[list(names) == ["lastfm", "spotify"] for names in plays["sources"]]]
    assert summary["recent_plays"] == 50
    assert len(plays) == before + summary["plays_added"]
    assert len(both) >= 45
    assert both["spotify_id"].notna().all()


def test_asking_spotify_again_doubles_nothing(household: ServiceFixture) -> None:
    def ask() -> Summary:
        return sync_recent_plays(
            "default",
            household.lake,
            household.spotify,
            settings=household.settings,
            night=household.night(),
        )

    assert ask()["plays_added"] == 50
    assert ask()["plays_added"] == 0
    scrobbles(household)
    assert ask()["plays_added"] == 0
    assert "gap" not in ask()


def test_more_than_fifty_plays_since_the_last_poll_are_a_gap(household: ServiceFixture) -> None:
    def ask(date: str) -> Summary:
        return sync_recent_plays(
            "default",
            household.lake,
            household.spotify,
            settings=household.settings,
            night=household.night(date),
        )

    ask("2026-11-02")
    household.sandbox.state.advance(household.night("2026-12-01").as_of.timestamp())
    assert "more than 50" in ask("2026-12-01")["gap"]


def verified(household: ServiceFixture, date: str) -> Summary:
    return verify_history(
        "default",
        household.lake,
        household.lastfm,
        settings=household.settings,
        night=household.night(date),
    )


def test_once_a_month_the_whole_history_is_compared_and_mended(synced: ServiceFixture) -> None:
    assert verified(synced, "2026-11-02")["months_differing"] == 0
    assert "verified on 2026-11-02" in verified(synced, LATER)["skipped"]
    faults = fault_rules_of(synced.sandbox.state)
    faults.add(Fault("deleted_scrobbles", user="ada", count=3, days=900))
    faults.add(Fault("late_scrobbles", user="ada", count=2, days=2000))
    summary = verified(synced, "2026-12-02")
    assert summary["months_differing"] >= 2
    assert (summary["plays_added"], summary["plays_removed"]) == (2, 3)
    assert in_lake(synced).total() == at_lastfm(synced).total() + 2 - 3


def test_a_long_history_is_read_over_some_nights_the_newest_plays_first(
    household: ServiceFixture,
) -> None:
    whole, most = at_lastfm(household), 1000
    who = "default", household.lake, household.lastfm
    night = household.night()
    sync_scrobbles(*who, settings=household.settings, night=night, most=most)
    first = in_lake(household)
    assert most <= first.total() < 1.2 * most
    assert min(first.elements()) == sorted(whole.elements())[-first.total()]

    lengths, left = [], []
    for date in ("2026-11-02", LATER, "2026-11-04"):
        tonight = household.night(date)
        verify_history(*who, settings=household.settings, night=tonight, most=most)
        lengths.append(in_lake(household).total())
        left.append(unread_plays(household.lake, "default", tonight))

    assert in_lake(household) == whole
    assert lengths[0] < lengths[-1]
    assert [whole.total() - each for each in lengths] == left
    assert "verified on" in verified(household, "2026-11-05")["skipped"]


def disliked(household: ServiceFixture, name: str, night: str = "2026-11-02") -> Summary:
    listener = household.settings.listener("default")
    disliking = listener.model_copy(update={"dislike_playlist": name})
    return sync_library(
        "default",
        household.lake,
        household.spotify,
        household.lastfm,
        settings=household.settings.model_copy(update={"listeners": {"default": disliking}}),
        night=household.night(night),
    )


def test_the_dislike_playlist_is_read_by_its_name(household: ServiceFixture) -> None:
    state = household.sandbox.state
    made = state.create_playlist("ada", "Can\u2019t\u00a0stand", by_app=False)
    state.add_items(made, [3, 5, 8], added_at=state.now)
    assert disliked(household, "can't stand")["disliked_tracks"] == 3


def test_without_a_dislike_playlist_of_that_name_dislikes_stand_and_the_summary_warns(
    household: ServiceFixture,
) -> None:
    state = household.sandbox.state
    made = state.create_playlist("ada", "Never again", by_app=False)
    state.add_items(made, [3, 5, 8], added_at=state.now)
    assert "dislike_playlist_missing" not in disliked(household, "Never again")
    summary = disliked(household, "Never aagin", LATER)
    assert summary["dislike_playlist_missing"] == "Never aagin"
    assert "disliked_tracks" not in summary
    library = household.lake.frame(LIBRARY)
    assert (library["signal"] == "disliked").sum() == 3


def library_of(household: ServiceFixture, date: str) -> None:
    sync_library(
        "default",
        household.lake,
        household.spotify,
        household.lastfm,
        settings=household.settings,
        night=household.night(date),
    )


def test_the_library_keeps_what_was_withdrawn_with_its_last_night(
    household: ServiceFixture,
) -> None:
    library_of(household, "2026-11-02")
    saved = household.sandbox.state.world.listeners["ada"].saved
    del saved[next(iter(saved))]
    library_of(household, LATER)
    rows = household.lake.frame(LIBRARY)
    assert set(rows["signal"]) == {"top", "saved", "loved"}
    withdrawn = rows[(rows["signal"] == "saved") & (rows["last_seen"].astype(str) == "2026-11-02")]
    assert len(withdrawn) == 1
    stayed = rows[(rows["signal"] == "saved") & (rows["last_seen"].astype(str) == LATER)]
    assert set(stayed["first_seen"].astype(str)) == {"2026-11-02"}


def emptied(kind: str, match: str, **rule: Any) -> Fault:
    return Fault.from_json({"kind": kind, "match": match, "count": 1, **rule})


@pytest.mark.parametrize(
    "fault",
    [
        emptied("odd_rows", "*/me/tracks", change={"track.name": ""}),
        emptied("odd_rows", "*/me/tracks", change={"track.artists": None}),
        emptied("null_rows", "*/me/tracks"),
        emptied("missing_rows", "*/me/tracks"),
        emptied("odd_rows", "user.getLovedTracks", change={"name": None}),
        emptied("missing_rows", "user.getLovedTracks"),
    ],
    ids=lambda fault: f"{fault.kind} {fault.match} {fault.change}",
)
def test_a_signal_whose_row_cannot_be_read_was_not_withdrawn(
    fault: Fault, household: ServiceFixture
) -> None:
    library_of(household, "2026-11-02")
    faults = fault_rules_of(household.sandbox.state)
    faults.add(fault)
    for date in (LATER, "2026-11-04"):
        library_of(household, date)
    rows = household.lake.frame(LIBRARY)
    assert set(rows.loc[rows["signal"] != "top", "last_seen"].astype(str)) == {"2026-11-04"}


def test_a_dislike_whose_row_cannot_be_read_was_not_withdrawn(household: ServiceFixture) -> None:
    state = household.sandbox.state
    made = state.create_playlist("ada", "Never again", by_app=False)
    state.add_items(made, [3, 5, 8], added_at=state.now)
    listener = household.settings.listener("default")
    disliking = listener.model_copy(update={"dislike_playlist": "Never again"})
    household.settings = household.settings.model_copy(update={"listeners": {"default": disliking}})
    library_of(household, "2026-11-02")
    change = {"item.name": None, "track.name": None}
    fault_rules_of(state).add(emptied("odd_rows", "GET */playlists/*/items", change=change))
    library_of(household, LATER)
    rows = household.lake.frame(LIBRARY)
    disliked = rows.loc[rows["signal"] == "disliked", "last_seen"].astype(str)
    assert set(disliked) == {LATER}
    assert len(disliked) == 3


@pytest.mark.parametrize("change", [{"name": ""}, {"artist": None}, {"date.uts": "0"}], ids=str)
def test_a_scrobble_whose_row_cannot_be_read_any_more_was_not_deleted(
    change: dict[str, Any], synced: ServiceFixture
) -> None:
    before = in_lake(synced)
    faults = fault_rules_of(synced.sandbox.state)
    faults.add(emptied("odd_rows", "user.getRecentTracks", change=change))
    summary = scrobbles(synced)
    assert summary["unusable_rows"] == 1
    assert summary["plays_removed"] == 0
    assert in_lake(synced) == before
