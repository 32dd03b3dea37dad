"""All that a listener does, in a browser: no file is touched, and no command given."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import CHROMIUM, TIMEOUT_MS, inside, logged_in, opened_browser
from tests.e2e.installation import (
    CLIENT_SECRET,
    LASTFM_KEY,
    SMALL_CATALOG,
    SMALL_WORLD,
    Installation,
    cron_in,
)
from tests.notice_receiver import NoticeReceiver

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow(seconds=150),
    pytest.mark.timeout(1800),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

NIGHT_MS = 600_000


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path, SMALL_WORLD) as made:
        yield made


@pytest.fixture
def messenger() -> Iterator[NoticeReceiver]:
    made = NoticeReceiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_listener_does_everything_in_the_browser(
    installation: Installation, messenger: NoticeReceiver
) -> None:
    installation.run("init", "--lastfm-user", "ada", "--timezone", "Europe/Dublin", "--no-spotify")
    installation.schedule(cron_in(720, ZoneInfo("Europe/Dublin")))
    with installation.home.settings.open("a") as settings:
        settings.write(SMALL_CATALOG)
    with installation.up(), opened_browser() as browser:
        page = logged_in(browser, installation.home)
        _connect(page, installation, f"json://127.0.0.1:{messenger.server.server_port}/")
        _turn_a_dial_and_undo_it(page, installation)
        _ask_before_publishing(page)

        _make_list(page, installation)
        _wait_for_notice(messenger, "waits for you")
        assert installation.playlist() == []
        _approve(page, installation)
        _wait_for_notice(messenger, f"{len(installation.playlist())} tracks for me")

        _react(page)
        _ban_the_artist_of_the_fourth(page)
        _open(page, installation, "Settings", "Blocks and corrections")
        expect(inside(page).get_by_text("Never again:")).to_be_visible()


def _open(page: Page, installation: Installation, name: str, *further: str) -> None:
    """Open one of our pages within Airflow, by its links."""
    page.goto(f"{installation.home.url}/plugin/smallhours")
    for link in (name, *further):
        inside(page).get_by_role("link", name=link, exact=True).click()
    expect(inside(page).locator("h1")).to_be_visible()


def _connect(page: Page, installation: Installation, messages: str) -> None:
    _open(page, installation, "Settings", "Accounts")
    frame = inside(page)
    lastfm = frame.get_by_role("region", name="Last.fm")
    lastfm.get_by_label("Your name there").fill("ada")
    lastfm.get_by_label("API key").fill(LASTFM_KEY)
    lastfm.get_by_role("button", name="Try and keep").click()
    expect(frame.get_by_text("The key works")).to_be_visible()

    told = frame.get_by_role("region", name="Notices")
    told.get_by_label("Address").fill(messages)
    told.get_by_role("button", name="Try and keep").click()
    expect(frame.get_by_text("A notice was sent")).to_be_visible()

    spotify = frame.get_by_role("region", name="Spotify")
    spotify.get_by_label("Client ID").fill("sandbox-client")
    spotify.get_by_label("Client secret").fill(CLIENT_SECRET)
    spotify.get_by_role("button", name="Go on").click()
    with page.context.expect_page() as opened:
        frame.get_by_role("link", name="Agree at Spotify").click()
    expect(opened.value.get_by_text("Logged in to Spotify as")).to_be_visible()
    _look(opened.value, "accounts")
    opened.value.close()


def _make_list(page: Page, installation: Installation) -> None:
    """Press the button, and wait until the list waits for approval."""
    _open(page, installation, "Tonight")
    frame = inside(page)
    frame.get_by_role("button", name="Make tonight's list now").click()
    expect(frame.get_by_text("Tonight's list is being made.")).to_be_visible()
    _look(page, "progress")
    # The page says so by itself.
    expect(frame.get_by_text("waits for you")).to_be_visible(timeout=NIGHT_MS)


def _approve(page: Page, installation: Installation) -> None:
    frame = inside(page)
    frame.get_by_role("link", name="Look at it").click()
    expect(frame.get_by_role("button", name="Approve")).to_be_visible()
    _look(page, "review")
    frame.get_by_role("button", name="Approve").click()
    expect(frame.get_by_text("No list waits.")).to_be_visible()
    _open(page, installation, "Tonight")
    expect(frame.locator("#progress")).to_have_count(0, timeout=NIGHT_MS)
    expect(frame.get_by_role("link", name="Open in Spotify")).to_be_visible()
    expect(frame.locator(".pick")).to_have_count(len(installation.playlist()))
    _look(page, "tonight")


def _react(page: Page) -> None:
    for at, words in enumerate(("More like this", "Less like this", "Heard too often")):
        row = inside(page).locator(".pick").nth(at)
        if at == 2:
            row.locator("summary").click()
        row.get_by_role("button", name=words).click()
        expect(row.get_by_text(f"{words}: noted.")).to_be_visible()
    _look(page, "reacted")


def _ban_the_artist_of_the_fourth(page: Page) -> None:
    row = inside(page).locator(".pick").nth(3)
    row.locator("summary").click()
    row.get_by_role("button", name="Never this artist").click()
    expect(row.get_by_text("Never this artist: noted.")).to_be_visible()


def _turn_a_dial_and_undo_it(page: Page, installation: Installation) -> None:
    _open(page, installation, "Settings")
    frame = inside(page)
    size = frame.get_by_label("Size", exact=True)
    size.fill("12")
    frame.get_by_role("button", name="Show what it would have changed").click()
    expect(frame.get_by_text("Size: 30 → 12")).to_be_visible()
    _look(page, "dial")
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(frame.get_by_role("heading", name="Saved")).to_be_visible()
    assert "size = 12" in installation.home.settings.read_text()

    frame.get_by_role("button", name="Undo", exact=True).click()
    expect(size).to_have_value("30")
    assert "size = 12" not in installation.home.settings.read_text()


def _ask_before_publishing(page: Page) -> None:
    frame = inside(page)
    frame.get_by_label("Ask before publishing").select_option("yes")
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(frame.get_by_text("Ask before publishing: no → yes")).to_be_visible()


def _wait_for_notice(messenger: NoticeReceiver, words: str) -> None:
    until = time.monotonic() + TIMEOUT_MS / 1000
    while not any(words in told["title"] for told in messenger.got):
        assert time.monotonic() < until, messenger.got
        time.sleep(0.2)


def _look(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, where the variable names a folder for them."""
    if folder := os.environ.get("SMALLHOURS_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")
