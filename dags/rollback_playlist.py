"""Puts the list of an earlier night back into a listener's playlist.

Trigger it with the listener and the night; the History page has a button for it. The list comes
back as carefully as a new one is written: what the listener added stays, what they removed stays
away. Tonight's run leaves it alone; the next night's list takes its place as usual.
"""

from airflow.sdk import dag

from smallhours import playlist
from smallhours.orchestration.params import rollback_params, settings_at_parse_time
from smallhours.orchestration.tasks import MAX_RUN_TIME, dag_options, stage


@dag(
    schedule=None,
    params=rollback_params(settings_at_parse_time()),
    max_active_runs=1,
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("rollback_playlist", __doc__),
)
def rollback_playlist() -> None:
    """One task; the ledger tells what it did."""
    stage(playlist.rollback)


rollback_playlist()
