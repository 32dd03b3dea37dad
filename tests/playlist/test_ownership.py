"""Tests of the search for the playlist that is ours."""

from collections.abc import Iterator

import pytest

from smallhours.errors import PlaylistNotOwned
from smallhours.places.spotify import SpotifyPlace
from smallhours.playlist.explain.description import marker
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.ownership import find_managed_playlist
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.retry_and_rate_limit import RetryPolicy

MARK = marker("default", "main")


class FakePlaylists(SpotifyPlace):
    """A listener's playlists as Spotify lists them."""

    def __init__(self, *playlists: PlaylistDetails) -> None:
        self._playlists = playlists

    def is_mine(self, playlist: PlaylistDetails) -> bool:
        return playlist.owner_id == "ada"

    @property
    def retry_policy(self) -> RetryPolicy:
        return RetryPolicy(initial_wait_s=0)

    def playlists(self) -> Iterator[PlaylistDetails]:
        return iter(self._playlists)

    def playlist(self, playlist_id: str) -> PlaylistDetails:
        return next(one for one in self._playlists if one.id == playlist_id)

    def has_playlist(self, playlist_id: str) -> bool:
        return any(one.id == playlist_id for one in self._playlists)


def named(
    id_: str, description: str = f"Made by Smallhours. {MARK}", owner: str = "ada", total: int = 0
) -> PlaylistDetails:
    return PlaylistDetails(id_, "Smallhours", description, owner, False, "snapshot", total)


def known(*ids: str, creating: bool = False) -> LedgerState:
    return LedgerState(ids, frozenset(), frozenset(), "", None, creating=creating)


def test_the_newest_id_of_the_ledger_is_ours() -> None:
    shelf = FakePlaylists(named("old"), named("new"))
    assert find_managed_playlist(shelf, known("new", "old"), MARK) == named("new")


def test_a_name_means_nothing() -> None:
    assert (
        find_managed_playlist(FakePlaylists(named("x", description="")), known(creating=True), MARK)
        is None
    )


def test_somebody_elses_playlist_with_our_marker_is_not_ours() -> None:
    assert (
        find_managed_playlist(FakePlaylists(named("x", owner="bruno")), known(creating=True), MARK)
        is None
    )


def test_an_empty_marked_playlist_that_a_run_was_making_is_ours() -> None:
    shelf = FakePlaylists(named("other", ""), named("x"))
    assert find_managed_playlist(shelf, known(creating=True), MARK) == named("x")


def test_a_marked_playlist_that_nobody_was_making_is_not_ours() -> None:
    assert find_managed_playlist(FakePlaylists(named("x")), known(), MARK) is None


def test_a_marked_playlist_that_holds_something_is_not_ours() -> None:
    assert (
        find_managed_playlist(FakePlaylists(named("x", total=3)), known(creating=True), MARK)
        is None
    )


def test_one_that_was_deleted_stays_so_by_setting() -> None:
    with pytest.raises(PlaylistNotOwned, match="leave it at that"):
        find_managed_playlist(FakePlaylists(), known("x"), MARK, when_deleted="stop")


def test_another_intents_playlist_is_not_this_ones() -> None:
    other = marker("default", "mornings")
    assert (
        find_managed_playlist(FakePlaylists(named("x", other)), known(creating=True), MARK) is None
    )


def test_one_that_lost_its_marker_is_left_alone() -> None:
    with pytest.raises(PlaylistNotOwned, match="no longer says"):
        find_managed_playlist(FakePlaylists(named("x", "mine")), known("x"), MARK)


def test_one_deleted_playlist_is_none_and_two_are_a_refusal() -> None:
    assert find_managed_playlist(FakePlaylists(), known("x"), MARK) is None
    with pytest.raises(PlaylistNotOwned, match="deleted our playlist, and then"):
        find_managed_playlist(FakePlaylists(), known("y", "x"), MARK)
