"""Reads your listening history from files: Spotify's export, ListenBrainz' zip, and many others.

Request Spotify's on its privacy page (the *extended streaming history* is the better one; it takes
some days). `docs/history-files.md` says how to get files of Last.fm, ListenBrainz, Maloja, Koito,
Pano Scrobbler and players. Put them on this machine, and trigger this DAG with their paths; each is
recognised by its content. Importing a file again, or one beside a service that is synced, doubles
nothing. Private sessions and podcasts are left out; IP addresses are never stored.
"""

import datetime as dt

from airflow.sdk import dag

from smallhours import listening
from smallhours.orchestration.params import export_params, settings_at_parse_time
from smallhours.orchestration.tasks import dag_options, stage


@dag(
    schedule=None,
    params=export_params(settings_at_parse_time()),
    max_active_runs=1,
    dagrun_timeout=dt.timedelta(hours=6),
    **dag_options("import_history", __doc__),
)
def import_history() -> None:
    """One task; the next night learns from what it read."""
    stage(listening.import_history)


import_history()
