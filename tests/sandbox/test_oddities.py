"""Tests of the mild oddities that newly generated worlds have, and older worlds have not."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from smallhours_sandbox.generate import GENERATOR
from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.spotify_me import TOP_DEPTH
from tests.sandbox.spotify_contract import check_contract
from tests.sandbox.spotify_world import ME, Api, running, small_world


def love_everything(api: Api) -> None:
    """Let the listener love many tracks, so that the rare oddities show."""
    when = int(api.state.now) - 86_400
    api.state.world.listeners[ME].loved.update(dict.fromkeys(range(900), when))


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running() as api:
        love_everything(api)
        yield api


@pytest.fixture(scope="module")
def former() -> Iterator[Api]:
    """The same world, as the generator's first version would have it."""
    with running(replace(small_world(), generator=1)) as api:
        love_everything(api)
        yield api


def top(api: Api) -> list[Any]:
    return list(api.pages(api.get("/me/top/tracks", limit=50, time_range="long_term")))


def features(api: Api) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    ids = api.state.world.track_spotify_id
    for start in range(0, 1_000, 40):
        address = f"{api.url}/reccobeats/v1/audio-features"
        sent = {"ids": ",".join(ids[start : start + 40])}
        rows += api.session.get(address, params=sent, timeout=10).json()["content"]
    return rows


def lastfm(api: Api, method: str, **params: int) -> Any:
    sent: dict[str, str | int] = {
        "method": method,
        "user": ME,
        "api_key": LASTFM_API_KEY,
        "format": "json",
        **params,
    }
    body = api.session.get(f"{api.url}/2.0/", params=sent, timeout=10).json()
    return next(iter(body.values()))["track"]


def low_level(api: Api, **params: str) -> list[dict[str, Any]]:
    mbids = [mbid for mbid in api.state.world.track_mbid[:60] if mbid][:25]
    address = f"{api.url}/acousticbrainz/api/v1/low-level"
    body = api.session.get(
        address, params={"recording_ids": ";".join(mbids), **params}, timeout=10
    ).json()
    return [body[mbid]["0"] for mbid in mbids if mbid in body]


def test_new_worlds_are_of_the_newest_version() -> None:
    assert small_world().generator == GENERATOR > 1


def test_top_tracks_are_deep_with_null_rows_and_short_pages(api: Api) -> None:
    pages = top(api)
    rows = [row for page in pages for row in page["items"]]

    assert pages[0]["total"] > TOP_DEPTH
    assert len(pages) > 2
    assert None in rows
    assert any(len(page["items"]) < 50 for page in pages[:-1])
    assert len(rows) < pages[0]["total"]


def test_a_track_says_by_itself_whether_it_can_be_played(api: Api) -> None:
    rows = [row for page in top(api) for row in page["items"] if row]
    saved = api.get("/me/tracks", limit=1)["items"][0]["track"]
    found = api.get("/search", q="the", type="track")["tracks"]["items"][0]

    barred = [row for row in rows if not row["is_playable"]]
    assert 0 < len(barred) < len(rows) / 10
    assert {row["restrictions"]["reason"] for row in barred} == {"market"}
    assert "is_playable" in saved
    assert "is_playable" in found
    check_contract("GET", "/tracks/{id}", 200, api.get(f"/tracks/{barred[0]['id']}"))


def test_recent_plays_come_from_albums_artists_the_library_or_nowhere(api: Api) -> None:
    body = api.get("/me/player/recently-played", limit=50)

    kinds = {row["context"] and row["context"]["type"] for row in body["items"]}
    assert kinds == {None, "album", "artist", "collection"}
    check_contract("GET", "/me/player/recently-played", 200, body)


def test_reccobeats_lacks_a_key_or_a_feature_of_some_tracks(api: Api, former: Api) -> None:
    rows = features(api)

    assert 0 < sum(row["key"] == -1 for row in rows) < len(rows) / 10
    assert 0 < sum(None in row.values() for row in rows) < len(rows) / 5
    assert all(0 <= row["key"] <= 11 for row in features(former))


def test_acousticbrainz_tells_the_gain_to_83_db(api: Api) -> None:
    world = api.state.world
    for document in low_level(api):
        (mbid,) = document["metadata"]["tags"]["musicbrainz_recordingid"]
        truth = world.track_features[world.lookup.track_mbid[mbid], 7]
        gain = document["metadata"]["audio_properties"]["replay_gain"]
        assert -20 - gain == pytest.approx(truth, abs=1e-3)


def test_acousticbrainz_sends_the_selected_features_and_nothing_else(api: Api) -> None:
    for document in low_level(api, features="rhythm.bpm;tonal.key_key;tonal.chords_key"):
        assert set(document) == {"rhythm", "tonal"}
        assert set(document["rhythm"]) == {"bpm"}
        assert document["tonal"]["chords_key"] is None
        assert document["tonal"]["key_key"]


def test_early_scrobbles_mostly_lack_an_album(api: Api) -> None:
    world = api.state.world
    end = int((world.begins + (world.ends - world.begins) / 5).timestamp())
    early = lastfm(api, "user.getRecentTracks", limit=200, to=end)
    late = lastfm(api, "user.getRecentTracks", limit=200)

    assert sum(not row["album"]["#text"] for row in early) > len(early) / 2
    assert all(row["album"]["#text"] for row in late)


def test_some_loved_tracks_lack_a_date_or_an_mbid(api: Api, former: Api) -> None:
    loved = lastfm(api, "user.getLovedTracks", limit=1000)
    before = lastfm(former, "user.getLovedTracks", limit=1000)

    assert sum(not row["mbid"] for row in loved) > sum(not row["mbid"] for row in before)
    assert any(row["date"]["uts"] == "0" for row in loved)
    assert all(row["date"]["uts"] != "0" for row in before)


def test_worlds_of_the_first_version_stay_as_they_are(former: Api) -> None:
    rows = [row for page in top(former) for row in page["items"]]

    assert len(rows) == TOP_DEPTH
    assert all(row["is_playable"] for row in rows)
    assert all(
        "replay_gain" not in row["metadata"]["audio_properties"] for row in low_level(former)
    )
    recent = former.get("/me/player/recently-played", limit=50)["items"]
    assert {row["context"] for row in recent} == {None}
