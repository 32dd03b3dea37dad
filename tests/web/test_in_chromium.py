"""Tests of the pages in a real browser: size, theme, presses, and what axe-core has to say."""

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, expect

from smallhours.lake.store import Lake
from smallhours.web.app import PAGES, PREFIX, create_app
from smallhours_sandbox.spotify_images import album_images, image_routes
from tests.e2e.browsing import CHROMIUM, opened_browser
from tests.web.conftest import PageVisitor
from tests.web.lists import NIGHT, add_list, add_reactions, reactions_of

pytestmark = [
    pytest.mark.slow(seconds=5),
    pytest.mark.timeout(900),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]

# Pages without a tab of their own.
LINKED = ("edits", "playlists", "accounts", "review", "letter", "nowhere")
NAMES = [(f"The Sleeping Field {at}", f"Lanterns Out at Sea {at}") for at in range(30)]
# Of a title so long the reason, which ends with it, has many lines on a phone.
NAMES[3] = (
    "The Sleeping Field 3",
    "Lanterns Out at Sea, and All the Boats That Followed Them " * 3,
)

# As Airflow shows an external view: the frame may open no window.
AIRFLOWS_FRAME = (
    '<iframe sandbox="allow-scripts allow-same-origin allow-forms allow-downloads" '
    f'width="1200" height="900" src="{PREFIX}/tonight"></iframe>'
)


@dataclass
class ServedPages:
    """The pages of a listener with a week of lists, at an address on this machine."""

    url: str
    visitor: PageVisitor
    keys: list[str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPages]:
    folder = tmp_path_factory.mktemp("served")
    visitor = PageVisitor(Lake(str(folder / "lake")))
    outer = FastAPI()
    outer.mount(PREFIX, create_app(visitor.airflow_bridge()))
    outer.router.routes.extend(image_routes())
    outer.add_api_route("/plugin", lambda: HTMLResponse(AIRFLOWS_FRAME))
    server = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    with pytest.MonkeyPatch.context() as patch:
        thread.start()
        while not server.started:
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        patch.setenv("SMALLHOURS_SETTINGS", str(_settings(folder, url)))
        patch.setenv("SMALLHOURS_LAKE", str(folder / "lake"))
        yield ServedPages(url + PREFIX, visitor, _a_week(visitor.lake, url))
        server.should_exit = True
        thread.join()


def _settings(folder: Path, url: str) -> Path:
    path = folder / "smallhours.toml"
    path.write_text(
        '[listeners.default]\nlastfm_user = "ada"\ntimezone = "Europe/Dublin"\n'
        f'[services.spotify]\napi_url = "{url}/v1/"\n'
    )
    return path


def _a_week(lake: Lake, url: str) -> list[str]:
    for age in range(6, -1, -1):
        covers = [album_images(f"{age}x{at}", url)[1]["url"] for at in range(30)]
        night = NIGHT - dt.timedelta(days=age)
        keys = add_list(lake, night, NAMES, explored=3, covers=covers)
        if age:
            add_reactions(lake, night, {keys[age]: "played", keys[age + 1]: "skipped"})
    return keys


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@pytest.mark.parametrize(("width", "height"), [(1440, 2400), (390, 3600)])
def test_thirty_tracks_fit_on_a_page(
    width: int, height: int, served: ServedPages, chromium: Browser
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.url}/tonight")

    assert page.evaluate("document.documentElement.scrollHeight") <= height
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".cover img").count() == 30
    page.locator(".cover img").first.scroll_into_view_if_needed()
    assert page.evaluate("document.querySelector('.cover img').naturalWidth") > 0
    page.close()


@pytest.mark.parametrize(("width", "whole"), [(1440, 30), (390, 29)])
def test_every_reason_is_read_whole_on_a_phone_at_a_press(
    width: int, whole: int, served: ServedPages, chromium: Browser
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.url}/tonight")
    told = page.locator(".pick .reason")

    def read_whole() -> int:
        seen: int = told.evaluate_all(
            "them => them.filter(e => e.scrollWidth <= e.clientWidth"
            " && e.scrollHeight <= e.clientHeight).length"
        )
        return seen

    assert told.count() == 30
    assert read_whole() == whole
    page.locator(".more summary").nth(3).click()
    assert read_whole() == 30
    page.close()


def test_a_press_changes_its_row_where_it_stands(served: ServedPages, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{served.url}/tonight")
    row = page.locator(".pick").nth(20)
    more = row.get_by_role("button", name="More like this")
    more.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")

    more.click()

    expect(row.get_by_text("More like this: noted.")).to_be_visible()
    expect(row.locator("button.pressed")).to_be_focused()
    assert page.evaluate("scrollY") == before > 0
    assert reactions_of(served.visitor.lake, served.keys[20]) == {"thumbs_up"}

    row.get_by_role("button", name="Undo").click()
    expect(row.locator("button.pressed")).to_have_count(0)
    assert page.evaluate("scrollY") == before
    assert reactions_of(served.visitor.lake, served.keys[20]) == set()
    page.close()


def test_without_scripts_a_press_comes_back_to_its_row(
    served: ServedPages, chromium: Browser
) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{served.url}/tonight")
    row = page.locator(".pick").nth(10)

    row.get_by_role("button", name="Less like this").click()

    page.wait_for_url("**#t*")
    expect(row).to_be_in_viewport()
    expect(row.get_by_text("Less like this: noted.")).to_be_visible()
    row.get_by_role("button", name="Undo").click()
    expect(row.locator("button.pressed")).to_have_count(0)
    page.context.close()


def test_the_pages_follow_the_theme_that_airflow_stores(
    served: ServedPages, chromium: Browser
) -> None:
    page = chromium.new_page(color_scheme="light")
    page.goto(f"{served.url}/tonight")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)

    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.reload()

    assert page.evaluate(paper) != light
    page.close()


def test_links_open_from_within_airflows_frame(served: ServedPages, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{served.url.removesuffix(PREFIX)}/plugin")

    with page.context.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name="Open in Spotify").click()

    opened.value.close()
    page.close()


# benchmarks.pages looks at every page in both themes and both widths, over a lake with models.
@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_on_any_page(
    theme: str, width: int, served: ServedPages, chromium: Browser
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 900})
    page.goto(f"{served.url}/tonight")
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")

    found = {name: _violations(page, f"{served.url}/{name}") for name in (*PAGES, *LINKED)}

    assert not any(found.values()), found
    page.close()


def _violations(page: Page, url: str) -> list[str]:
    page.goto(url)
    for each in page.locator("summary").all():
        each.click()
    violations = Axe().run(page).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in violations]
