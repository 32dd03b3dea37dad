"""The loop that brings a playlist to what was planned, whatever happens on the way.

Read, plan, send one request, read again: each request is made on what stands there at that moment,
until nothing is left to do. So a request whose reply was lost is never sent again blindly, what the
listener does meanwhile is part of the next plan, and a run that died is continued by the next one.

An acknowledged add is not trusted: Spotify may have added some of the tracks or none, and a read
may show the playlist as it was a while ago. Added tracks are looked for, with waits in between;
until they were seen, nothing of an earlier night is removed.
"""

import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smallhours.errors import BrokenReply, PlaylistNotOwned, RetryLater, ServiceError
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.ownership import check_marker
from smallhours.playlist.publish.plan import OwnItems, Plan, PlannedTrack, Row, places_of, plan
from smallhours.playlist.publish.spotify_requests import PlaylistWriter
from smallhours.playlist.publish.steps import (
    MAX_URIS_PER_REQUEST,
    Add,
    Move,
    Remove,
    Step,
    next_step,
)
from smallhours.services.retry import TransientError
from smallhours.services.spotify_replies import SpotifyPlaylist

LOG = logging.getLogger(__name__)

# How often the playlist is looked at anew because it changes under our eyes.
MAX_LOOKS = 4
AFTER_EDITS_S = 300.0
# How often added tracks are looked for: for some 20 seconds with the waits in between.
LOOKS_FOR_ADDED = 6
# Spotify's reads have been seen to lag behind its writes for minutes.
AFTER_UNSEEN_S = 300.0
# A step for each hundred tracks in and out, and one for each that moves; the rest is for edits.
SPARE_STEPS = 20


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A playlist at one moment.

    Attributes:
        home: The playlist without its items.
        rows: Its items.
        names: What they are called, by URI.
    """

    home: SpotifyPlaylist
    rows: tuple[Row, ...]
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReconciledPlaylist:
    """A playlist that is as planned.

    Attributes:
        plan: What there was to do before the first step.
        picks: Our tracks that stand there.
        before: Snapshot id before the first step.
        after: Snapshot id now.
        steps: How many requests it took.
        leftovers: Picks that may stand there, but that Spotify did not show: earlier ones, which
            could not be removed, and tonight's.
    """

    plan: Plan
    picks: tuple[PlannedTrack, ...]
    before: str
    after: str
    steps: int
    leftovers: tuple[str, ...]


def take_snapshot(spotify: PlaylistWriter, playlist_id: str, mark: str) -> Snapshot:
    """Read a playlist when it stands still: its snapshot id is the same before and after.

    Raises:
        PlaylistNotOwned: our marker is gone.
        RetryLater: it kept changing.
    """
    before = spotify.playlist(playlist_id)
    for _ in range(MAX_LOOKS):
        check_marker(before, mark)
        items = spotify.playlist_items(playlist_id)
        after = spotify.playlist(playlist_id)
        if after.snapshot_id == before.snapshot_id:
            check_marker(after, mark)
            names = {
                item.uri: f"{item.track.artist} – {item.track.title}"
                for item in items
                if item.uri is not None and item.track is not None
            }
            return Snapshot(after, tuple(item.uri for item in items), names)
        before = after
    raise RetryLater(
        "Spotify",
        f"the playlist {before.name!r} is being changed by somebody else.",
        remedy="Try again when they are done.",
        after=AFTER_EDITS_S,
    )


@dataclass
class PlaylistReconciler:
    """One playlist being written.

    Attributes:
        spotify: The listener's Spotify.
        mark: Our marker, without which nothing is written.
        wanted: Tonight's tracks, in order.
        ledger_state: What the ledger says.
        own_items: Where the listener's own rows go.
        resumed: Whether an earlier run may have added some of tonight's tracks.
        on_begin: Told before the first step: what stands there, and the plan.
        on_whole: Told before the first track is removed: now all of tonight's stand there.
        on_undo: Told before tonight's tracks are taken out again, because the rest has failed.
    """

    spotify: PlaylistWriter
    mark: str
    wanted: Sequence[PlannedTrack]
    ledger_state: LedgerState
    own_items: OwnItems = "end"
    resumed: bool = False
    on_begin: Callable[[Snapshot, Plan], None] = lambda _look, _plan: None
    on_whole: Callable[[Snapshot, Plan], None] = lambda _look, _plan: None
    on_undo: Callable[[], None] = lambda: None
    _shown: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _removed: set[str] = field(default_factory=set)
    _user_owned: set[str] = field(default_factory=set)
    _given_up: set[str] = field(default_factory=set)

    def plan_on(self, snapshot: Snapshot) -> Plan:
        """The plan as of a look, which is remembered."""
        present = self._note(snapshot)
        # What we took out and is there again, the listener has put there.
        self._user_owned |= self._removed & present
        previous = self.ledger_state.previous
        return plan(
            self.wanted,
            snapshot.rows,
            shown=self.ledger_state.shown | self._shown | self._given_up,
            ours=self.ledger_state.ours - self._user_owned,
            own_items=self.own_items,
            places=None if previous is None else places_of([uri or None for uri in previous]),
            names={**dict(self.ledger_state.names), **snapshot.names},
        )

    def _note(self, snapshot: Snapshot) -> set[str]:
        """Remember what was seen, and return it."""
        present = {row for row in snapshot.rows if row is not None}
        self._seen |= present
        self._shown |= present & {pick.uri for pick in self.wanted}
        return present

    def run(self, playlist_id: str) -> ReconciledPlaylist:
        """Take steps until the playlist is as planned.

        Raises:
            PlaylistNotOwned: our marker is gone.
            ServiceError: what could be put back was; running again goes on from here.
        """
        snapshot = first = self._first_look(playlist_id)
        planned = begun = self.plan_on(first)
        if self.ledger_state.previous is None:
            places = tuple(row or "" for row in first.rows)
            self.ledger_state = dataclasses.replace(self.ledger_state, previous=places)
        most = len(first.rows) + len(self.wanted) + SPARE_STEPS
        for taken in range(most):
            step = next_step(snapshot.rows, planned)
            if step is None:
                return self._done(begun, planned, first, snapshot, taken)
            self._announce(step, snapshot, planned, first=taken == 0)
            answered_id = ""
            try:
                answered_id = self._take(step, snapshot)
            except ServiceError as error:
                self._after_failure(error, step, first, playlist_id)
            snapshot = self._read_back(step, snapshot, answered_id)
            planned = self.plan_on(snapshot)
        raise RetryLater(
            "Spotify",
            f"the playlist {snapshot.home.name!r} does not come to hold what is written to it.",
            remedy="Run publish_playlist again; it plans anew on what stands there.",
            after=AFTER_EDITS_S,
        )

    def _first_look(self, playlist_id: str) -> Snapshot:
        """Look; where an earlier run may have added tracks, wait until they show."""
        uris = {pick.uri for pick in self.wanted}
        return self._look_for(
            uris if self.resumed else set(),
            lambda: take_snapshot(self.spotify, playlist_id, self.mark),
        )

    def _read_back(self, step: Step, before: Snapshot, answered_id: str) -> Snapshot:
        """Read the playlist again until the tracks that were added tonight are seen.

        Args:
            step: The request that was sent.
            before: The playlist before it.
            answered_id: The snapshot id in Spotify's reply; empty if the reply was lost.

        Raises:
            PlaylistNotOwned: our marker went meanwhile.
            RetryLater: the added tracks are not there.
        """
        added = set(step.uris) if isinstance(step, Add) else set()
        sought = (self._shown | added) - self._given_up
        snapshot = self._look_for(sought, lambda: self._look_again(step, before))
        unseen = added - self._shown
        explained = _stand_under_other_names(step, before, snapshot, len(unseen)) or (
            _one_taken_out(step, before, snapshot, answered_id, len(unseen))
        )
        # With none of them there any more, an add that was not done can't be told from removals.
        none = bool(sought) and not any(pick.uri in snapshot.rows for pick in self.wanted)
        if none or (unseen and not explained):
            raise _not_there(unseen or sought, sought, snapshot)
        self._given_up |= sought - set(snapshot.rows)
        return snapshot

    def _look_for(self, uris: set[str], look_again: Callable[[], Snapshot]) -> Snapshot:
        """Look until all of these are there or patience ends, and return the last look."""
        snapshot = look_again()
        for trial in range(1, LOOKS_FOR_ADDED):
            if uris <= self._note(snapshot):
                break
            self.spotify.retry_policy.sleep(self.spotify.retry_policy.backoff(trial))
            snapshot = look_again()
        self._note(snapshot)
        return snapshot

    def _look_again(self, step: Step, before: Snapshot) -> Snapshot:
        """Look again.

        Raises:
            PlaylistNotOwned: our marker went while the request was on its way; what it brought in
                is taken out again, since it came into a playlist that was no longer ours.
        """
        try:
            return take_snapshot(self.spotify, before.home.id, self.mark)
        except PlaylistNotOwned:
            if isinstance(step, Add):
                new = [uri for uri in step.uris if uri not in before.rows]
                self.spotify.remove_items(before.home.id, new, before.home.snapshot_id)
            raise

    def _done(
        self, begun: Plan, planned: Plan, first: Snapshot, snapshot: Snapshot, steps: int
    ) -> ReconciledPlaylist:
        hidden: set[str] = set()
        if None in snapshot.rows:
            picks = {pick.uri for pick in self.wanted}
            hidden = set(self.ledger_state.ours) - self._seen - picks
        hidden |= self._given_up - self._seen
        return ReconciledPlaylist(
            begun,
            planned.picks,
            first.home.snapshot_id,
            snapshot.home.snapshot_id,
            steps,
            tuple(sorted(hidden)),
        )

    def _announce(self, step: Step, snapshot: Snapshot, planned: Plan, *, first: bool) -> None:
        if first:
            self.on_begin(snapshot, planned)
        if isinstance(step, Remove) and not self._removed:
            self.on_whole(snapshot, planned)

    def _take(self, step: Step, snapshot: Snapshot) -> str:
        """Send the request, and return the snapshot id that it is answered with."""
        home = snapshot.home
        match step:
            case Add(uris, position):
                return self.spotify.add_items(home.id, uris, position=position)
            case Remove(uris):
                self._removed.update(uris)
                return self.spotify.remove_items(home.id, uris, home.snapshot_id)
            case Move(start, length, before):
                return self.spotify.move_items(home.id, start, length, before, home.snapshot_id)

    def _after_failure(
        self, error: ServiceError, step: Step, first: Snapshot, playlist_id: str
    ) -> None:
        """Go on if the request was carried out after all; else put back what can be, and give up.

        Raises:
            ServiceError: the error.
        """
        lost = isinstance(error, TransientError | BrokenReply)
        try:
            snapshot = take_snapshot(self.spotify, playlist_id, self.mark)
            if isinstance(step, Add) and lost and set(step.uris) <= set(snapshot.rows):
                self._shown.update(step.uris)
                return
            # A removal that may yet be carried out must not be met with another: nothing would
            # be left. Then the new list stands whole, and the next run goes on.
            if isinstance(step, Add) or not lost:
                self._rollback(first, snapshot)
        except ServiceError as again:
            LOG.warning("The playlist could not be put back: %s The next run mends it.", again)
        raise error

    def _rollback(self, first: Snapshot, snapshot: Snapshot) -> None:
        """Take out again what came in tonight, if the list before it is still whole."""
        tonight = {pick.uri for pick in self.wanted} - set(first.rows)
        earlier = {row for row in first.rows if row in self.ledger_state.ours}
        added = [row for row in snapshot.rows if row is not None and row in tonight]
        if not added or not earlier <= set(snapshot.rows):
            return
        self.on_undo()
        for start in range(0, len(added), MAX_URIS_PER_REQUEST):
            batch = added[start : start + MAX_URIS_PER_REQUEST]
            self.spotify.remove_items(snapshot.home.id, batch, snapshot.home.snapshot_id)
        LOG.info("The list that stood there before was put back.")


def _stand_under_other_names(step: Step, before: Snapshot, snapshot: Snapshot, unseen: int) -> bool:
    """Return whether as many unknown rows came in as tracks are unseen: lost, or relinked."""
    added = step.uris if isinstance(step, Add) else ()
    new = Counter(snapshot.rows) - Counter(before.rows)
    return sum(count for row, count in new.items() if row not in added) >= unseen


def _one_taken_out(
    step: Step, before: Snapshot, snapshot: Snapshot, answered_id: str, unseen: int
) -> bool:
    """Return whether the listener took out the one unseen track just before it was looked for.

    Then the playlist's version is neither the one before the add nor the one that the add made.
    More than one missing track is not taken for a single removal.

    Args:
        step: The request that was sent.
        before: The playlist before it.
        snapshot: The playlist at the last look, after all waits.
        answered_id: The snapshot id in Spotify's reply; empty if the reply was lost.
        unseen: The number of added tracks that were never seen.
    """
    several = isinstance(step, Add) and len(step.uris) > 1
    known = (before.home.snapshot_id, answered_id)
    return unseen == 1 and several and bool(answered_id) and snapshot.home.snapshot_id not in known


def _not_there(unseen: set[str], wanted: set[str], snapshot: Snapshot) -> RetryLater:
    return RetryLater(
        "Spotify",
        f"{len(unseen)} of {len(wanted)} tracks are missing from the playlist "
        f"{snapshot.home.name!r}, though adding them was acknowledged.",
        remedy="What stands there of an earlier night stays until they are there. Run it again "
        "later; it adds what is still missing then.",
        after=AFTER_UNSEEN_S,
    )
