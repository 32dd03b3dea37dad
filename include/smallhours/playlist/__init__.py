"""The playlists of a night: scoring, choice, order and reasons of the tracks, and publishing.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from typing import TYPE_CHECKING

from smallhours.errors import NeedsLogin, SettingsError, SourceRefused
from smallhours.playlist_settings import MAIN
from smallhours.summary import NO_SPOTIFY, Summary
from smallhours.vocabulary import PlaceName

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

    A listener whose lists go elsewhere only keeps the list as it was ranked; so does one with other
    places while Spotify refuses.
    """
    from smallhours.playlist.publish import resolve

    places = run.settings.listener(run.listener).places
    if PlaceName.SPOTIFY not in places:
        has_account = run.settings.listener(run.listener).spotify
        return {"skipped": "no list goes to Spotify" if has_account else NO_SPOTIFY}
    try:
        lake, spotify = run.lake, run.spotify
        assert spotify is not None  # noqa: S101 - the settings have been checked
        return resolve.resolve_tracks(
            run.listener, lake, spotify, run.listenbrainz, settings=run.settings, night=run.night
        )
    except (SourceRefused, NeedsLogin, SettingsError) as error:
        if len(places) == 1:
            raise
        return {"set_aside": str(error)}


def publish_playlist(run: "RunContext", *, dry_run: bool = False) -> Summary:
    """Write the listener's playlists, read them back, and record it: `playlists`."""
    from smallhours.places.choice import places_of
    from smallhours.playlist.publish.everywhere import publish_everywhere

    return publish_everywhere(
        run.listener,
        run.lake,
        places_of(run),
        settings=run.settings,
        night=run.night,
        dry_run=dry_run,
    )


def rollback(run: "RunContext", *, intent: str = MAIN) -> Summary:
    """Put the list of an earlier night back into the playlist, at every place."""
    from smallhours.places.choice import places_of
    from smallhours.playlist.publish.rollback import rollback_everywhere

    return rollback_everywhere(
        run.listener,
        run.lake,
        places_of(run),
        settings=run.settings,
        night=run.night,
        intent=intent,
    )
