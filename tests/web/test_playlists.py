"""Tests of the page of further playlists: each kind is made, renamed, paused and deleted."""

import html

import pytest
from fastapi.testclient import TestClient

from smallhours.settings import load_settings, settings_path
from smallhours.web.app import PREFIX
from smallhours.web.playlists_page import KINDS
from tests.web.conftest import form_token

FIELDS: dict[str, dict[str, str | list[str]]] = {
    "tags": {"tags": "shoegaze, dream pop"},
    "mood": {"feature": "energy", "low": "0", "high": "0.4"},
    "time_of_day": {"start": "22", "end": "4", "days": ["friday"]},
    "forgotten": {},
    "deep_cuts": {},
    "new_releases": {},
}


def send(browser: TestClient, address: str, **fields: str | list[str]) -> tuple[int, str]:
    data = {"listener": "default", "form_token": form_token(), **fields}
    answer = browser.post(f"{PREFIX}/{address}", data=data)
    return answer.status_code, html.unescape(answer.text)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_made_and_shown(kind: str, browser: TestClient) -> None:
    assert send(browser, "playlists", kind=kind, name="Night bus", **FIELDS[kind])[0] == 303

    intent = load_settings().listener("default").intents["night-bus"]
    assert (intent.kind, intent.name) == (kind, "Night bus")
    assert KINDS[kind] in browser.get(f"{PREFIX}/playlists").text


def test_a_playlist_is_renamed_paused_resumed_and_deleted(browser: TestClient) -> None:
    before = settings_path().read_text(encoding="utf-8")
    send(browser, "playlists", kind="deep_cuts", name="Deep")
    me = "playlists/change"

    send(browser, me, key="deep", do="rename", name="Deeper")
    assert load_settings().listener("default").playlists["deep"].name == "Deeper"
    send(browser, me, key="deep", do="pause")
    assert list(load_settings().listener("default").playlists) == ["main"]
    assert "; paused" in browser.get(f"{PREFIX}/playlists").text
    send(browser, me, key="deep", do="resume")
    assert "deep" in load_settings().listener("default").playlists
    send(browser, me, key="deep", do="delete")

    assert not load_settings().listener("default").intents
    assert settings_path().read_text(encoding="utf-8").startswith(before.rstrip("\n"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "tags", "name": "A", "tags": ""}, "tag"),
        ({"kind": "mood", "name": "A", "feature": "energy", "low": "x", "high": "1"}, "number"),
        ({"kind": "mood", "name": "A", "feature": "energy", "low": "1", "high": "0"}, "lower end"),
        ({"kind": "time_of_day", "name": "A", "start": "9", "end": "99"}, "less than"),
        ({"kind": "deep_cuts", "name": "  "}, "can't name"),
        ({"kind": "surprise", "name": "A"}, "kind"),
        ({"kind": "deep_cuts", "name": "Smallhours"}, "more than one playlist"),
    ],
)
def test_what_makes_no_playlist_is_explained_and_changes_nothing(
    fields: dict[str, str | list[str]], says: str, browser: TestClient
) -> None:
    before = settings_path().read_bytes()

    status, page = send(browser, "playlists", **fields)

    assert status >= 400
    assert says in page
    assert settings_path().read_bytes() == before


def test_a_playlist_that_is_not_there_can_t_be_changed(browser: TestClient) -> None:
    assert send(browser, "playlists/change", key="none", do="delete")[0] == 400
