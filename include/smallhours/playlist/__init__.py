"""The playlists of a night: scoring, choice, order and reasons of the tracks, and publishing.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from typing import TYPE_CHECKING

from smallhours.playlist_settings import MAIN
from smallhours.summary import NO_SPOTIFY, Summary

if TYPE_CHECKING:
    from smallhours.run_context import RunContext


def rank_candidates(
    run: "RunContext", *, size: int | None = None, exploration: float | None = None
) -> Summary:
    """Score all candidates and choose tonight's list: `recommendations`."""
    from smallhours.playlist.rank import stage

    return stage.rank_candidates(
        run.listener,
        run.lake,
        settings=run.settings,
        night=run.night,
        size=size,
        exploration=exploration,
    )


def resolve_tracks(run: "RunContext") -> Summary:
    """Find the chosen tracks on Spotify, one search each.

    A listener without a Spotify account keeps the list as it was ranked.
    """
    from smallhours.playlist.publish import resolve

    lake, spotify = run.lake, run.spotify
    if spotify is None:
        return {"skipped": NO_SPOTIFY}
    return resolve.resolve_tracks(
        run.listener, lake, spotify, settings=run.settings, night=run.night
    )


def publish_playlist(run: "RunContext", *, dry_run: bool = False) -> Summary:
    """Write the listener's playlist, read it back, and record it: `playlists`."""
    from smallhours.places.spotify import SpotifyPlace
    from smallhours.playlist.publish import stage

    lake, spotify = run.lake, run.spotify
    if spotify is None:
        return {"skipped": NO_SPOTIFY}
    return stage.publish_playlist(
        run.listener,
        lake,
        SpotifyPlace(spotify),
        settings=run.settings,
        night=run.night,
        dry_run=dry_run,
    )


def rollback(run: "RunContext", *, intent: str = MAIN) -> Summary:
    """Put the list of an earlier night back into the playlist."""
    from smallhours.places.spotify import SpotifyPlace
    from smallhours.playlist.publish.rollback import rollback as put_back

    lake, spotify = run.lake, run.spotify
    if spotify is None:
        return {"skipped": NO_SPOTIFY}
    return put_back(
        run.listener,
        lake,
        SpotifyPlace(spotify),
        settings=run.settings,
        night=run.night,
        intent=intent,
    )
