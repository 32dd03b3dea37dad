"""Tests of user.getRecentTracks through pylast and as JSON: windows, pages, the current track."""

import numpy as np
import pylast
import pytest

from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from tests.sandbox.lastfm_client import ask, network, node, post_faults


def history(state: SandboxState) -> list[tuple[int, str]]:
    """Return (uts, Last.fm title) of all of ada's scrobbles, newest first."""
    log = state.scrobbles("ada")
    titles = [state.world.lastfm_title(int(track)) for track in log.track]
    return list(zip(log.at.tolist(), titles, strict=True))[::-1]


def start_playing(state: SandboxState) -> int:
    """Move the clock of a state into the middle of ada's last play; return that track."""
    ada = state.world.listeners["ada"]
    state.now = float(ada.play_at[-1] + ada.play_ms[-1] / 2000)
    return int(ada.play_track[-1])


def test_pylast_reads_the_newest_scrobbles_first(sandbox: SandboxServer) -> None:
    plays = network(sandbox).get_user("ada").get_recent_tracks(limit=120)

    read = [(int(play.timestamp), play.track.title) for play in plays]
    assert read == history(sandbox.state)[:120]


def test_pylast_walks_every_page_when_it_asks_for_everything(sandbox: SandboxServer) -> None:
    known = history(sandbox.state)
    first = known[130][0]

    plays = network(sandbox).get_user("ada").get_recent_tracks(limit=None, time_from=first)

    assert [int(play.timestamp) for play in plays] == [at for at, _ in known if at >= first]
    assert sandbox.state.calls["lastfm", "user.getRecentTracks"] == 3


def test_pylast_reads_artist_and_album(sandbox: SandboxServer) -> None:
    world, log = sandbox.state.world, sandbox.state.scrobbles("ada")
    last = int(log.track[-1])

    play = network(sandbox).get_user("ada").get_recent_tracks(limit=1)[0]

    assert play.track.artist.name == world.artist_name[world.track_artist[last]]
    assert play.album == world.album_title[world.track_album[last]]


def test_from_is_inclusive_and_to_is_exclusive(sandbox: SandboxServer) -> None:
    newest = [at for at, _ in history(sandbox.state)[:10]]

    window = node(sandbox, "user.getRecentTracks", user="ada", from_=newest[9], to=newest[0])

    assert [int(row["date"]["uts"]) for row in window["track"]] == newest[1:]
    assert window["@attr"]["total"] == "9"


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_join_without_gap_or_overlap(sandbox: SandboxServer, limit: int) -> None:
    known = history(sandbox.state)
    pages = min(5, -(-len(known) // limit))

    rows = [
        row
        for page in range(1, pages + 1)
        for row in node(sandbox, "user.getRecentTracks", user="ada", limit=limit, page=page)[
            "track"
        ]
    ]

    assert [(int(row["date"]["uts"]), row["name"]) for row in rows] == known[: limit * pages]


def test_attributes_are_strings_that_count_the_window(sandbox: SandboxServer) -> None:
    total = len(history(sandbox.state))

    attributes = node(sandbox, "user.getRecentTracks", user="ADA", limit=7)["@attr"]

    assert attributes == {
        "user": "ada",
        "page": "1",
        "perPage": "7",
        "totalPages": str(-(-total // 7)),
        "total": str(total),
    }


def test_fifty_rows_a_page_unless_asked(sandbox: SandboxServer) -> None:
    assert len(node(sandbox, "user.getRecentTracks", user="ada")["track"]) == 50


def test_page_zero_is_page_one(sandbox: SandboxServer) -> None:
    zero = node(sandbox, "user.getRecentTracks", user="ada", limit=3, page=0)

    assert zero == node(sandbox, "user.getRecentTracks", user="ada", limit=3, page=1)


def test_an_empty_window_is_an_empty_list_with_no_pages(sandbox: SandboxServer) -> None:
    nothing = node(sandbox, "user.getRecentTracks", user="ada", from_=1, to=2)

    assert nothing["track"] == []
    assert (nothing["@attr"]["total"], nothing["@attr"]["totalPages"]) == ("0", "0")


def test_pylast_reads_an_empty_window_as_nothing(sandbox: SandboxServer) -> None:
    assert network(sandbox).get_user("ada").get_recent_tracks(time_from=1, time_to=2) == []


def test_a_page_beyond_the_end_is_error_6_with_status_400(sandbox: SandboxServer) -> None:
    answer = ask(sandbox, "user.getRecentTracks", user="ada", page=10_000)

    assert (answer.status_code, answer.json()) == (400, {"error": 6, "message": "no such page"})


@pytest.mark.parametrize("limit", [0, 1001, -3])
def test_limits_outside_1_to_1000_are_error_6(sandbox: SandboxServer, limit: int) -> None:
    answer = ask(sandbox, "user.getRecentTracks", user="ada", limit=limit)

    assert answer.status_code == 400
    assert answer.json()["message"] == "limit param out of bounds (1-1000)"


def test_pylast_falls_into_its_own_limit_trap(sandbox: SandboxServer) -> None:
    with pytest.raises(pylast.WSError, match="out of bounds"):  # it asks for one more than told
        network(sandbox).get_user("ada").get_recent_tracks(limit=1000)


def test_extended_names_the_artist_apart_and_tells_what_is_loved(sandbox: SandboxServer) -> None:
    state = sandbox.state
    newest = int(state.scrobbles("ada").track[-1])
    ada = state.world.listeners["ada"]
    ada.loved = {newest: int(state.now)}

    row = node(sandbox, "user.getRecentTracks", user="ada", limit=1, extended=1)["track"][0]

    assert row["artist"]["name"] == state.world.artist_name[state.world.track_artist[newest]]
    assert set(row["artist"]) >= {"name", "mbid", "url"}
    assert row["loved"] == "1"


def test_what_plays_now_comes_on_top_of_an_old_window_uncounted(sandbox: SandboxServer) -> None:
    playing = start_playing(sandbox.state)
    old = history(sandbox.state)[500][0]

    window = node(sandbox, "user.getRecentTracks", user="ada", from_=old, to=old + 1, limit=1)

    assert window["@attr"]["total"] == "1"
    assert [row.get("@attr") for row in window["track"]] == [{"nowplaying": "true"}, None]
    assert "date" not in window["track"][0]
    assert window["track"][0]["name"] == sandbox.state.world.lastfm_title(playing)


def test_pylast_tells_what_plays_now_from_what_was_played(sandbox: SandboxServer) -> None:
    playing = start_playing(sandbox.state)
    user = network(sandbox).get_user("ada")

    assert user.get_now_playing().title == sandbox.state.world.lastfm_title(playing)
    assert len(user.get_recent_tracks(limit=3)) == 3


def test_a_rule_makes_something_play_for_one_listener(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "now_playing", "user": "ada"})

    ada = node(sandbox, "user.getRecentTracks", user="ada", limit=2)["track"]
    bruno = node(sandbox, "user.getRecentTracks", user="bruno", limit=2)["track"]

    assert (len(ada), len(bruno)) == (3, 2)


def test_skipped_plays_are_no_scrobbles(sandbox: SandboxServer) -> None:
    ada = sandbox.state.world.listeners["ada"]
    ada.play_ms = np.full_like(ada.play_ms, 20_000)
    sandbox.state.now += 1  # plays are read anew when the clock moves

    assert node(sandbox, "user.getRecentTracks", user="ada")["track"] == []
