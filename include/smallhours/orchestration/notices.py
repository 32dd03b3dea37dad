"""Notices to the listener through Airflow's Apprise provider: mail, a messenger, a phone.

The connection that `[notices]` names says where they go. Notices report that tonight's list was
published, that yesterday's was kept, that the login ends soon, or that the listener has to act.
A lasting problem is reported once a day, the end of a login once a week.

Two notifiers send them all, as the callbacks of the stages' tasks: Airflow calls these when a task
has ended, so that a notice that can't be sent never fails the night.
"""

import calendar
import datetime as dt
import logging
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import BaseNotifier

from smallhours.checkup import Finding, bad, good
from smallhours.errors import (
    DegeneratePlaylist,
    NeedsLogin,
    PlaylistNotOwned,
    Refused,
    SettingsError,
    SmallhoursError,
)
from smallhours.orchestration.connections import (
    AirflowSecrets,
    read_variable,
    stored_connection,
    write_variable,
)
from smallhours.orchestration.scheduling import PartitionKey, night_of_task
from smallhours.places.place import page_of
from smallhours.services.credentials import (
    REMIND_DAYS_LEFT,
    SpotifyCredentials,
    days_left,
    login_remedy,
)
from smallhours.settings import Event, ReviewSettings, Settings, load_settings
from smallhours.summary import Summary
from smallhours.vocabulary import Outcome, PlaceName

LOG = logging.getLogger(__name__)

REPEAT_AFTER_DAYS = {"published": 0, "kept": 1, "needs_you": 1, "login": 7, "letter": 6}
SHOW_PLAN = "show_plan"
APPROVE = "approve"
ANSWER = "answer"  # kept under this key with what `SHOW_PLAN` returned
PUBLISH = "publish_playlist"
_USER_ERRORS = (NeedsLogin, PlaylistNotOwned, Refused, SettingsError)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        event: Its kind, by which a listener subscribes.
        title: One line.
        body: A few sentences.
    """

    event: Event
    title: str
    body: str


def notice_of_playlist(listener: str, date: str, summary: Summary) -> Notice | None:
    """Return the notice of tonight's list; None when nothing has changed."""
    if summary.get("outcome") != Outcome.VERIFIED or not summary.get("added"):
        return None
    further = [
        f"{name}: {said}"
        for name, said in summary.items()
        if isinstance(said, str) and name not in ("outcome", "place", "playlist_id", "note")
    ]
    body = [
        f"The night of {date} left {summary['added']} new tracks in your playlist.",
        str(summary["note"]),
        *further,
        page_of(str(summary.get("place", PlaceName.SPOTIFY)), summary["playlist_id"]),
    ]
    title = f"Smallhours: {summary['tracks']} tracks for {listener}"
    return Notice("published", title, "\n".join(filter(None, body)))


def notice_of_error(listener: str, error: SmallhoursError) -> Notice | None:
    """Return the notice of an error; None when it needs no action."""
    if isinstance(error, DegeneratePlaylist):
        return Notice("kept", f"Smallhours wrote no new list for {listener}", str(error))
    if isinstance(error, _USER_ERRORS):
        return Notice("needs_you", f"Smallhours needs {listener}", str(error))
    return None


def set_aside(listener: str, summary: Summary) -> Notice | None:
    """A service refuses the key, the account or the app; None when none did."""
    reasons = summary.get("set_aside")
    if reasons is None:
        return None
    body = f"{reasons} The night goes on without it, from what is known already."
    return Notice("needs_you", f"Smallhours needs {listener}", body)


def notice_of_alarms(listener: str, summary: Summary) -> Notice | None:
    """Return the notice of what grows worse unnoticed; None without an alarm."""
    alarms = summary.get("alarms")
    return alarms and Notice("needs_you", f"Smallhours: alarm for {listener}", str(alarms))


def notice_of_login_end(credentials: SpotifyCredentials, now: dt.datetime) -> Notice | None:
    """Return the notice of a login that ends within a month; None otherwise, or when unknown."""
    left = days_left(credentials, now)
    if left is None or left > REMIND_DAYS_LEFT or left < 0:
        return None
    when = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"
    return Notice(
        "login",
        f"Smallhours: the Spotify login of {credentials.listener} ends {when}",
        f"Nothing is wrong yet. {login_remedy(credentials.listener)}",
    )


def notice_of_approval(listener: str, planned: str, review: ReviewSettings) -> Notice:
    """Return the notice of a list that waits for approval."""
    otherwise = "it is published" if review.unanswered == "publish" else "yesterday's stays"
    hours = "an hour" if review.hours == 1 else f"{review.hours:g} hours"
    # The plan is Markdown, which messengers and mail show as it is.
    first = planned.partition("\n")[0].replace("**", "")
    return Notice(
        "needs_you",
        f"Smallhours: tonight's list for {listener} waits for you",
        f"{first} Look at it in Airflow's menu, Smallhours, and approve or reject it there; "
        f"after {hours} without an answer {otherwise}.",
    )


def notice_of_week(listener: str, date: str, settings: Settings) -> Notice | None:
    """Return the letter about the last week, on the night of a Monday; None on other nights."""
    from smallhours.lake.store import Lake
    from smallhours.playlist.explain.letter import heading, letter_facts, sentences, week_before

    night = dt.date.fromisoformat(date)
    if night.weekday() != calendar.MONDAY or "letter" not in settings.notices.events:
        return None
    zone = ZoneInfo(settings.listener(listener).timezone)
    facts = letter_facts(Lake(settings.lake.url), listener, zone, *week_before(night))
    return Notice("letter", f"Smallhours: {heading(facts)}", "\n\n".join(sentences(facts)))


class StageFailedNotifier(BaseNotifier):
    """Notifies the listener of an error that only they can fix."""

    def notify(self, context: Any) -> None:
        """Send the notice of the error that ended a task."""
        ended = context.get("exception")
        # A stage's error is the cause of the exception that ends its task.
        error = getattr(ended, "__cause__", None) or ended
        settings = _settings_with_notices()
        if settings is not None and isinstance(error, SmallhoursError):
            listener = night_of_task(context, settings).listener
            send_notice(settings, listener, notice_of_error(listener, error))


class StageSucceededNotifier(BaseNotifier):
    """Notifies the listener of tonight's list, or of what they should know beside it."""

    def notify(self, context: Any) -> None:
        """Send the notices of what a task returned."""
        settings = _settings_with_notices()
        if settings is None:
            return
        task = context["ti"]
        returned = task.xcom_pull(task_ids=task.task_id, map_indexes=task.map_index)
        key = night_of_task(context, settings)
        for notice in _notices_of(task.task_id, returned, key, settings):
            send_notice(settings, key.listener, notice)


def _settings_with_notices() -> Settings | None:
    """Return the settings; None when they name no connection, or can't be read."""
    try:
        settings = load_settings()
    except SettingsError:  # the task has said so
        return None
    return settings if settings.notices.connection else None


def _notices_of(
    task_id: str, returned: Any, key: PartitionKey, settings: Settings
) -> list[Notice | None]:
    """Return the notices of what a task returned."""
    if task_id == SHOW_PLAN:
        return [notice_of_approval(key.listener, returned, settings.review)]
    notices = [set_aside(key.listener, returned), notice_of_alarms(key.listener, returned)]
    if task_id == PUBLISH:
        notices.append(notice_of_playlist(key.listener, key.date, returned))
        notices.append(notice_of_week(key.listener, key.date, settings))
        if settings.listener(key.listener).spotify:
            login = AirflowSecrets().spotify(key.listener)
            notices.append(notice_of_login_end(login, dt.datetime.now(dt.UTC)))
    return notices


def send_notice(settings: Settings, listener: str, notice: Notice | None) -> None:
    """Send a notice, unless the settings disable it or it was sent recently."""
    wanted = settings.notices
    if notice is None or not wanted.connection or notice.event not in wanted.events:
        return
    try:
        if _sent_recently(listener, notice):
            return
        from airflow.providers.apprise.hooks.apprise import AppriseHook

        hook = AppriseHook(apprise_conn_id=wanted.connection)
        hook.notify(body=notice.body, title=notice.title)
        _record_sent(listener, notice)
    # Any error may happen while sending. Its message is not logged, since an address may contain a
    # token.
    except Exception as error:
        LOG.warning(
            "The notice %r did not get through (%s); see the connection `%s`.",
            notice.title,
            type(error).__name__,
            wanted.connection,
        )


def check_notices(settings: Settings) -> list[Finding]:
    """Check the connection that notices go through; nothing is sent."""
    name = settings.notices.connection
    if not name:
        return []
    import apprise
    from airflow.providers.apprise.hooks.apprise import AppriseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    remedy = (
        f"Make a connection `{name}` of type Apprise in Airflow (Admin, Connections), or correct "
        "`notices.connection` in the settings."
    )
    services = apprise.Apprise()
    hook = AppriseHook(apprise_conn_id=name)
    try:
        hook.set_config_from_conn(stored_connection(name), services)
    except AirflowNotFoundException:
        return [bad("notices", f"there is no connection `{name}`", remedy)]
    except (KeyError, TypeError, ValueError):
        return [bad("notices", f"the connection `{name}` has no `config` for Apprise", remedy)]
    if not len(services):
        return [bad("notices", f"Apprise knows no address in the connection `{name}`", remedy)]
    return [good("notices", f"`{name}` leads to {len(services)} addresses")]


def _sent_recently(listener: str, notice: Notice) -> bool:
    told = (read_variable(_variable(listener)) or {}).get(notice.event)
    days = REPEAT_AFTER_DAYS[notice.event]
    if told is None or days == 0:
        return False
    return (_today() - dt.date.fromisoformat(told)).days < days


def _record_sent(listener: str, notice: Notice) -> None:
    told = read_variable(_variable(listener)) or {}
    write_variable(_variable(listener), {**told, notice.event: _today().isoformat()})


def _variable(listener: str) -> str:
    return f"smallhours_told_{listener}"


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()
