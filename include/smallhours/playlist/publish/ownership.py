"""The search for the playlist that is ours to write, and for the rows in it that are ours.

Only one that Smallhours created: its id is in our ledger and its description carries our marker.
One that a run created and died before writing the id down is recognised by the marker, if it is
the listener's own and still empty. A name means nothing; nor does a copy of our description.

A list of playlists may be old, or lack one of them. So one that is missing is asked for by its
id, and looked for again, before it is called deleted.

A row is ours if we wrote it, also where it reads under another URI or as a row without a track.
"""

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from smallhours.errors import BrokenReply, NotFound, PlaylistNotOwned, Refused, RetryLater
from smallhours.lake.store import Lake
from smallhours.listening.feedback import rows_as_written
from smallhours.places.place import Place
from smallhours.playlist.explain.description import has_marker
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.plan import PlannedTrack, Snapshot
from smallhours.playlist.publish.steps import Observations
from smallhours.services.playlists import PlaylistDetails
from smallhours.vocabulary import SHOWN

WhenDeleted = Literal["recreate", "stop"]

# How often a playlist that is missing, or without our marker, is looked for.
MAX_SEARCHES = 4
AFTER_NOT_FOUND_S = 300.0
# How often a playlist is read for what must be there: for some 20 seconds with the waits.
MAX_READS_FOR_WRITE = 6


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


def looks(place: Place) -> Iterator[int]:
    """Yield the numbers of the looks for what must be there, with waits in between."""
    for trial in range(1, MAX_READS_FOR_WRITE + 1):
        if trial > 1:
            place.retry_policy.sleep(place.retry_policy.backoff(trial - 1))
        yield trial


def recognised(
    snapshot: Snapshot,
    place: Place,
    ledger_state: LedgerState,
    wanted: Sequence[PlannedTrack],
    looked: Observations,
) -> Snapshot:
    """Return a snapshot with our tracks by the URIs that we wrote, however they read.

    Args:
        snapshot: As the place shows it.
        place: Where the playlist is.
        ledger_state: What the ledger says.
        wanted: Tonight's tracks, in order.
        looked: What the run has seen and written.
    """
    written = dict(ledger_state.names) | {pick.uri: pick.track_key for pick in wanted}
    rows = snapshot.rows
    if place.relinks:
        rows = rows_as_written(rows, snapshot.tracks, written)
    rows = tuple(looked.other_names.get(row or "", row) for row in rows)
    # Tracks of ours that read as rows without a track stand on top, in our order.
    lost = (pick.uri for pick in wanted if pick.uri in looked.lost and pick.uri not in rows)
    rows = tuple(next(lost, None) if row is None else row for row in rows)
    return replace(snapshot, rows=rows)


def repeated_before(
    snapshot: Snapshot, ledger_state: LedgerState, wanted: Sequence[PlannedTrack], *, resumed: bool
) -> set[str]:
    """Return the tracks that stand there twice because an earlier run's request was done twice.

    A listener does not put in a second copy of every other track.

    Args:
        snapshot: The first look.
        ledger_state: What the ledger says.
        wanted: Tonight's tracks.
        resumed: Whether an earlier run may have added some of them.
    """
    ours = {pick.uri for pick in wanted} | ledger_state.ours
    copies, earlier = Counter(snapshot.rows), Counter(ledger_state.previous or ())
    twice = {uri for uri in ours if copies[uri] > 1 and earlier[uri] < 2}
    most = 2 * len(twice) >= sum(copies[uri] > 0 for uri in ours)
    several = len(twice) > 1 or (resumed and len(wanted) == 1)
    return twice if several and (resumed or most) else set()


def hidden_tracks(
    snapshot: Snapshot, ledger_state: LedgerState, looked: Observations
) -> frozenset[str]:
    """Return the tracks of ours that may stand there, but that the place does not show.

    Args:
        snapshot: The last look.
        ledger_state: What the ledger says.
        looked: What the run has seen and written.
    """
    state = ledger_state
    # What was never seen, or went within the run that brought it, nobody has taken out.
    stood = state.shown - state.unseen if state.tonight in SHOWN else frozenset()
    hidden = looked.tonight - set(snapshot.rows) - stood
    hidden |= {*looked.other_names, *looked.other_names.values(), *looked.lost}
    if None in snapshot.rows:
        hidden |= state.ours - looked.seen - looked.named - looked.tonight
    return frozenset(hidden)
