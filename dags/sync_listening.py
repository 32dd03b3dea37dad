"""Reads what the listeners played, saved and loved: every night, from their services.

Each listener has a group of tasks of their own; when one listener's login has ended, the others'
nights go on. Who has not logged in yet is left out; when nobody has, the run is skipped. A machine
that was off at the hour makes one night when it is back. What is read lands in the lake's `plays`,
`library` and `feedback`. Once all are up to date for a listener, `refresh_catalog` starts for them.
"""

from airflow.sdk import chain, dag, task_group

from smallhours import listening
from smallhours.orchestration.params import (
    listeners_params,
    nightly_schedule,
    settings_at_parse_time,
)
from smallhours.orchestration.scheduling import FEEDBACK, LIBRARY, PLAYS, nightly
from smallhours.orchestration.tasks import MAX_RUN_TIME, choose_nights, dag_options, stage

SETTINGS = settings_at_parse_time()
SCHEDULE = nightly_schedule(SETTINGS)


@dag(
    schedule=nightly(SCHEDULE),
    params=listeners_params(SETTINGS),
    max_active_runs=1,  # two runs of one night would read everything twice, at half the rate
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("sync_listening", __doc__),
)
def sync_listening() -> None:
    """One group of tasks per listener."""

    @task_group(group_id="listening")
    def one_listener(night: str) -> None:
        chain(
            stage(listening.sync_scrobbles, night=night),
            stage(listening.sync_listenbrainz, night=night),
            stage(listening.verify_history, night=night),
            stage(listening.sync_recent_plays, night=night, outlets=[PLAYS]),
            stage(listening.sync_library, night=night, outlets=[LIBRARY]),
            stage(listening.collect_feedback, night=night, outlets=[FEEDBACK]),
        )

    one_listener.expand(night=choose_nights(cron=SCHEDULE.cron))


sync_listening()
