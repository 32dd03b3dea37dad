"""Tests of failed stages: the task's state, and its log."""

import datetime as dt
import logging
from dataclasses import dataclass

import pytest
from airflow.sdk import RetryAction, RetryDecision
from airflow.sdk.exceptions import AirflowRescheduleException

from smallhours.errors import (
    BrokenReply,
    DegeneratePlaylist,
    LakeUnwritable,
    NeedsLogin,
    NotEnoughData,
    NotFound,
    QuotaExceeded,
    Refused,
    RetryLater,
    SettingsError,
    SmallhoursError,
)
from smallhours.orchestration.scheduling import PartitionKey
from smallhours.orchestration.tasks import (
    ErrorRetryPolicy,
    StageStopped,
    is_overtaken,
    one_line_errors,
)
from smallhours.schedule import ScheduleSettings

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore::Warning")]


def decision_on(error: SmallhoursError) -> RetryDecision:
    """Return what the retry policy decides when a task ends with an error, or with it as cause."""
    with pytest.raises(StageStopped) as caught, one_line_errors():
        raise error
    decision = ErrorRetryPolicy().evaluate(caught.value, 1, 3)
    assert decision == ErrorRetryPolicy().evaluate(error, 1, 3)
    return decision


@pytest.mark.parametrize(
    "error",
    [
        SettingsError("A.", remedy="B."),
        LakeUnwritable("A.", remedy="B."),
        NeedsLogin("Spotify", "A.", remedy="B."),
        NotFound("Last.fm", "A.", remedy="B."),
        Refused("Last.fm", "A.", remedy="B."),
        NotEnoughData("A.", remedy="B."),
        DegeneratePlaylist("A.", remedy="B."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_only_a_person_can_put_right_fails_at_once(error: SmallhoursError) -> None:
    assert decision_on(error).action is RetryAction.FAIL


def test_a_short_wait_is_a_retry_after_it() -> None:
    decision = decision_on(RetryLater("Spotify", "a rate limit.", remedy="Wait.", after=7))

    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == dt.timedelta(seconds=7)
    assert decision.reason == "Spotify: a rate limit."


def test_a_broken_reply_is_a_retry() -> None:
    decision = decision_on(BrokenReply("Last.fm", "no XML.", remedy="Wait."))

    assert decision.action is RetryAction.RETRY


@pytest.mark.parametrize("kind", [RetryLater, QuotaExceeded])
def test_a_long_wait_gives_the_worker_back_until_it_is_over(kind: type[RetryLater]) -> None:
    hour = dt.timedelta(hours=1)
    before = dt.datetime.now(dt.UTC)

    with pytest.raises(AirflowRescheduleException) as caught, one_line_errors():
        raise kind("Spotify", "a quota.", remedy="Wait.", after=hour.total_seconds())

    assert before + hour <= caught.value.reschedule_date <= dt.datetime.now(dt.UTC) + hour


def test_the_log_gets_one_line_with_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        decision_on(NeedsLogin("Spotify", "the login has ended.", remedy="Log in again."))

    assert [record.getMessage() for record in caplog.records] == [
        "Spotify: the login has ended. Log in again."
    ]
    assert caplog.records[0].exc_info is None


def test_what_nobody_foresaw_keeps_its_traceback_and_has_three_tries() -> None:
    with pytest.raises(ZeroDivisionError), one_line_errors():
        raise ZeroDivisionError

    decisions = [
        ErrorRetryPolicy().evaluate(ZeroDivisionError(), number, 6) for number in (1, 2, 3)
    ]
    assert [each.action for each in decisions] == [
        *(RetryAction.DEFAULT, RetryAction.DEFAULT),
        RetryAction.FAIL,
    ]


def test_a_partition_key_names_listener_and_night() -> None:
    key = PartitionKey("ada", "2026-11-02")

    assert str(key) == "ada@2026-11-02"
    assert PartitionKey.parse(str(key)) == key


@pytest.mark.parametrize("key", ["", "ada", "ada@", "@2026-11-02"])
def test_a_partition_key_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="partition key"):
        PartitionKey.parse(key)


@dataclass
class DueRun:
    """A run of the nightly DAG, as a task sees it."""

    run_type: str
    run_after: dt.datetime


@pytest.mark.parametrize(
    ("run_type", "days_late", "overtaken"),
    [("scheduled", 0, False), ("scheduled", 3, True), ("manual", 3, False)],
)
def test_only_the_newest_of_the_scheduled_runs_that_were_missed_runs(
    run_type: str, days_late: int, overtaken: bool
) -> None:
    due = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_late, minutes=1)
    run = DueRun(run_type, due)

    assert is_overtaken(run, f"{due.minute} {due.hour} * * *", ScheduleSettings()) is overtaken
