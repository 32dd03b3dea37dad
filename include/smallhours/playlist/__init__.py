"""The playlists of a night: scoring, choice, order and reasons of the tracks, and publishing.

The stages are here, for the DAGs and the command line to name. Their modules are imported when a
stage runs, never before: Airflow imports this file each time it parses a DAG.
"""

import logging
from typing import TYPE_CHECKING

from smallhours.errors import (
    BrokenReply,
    NeedsLogin,
    NotEnoughData,
    RetryLater,
    SettingsError,
    SmallhoursError,
    SourceRefused,
)
from smallhours.playlist_settings import MAIN
from smallhours.summary import NO_SPOTIFY, Summary
from smallhours.vocabulary import PlaceName

if TYPE_CHECKING:
    from smallhours.run_context import RunContext

LOG = logging.getLogger(__name__)


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
    """Write the listener's playlists, read them back, and record it: `playlists`.

    A place that fails does not hold back the others. The summary is that of the first place that
    worked, with a sentence about each other one. A place that fails is named in it, unless it is
    worth another try at once and is the main one, or no place worked.

    Raises:
        SmallhoursError: as `publish.stage.publish_playlist`, once all other places were written.
    """
    from smallhours.playlist.publish import stage
    from smallhours.playlist.publish.ledger import record_failure

    listener, lake, settings, night = run.listener, run.lake, run.settings, run.night
    done: Summary | None = None
    notes: Summary = {}
    failures: dict[str, SmallhoursError] = {}
    for name, open_place in run.places.items():
        try:
            written = stage.publish_playlist(
                listener, lake, open_place(), settings=settings, night=night, dry_run=dry_run
            )
        except SmallhoursError as error:
            failures[name] = error
            notes[name] = f"not written: {error}"
            continue
        if done is None:
            done = written
        else:
            notes[name] = str(written["note"])
    main = failures.get(settings.listener(listener).places[0])
    if done is None or isinstance(main, RetryLater | BrokenReply):
        raise main or next(iter(failures.values()))
    for name, failure in failures.items():
        LOG.warning("%s: %s", name, failure)
        if not dry_run:
            record_failure(lake, listener, night, name, str(failure))
    return {**done, **notes}


def rollback(run: "RunContext", *, intent: str = MAIN) -> Summary:
    """Put the list of an earlier night back into the playlist, at every place.

    Raises:
        SmallhoursError: as `publish.rollback.rollback`, once the other places were written.
    """
    from smallhours.playlist.publish.rollback import rollback as put_back

    listener, lake, settings, night = run.listener, run.lake, run.settings, run.night
    summary: Summary = {}
    failures: list[SmallhoursError] = []
    for name, open_place in run.places.items():
        try:
            done = put_back(
                listener, lake, open_place(), settings=settings, night=night, intent=intent
            )
        except SmallhoursError as error:
            failures.append(error)
            continue
        summary |= {name: str(done["note"])} if summary else done
    told = [error for error in failures if not (summary and isinstance(error, NotEnoughData))]
    if told:
        raise told[0]
    return summary
