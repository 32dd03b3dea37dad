"""The listener's playlist, written over real HTTP into the sandbox's Spotify."""

from dataclasses import dataclass

import pandas as pd
import pytest

from smallhours.errors import DegeneratePlaylist, NotEnoughData, NotOurs, RetryLater
from smallhours.lake.tables import PLAYLISTS, TRACKS
from smallhours.playlist.marking import marker
from smallhours.playlist.publish import publish_playlist
from smallhours.sandbox.faults import Fault, book
from smallhours.sandbox.state import Playlist, PlaylistItem
from smallhours.summary import Summary
from tests.household import NIGHT, Household
from tests.playlist.evening import Evening, write_choice

NEXT = "2026-11-03"
MARK = marker("default", "main")
WRITES = ("POST me/playlists", "PUT playlists/{id}/items", "PUT playlists/{id}")


@dataclass
class Desk:
    """One listener's lake and Spotify, and the deeds of the tests below."""

    evening: Evening
    household: Household

    def choose(self, start: int, stop: int, date: str = NIGHT) -> list[str]:
        """Make some of the candidates the night's list; their URIs."""
        keys = self.evening.candidates[start:stop]
        write_choice(self.evening, keys, date)
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
        """What stands in our only playlist."""
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

    def fail(self, kind: str, match: str, *, after: int = 0, acted: bool = False) -> None:
        """Make matching calls fail until `repair`, perhaps after they were carried out."""
        book(self.household.sandbox.state).add(
            Fault(kind=kind, service="spotify", match=match, after=after, times=0, acted=acted)
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
    assert playlist.description.startswith("The night of 2 November 2026: 12 tracks by ")
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
    assert desk.ledger().empty
    desk.repair()
    desk.publish()
    assert desk.uris() == uris


def test_a_write_whose_answer_was_lost_is_recognised_as_done(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.fail("server_error", "PUT /v1/playlists/*/items", acted=True)
    with pytest.raises(RetryLater):
        desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "planned"
    assert desk.ledger().loc[NIGHT, "playlist_id"] == desk.ours()[0].id
    desk.repair()
    writes = desk.writes()
    desk.publish()
    assert desk.uris() == uris
    assert desk.writes() == writes
    assert desk.ledger().loc[NIGHT, "outcome"] == "verified"


def test_tracks_of_a_night_that_never_finished_are_not_taken_for_the_listeners(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.fail("server_error", "PUT /v1/playlists/*/items", acted=True)
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
    assert desk.ledger().loc[NIGHT, "outcome"] == "written"
    desk.repair()
    desk.publish()
    assert desk.ledger().loc[NIGHT, "outcome"] == "verified"


def test_a_refused_write_leaves_yesterdays_list(desk: Desk) -> None:
    uris = desk.choose(0, 12)
    desk.publish()
    desk.choose(12, 24, NEXT)
    desk.fail("server_error", "PUT /v1/playlists/*/items")
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


def test_a_local_file_of_the_listeners_stops_the_write(desk: Desk) -> None:
    desk.choose(0, 12)
    desk.publish()
    desk.add_by_hand("spotify:local:Me:Tape:Song:200")
    before = desk.uris()
    desk.choose(12, 24, NEXT)
    with pytest.raises(DegeneratePlaylist, match="can't put back"):
        desk.publish(NEXT)
    assert desk.uris() == before


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
