"""A demo whose Airflow requires a login, and a browser that is logged in."""

import base64
import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright
from rich.console import Console

from smallhours.local.airflow import AirflowHome
from smallhours.private_files import make_private_folder
from smallhours_sandbox.demo.driver import Demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The browser contacts this machine only.
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 60_000
# Users of Airflow; the second one has read-only access.
OWNER, GUEST = "admin", "guest"


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Yield a headless Chromium with long timeouts, for busy machines."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_QUIET))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def demo_after_nights(folder: Path, *, nights: int = 1) -> Iterator[Demo]:
    """Yield a running demo after a number of nights, with a read-only guest beside its owner."""
    for last in range(1, nights + 1):
        with Demo(folder, Console(stderr=True), open_to_all=False) as demo:
            if last == 1:
                invite_guest(demo.config.home.folder)
            demo.run()
            if last == nights:
                yield demo


def invite_guest(home: Path) -> None:
    """Add a guest to the configuration file of an Airflow home, before it is started first.

    Airflow generates the passwords, but not the keys of an existing configuration file. Tasks
    follow each other closely, too.
    """
    make_private_folder(home)
    fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    (home / "airflow.cfg").write_text(
        f"[core]\nsimple_auth_manager_users = {OWNER}:admin,{GUEST}:viewer\n"
        f"fernet_key = {fernet_key}\n[api]\nsecret_key = {secrets.token_hex(32)}\n"
        "[scheduler]\nscheduler_idle_sleep_time = 0.5\n",
        encoding="utf-8",
    )


def logged_in(
    browser: Browser, home: AirflowHome, *, user: str = OWNER, dark: bool = False, width: int = 1200
) -> Page:
    """Return a page of its own at Airflow's front page, after the login form."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
    )
    log_in(page, home, user=user)
    return page


def log_in(page: Page, home: AirflowHome, *, user: str = OWNER) -> None:
    """Fill in Airflow's login form; all pages of the same context are logged in then."""
    passwords = json.loads(home.passwords.read_text(encoding="utf-8"))
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(home.url)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", passwords[user])
    page.click("button[type=submit], button:has-text('Sign in')")
    page.wait_for_url(lambda url: "/auth/login" not in url)


def inside(page: Page) -> FrameLocator:
    """Return our page, which is embedded in Airflow's."""
    return page.frame_locator("iframe")
