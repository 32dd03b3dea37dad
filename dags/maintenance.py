"""Removes old runs, events and logs from Airflow's home, so that it does not grow for years.

It starts with the night, and keeps what is younger than `[maintenance] keep_days`. The lake is left
as it is: your history and your lists are not Airflow's. The newest scheduled run of each DAG always
stays, since Airflow tells the next one by it. The task's log says how much was removed.
"""

from airflow.sdk import dag

from smallhours.orchestration.maintenance import remove_old_runs
from smallhours.orchestration.params import nightly_schedule, settings_at_parse_time
from smallhours.orchestration.scheduling import nightly
from smallhours.orchestration.tasks import MAX_RUN_TIME, dag_options


@dag(
    schedule=nightly(nightly_schedule(settings_at_parse_time())),
    max_active_runs=1,
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("maintenance", __doc__),
)
def maintenance() -> None:
    """One task; its return value is what was removed."""
    remove_old_runs()


maintenance()
