"""Tests of notices to the listener, over a real Apprise connection."""

import datetime as dt
from typing import Any

import pytest

from smallhours.errors import DegeneratePlaylist, NeedsLogin, PlaylistNotOwned, RetryLater
from smallhours.orchestration import notices
from smallhours.services.credentials import SpotifyCredentials
from smallhours.settings import Settings, parse_settings
from tests.dags.conftest import IGNORE_AIRFLOW_WARNINGS
from tests.notice_receiver import NoticeReceiver, airflow_db, messenger

__all__ = ["airflow_db", "messenger"]

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings(IGNORE_AIRFLOW_WARNINGS)]

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
TOLD = PlaylistNotOwned("Our playlist lost its marker.", remedy="Put it back.")


def settings(**told: Any) -> Settings:
    return parse_settings(
        {
            "listeners": {
                name: {"lastfm_user": name, "timezone": "UTC"} for name in ("ada", "bo", "cy")
            },
            "notices": {"connection": "messenger", **told},
        },
        origin="the test",
    )


def login(days_ago: int) -> SpotifyCredentials:
    return SpotifyCredentials(
        "id", None, "secret-token", authorized_at=NOW - dt.timedelta(days=days_ago), listener="ada"
    )


def test_tonights_list_is_told_with_its_counts_and_address() -> None:
    summary = {
        "outcome": "verified", "playlist_id": "abc", "tracks": 30, "added": 30, "removed": 28,
        "note": "30 tracks, 30 added, 28 removed.", "sleep": "12 tracks, 12 added.",
    }  # fmt: skip
    told = notices.notice_of_playlist("ada", "2026-11-02", summary)
    assert told is not None
    assert told.title == "Smallhours: 30 tracks for ada"
    assert "30 added, 28 removed" in told.body
    assert "sleep: 12 tracks" in told.body
    assert "open.spotify.com/playlist/abc" in told.body


def test_a_night_that_changed_nothing_is_no_news() -> None:
    assert (
        notices.notice_of_playlist("ada", "2026-11-02", {"outcome": "verified", "added": 0}) is None
    )
    assert (
        notices.notice_of_playlist("ada", "2026-11-02", {"outcome": "dry_run", "added": 9}) is None
    )


def test_what_an_error_means_to_the_listener() -> None:
    kept = notices.notice_of_error("ada", DegeneratePlaylist("4 tracks.", remedy="Look."))
    assert kept is not None
    assert (kept.event, kept.body) == ("kept", "4 tracks. Look.")
    needs = notices.notice_of_error("ada", NeedsLogin("Spotify", "it ended.", remedy="Log in."))
    assert needs is not None
    assert needs.event == "needs_you"
    assert notices.notice_of_error("ada", RetryLater("x", "busy.", remedy="Wait.", after=1)) is None


def test_a_service_that_is_set_aside_needs_the_listener() -> None:
    told = notices.set_aside("ada", {"set_aside": "Last.fm: error 10. Put a key in."})
    assert told is not None
    assert told.event == "needs_you"
    assert told.body.startswith("Last.fm: error 10. Put a key in.")
    assert notices.set_aside("ada", {"plays_added": 3}) is None


def test_an_alarm_is_told() -> None:
    told = notices.notice_of_alarms("ada", {"alarms": "Your lists are received worse."})
    assert told is not None
    assert (told.event, told.body) == ("needs_you", "Your lists are received worse.")
    assert notices.notice_of_alarms("ada", {"chosen": 30}) is None


@pytest.mark.parametrize(
    ("days_ago", "when"), [(149, None), (150, "in 32 days"), (181, "tomorrow"), (183, None)]
)
def test_the_end_of_a_login_is_told_from_day_150_on(days_ago: int, when: str | None) -> None:
    told = notices.notice_of_login_end(login(days_ago), NOW)
    assert (told is None) == (when is None)
    if told is not None and when is not None:
        assert when in told.title
        assert "smallhours login spotify --listener ada" in told.body
        assert "secret-token" not in told.title + told.body


def test_a_notice_reaches_the_listener_once_a_day(messenger: NoticeReceiver) -> None:
    for _ in range(2):
        notices.send_notice(settings(), "ada", notices.notice_of_error("ada", TOLD))
    (message,) = messenger.got
    assert message["title"] == "Smallhours needs ada"
    assert message["message"] == str(TOLD)


def test_only_what_the_settings_ask_for_is_told(messenger: NoticeReceiver) -> None:
    for wanted in (settings(events=["published"]), settings(connection="")):
        notices.send_notice(wanted, "bo", notices.notice_of_error("bo", TOLD))
    assert messenger.got == []


def test_a_notice_that_does_not_get_through_fails_nothing(
    airflow_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    del airflow_db
    notices.send_notice(settings(connection="nowhere"), "cy", notices.notice_of_error("cy", TOLD))
    assert "did not get through" in caplog.text
