"""A listener's first list, made in a browser: no file is touched, and no command given."""

import os
import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.browsing import TIMEOUT_MS, inside
from tests.e2e.installation import CLIENT_SECRET, LASTFM_KEY, Installation
from tests.notice_receiver import NoticeReceiver

NIGHT_MS = 600_000


def make_the_first_list(page: Page, installation: Installation, messenger: NoticeReceiver) -> None:
    """Connect the accounts, make a list and look at it, and let it be published."""
    _connect(page, installation, f"json://127.0.0.1:{messenger.server.server_port}/")
    _turn_a_dial_and_undo_it(page, installation)
    _ask_before_publishing(page, before="no", after="yes")

    _make_list(page, installation)
    _wait_for_notice(messenger, "waits for you")
    assert installation.playlist() == []
    _approve(page, installation)
    _wait_for_notice(messenger, f"{len(installation.playlist())} tracks for me")

    open_page(page, installation, "Settings")
    _ask_before_publishing(page, before="yes", after="no")


def open_page(page: Page, installation: Installation, name: str, *further: str) -> None:
    """Open one of our pages within Airflow, by its links."""
    page.goto(f"{installation.home.url}/plugin/smallhours")
    for link in (name, *further):
        inside(page).get_by_role("link", name=link, exact=True).click()
    expect(inside(page).locator("h1")).to_be_visible()


def take_picture(page: Page, name: str) -> None:
    """Keep a picture for a person to look at, where the variable names a folder for them."""
    if folder := os.environ.get("SMALLHOURS_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def _connect(page: Page, installation: Installation, messages: str) -> None:
    open_page(page, installation, "Settings", "Accounts")
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
    take_picture(opened.value, "accounts")
    opened.value.close()


def _turn_a_dial_and_undo_it(page: Page, installation: Installation) -> None:
    open_page(page, installation, "Settings")
    frame = inside(page)
    size = frame.get_by_label("Size", exact=True)
    size.fill("12")
    frame.get_by_role("button", name="Show what it would have changed").click()
    expect(frame.get_by_text("Size: 30 → 12")).to_be_visible()
    take_picture(page, "dial")
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(frame.get_by_role("heading", name="Saved")).to_be_visible()
    assert "size = 12" in installation.home.settings.read_text()

    frame.get_by_role("button", name="Undo", exact=True).click()
    expect(size).to_have_value("30")
    assert "size = 12" not in installation.home.settings.read_text()


def _ask_before_publishing(page: Page, *, before: str, after: str) -> None:
    frame = inside(page)
    frame.get_by_label("Ask before publishing").select_option(after)
    frame.get_by_role("button", name="Save", exact=True).click()
    expect(frame.get_by_text(f"Ask before publishing: {before} → {after}")).to_be_visible()


def _make_list(page: Page, installation: Installation) -> None:
    """Press the button, and wait until the list waits for approval."""
    open_page(page, installation, "Tonight")
    frame = inside(page)
    frame.get_by_role("button", name="Make tonight's list now").click()
    expect(frame.get_by_text("Tonight's list is being made.")).to_be_visible()
    take_picture(page, "progress")
    # The page says so by itself.
    expect(frame.get_by_text("waits for you")).to_be_visible(timeout=NIGHT_MS)


def _approve(page: Page, installation: Installation) -> None:
    frame = inside(page)
    frame.get_by_role("link", name="Look at it").click()
    expect(frame.get_by_role("button", name="Approve")).to_be_visible()
    take_picture(page, "review")
    frame.get_by_role("button", name="Approve").click()
    expect(frame.get_by_text("No list waits.")).to_be_visible()
    open_page(page, installation, "Tonight")
    expect(frame.get_by_role("link", name="Open in Spotify")).to_be_visible(timeout=NIGHT_MS)
    expect(frame.locator("#progress")).to_have_count(0)
    expect(frame.locator(".pick")).to_have_count(len(installation.playlist()))
    take_picture(page, "tonight")


def _wait_for_notice(messenger: NoticeReceiver, words: str) -> None:
    until = time.monotonic() + TIMEOUT_MS / 1000
    while not any(words in told["title"] for told in messenger.got):
        assert time.monotonic() < until, messenger.got
        time.sleep(0.2)
