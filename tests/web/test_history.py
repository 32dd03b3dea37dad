"""Tests of the History page: reactions to past lists, and the rollback button."""

import datetime as dt
import html
import re

from fastapi.testclient import TestClient

from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.web.app import PREFIX
from tests.web.conftest import PageVisitor
from tests.web.lists import BEFORE, NIGHT, add_list, add_promise, add_reactions
from tests.web.test_tonight import token_on

RIDE, LUSH = ("Ride", "Vapour Trail"), ("Lush", "De-Luxe")


def test_each_list_is_told_with_what_became_of_it(
    browser: TestClient, visitor: PageVisitor
) -> None:
    ride, lush = add_list(visitor.lake, BEFORE, [RIDE, LUSH])
    add_reactions(visitor.lake, BEFORE, {ride: "played", lush: "removed"})
    add_list(visitor.lake, NIGHT, [("Swervedriver", "Duel")], outcome="kept_yesterday")

    page = " ".join(browser.get(f"{PREFIX}/history").text.split())

    assert "Smallhours: 1 tracks, left as it was the night before." in page
    assert re.search(r"played <b>1</b> <span [^>]*>\(50 % of the list\)", page)
    assert re.search(r"removed <b>1</b> <span [^>]*>\(50 % of the list\)", page)
    assert page.index(str(NIGHT)) < page.index(str(BEFORE))


def test_what_was_said_of_a_list_that_was_made_again_counts(
    browser: TestClient, visitor: PageVisitor
) -> None:
    (ride,) = add_list(visitor.lake, NIGHT, [RIDE])
    add_reactions(visitor.lake, NIGHT, {ride: "thumbs_down"})
    (lush,) = add_list(visitor.lake, NIGHT, [LUSH])
    add_reactions(visitor.lake, NIGHT, {lush: "thumbs_up"})
    ranked = visitor.lake.frame(RECOMMENDATIONS).drop(columns=["listener", "night"])
    ranked.loc[ranked["track_key"] == ride, "position"] = None
    of_night = {"listener": "default", "night": str(NIGHT)}
    visitor.lake.replace(RECOMMENDATIONS, ranked, partition=of_night)

    page = " ".join(browser.get(f"{PREFIX}/history").text.split())

    assert "Less like this <b>1</b>" in page
    assert "Less like this: Ride – Vapour Trail, in that night&#39;s first list" in page
    assert "More like this: Lush – De-Luxe</p>" in page


def test_from_two_nights_of_which_something_is_known_the_trend_is_drawn_by_date(
    browser: TestClient, visitor: PageVisitor
) -> None:
    (ride,) = add_list(visitor.lake, BEFORE, [RIDE])
    add_reactions(visitor.lake, BEFORE, {ride: "removed"})
    (lush,) = add_list(visitor.lake, NIGHT, [LUSH])
    assert "<svg" not in browser.get(f"{PREFIX}/history").text

    add_reactions(visitor.lake, NIGHT, {lush: "played"})

    assert f"played: 0 % at {BEFORE}, 100 % at {NIGHT}" in browser.get(f"{PREFIX}/history").text


def test_the_button_triggers_the_dag_that_brings_a_list_back(
    browser: TestClient, visitor: PageVisitor
) -> None:
    add_list(visitor.lake, BEFORE, [RIDE])
    add_list(visitor.lake, NIGHT, [LUSH])
    page = browser.get(f"{PREFIX}/history").text
    assert page.count("Put this list back") == 1

    form = {"listener": "default", "night": str(BEFORE), "intent": "main"}
    answer = browser.post(f"{PREFIX}/rollback", data={**form, "form_token": token_on(page)})

    assert answer.status_code == 200
    assert visitor.triggered == [("rollback_playlist", form)]
    assert "manual__1" in answer.text


def test_a_long_history_is_shown_in_parts(browser: TestClient, visitor: PageVisitor) -> None:
    nights = [NIGHT - dt.timedelta(days=age) for age in range(32)]
    for night in nights:
        add_list(visitor.lake, night, [("Ride", "Vapour Trail")])

    newest = browser.get(f"{PREFIX}/history").text
    assert newest.count("<h2>") == 30
    older = html.unescape(newest.split('">Older lists')[0].rpartition('href="')[2])
    oldest = browser.get(older).text
    assert oldest.count("<h2>") == 2
    assert f">{nights[-1]}</a>" in oldest
    assert "Older lists" not in oldest


def test_a_promise_stands_beside_what_became_of_it(
    browser: TestClient, visitor: PageVisitor
) -> None:
    ride, lush = add_list(visitor.lake, BEFORE, [RIDE, LUSH])
    add_promise(visitor.lake, BEFORE, 1, 2)
    add_list(visitor.lake, NIGHT, [("Swervedriver", "Duel")])
    add_promise(visitor.lake, NIGHT, 0, 1)
    add_reactions(visitor.lake, BEFORE, {ride: "skipped"})

    page = browser.get(f"{PREFIX}/history").text
    assert "Promised: 0 to 1 heard out; nobody has gone through it yet." in page
    assert "Promised: 1 to 2 heard out; 0 were: not kept." in page

    add_reactions(visitor.lake, BEFORE, {lush: "played"})
    assert "Promised: 1 to 2 heard out; 1 were: kept." in browser.get(f"{PREFIX}/history").text
