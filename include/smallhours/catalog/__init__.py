"""The second stages of the night: tracks, tags, audio features, neighbours and candidates.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from typing import TYPE_CHECKING

from smallhours.summary import Summary

if TYPE_CHECKING:
    from smallhours.run_context import RunContext
    from smallhours.settings import Settings


def update_tracks(run: "RunContext") -> Summary:
    """Add what was newly heard or saved to `tracks`."""
    from smallhours.catalog import stages

    return stages.update_tracks(run.listener, run.lake, settings=run.settings, night=run.night)


def fetch_neighbours(run: "RunContext") -> Summary:
    """Ask what is near the strongest tracks, artists and tags: `similar`."""
    from smallhours.catalog import stages

    clients = run.lastfm, run.listenbrainz
    return stages.fetch_neighbours(
        run.listener, run.lake, *clients, settings=_tonight(run), night=run.night
    )


def fetch_tags(run: "RunContext") -> Summary:
    """Ask for missing and stale tags, and popularity: `track_tags`, `artist_tags`, `recordings`."""
    from smallhours.catalog import stages

    clients = run.lastfm, run.listenbrainz
    return stages.fetch_tags(
        run.listener, run.lake, *clients, settings=_tonight(run), night=run.night
    )


def fetch_audio_features(run: "RunContext") -> Summary:
    """Ask ReccoBeats and AcousticBrainz for missing audio features: `audio_features`."""
    from smallhours.catalog import stages

    lake = run.lake
    clients = run.reccobeats, run.acousticbrainz, run.legacy_spotify
    return stages.fetch_audio_features(
        run.listener, lake, *clients, settings=_tonight(run), night=run.night
    )


def gather_candidates(run: "RunContext") -> Summary:
    """Gather the tracks that tonight's list may be drawn from: `candidates`."""
    from smallhours.catalog import stages

    return stages.gather_candidates(run.listener, run.lake, settings=run.settings, night=run.night)


def _tonight(run: "RunContext") -> "Settings":
    """Return the settings of a run, with a first night's limits on a first night."""
    from smallhours.catalog.seeds import settings_tonight

    return settings_tonight(run.lake, run.listener, run.settings, run.night)
