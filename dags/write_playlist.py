"""Chooses tonight's tracks and writes them into the listener's playlists, with the reasons.

It starts for a listener when their models are trained. Only the chosen tracks are looked up on
Spotify, and only a playlist that Smallhours made is ever written. A list too short or too poor
leaves yesterday's in place. With `review` in the settings the run waits for somebody to approve
what would change. The form takes other settings for one list, and a dry run.
"""

from airflow.sdk import chain, dag

from smallhours import playlist
from smallhours.orchestration.params import playlist_params, settings_at_parse_time
from smallhours.orchestration.review import approval, show_plan
from smallhours.orchestration.scheduling import MODELS, PLAYLIST, after
from smallhours.orchestration.tasks import MAX_RUN_TIME, dag_options, stage


@dag(
    schedule=after(MODELS),
    params=playlist_params(settings_at_parse_time()),
    dagrun_timeout=MAX_RUN_TIME,
    **dag_options("write_playlist", __doc__),
)
def write_playlist() -> None:
    """Go from candidates to a published playlist."""
    chain(
        stage(playlist.rank_candidates),
        stage(playlist.resolve_tracks),
        show_plan(),
        approval(settings_at_parse_time()),
        # The two tasks before it are skipped when no approval is wanted.
        stage(playlist.publish_playlist, outlets=[PLAYLIST], trigger_rule="none_failed"),
    )


write_playlist()
