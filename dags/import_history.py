"""Reads Spotify's export of your streaming history: all of it, with what was skipped and when.

Request it on Spotify's privacy page (the *extended streaming history* is the better one; it takes
some days), put the zip on this machine, and trigger this DAG with its path. Importing a file again
changes nothing. Private sessions and podcasts are left out; IP addresses are never stored.
"""

import datetime as dt

from airflow.sdk import dag

from smallhours import listening
from smallhours.orchestration.params import export_params, settings_at_parse_time
from smallhours.orchestration.tasks import DAG_DEFAULTS, stage


@dag(
    schedule=None,
    params=export_params(settings_at_parse_time()),
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=6),
    doc_md=__doc__,
    **DAG_DEFAULTS,
)
def import_history() -> None:
    """One task; the next night learns from what it read."""
    stage(listening.import_history)


import_history()
