"""Tests of playlists: create, read, add, replace, reorder, and refusals."""

from collections.abc import Iterator

import pytest

from smallhours_sandbox.faults import Fault, fault_rules_of
from smallhours_sandbox.state import SandboxPlaylistItem
from tests.sandbox.spotify_world import ME, OTHER, Api, access_token, running


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        yield api


def items_path(playlist_id: str) -> str:
    return f"/playlists/{playlist_id}/items"


def test_a_new_playlist_is_empty_public_and_first_in_the_list(api: Api) -> None:
    made = api.call("POST", "/me/playlists", json={"name": "Fresh", "description": "d"})
    body = made.json()
    assert made.status_code == 201
    assert (body["name"], body["description"], body["public"]) == ("Fresh", "d", True)
    assert body["items"]["total"] == 0
    assert api.get("/me/playlists")["items"][0]["id"] == body["id"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing required field: name"),
        ({"name": ""}, "Missing required field: name"),
        ({"name": 7}, "Invalid value for field: name"),
        ({"name": "x", "public": "no"}, "Invalid value for field: public"),
        ({"name": "x", "collaborative": True}, "A collaborative playlist can't be public"),
        (["x"], "Request body has to be a JSON object."),
    ],
)
def test_a_playlist_that_can_not_be_created_is_refused(
    api: Api, body: object, message: str
) -> None:
    assert api.refusal("POST", "/me/playlists", json=body) == (400, message)


def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    assert api.refusal("POST", "/me/playlists", data="{") == (400, "Error parsing JSON.")


def test_public_and_private_playlists_need_different_scopes(api: Api) -> None:
    token = access_token(api.state, scopes=frozenset({"playlist-modify-private"}))
    private = api.call("POST", "/me/playlists", token=token, json={"name": "x", "public": False})
    assert private.status_code == 201
    forgot = api.refusal("POST", "/me/playlists", token=token, json={"name": "x"})
    assert forgot == (403, "Insufficient client scope")


def test_details_change_and_so_does_the_snapshot(api: Api) -> None:
    made = api.playlist()
    changed = api.call(
        "PUT", f"/playlists/{made['id']}", json={"name": "Later", "description": "new"}
    )
    assert (changed.status_code, changed.text) == (200, "")
    body = api.get(f"/playlists/{made['id']}")
    assert (body["name"], body["description"], body["public"]) == ("Later", "new", False)
    assert body["snapshot_id"] != made["snapshot_id"]


def test_adding_takes_an_object_a_bare_list_or_the_query(api: Api) -> None:
    key = api.playlist()["id"]
    first, second, third = api.uris(3)
    for sent in ({"json": {"uris": [first]}}, {"json": [second]}, {"params": {"uris": third}}):
        added = api.call("POST", items_path(key), **sent)
        assert (added.status_code, set(added.json())) == (201, {"snapshot_id"})
    assert api.contents(key) == [first, second, third]


def test_adding_twice_adds_twice(api: Api) -> None:
    key = api.playlist()["id"]
    answers = [api.call("POST", items_path(key), json=api.uris(1)).json() for _ in range(2)]
    assert api.contents(key) == api.uris(1) * 2
    assert answers[0] != answers[1]


def test_adding_at_a_position(api: Api) -> None:
    key = api.playlist(tracks=2)["id"]
    api.call("POST", items_path(key), json={"uris": api.uris(1, first=5), "position": 0})
    api.call("POST", items_path(key), json=api.uris(1, first=6), params={"position": 1})
    a, b = api.uris(2)
    assert api.contents(key) == [*api.uris(2, first=5), a, b]
    assert api.refusal("POST", items_path(key), json={"uris": [a], "position": 9}) == (
        400,
        "Index out of bounds.",
    )


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_hundred_items_fit_in_one_request(api: Api, method: str) -> None:
    key = api.playlist()["id"]
    assert api.refusal(method, items_path(key), json={"uris": api.uris(101)}) == (
        400,
        "You can add a maximum of 100 tracks per request.",
    )
    assert api.call(method, items_path(key), json={"uris": api.uris(100)}).ok
    assert api.contents(key) == api.uris(100)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "No uris provided"),
        ({"uris": []}, "No uris provided"),
        ({"uris": "spotify:track:x"}, "No uris provided"),
        ({"uris": ["spotify:track:x"]}, "JSON body contains an invalid track uri: spotify:track:x"),
        (
            {"uris": ["spotify:local:a:b:c:1"]},
            "JSON body contains an invalid track uri: spotify:local:a:b:c:1",
        ),
        ({"uris": ["spotify:track:" + "z" * 22]}, "Payload contains a non-existing ID"),
    ],
)
def test_what_can_not_be_added_leaves_the_playlist_alone(
    api: Api, body: object, message: str
) -> None:
    key = api.playlist(tracks=1)["id"]
    assert api.refusal("POST", items_path(key), json=body) == (400, message)
    assert api.contents(key) == api.uris(1)


def test_replacing_is_idempotent_but_gives_a_new_snapshot_each_time(api: Api) -> None:
    key = api.playlist(tracks=5)["id"]
    body = {"uris": api.uris(3, first=10)}
    snapshots = {
        api.call("PUT", items_path(key), json=body).json()["snapshot_id"] for _ in range(3)
    }
    assert api.contents(key) == body["uris"]
    assert len(snapshots) == 3


def test_replacing_by_nothing_clears(api: Api) -> None:
    key = api.playlist(tracks=5)["id"]
    assert api.call("PUT", items_path(key), json={"uris": []}).status_code == 200
    assert api.contents(key) == []


@pytest.mark.parametrize(
    ("start", "length", "before", "expected"),
    [
        (0, 1, 5, "bcdea"),
        (4, 1, 0, "eabcd"),
        (1, 2, 4, "adbce"),
        (3, 2, 1, "adebc"),
        (1, 2, 2, "abcde"),
    ],
)
def test_reordering_moves_a_range_before_a_position(
    api: Api, start: int, length: int, before: int, expected: str
) -> None:
    made = api.playlist(tracks=5)
    names = dict(zip(api.uris(5), "abcde", strict=True))
    api.call(
        "PUT",
        items_path(made["id"]),
        json={
            "range_start": start,
            "range_length": length,
            "insert_before": before,
            "snapshot_id": api.get(f"/playlists/{made['id']}")["snapshot_id"],
        },
    )
    assert "".join(names[uri] for uri in api.contents(made["id"])) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"range_start": 2, "insert_before": 0},
        {"range_start": 0, "range_length": 3, "insert_before": 0},
        {"range_start": 0, "insert_before": 3},
        {"range_start": 0},
    ],
)
def test_a_range_outside_of_the_playlist_is_refused(api: Api, body: object) -> None:
    key = api.playlist(tracks=2)["id"]
    assert api.refusal("PUT", items_path(key), json=body) == (400, "Range out of bounds")


def test_removing_takes_every_occurrence(api: Api) -> None:
    key = api.playlist()["id"]
    a, b = api.uris(2)
    api.call("PUT", items_path(key), json={"uris": [a, b, a]})
    removed = api.call("DELETE", items_path(key), json={"items": [{"uri": a}]})
    assert removed.status_code == 200
    assert api.contents(key) == [b]


def test_removing_by_a_former_snapshot_works_and_by_an_unknown_one_does_not(api: Api) -> None:
    key = api.playlist()["id"]
    a, b = api.uris(2)
    former = api.call("POST", items_path(key), json=[a]).json()["snapshot_id"]
    api.call("POST", items_path(key), json=[b])
    body = {"items": [{"uri": a}], "snapshot_id": "AAAAunknown"}
    assert api.refusal("DELETE", items_path(key), json=body) == (400, "Missing or bad version tag")
    assert api.call("DELETE", items_path(key), json={**body, "snapshot_id": former}).ok
    assert api.contents(key) == [b]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "No uris provided"),
        ({"tracks": [{"uri": "spotify:track:x"}]}, "No uris provided"),
        ({"items": ["spotify:track:x"]}, "JSON body contains an invalid track uri: null"),
        (
            {"items": [{"uri": f"spotify:track:{n}"} for n in range(101)]},
            "You can remove a maximum of 100 items per request.",
        ),
    ],
)
def test_a_removal_that_names_nothing_is_refused(api: Api, body: object, message: str) -> None:
    key = api.playlist(tracks=1)["id"]
    assert api.refusal("DELETE", items_path(key), json=body) == (400, message)


def test_items_page_by_fifty_at_most(api: Api) -> None:
    key = api.playlist(tracks=60)["id"]
    pages = list(api.pages(api.get(items_path(key), limit=50)))
    assert [len(page["items"]) for page in pages] == [50, 10]
    assert api.get(items_path(key))["limit"] == 20
    assert api.refusal("GET", items_path(key) + "?limit=51") == (400, "Invalid limit")
    inside = api.get(f"/playlists/{key}")["items"]
    assert [row["item"]["uri"] for page in api.pages(inside) for row in page["items"]] == (
        api.contents(key)
    )


def test_rows_say_who_added_them_and_when(api: Api) -> None:
    key = api.playlist(tracks=1)["id"]
    row = api.get(items_path(key))["items"][0]
    assert row["added_at"] == "2026-11-02T03:00:00Z"
    assert row["added_by"]["id"] == api.state.world.listeners[ME].spotify_id
    assert row["is_local"] is False


def test_gone_and_local_items_are_shown_as_such(api: Api) -> None:
    key = api.playlist(tracks=1)["id"]
    me = api.state.world.listeners[ME].spotify_id
    api.state.playlists[key].items += [
        SandboxPlaylistItem(None, "spotify:track:" + "z" * 22, api.state.now, me),
        SandboxPlaylistItem(
            None, "spotify:local:Some+Band:An+Album:A+Song:187", api.state.now, "gone"
        ),
    ]
    _, gone, local = api.get(items_path(key))["items"]
    assert (gone["item"], gone["track"], gone["is_local"]) == (None, None, False)
    assert (local["is_local"], local["added_by"]) == (True, None)
    assert local["item"]["id"] is None
    assert local["item"]["name"] == "A Song"
    assert local["item"]["duration_ms"] == 187_000
    assert local["item"]["artists"][0]["name"] == "Some Band"


def test_null_items_on_request(api: Api) -> None:
    key = api.playlist(tracks=3)["id"]
    fault_rules_of(api.state).add(Fault("null_items", count=2))
    rows = api.get(items_path(key))["items"]
    fault_rules_of(api.state).clear()
    assert [row["item"] is None for row in rows] == [True, True, False]


@pytest.mark.parametrize(
    ("kind", "count", "done"), [("ignored_write", 1, 0), ("partial_write", 2, 2)]
)
def test_a_write_may_be_acknowledged_and_not_done_or_done_in_part(
    api: Api, kind: str, count: int, done: int
) -> None:
    key = api.playlist(tracks=4)["id"]
    first = api.contents(key)
    fault_rules_of(api.state).add(
        Fault(kind, match="* /v1/playlists/*/items", count=count, times=3)
    )
    more = api.uris(8)[4:]
    assert api.call("POST", items_path(key), json={"uris": more}).status_code == 201
    assert api.contents(key) == first + more[:done]
    rows = [{"uri": uri} for uri in more]
    assert api.call("DELETE", items_path(key), json={"items": rows}).status_code == 200
    assert api.contents(key) == first
    move = {"range_start": 0, "range_length": 3, "insert_before": 4}
    assert api.call("PUT", items_path(key), json=move).status_code == 200
    assert api.contents(key) == [*first[done:], *first[:done]]


def test_reads_may_lag_one_write_behind(api: Api) -> None:
    key = api.playlist(tracks=2)["id"]
    before = api.get(f"/playlists/{key}")
    api.call("POST", items_path(key), json={"uris": api.uris(4)[2:]})
    fault_rules_of(api.state).add(Fault("stale_reads", match="GET /v1/playlists/*", times=2))
    assert api.get(f"/playlists/{key}") == before
    assert api.get(items_path(key))["total"] == 2
    assert api.get(items_path(key))["total"] == 4


def test_somebody_elses_playlist_shows_its_title_but_not_its_contents(api: Api) -> None:
    theirs = api.state.create_playlist(OTHER, "Theirs")
    body = api.get(f"/playlists/{theirs.id}")
    assert body["name"] == "Theirs"
    assert "items" not in body
    assert api.refusal("GET", items_path(theirs.id)) == (403, "Forbidden")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/playlists/{}"), *((m, "/playlists/{}/items") for m in ("POST", "PUT", "DELETE"))],
)
def test_somebody_elses_playlist_can_not_be_changed(api: Api, method: str, path: str) -> None:
    theirs = api.state.create_playlist(OTHER, "Theirs")
    assert api.refusal(method, path.format(theirs.id), json={"uris": api.uris(1)}) == (
        403,
        "You cannot change a playlist you don't own.",
    )


def test_a_followed_collaborative_playlist_can_be_read_and_filled(api: Api) -> None:
    theirs = api.state.create_playlist(OTHER, "Ours", public=False, collaborative=True)
    assert api.refusal("GET", items_path(theirs.id))[0] == 403
    api.call("PUT", "/me/library", params={"uris": f"spotify:playlist:{theirs.id}"})
    assert api.call("POST", items_path(theirs.id), json=api.uris(1)).status_code == 201
    assert api.get(items_path(theirs.id))["total"] == 1


def test_an_unknown_playlist_is_not_found(api: Api) -> None:
    unknown = "/playlists/" + "z" * 22
    assert api.refusal("GET", unknown) == (404, "Resource not found")
    assert api.refusal("PUT", f"{unknown}/items", json={"uris": []})[0] == 404


def test_fields_leave_only_what_was_asked_for(api: Api) -> None:
    key = api.playlist(tracks=2)["id"]
    assert set(api.get(f"/playlists/{key}", fields="snapshot_id,name")) == {"snapshot_id", "name"}
    body = api.get(items_path(key), fields="total,items(item(uri))")
    assert body == {"total": 2, "items": [{"item": {"uri": uri}} for uri in api.uris(2)]}
