"""The search for the playlist that is ours to write, and the reading of it.

Only one that Smallhours created: its id is in our ledger and its description carries our marker.
One that a run created and died before writing the id down is recognised by the marker, if it is
the listener's own and still empty. A name means nothing; nor does a copy of our description.

A list of playlists may be old, or lack one of them. So one that is missing is asked for by its
id, and looked for again, before it is called deleted.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Literal

from smallhours.errors import BrokenReply, NotFound, PlaylistNotOwned, Refused, RetryLater
from smallhours.lake.store import Lake
from smallhours.places.place import Place
from smallhours.playlist.explain.description import has_marker
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.plan import Snapshot
from smallhours.services.playlists import PlaylistDetails, PlaylistRow

WhenDeleted = Literal["recreate", "stop"]

# How often a playlist that is missing, or without our marker, is looked for.
MAX_SEARCHES = 4
AFTER_NOT_FOUND_S = 300.0
# How often a playlist is read that changes while it is read.
MAX_READS = 4
# How often a playlist is read for what must be there: for some 20 seconds with the waits.
MAX_READS_FOR_WRITE = 6
AFTER_EDITS_S = 300.0


def find_managed_playlist(
    place: Place,
    ledger_state: LedgerState,
    mark: str,
    *,
    when_deleted: WhenDeleted = "recreate",
) -> PlaylistDetails | None:
    """Return our playlist among the listener's, or None when one is to be made.

    Args:
        place: Where the playlist is.
        ledger_state: What the ledger says.
        mark: Our marker.
        when_deleted: What becomes of a playlist that the listener deleted.

    Raises:
        PlaylistNotOwned: our playlist lost its marker; or the listener has deleted it, and it is
            not to be made again, or was already.
    """
    known = ledger_state.playlist_ids
    if not known and not ledger_state.creating:
        return None
    for trial in range(1, MAX_SEARCHES + 1):
        if found := _look(place, ledger_state, mark):
            return found
        if trial < MAX_SEARCHES:
            place.retry_policy.sleep(place.retry_policy.backoff(trial))
    if ledger_state.creating:
        return None
    if when_deleted == "stop":
        raise PlaylistNotOwned(
            "The listener deleted our playlist, and the settings say to leave it at that.",
            remedy='Set `when_deleted = "recreate"` under the listener\'s `publishing` to have it '
            f"made again{place.recovery and f', or {place.recovery}'}.",
        )
    if len(known) > 1:
        raise PlaylistNotOwned(
            "The listener deleted our playlist, and then the one that was made in its place.",
            remedy=f"{place.recovery[:1].upper()}{place.recovery[1:]}{place.recovery and '; or '}"
            "take the place out of the listener's `places` if they want no list there.",
        )
    return None


def check_marker(place: Place, found: PlaylistDetails, mark: str) -> PlaylistDetails:
    """Return a playlist that carries our marker, looked at again as long as it does not.

    Raises:
        PlaylistNotOwned: it does not carry it, at several looks.
    """
    for trial in range(1, MAX_SEARCHES):
        if has_marker(found.description, mark):
            return found
        place.retry_policy.sleep(place.retry_policy.backoff(trial))
        found = place.playlist(found.id)
    if has_marker(found.description, mark):
        return found
    raise PlaylistNotOwned(
        f"The description of the playlist {found.name!r} no longer says {mark}, so it is "
        "not written to.",
        remedy=f"Put {mark} back into its description, or delete the playlist to get a new one.",
    )


@contextlib.contextmanager
def managed_playlists(lake: Lake, listener: str) -> Iterator[None]:
    """Hold the lock of a listener's playlists, which one run at a time may write.

    Two first nights at once would make two playlists. The lock is in the lake.

    Raises:
        RetryLater: a place does not find one of the playlists, as happens after it was made.
    """
    try:
        with lake.files.lock(f"publishing/{listener}"):
            yield
    except NotFound as error:
        raise RetryLater(
            error.service,
            f"it does not find our playlist just now: {error.what}",
            remedy="Run it again later. If you deleted the playlist, a new one is made then.",
            after=AFTER_NOT_FOUND_S,
        ) from error


def _look(place: Place, ledger_state: LedgerState, mark: str) -> PlaylistDetails | None:
    """Look once for our playlist: in the list, and by its id."""
    known = ledger_state.playlist_ids
    unrecorded: PlaylistDetails | None = None
    for playlist in place.playlists():
        if known and playlist.id == known[0]:
            if has_marker(playlist.description, mark):
                return playlist
            return check_marker(place, place.playlist(playlist.id), mark)
        fresh = playlist.total == 0 and playlist.id not in known
        if unrecorded is None and fresh and has_marker(playlist.description, mark):
            unrecorded = playlist
    if ledger_state.creating:
        mine = unrecorded is not None and place.is_mine(unrecorded)
        return unrecorded if mine else None
    if _in_library(place, known[0]):
        return check_marker(place, place.playlist(known[0]), mark)
    return None


def _in_library(place: Place, playlist_id: str) -> bool:
    """Whether the listener still has a playlist; one that was deleted can be read by its id."""
    try:
        return place.has_playlist(playlist_id)
    except (NotFound, Refused, BrokenReply):
        return False


def take_snapshot(place: Place, playlist_id: str, mark: str) -> Snapshot:
    """Read a playlist when it stands still: its snapshot id is the same before and after.

    The number of rows must be the one that the place counts, unless it is the same twice.

    Raises:
        PlaylistNotOwned: our marker is gone.
        RetryLater: it kept changing.
    """
    before, last = check_marker(place, place.playlist(playlist_id), mark), None
    for trial in range(1, MAX_READS + 1):
        items = place.rows(playlist_id)
        rows = tuple(item.uri for item in items)
        after = check_marker(place, place.playlist(playlist_id), mark)
        if after.snapshot_id == before.snapshot_id:
            if rows == last or after.total in (None, len(rows)):
                return Snapshot(after, rows, _names(items), tuple(item.cover for item in items))
            last = rows
            place.retry_policy.sleep(place.retry_policy.backoff(trial))
        before = after
    raise RetryLater(
        place.service,
        f"the playlist {before.name!r} is being changed by somebody else.",
        remedy="Try again when they are done.",
        after=AFTER_EDITS_S,
    )


def looks(place: Place) -> Iterator[int]:
    """Yield the numbers of the looks for what must be there, with waits in between."""
    for trial in range(1, MAX_READS_FOR_WRITE + 1):
        if trial > 1:
            place.retry_policy.sleep(place.retry_policy.backoff(trial - 1))
        yield trial


def _names(rows: Sequence[PlaylistRow]) -> dict[str, tuple[str, str]]:
    """Return artist and title of each row that has them, by URI."""
    return {row.uri: (row.artist, row.title) for row in rows if row.uri is not None and row.title}
