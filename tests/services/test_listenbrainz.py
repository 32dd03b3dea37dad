"""Tests of the ListenBrainz and MusicBrainz clients against scripted replies."""

import datetime as dt
import json
from typing import Any

import pytest

from smallhours.errors import BrokenReply, NotFound, Refused, RetryLater, SourceRefused
from smallhours.service_settings import ListenbrainzSettings, MusicbrainzSettings
from smallhours.services.listenbrainz import ListenBrainzClient
from smallhours.services.listenbrainz_metadata import MbTag, Popularity, TrackNames
from smallhours.services.musicbrainz import MusicBrainzClient
from tests.services.scripted import FakeSleep, Reply, ScriptedServer, scripted, unlimited_rate

CONTACT = "https://listenbrainz.org/user/ada/"
TOKEN = "7a6b0c1d-0000-4000-8000-00000000beef"
ONE = "0a8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b01"
TWO = "1b8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b02"
ARTIST = "2c8e2f6c-1c1a-4a7e-9d55-0f0e6f7a9b03"


def client_at(
    url: str,
    *,
    token: str | None = TOKEN,
    contact: str = CONTACT,
    fake_sleep: FakeSleep | None = None,
) -> ListenBrainzClient:
    return ListenBrainzClient(
        token,
        settings=ListenbrainzSettings(api_url=f"{url}/", labs_url=f"{url}/labs/", timeout_s=5),
        contact=contact,
        rate_limit=unlimited_rate(),
        labs_rate_limit=unlimited_rate(),
        retry_policy=(fake_sleep or FakeSleep()).retry_policy,
        listener="ada",
    )


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(body).encode(), status, headers)


def listen(at: int, **more: Any) -> dict[str, Any]:
    return {
        "listened_at": at,
        "inserted_at": at + 9,
        "recording_msid": ONE,
        "user_name": "ada",
        "track_metadata": {"artist_name": "A", "track_name": "S", **more},
    }


def page(*listens: Any) -> Reply:
    return reply(
        {
            "payload": {
                "count": len(listens),
                "listens": list(listens),
                "latest_listen_ts": 1795600000,
                "oldest_listen_ts": 1000000000,
                "user_id": "ada",
            }
        }
    )


def test_every_request_names_program_version_and_contact() -> None:
    with scripted(page()) as script, client_at(script.url) as client:
        client.listens("ada")
    sent = script.seen[0].headers
    assert sent["User-Agent"].startswith("Smallhours/")
    assert sent["User-Agent"].endswith(f" ( {CONTACT} )")
    assert sent["Authorization"] == f"Token {TOKEN}"


def test_without_a_contact_nothing_is_sent() -> None:
    with scripted(page()) as script, client_at(script.url, contact="") as client:
        with pytest.raises(SourceRefused, match="name a contact") as caught:
            client.listens("ada")
        with pytest.raises(SourceRefused):
            client.similar_artists(ARTIST)
    assert not script.seen
    assert "[services.listenbrainz]" in caught.value.remedy


def test_a_listen_of_each_kind() -> None:
    full = listen(
        1795600000,
        release_name="Album",
        additional_info={
            "duration_ms": "214000",
            "isrc": "xx-abc-00-00001",
            "spotify_id": "https://open.spotify.com/track/0123456789012345678901",
            "artist_mbids": [],
        },
        mbid_mapping={"recording_mbid": TWO.upper(), "artist_mbids": [ARTIST]},
    )
    odd = listen(1795600001, additional_info=["what?"], release_name=7)
    unreadable = [listen(0), listen(1795600002, track_name=""), None]
    with scripted(page(full, odd, *unreadable)) as script, client_at(script.url) as client:
        told = client.listens("ada", min_ts=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        assert client.odd_rows.total() == len(unreadable)
    assert told.count == 5
    first, second = told.listens
    assert (first.recording_mbid, first.artist_mbids, first.mapped) == (TWO, (ARTIST,), True)
    assert (first.duration_ms, first.isrc) == (214000, "XXABC0000001")
    assert (first.spotify_id, first.album) == ("0123456789012345678901", "Album")
    assert (second.recording_mbid, second.album, second.mapped) == (None, None, False)
    assert "min_ts=1767225600" in script.seen[0].path


def test_a_rate_limit_is_waited_out_as_long_as_it_says() -> None:
    wait = reply({"code": 429, "error": "too many"}, 429, **{"X-RateLimit-Reset-In": "7"})
    sleep = FakeSleep()
    with scripted(wait, page()) as script, client_at(script.url, fake_sleep=sleep) as client:
        with pytest.raises(RetryLater) as caught:
            client.listens("ada")
        assert client.listens("ada").count == 0
    assert caught.value.after == 7
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind", "remedy"),
    [
        (reply({"code": 401, "error": "Invalid."}, 401), SourceRefused, "login listenbrainz"),
        (reply({"code": 404, "error": "Cannot find user: x"}, 404), NotFound, "`listenbrainz`"),
        (Reply(status=204), NotFound, "Nothing needs doing"),
        (Reply(b"<html>bad gateway</html>", 502), RetryLater, "own trouble"),
        (Reply(b"<html>login</html>"), BrokenReply, "not JSON"),
        (Reply(b'{"payload"', cut=True), RetryLater, "internet"),
    ],
)
def test_what_an_error_means(answer: Reply, kind: type[Exception], remedy: str) -> None:
    with (
        scripted(answer) as script,
        client_at(script.url) as client,
        pytest.raises(kind, match=remedy),
    ):
        client.listens("ada")


def test_a_refused_connection_may_be_a_block() -> None:
    with scripted(page()) as script:
        url = script.url
    with (
        client_at(url) as client,
        pytest.raises(RetryLater, match="made a request without a contact") as caught,
    ):
        client.listens("ada")
    assert caught.value.after == 300


def test_a_question_that_needs_a_token_is_not_asked_without_one() -> None:
    with scripted(reply([])) as script, client_at(script.url, token=None) as client:
        with pytest.raises(Refused, match="needs a token"):
            client.lookup([TrackNames("A", "S")])
        assert not client.has_token
    assert not script.seen


def test_recordings_with_their_tags() -> None:
    entry = {
        "recording": {
            "name": "S",
            "length": 214000,
            "isrcs": ["XXABC0000001"],
            "first_release_date": "2019-03-01",
            "url_rels": [{"type": "x", "url": "https://open.spotify.com/track/" + "a" * 22}],
        },
        "artist": {"name": "A", "artists": [{"artist_mbid": ARTIST, "name": "A"}]},
        "tag": {
            "recording": [
                {"tag": "slow", "count": 1},
                {"tag": "dub", "count": 3, "genre_mbid": "g"},
            ],
            "artist": [{"tag": "dub", "count": 2, "artist_mbid": ARTIST}],
            "release_group": [],
        },
        "release": {},
    }
    poor = {
        "recording": {"name": "T", "isrcs": None},
        "artist": {"name": "A", "artists": []},
        "tag": {},
        "release": {},
    }
    known = {ONE: entry, TWO: poor}
    with scripted(reply(known)) as script, client_at(script.url) as client:
        found = client.recordings([ONE, TWO, ARTIST, "no id", ONE])
    assert json.loads(script.seen[0].body)["recording_mbids"] == [ONE, TWO, ARTIST]
    assert found.keys() == {ONE, TWO}
    assert found[ONE].tags == (MbTag("dub", 3, genre=True), MbTag("slow", 1, genre=False))
    assert found[ONE].artists[0].tags == (MbTag("dub", 2, genre=False),)
    assert (found[ONE].spotify_ids, found[ONE].year) == (("a" * 22,), 2019)
    assert found[TWO].length_ms is None


def test_a_batch_that_fails_is_asked_in_halves_and_the_row_that_fails_is_told() -> None:
    failed: list[str] = []
    good = reply([{"recording_mbid": ONE, "total_listen_count": 3, "total_user_count": 1}])
    fault = Reply(b"x", 500)
    with (
        scripted(*[fault] * 3, good, *[fault] * 3) as script,
        client_at(script.url) as client,
    ):
        found = client.recording_popularity([ONE, TWO], lambda mbid, _why: failed.append(mbid))
    assert found == {ONE: Popularity(3, 1)}
    assert failed == [TWO]


def test_an_id_that_a_refusal_names_is_left_out() -> None:
    failed: list[str] = []
    refusal = reply({"code": 400, "error": f"recording_mbid {TWO} is not valid."}, 400)
    good = reply([{"recording_mbid": ONE, "total_listen_count": 3, "total_user_count": 1}])
    with scripted(refusal, good) as script, client_at(script.url) as client:
        found = client.recording_popularity([ONE, TWO], lambda mbid, _why: failed.append(mbid))
    assert found == {ONE: Popularity(3, 1)}
    assert failed == [TWO]
    assert len(script.seen) == 2


def test_names_that_are_compared_as_equal_are_asked_once() -> None:
    hit = {
        "index": 0,
        "artist_credit_name": "A",
        "artist_mbids": [ARTIST],
        "recording_name": "S",
        "recording_mbid": ONE,
    }
    names = [TrackNames("A", "S"), TrackNames("a", "s!"), TrackNames("B", "T" * 300)]
    with scripted(reply([hit, {"index": 1}])) as script, client_at(script.url) as client:
        found = client.lookup([*names, TrackNames("C", "U")])
    sent = json.loads(script.seen[0].body)["recordings"]
    assert [each["artist_name"] for each in sent] == ["A", "C"]
    assert all("release_name" not in each for each in sent)
    assert found.keys() == set(names[:2])


def test_an_algorithm_that_is_gone_is_replaced_by_the_nearest() -> None:
    known = "Input should be &#39;session_based_days_9000_session_300_limit_50&#39; or "
    known += "&#39;session_based_days_7500_session_300_contribution_5_threshold_10_limit_100&#39;"
    row = {"artist_mbid": TWO, "name": "B", "score": 8, "reference_mbid": ARTIST}
    empty = dict.fromkeys(row)
    replies = [Reply(known.encode(), 400), reply([row, empty, {**row, "score": 3}])]
    with scripted(*replies) as script, client_at(script.url) as client:
        found = client.similar_artists(ARTIST)
        client.similar_artists(ARTIST)
    assert [(each.mbid, each.score) for each in found] == [(TWO, 8.0)]
    used = [json.loads(seen.body)[0]["algorithm"] for seen in script.seen]
    assert len(used) == 3
    assert used[1] == used[2]
    assert "contribution_5" in used[1]


def test_a_playlist_is_read_whatever_its_rows_hold() -> None:
    extension = {"https://musicbrainz.org/doc/jspf#playlist": {"public": False, "creator": "ada"}}
    playlist = {
        "title": "Smallhours",
        "creator": "ada",
        "identifier": f"https://listenbrainz.org/playlist/{ONE}",
        "extension": extension,
        "track": [{"identifier": [f"https://musicbrainz.org/recording/{TWO}"]}, {}],
    }
    with scripted(reply({"playlist": playlist})) as script, client_at(script.url) as client:
        found = client.playlist(ONE)
    assert (found.mbid, found.public) == (ONE, False)
    assert [track.recording_mbid for track in found.tracks] == [TWO, None]


@pytest.mark.parametrize(
    ("told", "cover"),
    [
        ({"caa_id": 77, "caa_release_mbid": TWO}, f"release/{TWO}/77-250.jpg"),
        ({"caa_id": None, "caa_release_mbid": TWO}, ""),
        ({"caa_id": 77, "caa_release_mbid": "../elsewhere"}, ""),
        ({"artists": []}, ""),
        (None, ""),
        ("rubbish", ""),
    ],
)
def test_a_row_has_the_path_of_its_cover(told: Any, cover: str) -> None:
    extension = {"https://musicbrainz.org/doc/jspf#track": {"additional_metadata": told}}
    playlist = {
        "title": "Smallhours",
        "creator": "ada",
        "identifier": f"https://listenbrainz.org/playlist/{ONE}",
        "extension": {"https://musicbrainz.org/doc/jspf#playlist": {"public": False}},
        "track": [{"identifier": [], "extension": extension}],
    }
    with scripted(reply({"playlist": playlist})) as script, client_at(script.url) as client:
        (track,) = client.playlist(ONE).tracks
    assert track.cover == cover


def test_a_write_that_may_have_been_done_is_not_repeated() -> None:
    def create(script: ScriptedServer) -> None:
        with client_at(script.url) as client, pytest.raises(RetryLater):
            client.create_playlist("Smallhours", mbids=[ONE])

    with scripted(Reply(b"x", 502)) as script:
        create(script)
    assert len(script.seen) == 1


def test_musicbrainz_waits_where_it_is_asked_too_often() -> None:
    busy = reply({"error": "Your requests are exceeding the allowable rate limit."}, 503)
    row = {
        "id": TWO,
        "title": "S",
        "length": None,
        "artist-credit": [
            {"name": "A", "joinphrase": " & ", "artist": {"id": ARTIST, "name": "A"}},
            {"name": "B", "joinphrase": "", "artist": {"id": ONE, "name": "B"}},
        ],
        "isrcs": [],
        "tags": [{"name": "dub", "count": 2}],
        "genres": [{"name": "dub"}],
        "first-release-date": "1999",
    }
    with scripted(busy, reply(row)) as script:
        made = MusicBrainzClient(
            settings=MusicbrainzSettings(api_url=script.url),
            contact=CONTACT,
            rate_limit=unlimited_rate(),
            retry_policy=FakeSleep().retry_policy,
        )
        with made as client:
            with pytest.raises(RetryLater):
                client.recording(ONE)
            found = client.recording(ONE)
    assert (found.mbid, found.artist, found.year) == (TWO, "A & B", 1999)
    assert found.tags == (MbTag("dub", 2, genre=True),)
    assert script.seen[0].headers["User-Agent"].endswith(f" ( {CONTACT} )")
