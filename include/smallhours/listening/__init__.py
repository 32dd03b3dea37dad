"""The first stages of the night: plays, library and feedback.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from smallhours.summary import NO_LASTFM, NO_SPOTIFY, Summary

if TYPE_CHECKING:
    from smallhours.run_context import RunContext


def sync_scrobbles(run: "RunContext") -> Summary:
    """Read new scrobbles from Last.fm into `plays`."""
    from smallhours.listening import stages

    lake, lastfm = run.lake, run.lastfm
    if lastfm is None:
        return {"skipped": NO_LASTFM}
    return stages.sync_scrobbles(run.listener, lake, lastfm, settings=run.settings, night=run.night)


def verify_history(run: "RunContext") -> Summary:
    """Once a month, compare all of `plays` with what Last.fm counts, and mend it."""
    from smallhours.listening import stages

    lake, lastfm = run.lake, run.lastfm
    if lastfm is None:
        return {"skipped": NO_LASTFM}
    return stages.verify_history(run.listener, lake, lastfm, settings=run.settings, night=run.night)


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
    """Note tonight's top, saved and loved tracks in `library`."""
    from smallhours.listening import stages

    lake, spotify, lastfm = run.lake, run.spotify, run.lastfm
    return stages.sync_library(
        run.listener, lake, spotify, lastfm, settings=run.settings, night=run.night
    )


def collect_feedback(run: "RunContext") -> Summary:
    """Note what became of our picks in `feedback`, before the next list replaces them."""
    from smallhours.listening import stages
    from smallhours.places.choice import places_of

    return stages.collect_feedback(
        run.listener,
        run.lake,
        places_of(run),
        settings=run.settings,
        night=run.night,
    )


def import_history(
    run: "RunContext",
    *,
    paths: Sequence[Path | str],
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Read Spotify's export of the streaming history into `plays`."""
    from smallhours.listening import export

    return export.import_history(
        run.listener,
        run.lake,
        paths,
        settings=run.settings,
        night=run.night,
        progress=progress,
    )
