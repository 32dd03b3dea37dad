"""Publishing to all places of a listener, where one that fails does not hold back the others."""

import logging
from collections.abc import Callable, Mapping

from smallhours.errors import BrokenReply, RetryLater, SmallhoursError
from smallhours.lake.store import Lake
from smallhours.nights import Night
from smallhours.places.place import Place
from smallhours.playlist.publish.ledger import record_failure
from smallhours.playlist.publish.stage import publish_playlist
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)


def publish_everywhere(
    listener: str,
    lake: Lake,
    places: Mapping[str, Callable[[], Place]],
    *,
    settings: Settings,
    night: Night,
    dry_run: bool = False,
) -> Summary:
    """Write the night's lists into every place, and record it.

    The summary is that of the first place that worked, with a sentence about each other one. A
    place that fails is named in it, unless it is worth another try at once and is the main one, or
    no place worked.

    Args:
        listener: Whose.
        lake: The lake.
        places: What opens each place, by name, the main one first.
        settings: For the playlists' names, lengths and habits.
        night: The night.
        dry_run: Stop after the plan; nothing is written to a place.

    Raises:
        SmallhoursError: as `publish_playlist`, once all other places were written.
    """
    done: Summary | None = None
    notes: Summary = {}
    failures: dict[str, SmallhoursError] = {}
    for name, open_place in places.items():
        try:
            written = publish_playlist(
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
    main = failures.get(next(iter(places)))
    if done is None or isinstance(main, RetryLater | BrokenReply):
        raise main or next(iter(failures.values()))
    for name, failure in failures.items():
        LOG.warning("%s: %s", name, failure)
        if not dry_run:
            record_failure(lake, listener, night, name, str(failure))
    return {**done, **notes}
