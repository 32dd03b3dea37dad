"""Asks Spotify for the last 50 plays, every hour: it never shows older ones.

Last.fm is the history of record, and most plays are known from there; this adds Spotify's ids, and
the plays of listeners who don't scrobble. When there were more than 50 since the last time, the
task's log says from when on plays may be missing.
"""

import datetime as dt

from airflow.sdk import CronTriggerTimetable, dag, task_group

from smallhours import listening
from smallhours.orchestration.params import (
    listeners_params,
    nightly_schedule,
    settings_at_parse_time,
)
from smallhours.orchestration.tasks import choose_nights, dag_options, stage

SETTINGS = settings_at_parse_time()
SCHEDULE = nightly_schedule(SETTINGS)


@dag(
    schedule=CronTriggerTimetable(SCHEDULE.poll_cron, timezone=SCHEDULE.timezone),
    params=listeners_params(SETTINGS),
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=1),
    **dag_options("poll_recent_plays", __doc__),
)
def poll_recent_plays() -> None:
    """One task per listener."""

    @task_group
    def polling(night: str) -> None:
        stage(listening.sync_recent_plays, night=night)

    polling.expand(night=choose_nights(cron=SCHEDULE.poll_cron, services=("spotify",)))


poll_recent_plays()
