"""The pages in Chromium: how large they are, how long they take, and what axe-core finds."""

import statistics
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from axe_playwright_python.sync_playwright import Axe
from fastapi import FastAPI
from playwright.sync_api import Browser, Page

from smallhours_sandbox.spotify_images import image_routes
from tests.e2e.browsing import opened_browser

WIDTHS = {"desktop": 1440, "phone": 390}
THEMES = ("light", "dark")
TIMES = 5

# The size of every visible text: in a chart as it is drawn, which its width decides.
_SMALLEST_TEXT = """() => {
  const sizes = [[99, ""]];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
    if (!words || !parent.checkVisibility() || !parent.getClientRects().length) continue;
    if (parent.closest(".sr, .skip, title, desc, option")) continue;
    let size = parseFloat(getComputedStyle(parent).fontSize);
    if (parent instanceof SVGElement) {
      const drawn = parent.getScreenCTM();
      size *= Math.hypot(drawn.a, drawn.b);
    }
    sizes.push([size, words]);
  }
  return sizes.reduce((least, each) => each[0] < least[0] ? each : least);
}"""
_LOADED_BYTES = """performance.getEntriesByType('navigation')
  .concat(performance.getEntriesByType('resource').filter(each => each.initiatorType !== 'img'))
  .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
_LOADED_MS = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"


@dataclass
class PageViews:
    """What was seen of the pages.

    Attributes:
        page_ms: Milliseconds until each page stood, the median of several loads.
        tonight_px: Height of *Tonight* by kind of screen.
        smallest_text: Pixels of the smallest text on any page, and the text.
        violations: What axe-core found, with the page, screen and theme.
        kilobytes: Everything that *Tonight* loads, but covers.
        scroll_after_press: Pixels by which the page moved when a button was pressed.
    """

    page_ms: dict[str, float] = field(default_factory=dict)
    tonight_px: dict[str, int] = field(default_factory=dict)
    smallest_text: tuple[float, str] = (99.0, "")
    violations: list[str] = field(default_factory=list)
    kilobytes: float = 0.0
    scroll_after_press: float = 0.0


def view_pages(pages: FastAPI, addresses: Mapping[str, str], prefix: str) -> PageViews:
    """Open each page in both themes and widths.

    Args:
        pages: The application, at its prefix.
        addresses: Of each page by its name, below the prefix; `tonight` is one of them.
        prefix: Where they are.
    """
    found = PageViews()
    with _served(pages) as url, opened_browser() as browser:
        for screen, width in WIDTHS.items():
            for theme in THEMES:
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.goto(f"{url}{prefix}/tonight")
                page.evaluate(f"localStorage.setItem('theme', '{theme}')")
                for name, address in addresses.items():
                    page.goto(f"{url}{prefix}/{address}")
                    _inspect(page, f"{name}, {screen}, {theme}", found)
                    if name == "tonight":
                        height = page.evaluate("document.documentElement.scrollHeight")
                        found.tonight_px[screen] = max(height, found.tonight_px.get(screen, 0))
                page.close()
        _time(browser, f"{url}{prefix}", addresses, found)
        _press(browser, f"{url}{prefix}/tonight", found)
    return found


def _inspect(page: Page, where: str, found: PageViews) -> None:
    for unfolded in (False, True):
        if unfolded:
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        size, words = page.evaluate(_SMALLEST_TEXT)
        found.smallest_text = min(found.smallest_text, (size, f"{words} ({where})"))
    for each in Axe().run(page).response["violations"]:
        found.violations.append(f"{each['id']} ({where}): {each['nodes'][0]['html'][:200]}")
    page.reload()


def _time(browser: Browser, prefix: str, addresses: Mapping[str, str], found: PageViews) -> None:
    page = browser.new_page()
    for name, address in addresses.items():
        took = []
        for _ in range(TIMES + 1):
            page.goto(f"{prefix}/{address}", wait_until="load")
            took.append(page.evaluate(_LOADED_MS))
        found.page_ms[name] = statistics.median(took[1:])
    page.close()


def _press(browser: Browser, tonight: str, found: PageViews) -> None:
    page = browser.new_page()
    page.goto(tonight, wait_until="load")
    found.kilobytes = page.evaluate(_LOADED_BYTES) / 1e3
    row = page.locator(".pick").last
    button = row.get_by_role("button", name="More like this")
    button.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    button.click()
    row.locator("button.pressed").wait_for()
    found.scroll_after_press = abs(page.evaluate("scrollY") - before)
    row.get_by_role("button", name="Undo").click()
    row.locator("button.pressed").wait_for(state="detached")
    page.close()


@contextmanager
def _served(pages: FastAPI) -> Iterator[str]:
    """Serve the pages on this machine, with the sandbox's covers; yield the address."""
    pages.router.routes.extend(image_routes())
    server = uvicorn.Server(uvicorn.Config(pages, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
