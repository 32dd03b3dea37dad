"""Tests of the Settings page: values are shown, tried on the last night's list, and saved."""

import html
import re

import pytest
from fastapi.testclient import TestClient

from smallhours.playlist.rank.stage import rank_candidates
from smallhours.settings import load_settings, settings_path
from smallhours.web.app import PAGES, PREFIX
from tests.playlist.ranked_lake import RankedLake
from tests.web.conftest import PageVisitor, form_token

PLAYLIST = "listeners.default.playlist"


def values_on(page: str) -> dict[str, list[str]]:
    """Return what a browser would send of the form."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        fields = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if fields.get("type") != "checkbox" or "checked" in tag:
            found.setdefault(fields["name"], []).append(html.unescape(fields.get("value", "")))
    for name, options in re.findall(r'<select[^>]*name="([^"]*)">(.*?)</select>', page):
        if chosen := re.search(r"<option selected>([^<]*)", options):
            found[name] = [html.unescape(chosen[1])]
    return found


def send(browser: TestClient, do: str, **changed: str | list[str]) -> tuple[int, str]:
    values = values_on(browser.get(f"{PREFIX}/settings").text)
    names = {name.replace("__", "."): value for name, value in changed.items()}
    data = {**values, **names, "do": do, "form_token": form_token()}
    answer = browser.post(f"{PREFIX}/settings", data=data)
    return answer.status_code, answer.text


def change(browser: TestClient, do: str, key: str, value: str | list[str]) -> tuple[int, str]:
    return send(browser, do, **{key.replace(".", "__"): value})


def test_a_form_that_is_saved_as_it_is_changes_no_byte(browser: TestClient) -> None:
    before = settings_path().read_bytes()

    assert send(browser, "save")[0] == 303

    assert settings_path().read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (f"{PLAYLIST}.size", "40", "size = 40"),
        (
            "listeners.default.favourite_artists",
            "Earth, Wind & Fire; Low",
            'favourite_artists = ["Earth, Wind & Fire", "Low"]',
        ),
        (f"{PLAYLIST}.exploration", "0.25", "exploration = 0.25"),
        (f"{PLAYLIST}.familiarity", "-1", "familiarity = -1"),
        (f"{PLAYLIST}.explicit", "no", "explicit = false"),
        (f"{PLAYLIST}.arc", "rise", 'arc = "rise"'),
        ("schedule.cron", "04:05", 'cron = "04:05"'),
        ("training.sources", ["dataset"], 'sources = ["dataset"]'),
        ("notices.events", [], "events = []"),
    ],
)
def test_each_kind_of_dial_is_saved_and_shown_again(
    key: str, value: str | list[str], line: str, browser: TestClient, visitor: PageVisitor
) -> None:
    parsed = visitor.parsed
    assert change(browser, "save", key, value)[0] == 200
    assert visitor.parsed == parsed + 1

    assert line in settings_path().read_text(encoding="utf-8").splitlines()
    shown = values_on(browser.get(f"{PREFIX}/settings").text).get(key, [])
    assert shown == ([value] if isinstance(value, str) else value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (f"{PLAYLIST}.size", "40"),
        (f"{PLAYLIST}.arc", "rise"),
        (f"{PLAYLIST}.explicit", "no"),
        ("schedule.cron", "04:05"),
    ],
)
def test_undo_makes_the_settings_what_they_were(key: str, value: str, browser: TestClient) -> None:
    before = load_settings()
    _, page = change(browser, "save", key, value)
    form = page.partition('<h2 id="saved">')[2].partition("</form>")[0]

    answer = browser.post(f"{PREFIX}/settings", data={**values_on(form), "do": "save"})

    assert answer.status_code == 200
    assert load_settings() == before


def test_an_emptied_field_is_the_default_again(browser: TestClient) -> None:
    change(browser, "save", f"{PLAYLIST}.size", "40")

    assert change(browser, "save", f"{PLAYLIST}.size", "")[0] == 200

    assert load_settings().listener("default").playlist.size == 30


@pytest.mark.parametrize("do", ["save", "preview"])
@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        (f"{PLAYLIST}.size", "0", "greater than or equal to 1"),
        (f"{PLAYLIST}.size", "many", "write a whole number"),
        (f"{PLAYLIST}.arc", "sideways", "rise"),
        ("schedule.cron", "every night", "not a cron expression"),
        ("schedule.cron", "25:00", "'25:00' is no hour of the day; write one from 00:00 to 23:59"),
        ("schedule.timezone", "Europe/Dublim", "did you mean"),
    ],
)
def test_a_wrong_value_is_explained_and_stays_in_the_form(
    do: str, key: str, value: str, says: str, browser: TestClient
) -> None:
    before = settings_path().read_bytes()

    status, page = change(browser, do, key, value)

    assert status == 400
    assert says in html.unescape(page)
    assert settings_path().read_bytes() == before
    if value != "sideways":  # a browser can't send what a list of choices does not hold
        assert values_on(page)[key] == [value]


def test_a_wrong_setting_is_explained_on_every_page_and_corrected_on_this_one(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.wish("[listeners.default.playlist]\nsize = 900")
    for name in PAGES:
        answer = browser.get(f"{PREFIX}/{name}")
        assert answer.status_code == 200
        assert "`listeners.default.playlist.size`: it should be less than" in answer.text
        assert str(settings_path()) in answer.text

    shown = browser.get(f"{PREFIX}/settings").text
    assert values_on(shown)[f"{PLAYLIST}.size"] == ["900"]
    status, page = change(browser, "save", f"{PLAYLIST}.size", "40")

    assert status == 200
    assert "Size: 900 → 40" in page
    assert "it should be" not in page
    assert load_settings().listener("default").playlist.size == 40


def test_a_read_only_file_gives_the_lines_to_paste(browser: TestClient) -> None:
    path = settings_path()
    path.with_name(f".{path.name}.part").mkdir()  # not even root can write a file there

    status, page = change(browser, "save", f"{PLAYLIST}.size", "40")

    assert status == 400
    assert "[listeners.default.playlist]\nsize = 40" in page


def test_a_preview_names_the_tracks_and_saves_nothing(
    browser: TestClient, ranked_lake: RankedLake
) -> None:
    settings = load_settings()
    night = settings.night("default", "2026-11-02")
    rank_candidates("default", ranked_lake.lake, settings=settings, night=night)
    before = settings_path().read_bytes()

    status, page = change(browser, "preview", f"{PLAYLIST}.size", "20")

    assert status == 200
    assert "Size: 30 → 20" in page
    assert "A list for 2026-11-02 that is made now" in page
    assert settings_path().read_bytes() == before
    assert len(ranked_lake.listed()) == 30


def test_a_preview_of_what_changes_no_list_says_so(browser: TestClient) -> None:
    _, page = change(browser, "preview", "review.hours", "2")

    assert "How long to wait: 6 → 2" in page
    assert "would have been the same" in html.unescape(page)
