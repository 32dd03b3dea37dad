"""Tests of MusicBrainz' web service: recordings by id, ISRC, artist and search."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from smallhours_sandbox.generate import generate_world
from smallhours_sandbox.server import SandboxServer
from smallhours_sandbox.state import SandboxState
from tests.sandbox.metabrainz_client import (
    TEXT_OR_NULL,
    WHOLE_OR_NULL,
    MetaBrainzApi,
    check_shape,
)

ALL = "artist-credits+tags+genres+isrcs+releases+url-rels"
TAG = {"count": int, "name": str}
GENRE = {**TAG, "id": str, "disambiguation": str}
ARTIST = {
    "id": str,
    "name": str,
    "sort-name": str,
    "type": TEXT_OR_NULL,
    "type-id": TEXT_OR_NULL,
    "disambiguation": str,
    "country": TEXT_OR_NULL,
    "tags": [TAG],
    "genres": [GENRE],
}
RECORDING = {
    "id": str,
    "title": str,
    "length": WHOLE_OR_NULL,
    "disambiguation": str,
    "video": bool,
    "first-release-date?": str,
    "artist-credit": [{"name": str, "joinphrase": str, "artist": ARTIST}],
    "isrcs": [str],
    "tags": [TAG],
    "genres": [GENRE],
    "releases": [dict],
    "relations": [{"type": str, "url": {"id": str, "resource": str}}],
}

NO_QUERY = "The given parameters do not match any available query type for the recording resource."


@pytest.fixture(scope="module")
def api() -> Iterator[MetaBrainzApi]:
    world = generate_world(seed=8, artists=60, tracks=800, scrobbles=200)
    with SandboxServer(SandboxState(world)) as server:
        yield MetaBrainzApi(server)


def ask(api: MetaBrainzApi, path: str, **params: Any) -> requests.Response:
    """Ask for JSON; inc is joined by "+" as it stands in an address."""
    inc = params.pop("inc", "")
    asked = f"//musicbrainz/ws/2/{path}?fmt=json" + (f"&inc={inc}" if inc else "")
    return api.ask(asked, **params)


def test_recordings_have_the_known_shape(api: MetaBrainzApi) -> None:
    lengths = []
    for each in api.recordings(60):
        body = ask(api, f"recording/{each}", inc=ALL).json()
        check_shape(body, RECORDING)
        assert body["id"] == each
        names = [tag["name"] for tag in body["tags"]]
        assert names == sorted(names)
        lengths.append(body["length"])
    assert None in lengths
    assert max(length or 0 for length in lengths) > 100_000


def test_a_merged_id_answers_with_another_id(api: MetaBrainzApi) -> None:
    index = api.index
    merged = next(t for t, each in enumerate(index.ids) if each and index.canonical[t] != t)
    body = ask(api, f"recording/{index.ids[merged]}").json()
    assert body["id"] == index.id_of(merged) != index.ids[merged]


@pytest.mark.parametrize(
    ("path", "inc", "status", "words"),
    [
        ("recording/x", "", 400, "Invalid mbid."),
        ("recording/00000000-0000-4000-8000-000000000000", "", 404, "Not Found"),
        ("isrc/x", "", 400, "Invalid isrc."),
        (
            "isrc/ZZAAA0000000",
            "genres",
            400,
            "genres is not a valid inc parameter for the isrc resource.",
        ),
        ("isrc/ZZAAA0000000", "", 404, "Not Found"),
        ("recording", "", 400, NO_QUERY),
    ],
)
def test_a_bad_question_is_refused(
    api: MetaBrainzApi, path: str, inc: str, status: int, words: str
) -> None:
    answer = ask(api, path, inc=inc)
    assert (answer.status_code, answer.json()["error"]) == (status, words)


def test_an_isrc_leads_to_its_recordings(api: MetaBrainzApi) -> None:
    known = next(
        body
        for each in api.recordings(30)
        if (body := ask(api, f"recording/{each}", inc="isrcs").json())["isrcs"]
    )
    found = ask(api, f"isrc/{known['isrcs'][0]}").json()["recordings"]
    assert known["id"] in [each["id"] for each in found]


def test_an_artists_recordings_come_in_pages_by_id(api: MetaBrainzApi) -> None:
    artist = api.index.artist_ids[3]
    first = ask(api, "recording", artist=artist, limit=2).json()
    more = ask(api, "recording", artist=artist, limit=500, offset=2).json()
    ids = [each["id"] for page in (first, more) for each in page["recordings"]]
    assert ids == sorted(ids)
    assert len(ids) == first["recording-count"] > 2


def test_a_search_finds_a_recording_by_title_and_artist(api: MetaBrainzApi) -> None:
    track = int(api.index.recordings_of.ids[5])
    title, artist = api.index.title(track), api.index.credit(track)
    query = f'recording:"{title}" AND artist:"{artist}"'
    found = ask(api, "recording", query=query).json()["recordings"]
    assert (found[0]["id"], found[0]["score"]) == (api.index.ids[track], 100)


def test_the_default_format_is_xml(api: MetaBrainzApi) -> None:
    answer = api.ask(f"//musicbrainz/ws/2/recording/{api.recordings(1)[0]}")
    assert answer.headers["content-type"].startswith("application/xml")


def test_all_genres_are_listed_as_json_and_as_text(api: MetaBrainzApi) -> None:
    body = ask(api, "genre/all", limit=500).json()
    text = api.ask("//musicbrainz/ws/2/genre/all", fmt="txt").text.split("\n")
    assert len(body["genres"]) == min(100, body["genre-count"])
    assert len(text) - 1 == body["genre-count"]
