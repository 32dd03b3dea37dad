"""Draws docs/images/pages: every page, as a browser shows it.

python -m tests.e2e.screenshots
"""

import sys
import tempfile
from pathlib import Path

from smallhours.pages.app import PAGES, PREFIX
from tests.e2e.browsing import CHROMIUM, logged_in, night_at_home, opened_browser

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "pages"
# Where a page needs a question to have something to show.
_QUESTIONS = {"explore": "?tags=shoegaze,+dream+pop:60"}
PHONE_PX = 390


def main() -> int:
    """Draw them; 1 without a browser."""
    if CHROMIUM is None:
        print("There is no Chromium on this machine: install it.", file=sys.stderr)  # noqa: T201
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, night_at_home(Path(folder)) as demo:
        url = demo.around.home.url
        with opened_browser() as browser:
            for dark, width, suffix in (
                (False, 1000, ""),
                (True, 1000, "-dark"),
                (False, PHONE_PX, "-phone"),
            ):
                page = logged_in(browser, demo, dark=dark, width=width)
                for name in PAGES:
                    page.goto(f"{url}{PREFIX}/{name}{_QUESTIONS.get(name, '')}")
                    page.screenshot(path=IMAGES / f"{name}{suffix}.png")
                page.close()
            page = logged_in(browser, demo)
            page.goto(f"{url}/plugin/smallhours")
            page.wait_for_timeout(3000)
            page.screenshot(path=IMAGES / "in-airflow.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
