"""Tests of which song of a music server is the one that was meant, and of logging in there."""

import pytest

from smallhours.errors import SettingsError, SourceRefused
from smallhours.places.place import ListedTrack
from smallhours.places.subsonic import _is_same
from smallhours.service_settings import SubsonicSettings
from smallhours.services.credentials import SubsonicCredentials
from smallhours.services.subsonic import SubsonicClient
from smallhours.services.subsonic_replies import ServerSong
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.subsonic_state import subsonic_api_key, subsonic_password
from tests.places.every_place import limit

MEANT = ListedTrack(
    1,
    "Ride",
    "Vapour Trail",
    "Nowhere",
    258_000,
    "",
    "GBAAA9000001",
    "m-1",
    "",
    "ride · vapour trail",
)


def song(
    artist: str = "Ride",
    title: str = "Vapour Trail",
    *,
    seconds: int | None = 258,
    mbid: str = "",
    isrcs: tuple[str, ...] = (),
) -> ServerSong:
    return ServerSong("1", title, artist, "Nowhere", seconds, mbid, isrcs)


@pytest.mark.parametrize(
    ("there", "same"),
    [
        (song(), True),
        (song(title="Vapour Trail (2001 Remaster)"), True),
        (song(title="Vapour Trail (Live at Brixton)"), False),
        (song(artist="Slowdive"), False),
        (song(title="Vapour Trails", mbid="m-1"), True),
        (song(artist="RIDE (UK)", mbid="m-1"), True),
        (song(artist="Someone", title="Else", mbid="m-1"), False),
        (song(title="Vapour Trails", mbid="m-1", seconds=400), False),
        (song(title="Vapour Trails", mbid="m-2"), False),
        (song(title="Vapour Trails"), False),
    ],
)
def test_a_song_is_taken_where_names_or_an_id_say_so_and_nothing_contradicts(
    there: ServerSong, same: bool
) -> None:
    assert _is_same(there, MEANT) is same


def client(url: str, **login: str) -> SubsonicClient:
    fields = {"host": url, **login}
    return SubsonicClient(
        SubsonicCredentials.parse(fields, listener="ada"),
        settings=SubsonicSettings(),
        rate_limit=limit(),
    )


@pytest.mark.parametrize("open_subsonic", [True, False])
def test_the_safest_login_is_taken_that_the_server_knows(
    sandbox: SandboxServer, open_subsonic: bool
) -> None:
    sandbox.state.subsonic.open_subsonic = open_subsonic
    seen: list[str] = []
    with client(sandbox.subsonic_url, user="ada", password=subsonic_password("ada")) as asked:
        told = asked.check_login()
        seen += [key for key in asked._login or {} if key in "tp"]
    assert told == (
        "sandbox, protocol 1.16.1" if open_subsonic else "a Subsonic server, protocol 1.12.0"
    )
    assert seen == (["t"] if open_subsonic else ["p"])


def test_an_api_key_logs_in(sandbox: SandboxServer) -> None:
    with client(sandbox.subsonic_url, api_key=subsonic_api_key("ada")) as asked:
        assert asked.check_login().startswith("sandbox")


@pytest.mark.parametrize("open_subsonic", [True, False])
def test_a_wrong_password_is_told_without_saying_it(
    sandbox: SandboxServer, open_subsonic: bool
) -> None:
    sandbox.state.subsonic.open_subsonic = open_subsonic
    with (
        client(sandbox.subsonic_url, user="ada", password="wr0ng pass") as asked,
        pytest.raises(SourceRefused) as refusal,
    ):
        asked.check_login()
    assert "wr0ng" not in str(refusal.value)
    assert b"wr0ng".hex() not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "192.168.1.5", "port": 4533}, "http://192.168.1.5:4533"),
        ({"host": "https://music.example/sub/"}, "https://music.example/sub"),
        ({"host": "music.example", "schema": "https"}, "https://music.example"),
    ],
)
def test_the_address_may_be_told_in_parts(fields: dict[str, object], url: str) -> None:
    login = {"user": "ada", "password": "x"}
    assert SubsonicCredentials.parse({**fields, **login}, listener="ada").url == url


@pytest.mark.parametrize(
    "fields",
    [{}, {"host": "h"}, {"host": "h", "user": "ada"}, {"host": "ftp://h", "api_key": "k"}],
)
def test_what_is_missing_is_one_clear_error(fields: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="subsonic_ada"):
        SubsonicCredentials.parse(fields, listener="ada")
