"""Tests of the sandbox server: start, stop, admin routes, and the command line."""

import os
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from smallhours_sandbox.server import (
    SandboxOptions,
    SandboxServer,
    SandboxServerError,
    open_state,
    startup_lines,
)
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.sandbox.lastfm_client import ask, network

TINY = {"seed": 7, "artists": 40, "tracks": 200, "scrobbles": 300}


def get(sandbox: SandboxServer, path: str) -> requests.Response:
    """GET one of the admin routes."""
    return requests.get(f"{sandbox.url}/_sandbox/{path}", timeout=10)


def test_it_listens_on_loopback_only_and_stops(small_world: World) -> None:
    with SandboxServer(SandboxState(small_world)) as sandbox:
        url = sandbox.url
        assert url.startswith("http://127.0.0.1:")
        assert get(sandbox, "health").json()["status"] == "ok"

    assert not sandbox.alive
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_sandbox/health", timeout=2)


def test_it_can_start_again_after_a_stop(small_world: World) -> None:
    sandbox = SandboxServer(SandboxState(small_world))
    for _ in range(2):
        with sandbox:
            assert get(sandbox, "health").status_code == 200


def test_a_taken_port_says_so(small_world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = SandboxServer(SandboxState(small_world), port=taken.getsockname()[1])
        with pytest.raises(SandboxServerError, match="choose another with --port"):
            server.start()


def test_it_answers_several_clients_at_once(sandbox: SandboxServer) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = clients.map(lambda _: ask(sandbox, "user.getInfo", user="ada"), range(40))

    assert {answer.status_code for answer in answers} == {200}
    assert sandbox.state.calls["lastfm", "user.getInfo"] == 40


def test_health_names_the_listeners_and_the_clock(sandbox: SandboxServer) -> None:
    health = get(sandbox, "health").json()

    assert health["listeners"] == ["ada", "bruno"]
    assert datetime.fromisoformat(health["now"]) == sandbox.state.world.ends


def test_calls_are_counted_and_reset(sandbox: SandboxServer) -> None:
    for _ in range(3):
        ask(sandbox, "user.getInfo", user="ada")

    assert get(sandbox, "calls").json() == {"calls": {"lastfm": {"user.getInfo": 3}}, "total": 3}
    reset = requests.post(f"{sandbox.url}/_sandbox/calls/reset", timeout=10).json()
    assert reset["total"] == 3
    assert get(sandbox, "calls").json() == {"calls": {}, "total": 0}


def test_advancing_moves_the_clock_and_lets_the_listeners_live(sandbox: SandboxServer) -> None:
    before = len(sandbox.state.scrobbles("ada"))
    until = sandbox.state.world.ends + timedelta(days=3)

    answer = requests.post(
        f"{sandbox.url}/_sandbox/advance", json={"until": until.isoformat()}, timeout=30
    )

    assert answer.status_code == 200
    assert datetime.fromisoformat(answer.json()["now"]) == until
    assert answer.json()["listeners"]["ada"]["plays"] > 0
    assert len(sandbox.state.scrobbles("ada")) > before
    assert get(sandbox, "now").json()["uts"] == until.timestamp()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"until": "soon"}, "has to be an ISO time"),
        ({"until": "2030-01-01T00:00"}, "needs a time zone"),
        ({"until": "2001-01-01T00:00Z"}, "can't go back"),
        ({}, "has to be an ISO time"),
        ([], "has to be an ISO time"),
    ],
)
def test_a_bad_moment_is_refused(sandbox: SandboxServer, body: object, words: str) -> None:
    answer = requests.post(f"{sandbox.url}/_sandbox/advance", json=body, timeout=10)

    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert sandbox.state.now == sandbox.state.world.ends.timestamp()


def test_a_body_that_is_no_json_is_refused(sandbox: SandboxServer) -> None:
    for route in ("advance", "faults"):
        answer = requests.post(f"{sandbox.url}/_sandbox/{route}", data="{", timeout=10)
        assert answer.status_code == 400
        assert answer.json() == {"error": "the body is no JSON"}


def test_faults_are_posted_listed_and_cleared(sandbox: SandboxServer) -> None:
    url = f"{sandbox.url}/_sandbox/faults"
    posted = requests.post(url, json={"kind": "slow", "match": "user.*"}, timeout=10)
    assert posted.status_code == 200

    listed = get(sandbox, "faults").json()
    assert [(rule["kind"], rule["match"]) for rule in listed["faults"]] == [("slow", "user.*")]
    assert "page_drift" in listed["kinds"]

    assert requests.delete(url, timeout=10).json()["faults"] == []


def test_a_list_with_one_bad_rule_adds_none(sandbox: SandboxServer) -> None:
    url = f"{sandbox.url}/_sandbox/faults"

    answer = requests.post(url, json=[{"kind": "slow"}, {"kind": "gremlins"}], timeout=10)

    assert answer.status_code == 400
    assert "gremlins" in answer.json()["error"]
    assert get(sandbox, "faults").json()["faults"] == []


def test_playlists_are_listed_in_words(sandbox: SandboxServer) -> None:
    state = sandbox.state
    made = state.create_playlist("ada", "Small hours", description="d", public=False)
    state.add_items(made, [3, 5])
    artist = state.world.artist_name[state.world.track_artist[3]]

    listed = get(sandbox, "playlists").json()["playlists"][-1]

    assert (listed["owner"], listed["name"], listed["public"]) == ("ada", "Small hours", False)
    assert listed["items"][0] == f"{artist} – {state.world.track_title[3]}"
    assert listed["uris"][1] == f"spotify:track:{state.world.track_spotify_id[5]}"


def test_the_truth_tells_which_recording_a_spotify_id_is(sandbox: SandboxServer) -> None:
    world = sandbox.state.world
    ids = [world.track_spotify_id[0], "no such id"]

    answer = get(sandbox, f"truth/tracks?ids={','.join(ids)}").json()

    assert answer == {"tracks": {ids[0]: int(world.track_recording[0]), "no such id": None}}
    assert get(sandbox, "truth/tracks").status_code == 400


def test_routes_that_do_not_exist_answer_json(sandbox: SandboxServer) -> None:
    answer = get(sandbox, "nowhere")

    assert answer.status_code == 404
    assert answer.json() == {"error": "no such route: GET /_sandbox/nowhere"}


def test_one_app_serves_all_services(sandbox: SandboxServer) -> None:
    assert ask(sandbox, "user.getInfo", user="ada").status_code == 200
    assert requests.get(f"{sandbox.spotify_url}me", timeout=10).status_code == 401
    features = requests.get(
        f"{sandbox.reccobeats_url}/audio-features",
        params={"ids": sandbox.state.world.track_spotify_id[0]},
        timeout=10,
    )
    assert features.status_code == 200


def start(state_file: Path, cache: Path, ready: str) -> tuple["subprocess.Popen[str]", str]:
    """Start the blocking server in a process of its own; return it and the line with ``ready``."""
    options = ", ".join(f"{key}={value}" for key, value in TINY.items())
    code = (
        "from pathlib import Path\n"
        "from smallhours_sandbox.server import SandboxOptions, run\n"
        f"run(SandboxOptions(port=0, {options}, cache=Path({str(cache)!r}),\n"
        f"    state_file=Path({str(state_file)!r})), echo=lambda line: print(line, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if ready in line:
            return process, "".join(lines)
    raise AssertionError("".join(lines))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_and_the_next_run_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    state_file = tmp_path / "state.npz"
    later = datetime(2026, 11, 4, 3, 0, tzinfo=UTC)

    process, said = start(state_file, tmp_path / "cache", "Steering")
    url = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert url is not None
    requests.post(
        f"{url[0]}/_sandbox/advance", json={"until": later.isoformat()}, timeout=30
    ).raise_for_status()
    assert state_file.exists()
    process.send_signal(how)
    rest, _ = process.communicate(timeout=20)
    assert (process.returncode, rest.splitlines()[-1]) == (0, "The sandbox has stopped.")

    process, said = start(state_file, tmp_path / "cache", "Steering")
    process.terminate()
    process.communicate(timeout=20)
    assert "its clock says 2026-11-04 03:00 UTC" in said


def test_a_real_log_is_served_instead_when_there_is_one(tmp_path: Path) -> None:
    log, tagged = tmp_path / "scrobbles.csv", tmp_path / "tags.csv"
    log.write_text(
        "played_at,artist,artist_mbid,album,title,track_mbid\n"
        "2020-05-01T20:00:00Z,Nick Drake,,Pink Moon,Place to Be,\n"
        "2020-05-01T20:03:00Z,Nick Drake,,Pink Moon,Road,\n"
        "2020-05-02T21:00:00Z,Low,,Trust,Canada,\n",
        encoding="utf-8",
    )
    tagged.write_text(
        "artist,tag,taggers,count\nNick Drake,folk,9,100\nLow,slowcore,7,100\n", encoding="utf-8"
    )
    options = SandboxOptions(replay=log, artist_tags=tagged, user="real", cache=tmp_path / "cache")

    with SandboxServer(open_state(options)) as sandbox:
        plays = network(sandbox).get_user("real").get_recent_tracks(limit=5)
        tags_of_drake = network(sandbox).get_artist("Nick Drake").get_top_tags()
        folk = network(sandbox).get_tag("folk").get_top_tracks()

    assert [play.track.title for play in plays] == ["Canada", "Road", "Place to Be"]
    assert [tag.item.name for tag in tags_of_drake] == ["folk"]
    assert {track.item.title for track in folk} == {"Road", "Place to Be"}


def test_a_log_without_tags_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SandboxServerError, match="--artist-tags"):
        open_state(SandboxOptions(replay=tmp_path / "scrobbles.csv"))


def test_it_says_where_it_listens_and_what_it_lets_in(sandbox: SandboxServer) -> None:
    said = "\n".join(startup_lines(sandbox))

    for fact in (sandbox.url, "5a4d" * 8, "sandbox-client", "sandbox-secret", "refresh-ada"):
        assert fact in said
