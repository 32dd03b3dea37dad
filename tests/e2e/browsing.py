"""A demo whose Airflow asks for a password, and a browser that is logged in to it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, sync_playwright
from rich.console import Console

from smallhours.demo.driver import Demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The browser asks nobody but this machine.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def night_at_home(folder: Path) -> Iterator[Demo]:
    """A demo after its first night, still up."""
    with Demo(folder, Console(stderr=True), open_to_all=False) as demo:
        demo.run()
        yield demo


def logged_in(browser: Browser, demo: Demo, *, dark: bool = False, width: int = 1200) -> Page:
    """A page at Airflow's front, after the login form."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(demo.around.home.url)
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", demo.around.home.password() or "")
    page.click("button[type=submit], button:has-text('Sign in')")
    page.wait_for_url(lambda url: "/auth/login" not in url)
    return page


def inside(page: Page) -> FrameLocator:
    """Our page, within Airflow's."""
    return page.frame_locator("iframe")
