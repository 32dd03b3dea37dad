"""Tests of faults that make single rows of an answer odd, null, missing or doubled."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from smallhours_sandbox.faults import Fault, FaultError, fault_rules_of
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from tests.sandbox.spotify_world import ME, Api, running

ROWS = ("null_rows", "missing_rows", "doubled_rows", "relinked_rows", "unplayable_rows")


@pytest.fixture(scope="module")
def served() -> Iterator[Api]:
    with running() as api:
        yield api


@pytest.fixture
def api(served: Api) -> Iterator[Api]:
    yield served
    fault_rules_of(served.state).clear()


def spoil(api: Api, **rule: Any) -> None:
    fault_rules_of(api.state).add(Fault.from_json(rule))


def lastfm(api: Api, method: str, **params: str) -> Any:
    sent = {"method": method, "user": ME, "api_key": LASTFM_API_KEY, **params}
    body = api.session.get(f"{api.url}/2.0/", params=sent, timeout=10).content
    return ElementTree.fromstring(body)[0]  # noqa: S314 - the sandbox's own


@pytest.mark.parametrize(
    ("path", "of_page"),
    [
        ("/me/top/tracks?limit=20", lambda page: page["items"]),
        ("/me/tracks?limit=20", lambda page: page["items"]),
        ("/me/player/recently-played?limit=20", lambda page: page["items"]),
        ("/search?type=track&q=the&limit=10", lambda page: page["tracks"]["items"]),
        ("/me/playlists?limit=20", lambda page: page["items"]),
    ],
)
def test_rows_of_every_page_can_be_null_missing_or_doubled(
    api: Api, path: str, of_page: Any
) -> None:
    right = api.get(path)
    rows = of_page(right)
    spoilt = {}
    for kind in ROWS[:3]:
        spoil(api, kind=kind, match=f"GET {path.partition('?')[0]}", count=2, times=1)
        page = api.get(path)
        spoilt[kind] = of_page(page)
        assert page.get("total") == right.get("total")

    assert spoilt["null_rows"] == [None, None, *rows[2:]]
    assert spoilt["missing_rows"] == rows[2:]
    assert spoilt["doubled_rows"] == [rows[0], rows[0], rows[1], rows[1], *rows[2:]]
    assert of_page(api.get(path)) == rows


def test_one_playlist_can_be_missing_from_the_listing_by_its_name(api: Api) -> None:
    names = [row["name"] for row in api.get("/me/playlists")["items"]]
    spoil(api, kind="missing_rows", match="*/me/playlists", rows="sunday*", count=0)

    assert [row["name"] for row in api.get("/me/playlists")["items"]] == [
        name for name in names if name != "Sunday kitchen"
    ]


def test_a_member_of_a_row_can_be_anything(api: Api) -> None:
    spoil(
        api,
        kind="odd_rows",
        match="*/me/playlists",
        change={"owner.id": None, "name": None, "unheard.of": 1},
    )

    first, second = api.get("/me/playlists")["items"][:2]

    assert (first["owner"]["id"], first["name"]) == (None, None)
    assert "unheard" not in first
    assert second["name"]


def test_members_within_a_list_can_be_odd(api: Api) -> None:
    spoil(api, kind="odd_rows", match="*/me/top/tracks", change={"artists.0": None})

    assert api.get("/me/top/tracks")["items"][0]["artists"][0] is None


def test_the_track_of_a_playlists_row_can_come_under_another_id(api: Api) -> None:
    made = api.playlist(tracks=3)
    path = f"/playlists/{made['id']}/items"
    spoil(api, kind="relinked_rows", match=f"GET {path}", count=1)

    rows = api.get(path)["items"]

    true = api.uris(3)
    assert [row["item"]["uri"] == uri for row, uri in zip(rows, true, strict=True)] == [
        False,
        True,
        True,
    ]
    assert rows[0]["item"] == rows[0]["track"]
    assert len(rows[0]["item"]["id"]) == 22


def test_tracks_can_become_unplayable(api: Api) -> None:
    spoil(api, kind="unplayable_rows", match="*/search", count=0)

    found = api.get("/search", q="the", type="track")["tracks"]["items"]

    assert {row["is_playable"] for row in found} == {False}
    assert {row["restrictions"]["reason"] for row in found} == {"market"}


@pytest.mark.parametrize("value", [None, True, "0.5", -1, [], {"a": 1}])
def test_features_can_be_anything(api: Api, value: object) -> None:
    ids = ",".join(api.state.world.track_spotify_id[:40])
    spoil(api, kind="odd_rows", service="reccobeats", change={"energy": value}, times=1)

    address = f"{api.url}/reccobeats/v1/audio-features"
    rows = api.session.get(address, params={"ids": ids}, timeout=10).json()["content"]

    assert rows[0]["energy"] == value
    assert isinstance(rows[1]["energy"], float)


def test_recordings_of_acousticbrainz_are_rows(api: Api) -> None:
    mbids = ";".join([mbid for mbid in api.state.world.track_mbid[:60] if mbid][:25])
    address = f"{api.url}/acousticbrainz/api/v1/low-level"

    def ask() -> Any:
        return api.session.get(address, params={"recording_ids": mbids}, timeout=10).json()

    right = ask()
    known = [mbid for mbid in right if mbid != "mbid_mapping"]
    spoil(api, kind="odd_rows", service="acousticbrainz", change={"0.rhythm.bpm": "fast"}, times=1)
    assert ask()[known[0]]["0"]["rhythm"]["bpm"] == "fast"
    spoil(api, kind="null_rows", service="acousticbrainz", times=1)
    assert ask() == {**right, known[0]: None}
    assert "mbid_mapping" in right


def test_rows_of_lastfm_can_be_odd_in_xml(api: Api) -> None:
    method = "user.getLovedTracks"
    spoil(
        api,
        kind="odd_rows",
        match=method,
        change={"name": "", "artist.name": None, "date.uts": "0"},
        times=1,
    )
    odd = lastfm(api, method, limit="2")
    spoil(api, kind="missing_rows", match=method, times=1)
    short = lastfm(api, method, limit="2")

    assert not odd[0].findtext("name")
    assert odd[0].find("artist/name") is None
    assert [row.find("date").get("uts") == "0" for row in odd.iter("track")] == [True, False]
    assert odd[1].findtext("name") == short[0].findtext("name")
    assert len(short) == 1


def test_only_odd_rows_have_a_change() -> None:
    with pytest.raises(FaultError, match="has a change"):
        Fault.from_json({"kind": "odd_rows"})
    with pytest.raises(FaultError, match="has a change"):
        Fault.from_json({"kind": "null_rows", "change": {"name": None}})
    with pytest.raises(FaultError, match="change can't be"):
        Fault.from_json({"kind": "odd_rows", "change": [1]})
