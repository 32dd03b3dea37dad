"""Tests of what a listener writes at ListenBrainz: listens, feedback and playlists."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.listenbrainz_playlists import PLAYLIST_EXTENSION, RECORDING
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from smallhours_sandbox.world import World
from tests.sandbox.metabrainz_client import TEXT_OR_NULL, MetaBrainzApi, check_shape, error_of

FEEDBACK = {
    "user_id": str,
    "recording_msid": TEXT_OR_NULL,
    "recording_mbid": TEXT_OR_NULL,
    "score": int,
    "created": int,
    "track_metadata": (dict, type(None)),
}
PLAYLIST = {
    "title": str,
    "creator": str,
    "identifier": str,
    "date": str,
    "annotation?": str,
    "extension": {
        PLAYLIST_EXTENSION: {
            "public": bool,
            "creator": str,
            "last_modified_at": str,
            "collaborators?": [str],
            "additional_metadata?": dict,
        }
    },
    "track": [
        {
            "identifier": [str],
            "title?": str,
            "creator?": str,
            "album?": str,
            "duration?": int,
            "extension": dict,
        }
    ],
}


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(seed=7, artists=80, tracks=800, scrobbles=4_000)


@pytest.fixture(scope="module")
def api(world: World) -> Iterator[MetaBrainzApi]:
    with SandboxServer(SandboxState(world)) as server:
        yield MetaBrainzApi(server)


@pytest.fixture
def faults(api: MetaBrainzApi) -> Iterator[Any]:
    rules = fault_rules_of(api.state)
    yield rules
    rules.clear()


# -- listens ---------------------------------------------------------------------------------


def listen(at: int, title: str = "Song", **more: Any) -> dict[str, Any]:
    names = {"artist_name": "Somebody", "track_name": title, "release_name": ""}
    return {"listened_at": at, "track_metadata": {**names, "additional_info": more}}


def submit(api: MetaBrainzApi, *rows: Any, kind: str = "import") -> Any:
    return api.send("/submit-listens", {"listen_type": kind, "payload": list(rows)})


def test_what_is_submitted_twice_is_kept_once(api: MetaBrainzApi) -> None:
    before = api.get("/user/ada/listen-count")["payload"]["count"]
    at = int(api.state.now) - 50
    for _ in range(2):
        assert submit(api, listen(at, duration_ms=1_000)).json() == {"status": "ok"}
    submit(api, listen(at, "song", duration_ms=1_000), listen(at, duration_ms=2_000))

    assert api.get("/user/ada/listen-count")["payload"]["count"] == before + 2
    told = api.listens(min_ts=at - 1, max_ts=at + 1)[0]["track_metadata"]
    assert "release_name" not in told
    assert "mbid_mapping" not in told


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (listen(5), "Value for key listened_at is too low."),
        (listen(2 * 10**9), "Value for key listened_at is too high."),
        (listen(1_700_000_000, ""), "field track_metadata.track_name is empty."),
        (
            listen(1_700_000_000, duration=3, duration_ms=3_000),
            "JSON document should not contain both duration and duration_ms.",
        ),
        (listen(1_700_000_000, comment="x" * 11_000), "Payload too large."),
        ({"listened_at": 1_700_000_000}, "JSON document must contain the keys"),
    ],
)
def test_a_bad_listen_is_refused(api: MetaBrainzApi, row: Any, words: str) -> None:
    status, said = error_of(submit(api, row))
    assert status == 400
    assert said.startswith(words)


def test_more_than_1000_listens_at_once_are_refused(api: MetaBrainzApi) -> None:
    assert error_of(submit(api, *[listen(1_700_000_000)] * 1_001))[1].startswith("Too many listens")


def test_a_deleted_listen_is_gone_at_the_next_full_hour(world: World) -> None:
    with SandboxServer(SandboxState(world)) as server:
        api = MetaBrainzApi(server)
        row = api.listens(count=1)[0]
        key = {name: row[name] for name in ("listened_at", "recording_msid")}
        before = api.get("/user/ada/listen-count")["payload"]["count"]
        assert api.post("/delete-listen", key) == {"status": "ok"}
        assert api.get("/user/ada/listen-count")["payload"]["count"] == before
        server.state.now += 3600
        assert api.get("/user/ada/listen-count")["payload"]["count"] == before - 1


# -- feedback --------------------------------------------------------------------------------


def test_feedback_is_loves_and_hates_the_newest_first(api: MetaBrainzApi) -> None:
    path = "/feedback/user/ada/get-feedback"
    every = api.get(path, count=1_000)
    loves, hates = (api.get(path, count=1_000, score=score)["feedback"] for score in (1, -1))

    check_shape(every["feedback"], [FEEDBACK])
    assert every["total_count"] == len(loves) + len(hates)
    assert loves
    assert hates
    times = [row["created"] for row in every["feedback"]]
    assert times == sorted(times, reverse=True)
    assert error_of(api.ask(path, score=2)) == (400, "Score can have a value of 1 or -1.")


def test_a_row_of_feedback_may_name_its_recording_by_an_msid_alone(api: MetaBrainzApi) -> None:
    path = "/feedback/user/ada/get-feedback"
    bare = [
        row
        for row in api.get(path, count=1_000, metadata="true")["feedback"]
        if row["recording_mbid"] is None
    ]
    assert any(row["track_metadata"] for row in bare)
    named = api.get(path, count=1_000)["feedback"]
    assert all(row["track_metadata"] is None for row in named)


def test_feedback_is_given_and_taken_back(api: MetaBrainzApi) -> None:
    path = "/feedback/user/bruno/get-feedback"
    mine = MetaBrainzApi(api.server, "bruno")
    known = api.recordings(300)[-1]
    for score in (-1, 0):
        mine.post("/feedback/recording-feedback", {"recording_mbid": known, "score": score})
        scores = {
            row["recording_mbid"]: row["score"] for row in mine.get(path, count=999)["feedback"]
        }
        assert scores.get(known, 0) == score


# -- playlists -------------------------------------------------------------------------------


def jspf(recordings: list[str], **extension: Any) -> dict[str, Any]:
    tracks = [{"identifier": [RECORDING + each]} for each in recordings]
    about = {"title": "Small hours", "annotation": "<b>for</b> <script>x</script>you"}
    extension = {PLAYLIST_EXTENSION: {"public": False, **extension}}
    return {"playlist": {**about, "extension": extension, "track": tracks}}


def made(api: MetaBrainzApi, count: int = 3) -> str:
    return str(api.post("/playlist/create", jspf(api.recordings(count)))["playlist_mbid"])


def contents(api: MetaBrainzApi, playlist: str) -> list[str]:
    body = api.get(f"/playlist/{playlist}", token=True)["playlist"]
    return [row["identifier"][0].removeprefix(RECORDING) for row in body["track"]]


def test_a_playlist_has_the_known_shape_and_lists_have_no_tracks(api: MetaBrainzApi) -> None:
    playlist = made(api)
    told = api.get(f"/playlist/{playlist}", token=True)["playlist"]
    listed = api.get("/user/ada/playlists", token=True)["playlists"][0]["playlist"]

    check_shape(told, PLAYLIST)
    assert told["annotation"] == "<b>for</b> xyou"
    assert len(told["track"]) == 3
    assert listed == {**told, "track": []}


def test_a_private_playlist_is_not_found_by_others(api: MetaBrainzApi) -> None:
    playlist = made(api)
    words = f"Cannot find playlist: {playlist}"
    assert error_of(api.ask(f"/playlist/{playlist}")) == (404, words)
    other = MetaBrainzApi(api.server, "bruno")
    assert error_of(other.send(f"/playlist/{playlist}/delete", {})) == (404, words)
    assert playlist not in str(api.get("/user/ada/playlists"))


def test_tracks_are_added_moved_and_removed_by_index(api: MetaBrainzApi) -> None:
    playlist = made(api)
    a, b, c, d = api.recordings(4)
    api.post(f"/playlist/{playlist}/item/add", jspf([d]))
    api.post(f"/playlist/{playlist}/item/move", {"mbid": a, "from": 0, "to": 2, "count": 1})
    assert contents(api, playlist) == [b, c, a, d]
    api.post(f"/playlist/{playlist}/item/delete", {"index": 1, "count": 2})
    assert contents(api, playlist) == [b, d]


def test_an_edit_without_collaborators_leaves_nobody(api: MetaBrainzApi) -> None:
    playlist = api.post("/playlist/create", jspf([], collaborators=["bruno"]))["playlist_mbid"]
    extension = {PLAYLIST_EXTENSION: {"public": True, "additional_metadata": {"by": "us"}}}
    api.post(f"/playlist/edit/{playlist}", {"playlist": {"title": "New", "extension": extension}})

    told = api.get(f"/playlist/{playlist}")["playlist"]
    assert told["title"] == "New"
    assert "collaborators" not in told["extension"][PLAYLIST_EXTENSION]
    assert told["extension"][PLAYLIST_EXTENSION]["additional_metadata"] == {"by": "us"}
    other = MetaBrainzApi(api.server, "bruno")
    refused = other.send(f"/playlist/{playlist}/item/add", jspf([]))
    assert error_of(refused)[0] == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("create", {"playlist": {"title": "x"}}, 400),
        ("create", jspf([], public="yes"), 400),
        ("create", jspf([], collaborators=["nobody"]), 400),
        ("create", jspf(["no uuid"]), 400),
        ("ID/item/add", {"playlist": {}}, 500),
        ("ID/item/add", jspf(["00000000-0000-4000-8000-000000000000"] * 101), 400),
        ("ID/item/delete", {"index": 0, "count": 0}, 500),
        ("ID/item/delete", {"index": 2, "count": 5}, 500),
    ],
)
def test_a_bad_write_is_refused(
    api: MetaBrainzApi, path: str, body: dict[str, Any], status: int
) -> None:
    playlist = made(api)
    assert error_of(api.send(f"/playlist/{path.replace('ID', playlist)}", body))[0] == status
    assert len(contents(api, playlist)) == 3


@pytest.mark.parametrize(
    ("kind", "added"), [("ignored_write", 0), ("partial_write", 1), ("repeated_write", 4)]
)
def test_a_write_may_be_done_in_part_or_twice(
    api: MetaBrainzApi, faults: Any, kind: str, added: int
) -> None:
    playlist = made(api, 1)
    faults.add(Fault(kind, service="listenbrainz"))
    api.post(f"/playlist/{playlist}/item/add", jspf(api.recordings(2)))
    assert len(contents(api, playlist)) == 1 + added


def test_reads_may_lag_behind_a_write(api: MetaBrainzApi, faults: Any) -> None:
    playlist = made(api, 1)
    faults.add(Fault("late_reads", service="listenbrainz", times=0, count=2))
    api.post(f"/playlist/{playlist}/item/add", jspf(api.recordings(1)))
    assert [len(contents(api, playlist)) for _ in range(3)] == [1, 1, 2]


def test_all_that_was_written_is_saved_with_the_state(
    api: MetaBrainzApi, world: World, tmp_path: Path
) -> None:
    made(api)
    api.state.save(tmp_path / "state.npz")
    again = SandboxState.load(tmp_path / "state.npz", world)
    assert again.listenbrainz.to_json() == api.state.listenbrainz.to_json()


def test_a_listener_without_a_list_at_spotify_hears_the_one_here(world: World) -> None:
    state = SandboxState(world)
    with SandboxServer(state) as server:
        api = MetaBrainzApi(server)
        made(api, 40)
        (listed,) = state.app_playlists("ada").values()
        assert len(listed) == 40
        before = len(state.world.listeners["ada"].play_at)
        state.advance(state.now + 5 * 86_400)
        heard = state.world.listeners["ada"].play_track[before:].tolist()
        assert len(set(heard) & set(listed)) > 10
        (left,) = state.app_playlists("ada").values()
        assert set(left) <= set(listed)
