"""Does the page show the models in use, their figures and how they moved?"""

import datetime as dt

from fastapi.testclient import TestClient

from smallhours.pages.app import PREFIX
from smallhours.training.metrics import Metric, note_metrics
from smallhours.training.model_card import ModelCard
from smallhours.training.registry import Registry
from tests.household import settings_for
from tests.pages.conftest import Visitor
from tests.pages.lists import ME, NIGHT


def test_models_in_use_are_shown_with_their_cards(browser: TestClient, visitor: Visitor) -> None:
    card = ModelCard(
        name="taste",
        owner=ME,
        night=str(NIGHT),
        purpose="P(like) of a track.",
        limits="music without tags.",
        features=["tags"],
        data={"likes": 120},
        settings={"C": 0.1},
        seeds={"split": 1},
        metrics={"auc": 0.8314},
    )
    saved = Registry.of(visitor.lake).save(card, {"model.skops": b"not opened by the page"})

    page = browser.get(f"{PREFIX}/models").text

    assert saved.version in page
    assert "P(like) of a track." in page
    assert '<th scope="row">likes</th><td>120</td>' in page
    assert "0.8314" in page


def test_figures_of_several_nights_are_drawn_and_the_newest_listed(
    browser: TestClient, visitor: Visitor
) -> None:
    settings = settings_for("http://127.0.0.1:9")
    for age, value in ((1, 0.7), (0, 0.8)):
        night = settings.night(ME, str(NIGHT - dt.timedelta(days=age)))
        note_metrics(
            visitor.lake,
            [Metric("taste", "auc", value, n=200)],
            listener=ME,
            night=night,
        )

    page = browser.get(f"{PREFIX}/models").text

    assert "auc over the nights" in page
    assert '<td class="n">0.800</td>' in page
    assert '<td class="n">0.700</td>' not in page
