"""Tests of publishing over real HTTP into the sandbox's Spotify."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pytest
import requests

from smallhours.errors import DegeneratePlaylist, NotEnoughData, PlaylistNotOwned, RetryLater
from smallhours.lake.list_tables import PLAYLISTS
from smallhours.lake.tables import TRACKS
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.explain.description import marker
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.services.credentials import SpotifyCredentials
from smallhours.services.retry_and_rate_limit import TokenBucket
from smallhours.services.spotify import SpotifyClient
from smallhours.settings import parse_settings
from smallhours.summary import Summary
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.spotify_accounts import SCOPES, Grant, accounts_of
from smallhours_sandbox.state import SandboxPlaylist, SandboxPlaylistItem
from tests.playlist.ranked_lake import RankedLake, write_choice
from tests.service_fixtures import NIGHT, ServiceFixture

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
class PublishFixture:
    """One listener's lake and Spotify, and the actions of the tests below."""

    ranked_lake: RankedLake
    household: ServiceFixture

    def choose(
        self, start: int, stop: int, date: str = NIGHT, *, intent: str = "main"
    ) -> list[str]:
        """Make some of the candidates the night's list; their URIs."""
        keys = self.ranked_lake.candidates[start:stop]
        write_choice(self.ranked_lake, keys, date, intent)
        tracks = self.ranked_lake.lake.frame(TRACKS, columns=["track_key", "spotify_id"])
        ids = tracks.set_index("track_key")["spotify_id"]
        return [f"spotify:track:{ids[key]}" for key in keys]

    def publish(self, date: str = NIGHT, *, dry_run: bool = False) -> Summary:
        return publish_playlist(
            "default",
            self.ranked_lake.lake,
            SpotifyPlace(self.household.spotify),
            settings=self.ranked_lake.settings,
            night=self.ranked_lake.night(date),
            dry_run=dry_run,
        )

    def ledger(self) -> pd.DataFrame:
        """The ledger, by night."""
        rows = self.ranked_lake.lake.frame(PLAYLISTS, where={"listener": "default"})
        return rows.set_index(rows["night"].astype(str))

    def ours(self) -> list[SandboxPlaylist]:
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
        only.items[:0] = [SandboxPlaylistItem(tracks.get(uri), uri, 0.0, "ada") for uri in uris]
        only.touch()

    def foreign_uri(self) -> str:
        """A track that is no candidate."""
        tracks = self.ranked_lake.lake.frame(TRACKS, columns=["spotify_id"])
        ids = self.household.sandbox.state.world.track_spotify_id
        return f"spotify:track:{min(set(ids) - set(tracks['spotify_id'].dropna()))}"

    def wish(self, **sections: Any) -> None:
        """Change the listener's settings."""
        said = self.ranked_lake.settings.model_dump(mode="json", exclude_unset=True)
        said["listeners"]["default"] |= sections
        self.ranked_lake = replace(
            self.ranked_lake, settings=parse_settings(said, origin="the test")
        )

    def log_in_with(self, *scopes: str) -> None:
        """Let the listener agree to these scopes."""
        accounts = accounts_of(self.household.sandbox.state)
        token = accounts.issue_refresh_token(Grant("ada", frozenset(scopes)))
        self.household.spotify = SpotifyClient(
            SpotifyCredentials("sandbox-client", "sandbox-secret", token),
            settings=self.household.settings.services.spotify,
            rate_limit=TokenBucket(10_000, burst=100),
        )

    def fail(
        self, kind: str, match: str, *, after: int = 0, times: int = 0, acted: bool = False
    ) -> None:
        """Make matching calls fail until `repair`, perhaps after they were carried out."""
        fault_rules_of(self.household.sandbox.state).add(
            Fault(kind, "spotify", match, after=after, times=times, acted=acted)
        )

    def repair(self) -> None:
        fault_rules_of(self.household.sandbox.state).clear()


@pytest.fixture
def publisher(found: RankedLake, household: ServiceFixture) -> PublishFixture:
    return PublishFixture(found, household)


def test_the_first_night_makes_a_private_playlist_with_the_list_in_order(
    publisher: PublishFixture,
) -> None:
    uris = publisher.choose(0, 12)
    summary = publisher.publish()
    assert summary["outcome"] == "verified"
    assert (summary["tracks"], summary["added"]) == (12, 12)
    assert publisher.uris() == uris
    (covers,) = publisher.ledger()["covers"]
    assert len(set(covers)) > 1
    assert len(covers) == 12
    picture = requests.get(covers[0], timeout=30)
    assert picture.headers["content-type"] == "image/svg+xml"
    (playlist,) = publisher.ours()
    assert playlist.name == "Smallhours"
    assert not playlist.public
    assert playlist.description.startswith("The night of 2 November 2026: shoegaze, ")
    assert "12 tracks by " in playlist.description
    assert MARK in playlist.description


def test_the_ledger_says_what_was_written(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    row = publisher.ledger().loc[NIGHT]
    (playlist,) = publisher.ours()
    assert row["outcome"] == "verified"
    assert row["playlist_id"] == playlist.id
    assert row["snapshot_after"] == playlist.snapshot_id != row["snapshot_before"]
    assert list(row["uris"]) == uris
    assert list(row["track_keys"]) == publisher.ranked_lake.candidates[:12]


def test_a_second_run_of_the_night_writes_nothing(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    before, writes = publisher.ledger(), publisher.writes()
    summary = publisher.publish()
    assert publisher.writes() == writes
    assert (summary["outcome"], summary["added"], summary["moved"]) == ("verified", 0, 0)
    pd.testing.assert_frame_equal(publisher.ledger(), before)


def test_the_next_night_replaces_the_list_in_place(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(10, 25, NEXT)
    summary = publisher.publish(NEXT)
    assert publisher.uris() == uris
    assert (summary["added"], summary["removed"]) == (13, 10)
    assert "3 November" in publisher.ours()[0].description


def test_what_the_listener_added_stays_at_the_end(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    own = [publisher.foreign_uri()]
    publisher.add_by_hand(*own)
    uris = publisher.choose(12, 24, NEXT)
    summary = publisher.publish(NEXT)
    assert publisher.uris() == uris + own
    assert summary["own_items_kept"] == 1
    uris = publisher.choose(24, 36, "2026-11-04")
    publisher.publish("2026-11-04")
    assert publisher.uris() == uris + own


def test_what_the_listener_removed_is_not_put_back_by_another_run(
    publisher: PublishFixture,
) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    (playlist,) = publisher.ours()
    del playlist.items[3]
    playlist.touch()
    writes = publisher.writes()
    assert str(publisher.publish()["note"]).startswith("11 tracks, 1 left out.")
    assert publisher.uris() == [*uris[:3], *uris[4:]]
    assert publisher.writes() == writes


def test_a_create_whose_answer_was_lost_is_found_again_by_its_marker(
    publisher: PublishFixture,
) -> None:
    uris = publisher.choose(0, 12)
    publisher.fail("server_error", "POST /v1/me/playlists", acted=True)
    with pytest.raises(RetryLater):
        publisher.publish()
    assert publisher.ledger().loc[NIGHT, "outcome"] == "creating"
    publisher.repair()
    publisher.publish()
    assert publisher.uris() == uris
    assert len(publisher.ours()) == 1


def test_a_write_whose_answer_was_lost_is_recognised_as_done(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.fail("server_error", "POST /v1/playlists/*/items", acted=True)
    assert publisher.publish()["outcome"] == "verified"
    assert publisher.uris() == uris
    assert publisher.household.spotify.calls["POST playlists/{id}/items"] == 1


def test_a_write_that_fails_half_way_is_put_back(publisher: PublishFixture) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    uris = publisher.choose(12, 24, NEXT)
    publisher.fail("rate_limit", "DELETE /v1/playlists/*/items", times=1)
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    assert publisher.uris() == before
    assert publisher.ledger().loc[NEXT, "outcome"] == "planned"
    publisher.publish(NEXT)
    assert publisher.uris() == uris


def test_the_ledger_knows_what_stood_there_before_the_first_write(
    publisher: PublishFixture,
) -> None:
    before = publisher.choose(0, 12)
    publisher.publish()
    publisher.add_by_hand("")
    uris = publisher.choose(12, 24, NEXT)
    publisher.fail("server_error", "POST /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    row = publisher.ledger().loc[NEXT]
    assert row["outcome"] == "planned"
    assert list(row["uris"]) == uris
    assert list(row["previous"]) == ["", *before]


def test_tracks_of_a_night_that_never_finished_are_not_taken_for_the_listeners(
    publisher: PublishFixture,
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.fail("server_error", "DELETE /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    publisher.repair()
    uris = publisher.choose(24, 36, "2026-11-04")
    publisher.publish("2026-11-04")
    assert publisher.uris() == uris


def test_a_write_that_can_not_be_read_back_is_not_called_verified(
    publisher: PublishFixture,
) -> None:
    publisher.choose(0, 12)
    publisher.fail("server_error", "GET /v1/playlists/*/items", after=1)
    with pytest.raises(RetryLater):
        publisher.publish()
    assert publisher.ledger().loc[NIGHT, "outcome"] == "planned"
    publisher.repair()
    publisher.publish()
    assert publisher.ledger().loc[NIGHT, "outcome"] == "verified"


def test_a_refused_write_leaves_yesterdays_list(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.fail("server_error", "POST /v1/playlists/*/items")
    with pytest.raises(RetryLater):
        publisher.publish(NEXT)
    assert publisher.uris() == uris


def test_another_playlist_of_the_same_name_is_never_touched(publisher: PublishFixture) -> None:
    state = publisher.household.sandbox.state
    theirs = state.create_playlist("ada", "Smallhours", description="mine", by_app=False)
    state.add_items(theirs, [1, 2, 3])
    snapshot = theirs.snapshot_id
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    assert theirs.snapshot_id == snapshot
    assert len(publisher.ours()) == 1


def test_a_list_that_is_too_short_keeps_yesterdays_and_fails_with_the_numbers(
    publisher: PublishFixture,
) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 16, NEXT)
    writes = publisher.writes()
    with pytest.raises(DegeneratePlaylist, match=r"4 tracks; the shortest allowed is 10"):
        publisher.publish(NEXT)
    assert publisher.uris() == uris
    assert publisher.writes() == writes
    row = publisher.ledger().loc[NEXT]
    assert row["outcome"] == "kept_yesterday"
    assert row["playlist_id"] == publisher.ours()[0].id
    assert "4 tracks" in row["note"]


def test_after_a_kept_night_the_standing_list_is_still_known_as_ours(
    publisher: PublishFixture,
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(12, 16, NEXT)
    with pytest.raises(DegeneratePlaylist):
        publisher.publish(NEXT)
    uris = publisher.choose(16, 30, "2026-11-04")
    publisher.publish("2026-11-04")
    assert publisher.uris() == uris


def test_a_short_rerun_does_not_erase_what_was_recorded_tonight(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.choose(0, 3)
    with pytest.raises(DegeneratePlaylist):
        publisher.publish()
    assert publisher.ledger().loc[NIGHT, "outcome"] == "verified"


def test_a_deleted_playlist_is_made_anew_once_and_said_so(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.ours()[0].followed = False
    uris = publisher.choose(12, 24, NEXT)
    summary = publisher.publish(NEXT)
    assert "had deleted the playlist" in str(summary["note"])
    assert [item.uri for item in publisher.ours()[1].items] == uris
    publisher.ours()[1].followed = False
    publisher.choose(24, 36, "2026-11-04")
    with pytest.raises(PlaylistNotOwned, match="Recover playlists"):
        publisher.publish("2026-11-04")
    assert len(publisher.ours()) == 2


def test_a_playlist_deleted_the_same_night_comes_back_whole(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12)
    publisher.publish()
    publisher.ours()[0].followed = False
    publisher.publish()
    assert [item.uri for item in publisher.ours()[1].items] == uris


def test_without_our_marker_nothing_is_written(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    (playlist,) = publisher.ours()
    playlist.description = "my own now"
    snapshot = playlist.touch()
    publisher.choose(12, 24, NEXT)
    with pytest.raises(PlaylistNotOwned, match="no longer says"):
        publisher.publish(NEXT)
    assert playlist.snapshot_id == snapshot


@pytest.mark.parametrize(
    "uri", ["spotify:local:Me:Tape:Song:200", "spotify:episode:512ojhOuo1ktJprKbVcKyQ", ""]
)
def test_what_the_api_can_not_put_back_is_never_taken_out(
    publisher: PublishFixture, uri: str
) -> None:
    publisher.choose(0, 12)
    publisher.publish()
    publisher.add_by_hand(uri)
    uris = publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    assert publisher.uris() == [*uris, uri]


def test_what_the_listener_added_may_stay_where_they_put_it(publisher: PublishFixture) -> None:
    publisher.wish(publishing={"own_items": "place"})
    publisher.choose(0, 12)
    publisher.publish()
    own = publisher.foreign_uri()
    publisher.add_by_hand(own)
    uris = publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    assert publisher.uris() == [own, *uris]


def test_a_deleted_playlist_stays_deleted_where_the_settings_say_so(
    publisher: PublishFixture,
) -> None:
    publisher.wish(publishing={"when_deleted": "stop"})
    publisher.choose(0, 12)
    publisher.publish()
    publisher.ours()[0].followed = False
    publisher.choose(12, 24, NEXT)
    with pytest.raises(PlaylistNotOwned, match="leave it at that"):
        publisher.publish(NEXT)
    assert len(publisher.ours()) == 1


def test_a_playlist_that_spotify_made_public_is_made_private(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    publisher.fail("public_anyway", "*")
    publisher.publish()
    assert not publisher.ours()[0].public


def test_a_copy_of_our_description_does_not_make_a_playlist_ours(publisher: PublishFixture) -> None:
    state = publisher.household.sandbox.state
    copied = state.create_playlist("ada", "Smallhours", description=MARK, by_app=False)
    publisher.choose(0, 12)
    publisher.publish()
    assert copied.items == []
    assert len(publisher.ours()) == 1


def test_a_name_with_a_date_changes_with_the_night(publisher: PublishFixture) -> None:
    publisher.wish(playlist={"name": "For {weekday}"})
    publisher.choose(0, 12)
    publisher.publish()
    assert publisher.ours()[0].name == "For Monday"
    publisher.choose(12, 24, NEXT)
    publisher.publish(NEXT)
    assert publisher.ours()[0].name == "For Tuesday"


def test_the_name_that_the_listener_gave_stays(publisher: PublishFixture) -> None:
    publisher.wish(playlist={"name": "For {weekday}"})
    publisher.choose(0, 12)
    publisher.publish()
    publisher.ours()[0].name = "Mine"
    for start, night in ((12, NEXT), (24, "2026-11-04")):
        publisher.choose(start, start + 12, night)
        publisher.publish(night)
    assert publisher.ours()[0].name == "Mine"


def test_each_intent_has_a_playlist_of_its_own(publisher: PublishFixture) -> None:
    publisher.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"], "shortest": 3}})
    main = publisher.choose(0, 12)
    other = publisher.choose(12, 40, intent="sleep")
    summary = publisher.publish()
    assert summary["sleep"].startswith("28 tracks, 28 added. ")
    assert {one.name: [item.uri for item in one.items] for one in publisher.ours()} == {
        "Smallhours": main,
        "Smallhours: Sleep": other,
    }
    assert summary["sleep"].startswith("28 tracks, 28 added. ")


def test_an_intent_without_enough_tracks_stops_no_other(publisher: PublishFixture) -> None:
    publisher.wish(intents={"sleep": {"kind": "tags", "tags": ["ambient"]}})
    main = publisher.choose(0, 12)
    publisher.choose(12, 14, intent="sleep")
    summary = publisher.publish()
    assert publisher.uris() == main
    assert "shortest allowed is 10" in str(summary["sleep"])


def test_a_cover_is_drawn_if_the_listener_wants_one_and_allowed_it(
    publisher: PublishFixture,
) -> None:
    publisher.wish(publishing={"cover": True})
    publisher.choose(0, 12)
    assert "The cover was not changed" in str(publisher.publish()["note"])
    publisher.log_in_with(*SCOPES)
    publisher.choose(12, 24, NEXT)
    assert "cover" not in str(publisher.publish(NEXT)["note"])
    assert publisher.ours()[0].cover


def test_a_dry_run_tells_and_writes_nothing_to_spotify(publisher: PublishFixture) -> None:
    publisher.choose(0, 12)
    summary = publisher.publish(dry_run=True)
    assert (summary["outcome"], summary["added"]) == ("dry_run", 12)
    assert publisher.ours() == []
    assert publisher.ledger().loc[NIGHT, "outcome"] == "dry_run"
    publisher.publish()
    before = publisher.ledger()
    publisher.publish(dry_run=True)
    pd.testing.assert_frame_equal(publisher.ledger(), before)


def test_an_earlier_night_does_not_replace_a_newer_list(publisher: PublishFixture) -> None:
    uris = publisher.choose(0, 12, NEXT)
    publisher.publish(NEXT)
    publisher.choose(12, 24, NIGHT)
    assert "2026-11-03 is newer" in str(publisher.publish(NIGHT)["note"])
    assert publisher.uris() == uris


def test_a_night_without_a_choice_says_what_to_do(publisher: PublishFixture) -> None:
    with pytest.raises(NotEnoughData, match="write_playlist"):
        publisher.publish()
