"""Tests of publishing over real HTTP into the sandbox's Spotify."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest

from smallhours.errors import DegeneratePlaylist, NotEnoughData, NotOurs, RetryLater
from smallhours.lake.tables import PLAYLISTS, TRACKS
from smallhours.playlist.marking import marker
from smallhours.playlist.publish import publish_playlist
from smallhours.sandbox.faults import Fault, book
from smallhours.sandbox.spotify_accounts import SCOPES, Grant, accounts_of
from smallhours.sandbox.state import Playlist, PlaylistItem
from smallhours.services.budget import TokenBucket
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import parse_settings
from smallhours.summary import Summary
from tests.household import NIGHT, Household
from tests.playlist.evening import Evening, write_choice

NEXT = "2026-11-03"
MARK = marker("default", "main")
WRITES = (
    "POST me/playlists",
    "POST playlists/{id}/items",
    "PUT playlists/{id}/items",
    "DELETE playlists/{id}/items",
    "PUT playlists/{id}",
)


@dataclass
class Desk:
    """One listener's lake and Spotify, and the actions of the tests below."""

    evening: Evening
    household: Household

    def choose(
        self, start: int, stop: int, date: str = NIGHT, *, intent: str = "main"
    ) -> list[str]:
        """Make some of the candidates the night's list; their URIs."""
        keys = self.evening.candidates[start:stop]
        write_choice(self.evening, keys, date, intent)
        tracks = self.evening.lake.frame(TRACKS, columns=["track_key", "spotify_id"])
        ids = tracks.set_index("track_key")["spotify_id"]
        return [f"spotify:track:{ids[key]}" for key in keys]

    def publish(self, date: str = NIGHT, *, dry_run: bool = False) -> Summary:
        return publish_playlist(
            "default",
            self.evening.lake,
            self.household.spotify,
            settings=self.evening.settings,
            night=self.evening.night(date),
            dry_run=dry_run,
        )

    def ledger(self) -> pd.DataFrame:
        """The ledger, by night."""
        rows = self.evening.lake.frame(PLAYLISTS, where={"listener": "default"})
        return rows.set_index(rows["night"].astype(str))

    def ours(self) -> list[Playlist]:
        """The listener's playlists that were made through the API."""
        return [one for one in self.household.sandbox.state.playlists.values() if one.by_app]

    def uris(self) -> list[str]:
        """Return the URIs in our only playlist."""
        (only,) = self.ours()
        return [item.uri for item in only.items]

    def writes(self) -> int:
        """Requests so far that change something at Spotify."""
        return sum(self.household.spotify.calls[name] for name in WRITES)

    def add_by_hand(self, *uris: str) -> None:
        """The listener puts something at the top of our playlist."""
        (only,) = self.ours()
        ids = self.household.sandbox.state.world.track_spotify_id
        tracks = {f"spotify:track:{id_}": track for track, id_ in enumerate(ids)}
        only.items[:0] = [PlaylistItem(tracks.get(uri), uri, 0.0, "ada") for uri in uris]
        only.touch()

    def foreign_uri(self) -> str:
        """A track that is no candidate."""
        tracks = self.evening.lake.frame(TRACKS, columns=["spotify_id"])
        ids = self.household.sandbox.state.world.track_spotify_id
        return f"spotify:track:{min(set(ids) - set(tracks['spotify_id'].dropna()))}"

    def wish(self, **sections: Any) -> None:
        """Change the listener's settings."""
        said = self.evening.settings.model_dump(mode="json", exclude_unset=True)
        said["listeners"]["default"] |= sections
        self.evening = replace(self.evening, settings=parse_settings(said, origin="the test"))

    def log_in_with(self, *scopes: str) -> None:
        """Let the listener agree to these scopes."""
        accounts = accounts_of(self.household.sandbox.state)
        token = accounts.issue_refresh_token(Grant("ada", frozenset(scopes)))
        self.household.spotify = SpotifyClient(
            SpotifyCredentials("sandbox-client", "sandbox-secret", token),
            settings=self.household.settings.services.spotify,
            budget=TokenBucket(10_000, burst=100),
        )

    def fail(
        self, kind: str, match: str, *, after: int = 0, times: int = 0, acted: bool = False
    ) -> None:
        """Make matching calls fail until `repair`, perhaps after they were carried out."""
        book(self.household.sandbox.state).add(
            Fault(kind, "spotify", match, after=after, times=times, acted=acted)
        )

    def repair(self) -> None:
        book(self.household.sandbox.state).clear()


@pytest.fixture
def desk(found: Evening, household: Household) -> Desk:
    return Desk(found, household)


def test_the_first_night_makes_a_private_playlist_with_the_list_in_order(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    summary = desk.publish()
    assert summary["outcome"] == "verified"
    assert (summary["tracks"], summary["added"]) == (12, 12)
    assert desk.uris() == uris
    (playlist,) = desk.ours()
    assert playlist.name == "Smallhours"
    assert not playlist.public
    assert playlist.description.startswith("The night of 2 November 2026: shoegaze, ")
    assert "12 tracks by " in playlist.description
    assert MARK in playlist.description


def test_the_ledger_says_what_was_written(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    row = desk.ledger().loc[NIGHT]
    (playlist,) = desk.ours()
    assert row["outcome"] == "verified"
    assert row["playlist_id"] == playlist.id
    assert row["snapshot_after"] == playlist.snapshot_id != row["snapshot_before"]
    assert list(row["uris"]) == uris
    assert list(row["track_keys"]) == desk.evening.candidates[:12]


def test_a_second_run_of_the_night_writes_nothing(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    before, writes = desk.ledger(), desk.writes()
    summary = desk.publish()
    assert desk.writes() == writes
    assert (summary["outcome"], summary["added"], summary["moved"]) == ("verified", 0, 0)
    pd.testing.assert_frame_equal(desk.ledger(), before)


def test_the_next_night_replaces_the_list_in_place(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(10, 25, NEXT)
    summary = desk.publish(NEXT)
    assert desk.uris() == uris
    assert (summary["added"], summary["removed"]) == (13, 10)
    assert "3 November" in desk.ours()[0].description


def test_what_the_listener_added_stays_at_the_end(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    own = [desk.foreign_uri()]
    desk.add_by_hand(*own)
    uris = desk.choose(12, 24, NEXT)
    summary = desk.publish(NEXT)
    assert desk.uris() == uris + own
    assert summary["own_items_kept"] == 1
    uris = desk.choose(24, 36, "2026-11-04")
    desk.publish("2026-11-04")
    assert desk.uris() == uris + own


def test_what_the_listener_removed_is_not_put_back_by_another_run(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    (playlist,) = desk.ours()
    del playlist.items[3]
    playlist.touch()
    writes = desk.writes()
    assert desk.publish()["note"] == "11 tracks, 1 left out."
    assert desk.uris() == [*uris[:3], *uris[4:]]
    assert desk.writes() == writes


def test_a_create_whose_answer_was_lost_is_found_again_by_its_marker(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.fail("server_error", "POST /v1/me/playlists", acted=True)
    with pytest.raises(RetryLater):
        desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "creating"
    desk.repair()
    desk.publish()
    assert desk.uris() == uris
    assert len(desk.ours()) == 1


def test_a_write_whose_answer_was_lost_is_recognised_as_done(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.fail("server_error", "POST /v1/playlists/*/items", acted=True)
    assert desk.publish()["outcome"] == "verified"
    assert desk.uris() == uris
    assert desk.household.spotify.calls["POST playlists/{id}/items"] == 1


def test_a_write_that_fails_half_way_is_put_back(desk: Desk) -> None:
    before = desk.choose(0, 12)
    desk.publish()
    uris = desk.choose(12, 24, NEXT)
    desk.fail("rate_limit", "DELETE /v1/playlists/*/items", times=1)
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    assert desk.uris() == before
    assert desk.ledger().loc[NEXT, "outcome"] == "planned"
    desk.publish(NEXT)
    assert desk.uris() == uris


def test_the_ledger_knows_what_stood_there_before_the_first_write(desk: Desk) -> None:
    before = desk.choose(0, 12)
    desk.publish()
    desk.add_by_hand("")
    uris = desk.choose(12, 24, NEXT)
    desk.fail("server_error", "POST /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    row = desk.ledger().loc[NEXT]
    assert row["outcome"] == "planned"
    assert list(row["uris"]) == uris
    assert list(row["previous"]) == ["", *before]


def test_tracks_of_a_night_that_never_finished_are_not_taken_for_the_listeners(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    desk.repair()
    uris = desk.choose(24, 36, "2026-11-04")
    desk.publish("2026-11-04")
    assert desk.uris() == uris


def test_a_write_that_can_not_be_read_back_is_not_called_verified(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.fail("server_error", "GET /v1/playlists/*/items", after=1)
    with pytest.raises(RetryLater):
        desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "planned"
    desk.repair()
    desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "verified"


def test_a_refused_write_leaves_yesterdays_list(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.fail("server_error", "POST /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        desk.publish(NEXT)
    assert desk.uris() == uris


def test_another_playlist_of_the_same_name_is_never_touched(desk: Desk) -> None:
    state = desk.household.sandbox.state
    theirs = state.create_playlist("ada", "Smallhours", description="mine", by_app=False)
    state.add_items(theirs, [1, 2, 3])
    snapshot = theirs.snapshot_id
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    assert theirs.snapshot_id == snapshot
    assert len(desk.ours()) == 1


def test_a_list_that_is_too_short_keeps_yesterdays_and_fails_with_the_numbers(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 16, NEXT)
    writes = desk.writes()
    with pytest.raises(DegeneratePlaylist, match=r"4 tracks .* shortest allowed is 10"):
        desk.publish(NEXT)
    assert desk.uris() == uris
    assert desk.writes() == writes
    row = desk.ledger().loc[NEXT]
    assert row["outcome"] == "kept_yesterday"
    assert row["playlist_id"] == desk.ours()[0].id
    assert "4 tracks" in row["note"]


def test_after_a_kept_night_the_standing_list_is_still_known_as_ours(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 16, NEXT)
    with pytest.raises(DegeneratePlaylist):
        desk.publish(NEXT)
    uris = desk.choose(16, 30, "2026-11-04")
    desk.publish("2026-11-04")
    assert desk.uris() == uris


def test_a_short_rerun_does_not_erase_what_was_recorded_tonight(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(0, 3)
    with pytest.raises(DegeneratePlaylist):
        desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "verified"


def test_a_deleted_playlist_is_made_anew_once_and_said_so(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.ours()[0].followed = False
    uris = desk.choose(12, 24, NEXT)
    summary = desk.publish(NEXT)
    assert "had deleted the playlist" in str(summary["note"])
    assert [item.uri for item in desk.ours()[1].items] == uris
    desk.ours()[1].followed = False
    desk.choose(24, 36, "2026-11-04")
    with pytest.raises(NotOurs, match="Recover playlists"):
        desk.publish("2026-11-04")
    assert len(desk.ours()) == 2


def test_a_playlist_deleted_the_same_night_comes_back_whole(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    desk.ours()[0].followed = False
    desk.publish()
    assert [item.uri for item in desk.ours()[1].items] == uris


def test_without_our_marker_nothing_is_written(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    (playlist,) = desk.ours()
    playlist.description = "my own now"
    snapshot = playlist.touch()
    desk.choose(12, 24, NEXT)
    with pytest.raises(NotOurs, match="no longer says"):
        desk.publish(NEXT)
    assert playlist.snapshot_id == snapshot


@pytest.mark.parametrize(
    "uri", ["spotify:local:Me:Tape:Song:200", "spotify:episode:512ojhOuo1ktJprKbVcKyQ", ""]
)
def test_what_the_api_can_not_put_back_is_never_taken_out(desk: Desk, uri: str) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.add_by_hand(uri)
    uris = desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    assert desk.uris() == [*uris, uri]


def test_what_the_listener_added_may_stay_where_they_put_it(desk: Desk) -> None:
    desk.wish(publishing={"own_items": "place"})
    desk.choose(0, 12)
    desk.publish()
    own = desk.foreign_uri()
    desk.add_by_hand(own)
    uris = desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    assert desk.uris() == [own, *uris]


def test_a_deleted_playlist_stays_deleted_where_the_settings_say_so(desk: Desk) -> None:
    desk.wish(publishing={"when_deleted": "stop"})
    desk.choose(0, 12)
    desk.publish()
    desk.ours()[0].followed = False
    desk.choose(12, 24, NEXT)
    with pytest.raises(NotOurs, match="leave it at that"):
        desk.publish(NEXT)
    assert len(desk.ours()) == 1


def test_a_playlist_that_spotify_made_public_is_made_private(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.fail("public_anyway", "*")
    desk.publish()
    assert not desk.ours()[0].public


def test_a_copy_of_our_description_does_not_make_a_playlist_ours(desk: Desk) -> None:
    state = desk.household.sandbox.state
    copied = state.create_playlist("ada", "Smallhours", description=MARK, by_app=False)
    desk.choose(0, 12)
    desk.publish()
    assert copied.items == []
    assert len(desk.ours()) == 1


def test_a_name_with_a_date_changes_with_the_night(desk: Desk) -> None:
    desk.wish(playlist={"name": "For {weekday}"})
    desk.choose(0, 12)
    desk.publish()
    assert desk.ours()[0].name == "For Monday"
    desk.choose(12, 24, NEXT)
    desk.publish(NEXT)
    assert desk.ours()[0].name == "For Tuesday"


def test_the_name_that_the_listener_gave_stays(desk: Desk) -> None:
    desk.wish(playlist={"name": "For {weekday}"})
    desk.choose(0, 12)
    desk.publish()
    desk.ours()[0].name = "Mine"
    for start, night in ((12, NEXT), (24, "2026-11-04")):
        desk.choose(start, start + 12, night)
        desk.publish(night)
    assert desk.ours()[0].name == "Mine"


def test_each_intent_has_a_playlist_of_its_own(desk: Desk) -> None:
    desk.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"], "shortest": 3}})
    main = desk.choose(0, 12)
    other = desk.choose(12, 40, intent="sleep")
    summary = desk.publish()
    assert summary["sleep"] == "28 tracks, 28 added."
    assert {one.name: [item.uri for item in one.items] for one in desk.ours()} == {
        "Smallhours": main,
        "Smallhours: Sleep": other,
    }
    assert summary["sleep"] == "28 tracks, 28 added."


def test_an_intent_without_enough_tracks_stops_no_other(desk: Desk) -> None:
    desk.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"]}})
    main = desk.choose(0, 12)
    desk.choose(12, 14, intent="sleep")
    summary = desk.publish()
    assert desk.uris() == main
    assert "shortest allowed is 10" in str(summary["sleep"])


def test_a_cover_is_drawn_if_the_listener_wants_one_and_allowed_it(desk: Desk) -> None:
    desk.wish(publishing={"cover": True})
    desk.choose(0, 12)
    assert "The cover was not changed" in str(desk.publish()["note"])
    desk.log_in_with(*SCOPES)
    desk.choose(12, 24, NEXT)
    assert "cover" not in str(desk.publish(NEXT)["note"])
    assert desk.ours()[0].cover


def test_a_dry_run_tells_and_writes_nothing_to_spotify(desk: Desk) -> None:
    desk.choose(0, 12)
    summary = desk.publish(dry_run=True)
    assert (summary["outcome"], summary["added"]) == ("dry_run", 12)
    assert desk.ours() == []
    assert desk.ledger().loc[NIGHT, "outcome"] == "dry_run"
    desk.publish()
    before = desk.ledger()
    desk.publish(dry_run=True)
    pd.testing.assert_frame_equal(desk.ledger(), before)


def test_an_earlier_night_does_not_replace_a_newer_list(desk: Desk) -> None:
    uris = desk.choose(0, 12, NEXT)
    desk.publish(NEXT)
    desk.choose(12, 24, NIGHT)
    assert "2026-11-03 is newer" in str(desk.publish(NIGHT)["note"])
    assert desk.uris() == uris


def test_a_night_without_a_choice_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(NotEnoughData, match="rank_candidates"):
        desk.publish()
