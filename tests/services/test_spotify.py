"""Tests of the Spotify client against the sandbox: reads and writes."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from smallhours.errors import NotFound, Refused, ServiceError
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.spotify import SpotifyClient, TimeRange
from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.spotify_accounts import SCOPES, Grant, accounts_of
from tests.services.scripted import FakeSleep
from tests.services.spotify_client import ADA, client_of, misbehave

# What is read


def test_the_account_has_a_lasting_id(spotify: SpotifyClient, sandbox: SandboxServer) -> None:
    ada = sandbox.state.world.listeners["ada"]
    me = spotify.me()
    assert (me.id, me.account_id, me.display_name) == (
        ada.spotify_id,
        ada.account_id,
        ada.display_name,
    )


@pytest.mark.parametrize("time_range", ["short_term", "medium_term", "long_term"])
def test_top_tracks_are_distinct_and_come_whole(
    spotify: SpotifyClient, time_range: TimeRange
) -> None:
    top = list(spotify.top_tracks(time_range))
    assert 0 < len(top) <= 99
    assert len({track.uri for track in top}) == len(top)
    assert spotify.calls["GET me/top/tracks"] == (2 if len(top) > 50 else 1)


@pytest.mark.parametrize("kind", ["missing_rows", "null_rows"])
def test_a_short_page_of_top_tracks_is_not_the_last(
    spotify: SpotifyClient, sandbox: SandboxServer, kind: str
) -> None:
    whole = list(spotify.top_tracks("long_term"))
    sandbox_fault = Fault.from_json({"kind": kind, "match": "*/me/top/tracks", "times": 1})
    fault_rules_of(sandbox.state).add(sandbox_fault)
    assert len(whole) > 50
    assert list(spotify.top_tracks("long_term")) == whole[1:]


def test_an_empty_page_of_top_tracks_is_the_last(
    spotify: SpotifyClient, sandbox: SandboxServer
) -> None:
    rule = {"kind": "missing_rows", "match": "*/me/top/tracks", "count": 0, "times": 1}
    fault_rules_of(sandbox.state).add(Fault.from_json(rule))
    assert list(spotify.top_tracks("long_term")) == []


def test_saved_tracks_come_whole_and_latest_first(
    spotify: SpotifyClient, sandbox: SandboxServer
) -> None:
    saved = list(spotify.saved_tracks())
    truth = sandbox.state.world.listeners["ada"].saved
    ids = sandbox.state.world.track_spotify_id
    assert {(each.track.id, int(each.added_at.timestamp())) for each in saved} == {
        (ids[track], at) for track, at in truth.items()
    }
    assert [s.added_at for s in saved] == sorted((s.added_at for s in saved), reverse=True)


def test_saved_tracks_since_a_moment_ask_for_no_more_pages_than_needed(
    spotify: SpotifyClient,
) -> None:
    newest = next(spotify.saved_tracks()).added_at
    before = spotify.calls["GET me/tracks"]
    fresh = list(spotify.saved_tracks(since=newest))
    assert [each.added_at for each in fresh] == [newest] * len(fresh)
    assert spotify.calls["GET me/tracks"] == before + 1


def test_recent_plays_are_the_last_fifty_oldest_first(spotify: SpotifyClient) -> None:
    plays = spotify.recently_played()
    assert len(plays) == 50
    assert [play.played_at for play in plays] == sorted(play.played_at for play in plays)
    later = spotify.recently_played(after=plays[9].played_at)
    assert later == plays[10:]
    assert spotify.recently_played(after=plays[-1].played_at + timedelta(days=1)) == []


def test_a_search_by_filters_finds_the_track_with_its_isrc(
    spotify: SpotifyClient, sandbox: SandboxServer
) -> None:
    world = sandbox.state.world
    title, artist = world.track_title[0], world.artist_name[world.track_artist[0]]
    found = spotify.search_tracks(f'track:"{title}" artist:"{artist}"')
    assert world.track_isrc[0] in {track.isrc for track in found}
    assert {track.artist for track in found} == {artist}
    assert len(found) <= 10


def test_a_track_by_id(spotify: SpotifyClient, sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    track = spotify.track(world.track_spotify_id[7])
    assert track.title == world.track_title[7]
    assert track.duration_ms == world.track_duration_ms[7]
    assert track.isrc == world.track_isrc[7]


@pytest.mark.parametrize("track_id", ["0" * 22, "not an id!", "spotify:local:a:b:c:9"])
def test_an_unknown_track_is_not_found(spotify: SpotifyClient, track_id: str) -> None:
    with pytest.raises(NotFound):
        spotify.track(track_id)


@pytest.mark.parametrize("limit", [0, 11])
def test_a_search_limit_that_spotify_refuses_is_never_sent(
    spotify: SpotifyClient, limit: int
) -> None:
    with pytest.raises(ValueError, match="1-10"):
        spotify.search_tracks("x", limit=limit)
    assert not spotify.calls


# What is written


def test_a_new_playlist_is_private_and_listed(
    spotify: SpotifyClient, mine: PlaylistDetails
) -> None:
    assert (mine.name, mine.description, mine.public) == ("Smallhours", "made at night", False)
    assert mine.owner_id == spotify.me().id
    listed = {each.id: each for each in spotify.playlists()}
    assert listed[mine.id].total == 0


def test_what_was_added_reads_back_in_order(
    spotify: SpotifyClient, mine: PlaylistDetails, uris: list[str]
) -> None:
    snapshot = spotify.add_items(mine.id, uris[:100])
    assert snapshot != mine.snapshot_id
    assert spotify.playlist(mine.id).snapshot_id == snapshot
    assert spotify.playlist(mine.id).total == 100
    items = spotify.playlist_items(mine.id)
    assert [item.uri for item in items] == uris[:100]
    assert {item.added_by for item in items} == {spotify.me().id}
    assert all(item.track and item.added_at for item in items)
    assert spotify.calls["GET playlists/{id}/items"] == 2


def test_items_are_added_and_removed(
    spotify: SpotifyClient, mine: PlaylistDetails, uris: list[str]
) -> None:
    spotify.add_items(mine.id, uris[:2])
    snapshot = spotify.add_items(mine.id, uris[2:4])
    spotify.remove_items(mine.id, [uris[0], uris[3]], snapshot)
    assert [item.uri for item in spotify.playlist_items(mine.id)] == uris[1:3]


def test_details_change_one_by_one(spotify: SpotifyClient, mine: PlaylistDetails) -> None:
    spotify.change_details(mine.id, description="new words")
    got = spotify.playlist(mine.id)
    assert (got.name, got.description, got.public) == ("Smallhours", "new words", False)


def test_items_come_in_anywhere_move_and_go(
    spotify: SpotifyClient, mine: PlaylistDetails, uris: list[str]
) -> None:
    a, b, c, d = uris[:4]
    spotify.add_items(mine.id, [a, b])
    spotify.add_items(mine.id, [c, d], position=1)
    assert [item.uri for item in spotify.playlist_items(mine.id)] == [a, c, d, b]
    snapshot = spotify.playlist(mine.id).snapshot_id
    snapshot = spotify.move_items(mine.id, 1, 2, 0, snapshot)
    assert [item.uri for item in spotify.playlist_items(mine.id)] == [c, d, a, b]
    spotify.remove_items(mine.id, [c, b], snapshot)
    assert [item.uri for item in spotify.playlist_items(mine.id)] == [d, a]


def test_an_episode_comes_in_and_goes_by_its_uri(
    spotify: SpotifyClient, mine: PlaylistDetails
) -> None:
    episode = "spotify:episode:512ojhOuo1ktJprKbVcKyQ"
    snapshot = spotify.add_items(mine.id, [episode])
    (item,) = spotify.playlist_items(mine.id)
    assert (item.uri, item.track) == (episode, None)
    spotify.remove_items(mine.id, [episode], snapshot)
    assert spotify.playlist_items(mine.id) == []


def test_a_cover_needs_a_permission_of_its_own(
    spotify: SpotifyClient, sandbox: SandboxServer, mine: PlaylistDetails
) -> None:
    picture = b"\xff\xd8\xff a picture"
    with pytest.raises(Refused, match="lacks a permission"):
        spotify.upload_cover(mine.id, picture)
    accounts = accounts_of(sandbox.state)
    token = accounts.issue_refresh_token(Grant("ada", SCOPES))
    with client_of(sandbox, replace(ADA, refresh_token=token), FakeSleep()) as allowed:
        allowed.upload_cover(mine.id, picture)
        assert sandbox.state.playlists[mine.id].cover
        with pytest.raises(ServiceError, match="413"):
            allowed.upload_cover(mine.id, picture * 20_000)


def test_more_than_a_hundred_items_are_never_sent(
    spotify: SpotifyClient, mine: PlaylistDetails, uris: list[str]
) -> None:
    with pytest.raises(ValueError, match="at most 100"):
        spotify.add_items(mine.id, uris)


def test_rows_whose_track_is_gone_stay_rows(
    spotify: SpotifyClient, sandbox: SandboxServer, mine: PlaylistDetails, uris: list[str]
) -> None:
    spotify.add_items(mine.id, uris[:3])
    misbehave(sandbox, kind="null_items", count=2)
    items = spotify.playlist_items(mine.id)
    assert [item.track is None for item in items] == [True, True, False]


def test_someone_elses_playlist_is_refused(
    spotify: SpotifyClient, sandbox: SandboxServer, uris: list[str]
) -> None:
    theirs = next(each for each in sandbox.state.playlists.values() if each.owner == "bruno")
    with pytest.raises(Refused, match="not the listener's own"):
        spotify.add_items(theirs.id, uris[:1])


def test_iterators_read_lazily(spotify: SpotifyClient) -> None:
    list(islice(spotify.saved_tracks(), 3))
    assert spotify.calls["GET me/tracks"] == 1
