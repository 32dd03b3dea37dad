"""Tests of the Review page: what waits, since when, and the answers to it."""

import datetime as dt

import pytest
from fastapi.testclient import TestClient

from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.settings import load_settings
from smallhours.web.app import PREFIX
from smallhours.web.page_context import NightProgress, WaitingList
from smallhours.web.review_page import LEFT_OUT, duration
from tests.web.conftest import PageVisitor, form_token
from tests.web.lists import BEFORE, NIGHT, add_list

RIDE, LUSH = ("Ride", "Vapour Trail"), ("Lush", "De-Luxe")


def wait(visitor: PageVisitor, night: dt.date, *, listener: str = "default") -> None:
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2, minutes=1)
    until = dt.datetime(2026, 11, 2, 9, 30, tzinfo=dt.UTC)
    waiting = WaitingList(f"run of {night}", listener, night, since, until, "Reject", "")
    visitor.waiting.append(waiting)


def send(browser: TestClient, where: str, **fields: str) -> int:
    data = {"listener": "default", "form_token": form_token(), **fields}
    return browser.post(f"{PREFIX}/{where}", data=data).status_code


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 minutes"), (1, "1 minute"), (59, "59 minutes"), (60, "1 hour"), (125, "2 hours")],
)
def test_a_wait_is_told_in_words(minutes: int, words: str) -> None:
    assert duration(dt.timedelta(minutes=minutes)) == words


def test_a_night_that_waits_for_its_listener_is_not_said_to_go_on(
    browser: TestClient, visitor: PageVisitor
) -> None:
    visitor.progress = NightProgress("Write the list", 17, 19, 1, failed=False)
    wait(visitor, load_settings().tonight("default", dt.datetime.now(dt.UTC)).date)

    page = browser.get(f"{PREFIX}/tonight").text

    assert "waits for you" in page
    assert 'id="progress"' not in page


def test_two_waiting_lists_are_told_apart_and_those_of_others_are_not_shown(
    browser: TestClient, visitor: PageVisitor
) -> None:
    for night in (BEFORE, NIGHT):
        add_list(visitor.lake, night, [RIDE])
        wait(visitor, night)
    wait(visitor, dt.date(2026, 10, 9), listener="zoe")

    page = " ".join(browser.get(f"{PREFIX}/review").text.split())

    assert f"default, night of {BEFORE}" in page
    assert f"default, night of {NIGHT}" in page
    assert "2026-10-09" not in page
    assert "It has waited for 2 hours." in page
    assert "On 2026-11-02, 09:30 it is given up" in page
    assert f"The list of {NIGHT} waits for you." in browser.get(f"{PREFIX}/tonight").text


@pytest.mark.parametrize(("do", "approved"), [("approve", True), ("reject", False)])
def test_an_answer_goes_to_the_run_that_waits(
    do: str, approved: bool, browser: TestClient, visitor: PageVisitor
) -> None:
    wait(visitor, NIGHT)

    assert send(browser, "review", run=f"run of {NIGHT}", do=do) == 303

    assert visitor.answered == [(f"run of {NIGHT}", approved)]


def test_a_track_is_taken_out_of_a_waiting_list(browser: TestClient, visitor: PageVisitor) -> None:
    ride, lush = add_list(visitor.lake, NIGHT, [RIDE, LUSH])
    wait(visitor, NIGHT)
    fields = {"night": str(NIGHT), "intent": "main"}

    assert send(browser, "review/leave-out", track_key=ride, **fields) == 303
    assert send(browser, "review/leave-out", track_key="some · body", **fields) == 400

    rows = visitor.lake.frame(RECOMMENDATIONS).set_index("track_key")
    assert rows.loc[ride, "why_not"] == LEFT_OUT
    assert rows.loc[lush, "position"] == 1
    assert "Vapour Trail" not in browser.get(f"{PREFIX}/review").text


def test_without_a_waiting_list_the_page_says_so(browser: TestClient) -> None:
    assert "No list waits." in browser.get(f"{PREFIX}/review").text
