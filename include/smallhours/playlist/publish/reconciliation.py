"""The loop that brings a playlist to what was planned, whatever happens on the way.

Read, plan, send one request, read again: each request is made on what is there at that moment,
until nothing is left to do. So a request whose reply was lost is never sent again blindly, what the
listener does meanwhile is part of the next plan, and a run that died is continued by the next one.

What was written is looked for, with waits in between, because an acknowledged request may not have
been carried out. If it does not show, the run ends and is to be run again. Until all of tonight's
list was seen, nothing of last night's is removed. A place's reads may lag behind its writes, page
by page; a track that was written may read as a row without a track, or under the id of another
release.

One track that a place does not have makes it refuse a whole request. Then fewer are added at once,
until that track stands alone and is left out.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from smallhours.errors import (
    BrokenReply,
    InvalidRequest,
    PlaylistNotOwned,
    RetryLater,
    ServiceError,
)
from smallhours.places.place import Place
from smallhours.playlist.publish import ownership
from smallhours.playlist.publish.ledger import LedgerState
from smallhours.playlist.publish.plan import (
    OwnItems,
    Plan,
    PlannedTrack,
    Row,
    Snapshot,
    places_of,
    plan,
)
from smallhours.playlist.publish.steps import (
    Add,
    Move,
    Observations,
    Remove,
    Step,
    after_step,
    is_done,
    next_step,
    not_there,
)
from smallhours.services.playlists import PlaylistDetails
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.spotify import MAX_ITEMS_PER_WRITE
from smallhours.vocabulary import SHOWN

LOG = logging.getLogger(__name__)

# A step for each hundred tracks in and out, and one for each that moves; the rest is for edits.
SPARE_STEPS = 20
# How often a playlist is read that changes while it is read.
MAX_READS = 4
AFTER_EDITS_S = 300.0


@dataclass(frozen=True, slots=True)
class ReconciledPlaylist:
    """A playlist that is as planned.

    Attributes:
        plan: What there was to do before the first step.
        picks: Our tracks that stand there.
        before: Snapshot id before the first step.
        after: Snapshot id now.
        steps: How many requests it took.
        leftovers: Tracks of ours that may stand there, but that the place does not show.
        refused: Tonight's tracks that the place does not have.
        covers: The address of each item's cover, or empty, by URI.
    """

    plan: Plan
    picks: tuple[PlannedTrack, ...]
    before: str
    after: str
    steps: int
    leftovers: tuple[str, ...]
    refused: tuple[PlannedTrack, ...]
    covers: Mapping[Row, str]


@dataclass
class PlaylistReconciler:
    """One playlist being written.

    Attributes:
        place: Where the playlist is.
        mark: Our marker, without which nothing is written.
        wanted: Tonight's tracks, in order.
        ledger_state: What the ledger says.
        own_items: Where the listener's own rows go.
        resumed: Whether an earlier run may have added some of tonight's tracks.
        fewest: Tonight's tracks that the place must have; with fewer, nothing is written.
        on_begin: Called before the first step with what stands there, and the plan.
        on_whole: Called before the first removal, when all of tonight's tracks stand there.
        on_undo: Called with the playlist before tonight's tracks are taken out again: the rest has
            failed, or they stand there twice.
        on_refused: Called with a track that the place does not have.
    """

    place: Place
    mark: str
    wanted: Sequence[PlannedTrack]
    ledger_state: LedgerState
    own_items: OwnItems = "end"
    resumed: bool = False
    fewest: int = 1
    on_begin: Callable[[Snapshot, Plan], None] = lambda _look, _plan: None
    on_whole: Callable[[Snapshot, Plan], None] = lambda _look, _plan: None
    on_undo: Callable[[PlaylistDetails], None] = lambda _home: None
    on_refused: Callable[[PlannedTrack], None] = lambda _pick: None
    _refused: list[PlannedTrack] = field(init=False, default_factory=list)
    _batch: int = field(init=False, default=MAX_ITEMS_PER_WRITE)
    _looked: Observations = field(init=False)

    def __post_init__(self) -> None:
        service, state = self.place.service, self.ledger_state
        tonight, earlier = {pick.uri for pick in self.wanted}, state.ours | state.replaced
        self._looked = Observations(service, tonight, earlier, lost=tonight & state.unseen)

    def plan_on(self, snapshot: Snapshot) -> Plan:
        """Return the plan as of a look, which is remembered."""
        looked, state, present = self._looked, self.ledger_state, set(snapshot.rows)
        previous = None if state.previous is None else [uri or None for uri in state.previous]
        looked.note(snapshot)
        # What we took out and is there again, the listener has put there.
        looked.user_owned |= looked.removed & present
        ours = state.ours - looked.user_owned
        return plan(
            self.wanted,
            snapshot.rows,
            shown=(state.shown | looked.shown | looked.given_up) - looked.to_add,
            ours=ours,
            older=state.older if state.shown & present else frozenset(),
            repeated=looked.repeated,
            hidden=sorted(ours - looked.tonight - looked.seen - looked.named),
            own_items=self.own_items,
            places=None if previous is None else places_of(previous),
            names={**dict(state.names), **snapshot.names},
        )

    def read(self, playlist_id: str) -> Snapshot:
        """Read a playlist when it stands still: its snapshot id is the same before and after.

        The number of rows must be the one that the place counts, unless it is the same twice.

        Raises:
            PlaylistNotOwned: our marker is gone.
            RetryLater: it kept changing.
        """
        place, last = self.place, None
        before = ownership.check_marker(place, place.playlist(playlist_id), self.mark)
        for trial in range(1, MAX_READS + 1):
            items = place.rows(playlist_id)
            after = ownership.check_marker(place, place.playlist(playlist_id), self.mark)
            if after.snapshot_id == before.snapshot_id:
                snapshot = Snapshot.of(after, items)
                if snapshot.rows == last or after.total in (None, len(items)):
                    return snapshot
                last = snapshot.rows
                place.retry_policy.sleep(place.retry_policy.backoff(trial))
            before = after
        raise RetryLater(
            place.service,
            f"the playlist {before.name!r} is being changed by somebody else.",
            remedy="Try again when they are done.",
            after=AFTER_EDITS_S,
        )

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
            self.ledger_state = replace(self.ledger_state, previous=places)
        taken, most = 0, len(first.rows) + len(self.wanted) + SPARE_STEPS
        while taken < most:
            step = next_step(
                snapshot.rows, planned, batch=self._batch, only_appends=self.place.only_appends
            )
            if step is None:
                return self._done(begun, planned, first, snapshot, taken)
            self._announce(step, snapshot, planned, first=taken == 0)
            answered_id = ""
            try:
                answered_id = self._send(step, snapshot)
            except ServiceError as error:
                if self._narrow(error, step) or self._is_overtaken(error, step, snapshot):
                    snapshot = self._recognise(self.read(playlist_id))
                    planned = self.plan_on(snapshot)
                    continue
                self._after_failure(error, step, first, snapshot)
            taken += 1
            snapshot = self._read_back(step, snapshot, answered_id)
            planned = self.plan_on(snapshot)
        raise RetryLater(
            self.place.service,
            f"the playlist {snapshot.home.name!r} does not come to hold what is written to it.",
            remedy="Run publish_playlist again; it plans again on what is there.",
            after=AFTER_EDITS_S,
        )

    def _first_look(self, playlist_id: str) -> Snapshot:
        """Look, and wait for what must be there: what an earlier run added, or saw.

        A playlist that shows nothing of the last list is looked at again as well.

        Raises:
            RetryLater: the playlist reads as it was before tonight's list was seen in it.
        """
        state, looked = self.ledger_state, self._looked
        sought = looked.tonight - state.unseen
        if not self.resumed:
            sought &= state.shown
        for _ in ownership.looks(self.place):
            snapshot = self._recognise(self.read(playlist_id))
            looked.note(snapshot)
            present = set(snapshot.rows)
            if sought <= present and (not state.shown or state.shown & present):
                break
        shown = state.tonight in SHOWN and sought
        if shown and not sought & looked.seen and (state.replaced - looked.tonight) & looked.seen:
            raise not_there(len(sought), len(sought), snapshot, self.place.service)
        looked.repeated |= ownership.repeated_before(
            snapshot, state, self.wanted, resumed=self.resumed
        )
        looked.versions.add(snapshot.home.snapshot_id)
        return snapshot

    def _recognise(self, snapshot: Snapshot) -> Snapshot:
        return ownership.recognised(
            snapshot, self.place, self.ledger_state, self.wanted, self._looked
        )

    def _read_back(self, step: Step, before: Snapshot, answered_id: str) -> Snapshot:
        """Read the playlist again until it shows what a request has done.

        Args:
            step: The request that was sent.
            before: The playlist before it.
            answered_id: The snapshot id in the reply; empty if there was none.

        Raises:
            PlaylistNotOwned: our marker went while the request was on its way; what it added or
                moved is undone, since the playlist was no longer ours.
            RetryLater: it does not show.
        """
        looked, expected = self._looked, after_step(before.rows, step)
        looked.versions |= {before.home.snapshot_id, answered_id}
        looked.answered = answered_id
        if isinstance(step, Add):
            looked.sent |= set(step.uris)
        last: tuple[Row, ...] | None = None
        for trial in ownership.looks(self.place):
            try:
                snapshot = self._recognise(self.read(before.home.id))
            except PlaylistNotOwned:
                self._take_back(step, before, answered_id)
                raise
            looked.note(snapshot)
            if trial == 1 and not answered_id:
                looked.versions.add(snapshot.home.snapshot_id)
            if snapshot.rows == expected:
                break
            if snapshot.rows == last and looked.explains(step, before, snapshot):
                break
            last = snapshot.rows
        looked.check(step, before, snapshot)
        return self._recognise(snapshot)

    def _take_back(self, step: Step, before: Snapshot, answered_id: str) -> None:
        match step:
            case Add(uris):
                new = [uri for uri in uris if uri not in before.rows]
                self.place.remove(before.home.id, new, before.home.snapshot_id)
            case Move():
                back = step.reversed()
                self.place.move(before.home.id, back.start, back.length, back.before, answered_id)

    def _done(
        self, begun: Plan, planned: Plan, first: Snapshot, snapshot: Snapshot, steps: int
    ) -> ReconciledPlaylist:
        hidden = ownership.hidden_tracks(snapshot, self.ledger_state, self._looked)
        return ReconciledPlaylist(
            begun.without({pick.uri for pick in self._refused}),
            planned.picks,
            first.home.snapshot_id,
            snapshot.home.snapshot_id,
            steps,
            tuple(sorted(hidden)),
            tuple(self._refused),
            dict(zip(snapshot.rows, snapshot.covers, strict=False)),
        )

    def _announce(self, step: Step, snapshot: Snapshot, planned: Plan, *, first: bool) -> None:
        if first:
            self.on_begin(snapshot, planned)
        whole = all(pick.uri in snapshot.rows for pick in planned.picks)
        whole = whole and not planned.repeated and not self._looked.removed
        if isinstance(step, Remove) and whole:
            self.on_whole(snapshot, planned)
        if isinstance(step, Remove) and planned.repeated & set(step.uris):
            self.on_undo(snapshot.home)

    def _send(self, step: Step, snapshot: Snapshot) -> str:
        """Send the request, and return the snapshot id that it is answered with."""
        home = snapshot.home
        match step:
            case Add(uris, position):
                return self.place.add(home.id, uris, position)
            case Remove(uris):
                try:
                    return self.place.remove(home.id, uris, home.snapshot_id)
                except (TransientError, BrokenReply) as error:
                    # Spotify has been seen to answer 502 for as long as a snapshot id is named.
                    LOG.warning("%s It is tried once more without a snapshot id.", error)
                    return self.place.remove(home.id, uris)
            case Move(start, length, before):
                return self.place.move(home.id, start, length, before, home.snapshot_id)

    def _narrow(self, error: ServiceError, step: Step) -> bool:
        """Add fewer tracks at once after a refusal, and leave out the one that is refused alone.

        Return whether to go on: an add was refused as invalid, and enough tracks are left.
        """
        if not isinstance(error, InvalidRequest) or not isinstance(step, Add):
            return False
        self._batch = len(step.uris) // 2
        if self._batch:
            return True
        self._batch = MAX_ITEMS_PER_WRITE
        refused = [pick for pick in self.wanted if pick.uri in step.uris]
        for pick in refused:
            LOG.warning("%s is left out, because it is not there any more: %s", pick.name, error)
            self.on_refused(pick)
        self._refused += refused
        self.wanted = [pick for pick in self.wanted if pick not in refused]
        self._looked.tonight -= set(step.uris)
        return len(self.wanted) >= self.fewest

    def _is_overtaken(self, error: ServiceError, step: Step, before: Snapshot) -> bool:
        """Return whether a move was refused because the listener's edit came just before it."""
        if not isinstance(error, InvalidRequest) or not isinstance(step, Move):
            return False
        snapshot = self._recognise(self.read(before.home.id))
        if edited := self._looked.is_edited(snapshot):
            self._looked.accept_edits(snapshot)
        return edited

    def _after_failure(
        self, error: ServiceError, step: Step, first: Snapshot, before: Snapshot
    ) -> None:
        """Go on if the request was carried out after all; else put back what can be, and give up.

        Raises:
            ServiceError: the error.
        """
        lost = isinstance(error, TransientError | BrokenReply)
        try:
            snapshot = self._recognise(self.read(before.home.id))
            if lost and is_done(step, before.rows, snapshot.rows):
                return
            # A removal that may yet be carried out must not be met with another: nothing would
            # be left. Then the new list stands whole, and the next run goes on.
            if isinstance(step, Add) or not lost:
                self._put_back(first, snapshot)
        except ServiceError as again:
            LOG.warning("The playlist could not be put back: %s The next run mends it.", again)
        raise error

    def _put_back(self, first: Snapshot, snapshot: Snapshot) -> None:
        """Take out again what came in tonight, if the list before it is still whole."""
        tonight = {pick.uri for pick in self.wanted} - set(first.rows)
        ours = {row for row in first.rows if row in self.ledger_state.ours}
        added = [row for row in snapshot.rows if row is not None and row in tonight]
        # Where some of the list before was removed already, only tonight's is whole.
        if not added or not ours <= set(snapshot.rows) or ours & self._looked.named:
            return
        self.on_undo(snapshot.home)
        for start in range(0, len(added), MAX_ITEMS_PER_WRITE):
            batch = added[start : start + MAX_ITEMS_PER_WRITE]
            self.place.remove(snapshot.home.id, batch, snapshot.home.snapshot_id)
        LOG.info("The list that stood there before was put back.")
