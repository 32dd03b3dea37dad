"""Tests of questions that fail: noted, left alone for some nights, and forgotten when answered."""

import datetime as dt
from pathlib import Path

import pytest

from smallhours.errors import BrokenReply, RetryLater, ServiceError, SourceRefused
from smallhours.lake.list_tables import DEFERRED_QUESTIONS
from smallhours.lake.store import Lake
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import DeferredQuestions, Tally, deferred_on

FIRST = dt.date(2026, 11, 1)
TAGS = "tags of Somebody"
BROKEN = BrokenReply("Last.fm", "it is not XML.", remedy="Wait.")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def notes(lake: Lake, night: dt.date) -> DeferredQuestions:
    return DeferredQuestions(lake, "ada", "Last.fm", night)


def fail(lake: Lake, night: dt.date, question: str = TAGS) -> None:
    tally = notes(lake, night).tally()
    assert tally.is_due(question)
    assert tally.fail(BROKEN, question, question) is None
    notes(lake, night).save(tally)


def test_a_question_that_keeps_failing_is_asked_ever_more_seldom(lake: Lake) -> None:
    asked = []
    for number in range(100):
        night = FIRST + dt.timedelta(days=number)
        if notes(lake, night).tally().is_due(TAGS):
            asked.append(number)
            fail(lake, night)
    assert asked == [0, 1, 3, 7, 15, 31, 47, 63, 79, 95]


def test_it_is_asked_again_in_the_same_night_and_counts_once(lake: Lake) -> None:
    fail(lake, FIRST)
    fail(lake, FIRST)
    (row,) = lake.frame(DEFERRED_QUESTIONS).to_dict("records")
    assert (row["failures"], row["ask_again"]) == (1, FIRST + dt.timedelta(days=1))


def test_an_answer_forgets_it(lake: Lake) -> None:
    fail(lake, FIRST)
    fail(lake, FIRST, "tags of Another")
    tally = notes(lake, FIRST).tally()
    tally.answer(TAGS)
    notes(lake, FIRST).save(tally)
    assert lake.frame(DEFERRED_QUESTIONS)["question"].tolist() == ["tags of Another"]


def test_what_failed_or_waits_is_told_with_the_reason(lake: Lake) -> None:
    second, fifth = FIRST + dt.timedelta(days=1), FIRST + dt.timedelta(days=4)
    fail(lake, FIRST)
    fail(lake, second)
    third = notes(lake, FIRST + dt.timedelta(days=2)).tally()
    assert not third.is_due(TAGS)
    assert third.left_alone == {TAGS: "Last.fm: it is not XML."}
    told = {"Last.fm": "tags of Somebody: Last.fm: it is not XML"}
    assert deferred_on(lake, "ada", FIRST + dt.timedelta(days=2)) == told
    assert deferred_on(lake, "ada", fifth) == {}
    assert deferred_on(lake, "bob", second) == {}


def test_a_question_of_every_night_is_never_left_alone(lake: Lake) -> None:
    for number in range(4):
        night = FIRST + dt.timedelta(days=number)
        tally = notes(lake, night).tally()
        with tally.asking("saved tracks"):
            raise BROKEN
        notes(lake, night).save(tally)
        assert notes(lake, night + dt.timedelta(days=1)).tally().is_due("saved tracks")


@pytest.mark.parametrize(
    "error",
    [
        RetryLater("Spotify", "a rate limit.", remedy="Wait.", after=60),
        SourceRefused("Spotify", "a wrong key.", remedy="Another."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_concerns_every_question_ends_the_asking(error: ServiceError) -> None:
    with pytest.raises(type(error)), Tally().asking("saved tracks"):
        raise error


def test_where_several_questions_fail_and_none_is_answered_the_service_is_down() -> None:
    tally = Tally()
    down = TransientError("Spotify", "an error 500.", remedy="Wait.", after=300)
    tally.fail(down, "top", "top tracks")
    tally.check()
    tally.fail(down, "saved", "saved tracks")
    with pytest.raises(TransientError):
        tally.check()
    tally.answer("recent plays")
    tally.check()
