"""Draws docs/images/pages: screenshots of every page after two nights.

python -m tests.e2e.screenshots
"""

import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from smallhours.lake.store import Lake
from smallhours.local.airflow import AirflowApi
from smallhours.web.app import PAGES, PREFIX
from smallhours_sandbox.demo.demo_config import LISTENER
from smallhours_sandbox.demo.driver import Demo
from smallhours_study.study_request import studies_in
from tests.e2e.browsing import CHROMIUM, demo_after_nights, logged_in, opened_browser

IMAGES = Path(__file__).parents[2] / "docs" / "images" / "pages"
# Queries of pages that are empty without one.
_QUESTIONS = {"explore": "?tags=shoegaze,+dream+pop:60"}
# Pages of which only the beginning is drawn: thirty tracks look all alike.
_LONG = ("tonight",)
PHONE_PX = 390
# A study that takes a few seconds.
_STUDY = {
    "listener": LISTENER,
    "models": ["bayes", "linear"],
    "formats": ["tags", "apart"],
    "limits": [100, 1000],
    "splits": ["by_track", "by_artist"],
}


def main() -> int:
    """Draw the screenshots; return 1 without a browser."""
    if CHROMIUM is None:
        print("There is no Chromium on this machine: install it.", file=sys.stderr)  # noqa: T201
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo_after_nights(Path(folder), nights=2) as demo:
        study = carry_out_study(demo)
        draw(demo, {**{name: name + _QUESTIONS.get(name, "") for name in PAGES}, "study": study})
    return 0


def carry_out_study(demo: Demo) -> str:
    """Run the study's DAG with a few models and return the address of its report."""
    home = demo.config.home
    with closing(AirflowApi(home.url, password=home.password())) as api:
        run = api.trigger("regression_study", _STUDY)
        while (state := api.run_state("regression_study", run)) not in ("success", "failed"):
            time.sleep(1)
    if state == "failed":
        raise RuntimeError(f"the study failed; its logs are in {home.folder}")
    (study,) = studies_in(Lake(str(demo.config.lake)).files)
    return f"study?name={study.name}"


def draw(demo: Demo, addresses: dict[str, str]) -> None:
    """Take the screenshots: light and dark, on a phone, and within Airflow."""
    url = demo.config.home.url
    with opened_browser() as browser:
        for dark, width, suffix in (
            (False, 1000, ""),
            (True, 1000, "-dark"),
            (False, PHONE_PX, "-phone"),
        ):
            page = logged_in(browser, demo.config.home, dark=dark, width=width)
            for name, address in addresses.items():
                page.goto(f"{url}{PREFIX}/{address}")
                whole = width != PHONE_PX and name not in _LONG
                page.screenshot(path=IMAGES / f"{name}{suffix}.png", full_page=whole)
            page.close()
        page = logged_in(browser, demo.config.home)
        page.goto(f"{url}/plugin/smallhours")
        page.wait_for_timeout(3000)
        page.screenshot(path=IMAGES / "in-airflow.png")


if __name__ == "__main__":
    sys.exit(main())
