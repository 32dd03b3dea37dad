"""The figures for Prometheus."""

import datetime as dt

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from smallhours.web.app import PREFIX
from smallhours.web.metrics_app import VARIABLE
from smallhours.web.night_metrics import FIGURES
from tests.web.conftest import PageVisitor
from tests.web.lists import add_list, add_reactions

ADDRESS = f"{PREFIX}/metrics/"
WORD = "a long random text"


def figures_of(text: str) -> dict[tuple[str, ...], float]:
    """Return each figure by its name and its labels' values, in the order of the labels' names."""
    return {
        (
            sample.name.removeprefix("smallhours_"),
            *(sample.labels[label] for label in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_of_lists_and_reactions_are_told(
    browser: TestClient, visitor: PageVisitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    night = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
    ride, lush = add_list(visitor.lake, night, [("Ride", "Vapour Trail"), ("Lush", "De-Luxe")])
    add_reactions(visitor.lake, night, {ride: "played", lush: "removed"})

    answer = browser.get(ADDRESS, headers={"Authorization": f"Bearer {WORD}"})

    found = figures_of(answer.text)
    midnight = dt.datetime.combine(night, dt.time(), dt.UTC).timestamp()
    assert found["list_night_seconds", "main", "default", "spotify"] == midnight
    assert found["lists", "default", "verified"] == 1
    assert found["picks", "default"] == 2
    assert found["picks_accepted", "default"] == found["picks_removed", "default"] == 1
    assert {name for name, *_ in found} <= FIGURES.keys()


@pytest.mark.parametrize("header", ["", "Bearer", f"Bearer {WORD}x", WORD])
def test_who_does_not_know_the_token_is_told_nothing(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.setenv(VARIABLE, WORD)
    answer = browser.get(ADDRESS, headers={"Authorization": header})
    assert answer.status_code == 401
    assert WORD not in answer.text


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer"])
def test_without_a_token_nobody_is_answered(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    answer = browser.get(ADDRESS, headers={"Authorization": header})
    assert answer.status_code == 403
    assert VARIABLE in answer.text
