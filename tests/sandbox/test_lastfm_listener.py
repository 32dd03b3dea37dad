"""Tests of user.getLovedTracks, user.getTopTracks, user.getInfo, and of getInfo for a listener."""

from collections import Counter

import pytest

from smallhours_sandbox.server import SandboxServer
from tests.sandbox.lastfm_client import network, node


def test_pylast_reads_every_loved_track_last_loved_first(sandbox: SandboxServer) -> None:
    loved = sandbox.state.world.listeners["ada"].loved

    read = network(sandbox).get_user("ada").get_loved_tracks(limit=None)

    assert [int(each.timestamp) for each in read] == sorted(loved.values(), reverse=True)
    titles = {sandbox.state.world.lastfm_title(track) for track in loved}
    assert {each.track.title for each in read} == titles


def test_loved_tracks_are_paged(sandbox: SandboxServer) -> None:
    loved = sandbox.state.world.listeners["ada"].loved

    second = node(sandbox, "user.getLovedTracks", user="ada", limit=2, page=2)

    assert len(second["track"]) == 2
    assert second["@attr"]["total"] == str(len(loved))
    assert set(second["track"][0]) >= {"name", "mbid", "artist", "date", "url"}


def test_pylast_reads_the_most_played_tracks(sandbox: SandboxServer) -> None:
    state = sandbox.state
    world = state.world
    counted = Counter(
        (world.artist_name[world.track_artist[track]], world.lastfm_title(track).casefold())
        for track in state.scrobbles("ada").track.tolist()
    )

    read = network(sandbox).get_user("ada").get_top_tracks(limit=20)

    top = [((each.item.artist.name, each.item.title.casefold()), each.weight) for each in read]
    assert [plays for _, plays in top] == [plays for _, plays in counted.most_common(20)]
    assert all(counted[name] == plays for name, plays in top)


def test_pylast_sends_the_word_none_as_limit_and_gets_fifty(sandbox: SandboxServer) -> None:
    user = network(sandbox).get_user("ada")

    assert len(user.get_top_tracks(period="1month")) > 0
    assert sandbox.state.calls["lastfm", "user.getTopTracks"] == 1


@pytest.mark.parametrize(("period", "days"), [("7day", 7), ("1month", 30), ("12month", 365)])
def test_a_period_counts_only_its_days(sandbox: SandboxServer, period: str, days: int) -> None:
    state = sandbox.state
    log = state.scrobbles("ada")

    top = node(sandbox, "user.getTopTracks", user="ada", period=period, limit=1000)

    plays = sum(int(row["playcount"]) for row in top["track"])
    assert plays == int((log.at >= state.now - days * 86_400).sum())
    assert [row["@attr"]["rank"] for row in top["track"][:2]] == ["1", "2"][: len(top["track"])]


def test_user_info_counts_all_scrobbles(sandbox: SandboxServer) -> None:
    user = network(sandbox).get_user("ADA")

    assert user.get_playcount() == len(sandbox.state.scrobbles("ada"))
    assert user.get_name(properly_capitalized=True) == "ada"
    assert user.get_unixtime_registered() < sandbox.state.world.begins.timestamp()


def test_track_info_knows_the_listeners_plays_and_love(sandbox: SandboxServer) -> None:
    state = sandbox.state
    track = int(state.scrobbles("ada").track[-1])
    state.world.listeners["ada"].loved = {track: 1}
    artist = state.world.artist_name[state.world.track_artist[track]]
    title = state.world.lastfm_title(track)

    info = node(sandbox, "track.getInfo", artist=artist, track=title, username="ada")

    assert info["userloved"] == "1"
    assert int(info["userplaycount"]) >= 1
    assert info["duration"] == str(state.world.track_duration_ms[track])


def test_track_info_without_listener_says_nothing_of_one(sandbox: SandboxServer) -> None:
    world = sandbox.state.world

    info = node(
        sandbox,
        "track.getInfo",
        artist=world.artist_name[world.track_artist[0]],
        track=world.lastfm_title(0),
    )

    assert "userplaycount" not in info
    assert isinstance(info["listeners"], str)


def test_artist_info_has_figures_neighbours_and_tags(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    best = int(world.artist_popularity.argmax())

    info = node(sandbox, "artist.getInfo", artist=world.artist_name[best], username="ada")

    assert int(info["stats"]["listeners"]) > 100_000
    assert "userplaycount" in info["stats"]
    assert len(info["similar"]["artist"]) <= 5
    assert isinstance(info["bio"]["links"]["link"], dict)  # one link, so no list
