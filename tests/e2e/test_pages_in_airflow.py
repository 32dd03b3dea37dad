"""Tests of the pages inside Airflow, with a real browser, in an installation of the first day.

All tests share it: `home` is set up, and its first list made, as a listener does it in the browser.
"""

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect

from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.lake.store import Lake
from smallhours.lake.tables import FEEDBACK
from smallhours.local.airflow import AirflowApi
from smallhours.settings import load_settings
from smallhours.web.app import PAGES, PREFIX
from smallhours_sandbox.demo import sandbox_client
from smallhours_sandbox.generate import generate_world
from tests.e2e.browsing import (
    CHROMIUM,
    GUEST,
    TIMEOUT_MS,
    inside,
    invite_guest,
    log_in,
    logged_in,
    opened_browser,
)
from tests.e2e.first_list import make_the_first_list, open_page, take_picture
from tests.e2e.installation import (
    Installation,
    cron_in,
    write_features,
)
from tests.notice_receiver import NoticeReceiver

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=17),
    # A night and a list of every test's own, on a machine that may be busy.
    pytest.mark.timeout(1800),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

LISTENER = "me"
# Large enough for several lists that share no track, one of them of a single tag.
WORLD: Mapping[str, Any] = {"artists": 200, "tracks": 2_000, "scrobbles": 1_000}
CATALOG = """
[catalog]
seed_tracks = 20
seed_artists = 15
near_artists = 8
seed_tags = 4
foreign_tags = 4
features_file = "features.csv"
"""
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Yield where all tests open their pages: Airflow's scripts are loaded once, and don't move."""
    made = browser.new_context(
        viewport={"width": 1200, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    made.set_default_timeout(TIMEOUT_MS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def messenger() -> Iterator[NoticeReceiver]:
    made = NoticeReceiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def home(
    context: BrowserContext, messenger: NoticeReceiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Yield what runs after a listener made their first list without a command.

    Airflow requires a login, and has a guest beside the listener, who may only read.
    """
    with Installation(tmp_path_factory.mktemp("home"), WORLD) as made:
        made.run("init", "--lastfm-user", "ada", "--timezone", "Europe/Dublin", "--no-spotify")
        made.schedule(cron_in(720, ZoneInfo("Europe/Dublin")))
        write_features(made.folder / "features.csv", generate_world(seed=1983, **WORLD))
        with made.home.settings.open("a") as settings:
            settings.write(CATALOG)
        invite_guest(made.home.folder)
        with made.up():
            page = context.new_page()
            log_in(page, made.home)
            make_the_first_list(page, made, messenger)
            page.close()
            yield made


@pytest.fixture
def page(context: BrowserContext, home: Installation) -> Iterator[Page]:
    """Yield an empty page, logged in to the installation."""
    del home
    opened = context.new_page()
    yield opened
    opened.close()


def lake(home: Installation) -> Lake:
    return Lake(str(home.folder / "data"))


def night(home: Installation) -> str:
    return max(part["night"] for part in lake(home).partitions(RECOMMENDATIONS))


def said(home: Installation) -> set[tuple[str, str]]:
    rows = lake(home).frame(FEEDBACK, where={"listener": LISTENER})
    return set(zip(rows["track_key"], rows["reaction"], strict=True))


def test_every_page_opens_within_airflow(page: Page, home: Installation) -> None:
    page.goto(f"{home.home.url}/plugin/smallhours")
    for name in PAGES.values():
        inside(page).get_by_role("link", name=name, exact=True).click()
        pages = inside(page).get_by_role("navigation", name="Pages")
        expect(pages.locator("[aria-current=page]")).to_have_text(name)
        expect(inside(page).locator("h1")).to_be_visible()
        expect(inside(page).get_by_text("can't be shown")).to_have_count(0)


def test_a_run_has_a_tab_with_its_night(page: Page, home: Installation) -> None:
    with closing(AirflowApi(home.home.url, password=home.home.password())) as api:
        run = api.run_for("write_playlist", f"{LISTENER}@{night(home)}", since=LONG_AGO) or ""
    page.goto(f"{home.home.url}/dags/write_playlist/runs/{quote(run)}")
    page.get_by_role("link", name="Tonight's list").click()

    expect(inside(page).get_by_text(f"Night of {night(home)}")).to_be_visible()


def test_the_buttons_write_what_they_say(page: Page, home: Installation) -> None:
    page.goto(f"{home.home.url}/plugin/smallhours")
    first = inside(page).locator(".pick").first

    first.get_by_role("button", name="More like this").click()
    expect(inside(page).locator(".pick").first.locator("[aria-pressed=true]")).to_have_count(1)
    assert [reaction for _, reaction in said(home) if reaction == "thumbs_up"] == ["thumbs_up"]

    first.locator("summary").first.click()
    first.get_by_role("button", name="Never this track").click()
    expect(inside(page).locator("button.pressed")).to_have_text("Never this track")
    assert {reaction for _, reaction in said(home)} & {"thumbs_up", "blocked"} == {"blocked"}

    inside(page).locator("button.pressed").click()
    expect(inside(page).locator("button.pressed")).to_have_count(0)


def test_a_question_of_tags_is_answered(page: Page, home: Installation) -> None:
    page.goto(f"{home.home.url}/plugin/smallhours")
    inside(page).get_by_role("link", name="Explore", exact=True).click()
    tag = inside(page).locator("datalist option").first.get_attribute("value") or ""
    inside(page).get_by_label("Tag", exact=True).fill(tag)
    inside(page).get_by_role("button", name="Add").click()

    expect(inside(page).get_by_role("heading", name="How it would sound")).to_be_visible()
    inside(page).get_by_text("In figures").click()
    expect(inside(page).get_by_role("rowheader", name="energy")).to_be_visible()
    assert inside(page).locator("#near ~ ol li").count() > 0

    inside(page).get_by_role("link", name=f"Remove {tag}").click()
    expect(inside(page).get_by_role("heading", name="How it would sound")).to_have_count(0)


def test_a_saved_question_becomes_a_playlist(page: Page, home: Installation) -> None:
    page.goto(f"{home.home.url}{PREFIX}/explore")
    page.get_by_label("Tag", exact=True).fill(
        page.locator("datalist option").first.get_attribute("value") or ""
    )
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Make it a playlist, named").fill("Night bus")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("is in the settings now")).to_be_visible()
    playlist_settings = load_settings(home.home.settings).listener(LISTENER)
    assert playlist_settings.intents["night-bus"].name == "Night bus"

    write_list(home, night(home))

    assert sandbox_client.read_spotify_playlist(home.sandbox, "Night bus")
    page.goto(f"{home.home.url}{PREFIX}/tonight")
    page.get_by_label("Playlist", exact=True).select_option(label="Night bus")
    page.locator("#main").get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Night bus", level=1)).to_be_visible()
    expect(page.locator(".pick").first).to_be_visible()


def test_a_list_that_is_put_back_stands_in_spotify_again(page: Page, home: Installation) -> None:
    first, before = night(home), in_spotify(home)
    following = (dt.date.fromisoformat(first) + dt.timedelta(days=1)).isoformat()
    settings = home.home.settings
    text = settings.read_text()
    settings.write_text(text.replace("[schedule]", f"[schedule]\ntoday = {following}"))
    write_list(home, following)
    assert not set(in_spotify(home)) & set(before)

    page.goto(f"{home.home.url}{PREFIX}/tonight")
    expect(page.get_by_text(f"Night of {following}")).to_be_visible()
    page.get_by_label("Night", exact=True).select_option(first)
    page.locator("#main").get_by_role("button", name="Show").click()
    expect(page.get_by_text(f"Night of {first}")).to_be_visible()

    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("button", name=f"Put the list of {first} back").click()
    expect(page.get_by_role("heading", name="On its way")).to_be_visible()

    until = time.monotonic() + 600
    while in_spotify(home) != before and time.monotonic() < until:
        time.sleep(1)
    assert in_spotify(home) == before


def test_a_list_with_other_wishes_from_the_form(page: Page, home: Installation) -> None:
    started = dt.datetime.now(dt.UTC)
    page.goto(f"{home.home.url}/dags/write_playlist")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("Tracks").or_(form.locator("#element_size")).first.fill("12")
    form.get_by_role("button", name="Trigger").last.click()
    expect(form).to_have_count(0)
    page.goto("about:blank")  # Airflow's page asks about the run all the time

    until = time.monotonic() + 600
    while len(chosen(home)) != 12 and time.monotonic() < until:
        time.sleep(1)

    assert len(chosen(home)) == 12
    with closing(AirflowApi(home.home.url, password=home.home.password())) as api:
        wait_for(api, api.runs("write_playlist", since=started)[0])


def write_list(home: Installation, of: str) -> None:
    """Run `write_playlist` for a night, to its end."""
    with closing(AirflowApi(home.home.url, password=home.home.password())) as api:
        wait_for(api, api.trigger("write_playlist", {"listener": LISTENER, "night": of}))


def wait_for(api: AirflowApi, run: str) -> None:
    """Wait until a run of `write_playlist` has succeeded."""
    while (state := api.run_state("write_playlist", run)) not in ("success", "failed"):
        time.sleep(1)
    assert state == "success"


def in_spotify(home: Installation) -> list[str]:
    """Return the tracks of the listener's playlist, in order."""
    return [item.uri for item in home.playlist()]


def chosen(home: Installation) -> list[str]:
    """Return the main list of the newest night."""
    rows = lake(home).frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position"],
        where={"listener": LISTENER, "night": night(home)},
    )
    return list(rows.loc[(rows["intent"] == "main") & rows["position"].notna(), "track_key"])


def test_a_viewer_sees_every_page_and_can_press_nothing(
    browser: Browser, home: Installation
) -> None:
    before = said(home)
    page = logged_in(browser, home.home, user=GUEST)
    url = home.home.url + PREFIX
    for name in PAGES:
        page.goto(f"{url}/{name}")
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_text("The buttons are for those who may start runs")).to_be_visible()
        expect(page.locator("form[method=post]")).to_have_count(0)

    pick = {"listener": LISTENER, "night": night(home), "intent": "main"}
    pressed: dict[str, dict[str, str | float | bool]] = {
        "feedback": {**pick, "track_key": chosen(home)[0], "reaction": "blocked"},
        "rollback": {**pick},
        "explore/save": {"listener": LISTENER, "tags": "dub", "name": "Not mine"},
    }
    for path, form in pressed.items():
        answer = page.request.post(f"{url}/{path}", form=form)
        assert answer.status == 403, path
        assert "Only people who may start runs" in answer.text()
    page.close()

    assert said(home) == before
    assert "not-mine" not in load_settings(home.home.settings).listener(LISTENER).intents


def test_strangers_see_nothing(home: Installation) -> None:
    for name in PAGES:
        url = f"{home.home.url}{PREFIX}/{name}"
        answer = requests.get(url, timeout=30, allow_redirects=False)
        assert answer.status_code == 303, name
        login = requests.get(f"{home.home.url}{answer.headers['location']}", timeout=30)
        assert login.ok, name
        assert "Smallhours" not in login.text, name


# The last test: what is banned stays away from all lists after it.
def test_a_press_is_noted_and_a_ban_stands_in_the_settings(page: Page, home: Installation) -> None:
    page.goto(f"{home.home.url}/plugin/smallhours")
    for at, words in enumerate(("More like this", "Less like this", "Heard too often")):
        row = inside(page).locator(".pick").nth(at)
        if at == 2:
            row.locator("summary").click()
        row.get_by_role("button", name=words).click()
        expect(row.get_by_text(f"{words}: noted.")).to_be_visible()
    take_picture(page, "reacted")

    row = inside(page).locator(".pick").nth(3)
    row.locator("summary").click()
    row.get_by_role("button", name="Never this artist").click()
    expect(row.get_by_text("Never this artist: noted.")).to_be_visible()
    open_page(page, home, "Settings", "Blocks and corrections")
    expect(inside(page).get_by_text("Never again:")).to_be_visible()
