"""Does a person with a browser find the pages in Airflow, and do the buttons do what they say?"""

import datetime as dt
import time
from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from smallhours.demo.driver import Demo
from smallhours.demo.surroundings import LISTENER
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK, RECOMMENDATIONS
from smallhours.local.api import AirflowApi
from smallhours.pages.app import PAGES, PREFIX
from tests.e2e.browsing import CHROMIUM, inside, logged_in, night_at_home, opened_browser

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One night, run by the real scheduler; Airflow asks for a password."""
    with night_at_home(tmp_path_factory.mktemp("home")) as demo:
        yield demo


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser, home: Demo) -> Iterator[Page]:
    opened = logged_in(browser, home)
    yield opened
    opened.close()


def lake(home: Demo) -> Lake:
    return Lake(str(home.around.lake))


def night(home: Demo) -> str:
    return max(
        part["night"]
        for part in lake(home).partitions(RECOMMENDATIONS)
        if part["listener"] == LISTENER
    )


def said(home: Demo) -> set[tuple[str, str]]:
    rows = lake(home).frame(FEEDBACK, where={"listener": LISTENER})
    return set(zip(rows["track_key"], rows["reaction"], strict=True))


def test_every_page_opens_within_airflow(page: Page, home: Demo) -> None:
    page.goto(f"{home.around.home.url}/plugin/smallhours")
    for name in PAGES.values():
        inside(page).get_by_role("link", name=name, exact=True).click()
        expect(inside(page).locator("[aria-current=page]")).to_have_text(name)
        expect(inside(page).locator("h1")).to_be_visible()
        expect(inside(page).get_by_text("can't be shown")).to_have_count(0)


def test_the_buttons_write_what_they_say(page: Page, home: Demo) -> None:
    page.goto(f"{home.around.home.url}/plugin/smallhours")
    first = inside(page).locator(".pick").first

    first.get_by_role("button", name="More like this").click()
    expect(inside(page).locator(".pick").first.locator("[aria-pressed=true]")).to_have_count(1)
    assert [reaction for _, reaction in said(home) if reaction == "thumbs_up"] == ["thumbs_up"]

    inside(page).locator(".pick").first.get_by_role("button", name="Never again").click()
    expect(inside(page).locator("button.pressed")).to_have_text("Never again ✓")
    assert {reaction for _, reaction in said(home)} & {"thumbs_up", "blocked"} == {"blocked"}

    inside(page).locator("button.pressed").click()
    expect(inside(page).locator("button.pressed")).to_have_count(0)


def test_a_question_of_tags_is_answered(page: Page, home: Demo) -> None:
    page.goto(f"{home.around.home.url}/plugin/smallhours")
    inside(page).get_by_role("link", name="Explore", exact=True).click()
    tag = inside(page).locator("datalist option").first.get_attribute("value") or ""
    inside(page).get_by_label("Tag", exact=True).fill(tag)
    inside(page).get_by_role("button", name="Add").click()

    expect(inside(page).get_by_role("heading", name="How it would sound")).to_be_visible()
    expect(inside(page).get_by_role("rowheader", name="energy")).to_be_visible()
    assert inside(page).locator("#near ~ .wide tbody tr").count() > 0


def test_a_list_with_other_wishes_from_the_form(page: Page, home: Demo) -> None:
    started = dt.datetime.now(dt.UTC)
    page.goto(f"{home.around.home.url}/dags/write_playlist")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Tracks").or_(form.locator("#element_size")).first.fill("12")
    form.get_by_role("button", name="Trigger").last.click()

    until = time.monotonic() + 120
    while len(chosen(home)) != 12 and time.monotonic() < until:
        time.sleep(1)

    assert len(chosen(home)) == 12
    api = AirflowApi(home.around.home.url, password=home.around.home.password())
    try:
        runs = api.runs("write_playlist", since=started)
        while api.run_state("write_playlist", runs[0]) not in ("success", "failed"):
            time.sleep(1)
        assert api.run_state("write_playlist", runs[0]) == "success"
    finally:
        api.close()


def chosen(home: Demo) -> list[str]:
    rows = lake(home).frame(
        RECOMMENDATIONS,
        columns=["track_key", "position"],
        where={"listener": LISTENER, "night": night(home)},
    )
    return list(rows.loc[rows["position"].notna(), "track_key"])


def test_strangers_see_nothing(home: Demo) -> None:
    for name in PAGES:
        answer = requests.get(f"{home.around.home.url}{PREFIX}/{name}", timeout=30)
        assert answer.status_code == 401, name
