"""The first stages of the night: plays, library and feedback.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smallhours.summary import NO_LASTFM, NO_LISTENBRAINZ, NO_SPOTIFY, Summary

if TYPE_CHECKING:
    from smallhours.run_context import RunContext
    from smallhours.services.listenbrainz import ListenBrainzClient
    from smallhours.services.musicbrainz import MusicBrainzClient


def sync_scrobbles(run: "RunContext") -> Summary:
    """Read new scrobbles from Last.fm into `plays`."""
    from smallhours.listening import stages

    lake, lastfm = run.lake, run.lastfm
    if lastfm is None:
        return {"skipped": NO_LASTFM}
    return stages.sync_scrobbles(run.listener, lake, lastfm, settings=run.settings, night=run.night)


def sync_listenbrainz(run: "RunContext") -> Summary:
    """Read new listens from ListenBrainz into `plays`."""
    from smallhours.listening import listens

    lake, client = run.lake, run.listenbrainz
    if client is None or not run.settings.listener(run.listener).listenbrainz:
        return {"skipped": NO_LISTENBRAINZ}
    return listens.sync_listenbrainz(
        run.listener, lake, client, settings=run.settings, night=run.night
    )


def verify_history(run: "RunContext") -> Summary:
    """Once a month, compare `plays` with what Last.fm and ListenBrainz count, and mend them."""
    from smallhours.listening import listens, verification

    lake, lastfm, listenbrainz = run.lake, run.lastfm, run.listenbrainz
    settings, night = run.settings, run.night
    told: list[Summary] = []
    if lastfm is not None:
        told.append(
            verification.verify_history(run.listener, lake, lastfm, settings=settings, night=night)
        )
    if listenbrainz is not None and settings.listener(run.listener).listenbrainz:
        told.append(
            listens.verify_listens(run.listener, lake, listenbrainz, settings=settings, night=night)
        )
    return _joined(told) if told else {"skipped": f"{NO_LASTFM}, {NO_LISTENBRAINZ}"}


def _joined(summaries: Sequence[Summary]) -> Summary:
    """Return the summaries of several sources as one; numbers of one name add up.

    What was skipped is told only where all were.
    """
    done = [each for each in summaries if "skipped" not in each] or list(summaries)
    whole: Summary = {}
    for name, value in (pair for each in done for pair in each.items()):
        before = whole.get(name)
        if isinstance(value, int) and isinstance(before, int):
            whole[name] = before + value
        else:
            whole[name] = value if before in (None, value) else f"{before}; {value}"
    return whole


def sync_recent_plays(run: "RunContext") -> Summary:
    """Add Spotify's last 50 plays to `plays`."""
    from smallhours.listening import stages

    lake, spotify = run.lake, run.spotify
    if spotify is None:
        return {"skipped": NO_SPOTIFY}
    return stages.sync_recent_plays(
        run.listener, lake, spotify, settings=run.settings, night=run.night
    )


def sync_library(run: "RunContext") -> Summary:
    """Note tonight's top, saved, loved and disliked tracks in `library`, and named artists."""
    from smallhours.listening import library, stages

    listener, lake, settings, night = run.listener, run.lake, run.settings, run.night
    named = library.sync_favourite_artists(
        listener, lake, run.spotify, run.lastfm, _metabrainz(run), settings=settings, night=night
    )
    clients = run.spotify, run.lastfm, run.listenbrainz
    told = stages.sync_library(listener, lake, *clients, settings=settings, night=night)
    return {**named, **told}


def _metabrainz(run: "RunContext") -> "tuple[ListenBrainzClient, MusicBrainzClient] | None":
    """Return who together tell a named artist's best-known tracks, if they are wanted."""
    if not run.settings.listener(run.listener).favourite_artists:
        return None
    listenbrainz, musicbrainz = run.listenbrainz, run.musicbrainz
    if listenbrainz is None or not listenbrainz.has_token or musicbrainz is None:
        return None
    return listenbrainz, musicbrainz


def collect_feedback(run: "RunContext") -> Summary:
    """Note how our picks were received in `feedback`, before the next list replaces them."""
    from smallhours.listening import stages

    return stages.collect_feedback(
        run.listener,
        run.lake,
        run.places,
        settings=run.settings,
        night=run.night,
    )


def import_history(
    run: "RunContext",
    *,
    paths: Sequence[Path | str],
    timezone: str | None = None,
    day_first: bool | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Read files with a listening history, of any known format, into `plays`."""
    from smallhours.listening import history_import

    return history_import.import_history(
        run.listener,
        run.lake,
        paths,
        settings=run.settings,
        night=run.night,
        timezone=timezone,
        day_first=day_first,
        progress=progress,
    )
