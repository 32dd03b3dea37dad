"""Tests of Last.fm's error replies: numbers, messages and statuses, as JSON and through pylast."""

from datetime import UTC, datetime, timedelta

import pylast
import pytest
import requests

from smallhours_sandbox.lastfm_api import LASTFM_API_KEY
from smallhours_sandbox.server import SandboxServer
from tests.sandbox.lastfm_client import ask, network, post_faults

NOT_FOUND = "The artist you supplied could not be found"


@pytest.mark.parametrize(
    ("method", "params", "status", "code"),
    [
        ("user.getInfo", {"user": "nobody"}, 404, 6),
        ("user.getRecentTracks", {"user": "nobody"}, 404, 6),
        ("user.getRecentTracks", {}, 400, 6),
        ("user.getInfo", {"user": "ada", "api_key": None}, 400, 6),
        ("user.getInfo", {"user": "ada", "api_key": "0" * 32}, 403, 10),
        ("user.getInfo", {"user": "ada", "format": "yaml"}, 400, 5),
        ("user.getSecrets", {"user": "ada"}, 400, 3),
        ("", {}, 400, 3),
        ("artist.getTopTags", {"artist": "Nobody"}, 200, 6),
        ("artist.getSimilar", {"artist": "Nobody"}, 200, 6),
        ("artist.getTopTracks", {"artist": "Nobody"}, 200, 6),
        ("artist.getInfo", {"artist": "Nobody"}, 404, 6),
        ("artist.getInfo", {}, 400, 6),
        ("track.getTopTags", {"artist": "Nobody", "track": "Nothing"}, 200, 6),
        ("track.getSimilar", {"artist": "Nobody", "track": "Nothing"}, 200, 6),
        ("track.getInfo", {"artist": "Nobody", "track": "Nothing"}, 200, 6),
        ("track.getTopTags", {"mbid": "no such"}, 200, 6),
        ("tag.getTopTracks", {}, 400, 6),
        ("tag.getTopTracks", {"tag": "rock", "limit": 1001}, 400, 6),
    ],
)
def test_refusals(
    sandbox: SandboxServer, method: str, params: dict[str, object], status: int, code: int
) -> None:
    answer = ask(sandbox, method, **params)

    assert answer.status_code == status
    if params.get("format") != "yaml":
        assert answer.json()["error"] == code
    else:
        assert f'code="{code}"' in answer.text


def test_methods_are_known_in_any_case(sandbox: SandboxServer) -> None:
    assert ask(sandbox, "USER.getinfo", user="ada").status_code == 200
    assert sandbox.state.calls["lastfm", "user.getInfo"] == 1


def test_xml_says_failed_and_is_the_default(sandbox: SandboxServer) -> None:
    answer = ask(sandbox, "artist.getTopTags", artist="Nobody", format=None)

    assert answer.headers["content-type"] == "text/xml; charset=UTF-8"
    assert '<lfm status="failed">' in answer.text
    assert f'<error code="6">{NOT_FOUND}</error>' in answer.text


def test_json_of_the_catalogue_carries_empty_links(sandbox: SandboxServer) -> None:
    answer = ask(sandbox, "artist.getTopTags", artist="Nobody")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"error": 6, "message": NOT_FOUND, "links": []}


@pytest.mark.parametrize(
    ("name", "key", "status"), [("nobody", LASTFM_API_KEY, "6"), ("ada", "0" * 32, "10")]
)
def test_pylast_raises_the_number(sandbox: SandboxServer, name: str, key: str, status: str) -> None:
    with pytest.raises(pylast.WSError) as raised:
        network(sandbox, key).get_user(name).get_playcount()

    assert raised.value.status == status


def test_a_private_profile_is_403_with_error_17(sandbox: SandboxServer) -> None:
    post_faults(sandbox, {"kind": "private_profile", "user": "ada"})

    answer = ask(sandbox, "user.getRecentTracks", user="ada")

    assert answer.status_code == 403
    assert answer.json() == {"error": 17, "message": "Login: User required to be logged in"}
    assert ask(sandbox, "user.getRecentTracks", user="bruno").status_code == 200
    assert ask(sandbox, "user.getInfo", user="ada").status_code == 200


def test_an_unpaid_key_is_refused_from_a_date_on(sandbox: SandboxServer) -> None:
    now = datetime.fromtimestamp(sandbox.state.now, UTC).date()
    tomorrow = now + timedelta(days=1)
    post_faults(sandbox, {"kind": "unpaid_key", "since": tomorrow.isoformat()})
    assert ask(sandbox, "artist.getTopTags", artist="Nobody").json()["error"] == 6

    sandbox.state.now += 86_400
    answer = ask(sandbox, "artist.getTopTags", artist="Nobody")
    assert (answer.status_code, answer.json()["error"]) == (403, 10)

    sandbox.state.subscriber["ada"] = "1"
    assert ask(sandbox, "artist.getTopTags", artist="Nobody").json()["error"] == 6


@pytest.mark.parametrize(("code", "status", "text"), [(26, 200, '"error"'), (0, 403, "Forbidden")])
def test_an_unpaid_key_is_refused_as_a_test_asks(
    sandbox: SandboxServer, code: int, status: int, text: str
) -> None:
    post_faults(sandbox, {"kind": "unpaid_key", "code": code, "status": status})

    answer = ask(sandbox, "user.getInfo", user="ada")

    assert answer.status_code == status
    assert text in answer.text


def test_post_takes_a_form_as_pylast_sends_it(sandbox: SandboxServer) -> None:
    form = {"method": "user.getInfo", "api_key": LASTFM_API_KEY, "user": "ada", "format": "json"}

    answer = requests.post(sandbox.lastfm_url, data=form, timeout=10)

    assert answer.json()["user"]["name"] == "ada"


def test_refused_calls_are_counted(sandbox: SandboxServer) -> None:
    ask(sandbox, "artist.getTopTags", artist="Nobody")
    ask(sandbox, "artist.getTopTags", artist="Nobody", api_key=None)

    assert sandbox.state.calls["lastfm", "artist.getTopTags"] == 2
