"""Tests of the Explore page: answers, and saving a playlist to the settings file."""

import tomllib

import pytest
from fastapi.testclient import TestClient

from smallhours.settings import load_settings, settings_path
from smallhours.training.tag_exploration import PredictedFeature
from smallhours.web.app import PREFIX
from smallhours.web.explore_page import liking_in_words, sound_in_words, with_tag
from tests.web.conftest import form_token

FORM = {"listener": "default", "tags": "shoegaze, dream pop:60", "name": "Night bus"}


def save(browser: TestClient, **other: str) -> tuple[int, str]:
    answer = browser.post(
        f"{PREFIX}/explore/save", data={**FORM, "form_token": form_token(), **other}
    )
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("question", "tag", "weight", "whole"),
    [
        ("", "shoegaze", 100, "shoegaze"),
        ("shoegaze", "dream pop", 60, "shoegaze, dream pop:60"),
        ("shoegaze", " , ", 60, "shoegaze"),
    ],
)
def test_a_tag_is_added_to_the_question(question: str, tag: str, weight: int, whole: str) -> None:
    assert with_tag(question, tag, weight) == whole


@pytest.mark.parametrize(
    ("p_like", "says"),
    [(None, "No taste"), (0.6, "Probably"), (0.3, "Perhaps"), (0.1, "Rather not")],
)
def test_whether_it_would_be_liked_is_said_in_words(p_like: float | None, says: str) -> None:
    assert liking_in_words(p_like).startswith(says)


def test_how_it_would_sound_is_said_beside_the_average_track() -> None:
    def predicted(name: str, value: float) -> PredictedFeature:
        return PredictedFeature(name, value, 0.0, 1.0, 0.5, (), 0.0)

    alike, dark = predicted("energy", 0.45), predicted("valence", 0.2)

    assert sound_in_words([alike]) == "It would sound much like the average track."
    assert sound_in_words([alike, dark, predicted("acousticness", 0.7)]) == (
        "It would be darker and more acoustic than the average track."
    )


def test_adding_a_tag_leads_to_an_address_that_holds_the_question(browser: TestClient) -> None:
    answer = browser.get(f"{PREFIX}/explore?tags=shoegaze&add=dream+pop&weight=60")

    assert answer.status_code == 303
    assert answer.headers["location"].endswith("tags=shoegaze%2C+dream+pop%3A60")


def test_saving_adds_a_playlist_and_keeps_the_file_as_it_was(browser: TestClient) -> None:
    path = settings_path()
    before = "# my own words\n" + path.read_text(encoding="utf-8")
    path.write_text(before, encoding="utf-8")
    path.chmod(0o640)

    assert save(browser)[0] == 200

    after = path.read_text(encoding="utf-8")
    assert after.startswith(before.rstrip("\n"))
    assert tomllib.loads(after)["listeners"]["default"]["intents"]["night-bus"] == {
        "kind": "tags",
        "name": "Night bus",
        "tags": ["shoegaze", "dream pop"],
    }
    assert "night-bus" in load_settings().listener("default").intents
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["Bus \N{CRESCENT MOON}", "\N{CRESCENT MOON}", "夜"])
def test_a_name_or_a_tag_in_any_script_or_sign_is_saved(name: str, browser: TestClient) -> None:
    assert save(browser, name=name, tags="shoegaze, \N{CRESCENT MOON}, हिन्दी")[0] == 200
    (intent,) = load_settings().listener("default").intents.values()
    assert intent.name == name


@pytest.mark.parametrize("name", ["!!!", "Main", 'x"\n[lake]\nurl = "/"'])
def test_a_name_that_can_be_none_or_is_hostile_harms_nothing(
    name: str, browser: TestClient
) -> None:
    before = load_settings()

    status, _ = save(browser, name=name)

    after = load_settings()
    assert after.lake == before.lake
    assert status == 200 or after == before


def test_the_same_playlist_twice_is_refused(browser: TestClient) -> None:
    assert save(browser)[0] == 200
    before = settings_path().read_text(encoding="utf-8")

    status, page = save(browser)

    assert status == 400
    assert "already" in page
    assert settings_path().read_text(encoding="utf-8") == before


def test_a_file_that_cannot_be_written_shows_what_to_paste(browser: TestClient) -> None:
    path = settings_path()
    before = path.read_text(encoding="utf-8")
    # Not even root can write a file where a folder is.
    path.with_name(f".{path.name}.part").mkdir()

    status, page = save(browser)

    assert status == 400
    assert "[listeners.default.intents.night-bus]" in page
    assert path.read_text(encoding="utf-8") == before
