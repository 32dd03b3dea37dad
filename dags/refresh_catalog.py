"""Finds music around what a listener plays: neighbours, tags, audio features, candidates.

It starts for a listener when `sync_listening` has read their night, and asks Last.fm and ReccoBeats
only for what the lake does not know yet or has not asked for in a long time. The catalog is shared
between listeners, whose runs go on at once: they share the services' rates, and what one of them
was answered the others don't ask.
"""

from airflow.sdk import chain, dag

from smallhours import catalog
from smallhours.orchestration.params import night_params, settings_at_parse_time
from smallhours.orchestration.scheduling import (
    AUDIO_FEATURES,
    CANDIDATES,
    FEEDBACK,
    LIBRARY,
    PLAYS,
    TAGS,
    after,
)
from smallhours.orchestration.tasks import MAX_RUN_TIME, dag_options, stage


@dag(
    schedule=after(PLAYS & LIBRARY & FEEDBACK),
    params=night_params(settings_at_parse_time()),
    max_active_runs=4,
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("refresh_catalog", __doc__),
)
def refresh_catalog() -> None:
    """Go from played tracks to candidates."""
    chain(
        stage(catalog.update_tracks),
        stage(catalog.fetch_neighbours),
        stage(catalog.fetch_tags, outlets=[TAGS]),
        stage(catalog.fetch_audio_features, outlets=[AUDIO_FEATURES]),
        stage(catalog.gather_candidates, outlets=[CANDIDATES]),
    )


refresh_catalog()
