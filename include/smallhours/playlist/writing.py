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
from typing import Protocol

from smallhours.errors import BrokenReply, NotOurs, RetryLater, ServiceError
from smallhours.playlist.home import check_marker
from smallhours.playlist.ledger import Standing
from smallhours.playlist.plan import OwnItems, Plan, Row, Wanted, places_of, plan
from smallhours.playlist.steps import Add, Move, Remove, Step, next_step
from smallhours.services.patience import PassingFault, Patience
from smallhours.services.spotify_replies import Playlist, PlaylistItem

LOG = logging.getLogger(__name__)

# How often the playlist is looked at anew because it changes under our eyes.
LOOKS = 4
AFTER_EDITS_S = 300.0
# How often added tracks are looked for: for some 20 seconds with the waits in between.
LOOKS_FOR_ADDED = 6
# Spotify's reads have been seen to lag behind its writes for minutes.
AFTER_UNSEEN_S = 300.0
# A step for each hundred tracks in and out, and one for each that moves; the rest is for edits.
SPARE_STEPS = 20


class PlaylistWriter(Protocol):
    """The requests to Spotify that writing needs."""

    @property
    def patience(self) -> Patience:
        """The waits between looks for a write."""

    def playlist(self, playlist_id: str) -> Playlist:
        """A playlist without its items."""

    def playlist_items(self, playlist_id: str) -> list[PlaylistItem]:
        """All rows of a playlist."""

    def add_items(self, playlist_id: str, uris: Sequence[str], *, position: int | None) -> str:
        """Add before a row; the new snapshot id."""

    def remove_items(self, playlist_id: str, uris: Sequence[str], snapshot_id: str) -> str:
        """Remove by URI; the new snapshot id."""

    def move_items(
        self, playlist_id: str, start: int, length: int, before: int, snapshot_id: str
    ) -> str:
        """Move a range of rows; the new snapshot id."""


@dataclass(frozen=True, slots=True)
class Look:
    """A playlist at one moment.

    Attributes:
        home: The playlist without its items.
        rows: Its items.
        names: What they are called, by URI.
    """

    home: Playlist
    rows: tuple[Row, ...]
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class Written:
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
    picks: tuple[Wanted, ...]
    before: str
    after: str
    steps: int
    leftovers: tuple[str, ...]


def look_at(spotify: PlaylistWriter, playlist_id: str, mark: str) -> Look:
    """Read a playlist when it stands still: its snapshot id is the same before and after.

    Raises:
        NotOurs: our marker is gone.
        RetryLater: it kept changing.
    """
    before = spotify.playlist(playlist_id)
    for _ in range(LOOKS):
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
            return Look(after, tuple(item.uri for item in items), names)
        before = after
    raise RetryLater(
        "Spotify",
        f"the playlist {before.name!r} is being changed by somebody else.",
        remedy="Try again when they are done.",
        after=AFTER_EDITS_S,
    )


@dataclass
class Writing:
    """One playlist being written.

    Attributes:
        spotify: The listener's Spotify.
        mark: Our marker, without which nothing is written.
        wanted: Tonight's tracks, in order.
        standing: What the ledger says.
        own_items: Where the listener's own rows go.
        resumed: Whether an earlier run may have added some of tonight's tracks.
        on_begin: Told before the first step: what stands there, and the plan.
        on_whole: Told before the first track is removed: now all of tonight's stand there.
        on_undo: Told before tonight's tracks are taken out again, because the rest has failed.
    """

    spotify: PlaylistWriter
    mark: str
    wanted: Sequence[Wanted]
    standing: Standing
    own_items: OwnItems = "end"
    resumed: bool = False
    on_begin: Callable[[Look, Plan], None] = lambda _look, _plan: None
    on_whole: Callable[[Look, Plan], None] = lambda _look, _plan: None
    on_undo: Callable[[], None] = lambda: None
    _shown: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)
    _removed: set[str] = field(default_factory=set)
    _let_be: set[str] = field(default_factory=set)
    _given_up: set[str] = field(default_factory=set)

    def plan_on(self, look: Look) -> Plan:
        """The plan as of a look, which is remembered."""
        present = self._note(look)
        # What we took out and is there again, the listener has put there.
        self._let_be |= self._removed & present
        previous = self.standing.previous
        return plan(
            self.wanted,
            look.rows,
            shown=self.standing.shown | self._shown | self._given_up,
            ours=self.standing.ours - self._let_be,
            own_items=self.own_items,
            places=None if previous is None else places_of([uri or None for uri in previous]),
            names={**dict(self.standing.names), **look.names},
        )

    def _note(self, look: Look) -> set[str]:
        """Remember what was seen, and return it."""
        present = {row for row in look.rows if row is not None}
        self._seen |= present
        self._shown |= present & {pick.uri for pick in self.wanted}
        return present

    def run(self, playlist_id: str) -> Written:
        """Take steps until the playlist is as planned.

        Raises:
            NotOurs: our marker is gone.
            ServiceError: what could be put back was; running again goes on from here.
        """
        look = first = self._first_look(playlist_id)
        planned = begun = self.plan_on(first)
        if self.standing.previous is None:
            places = tuple(row or "" for row in first.rows)
            self.standing = dataclasses.replace(self.standing, previous=places)
        most = len(first.rows) + len(self.wanted) + SPARE_STEPS
        for taken in range(most):
            step = next_step(look.rows, planned)
            if step is None:
                return self._done(begun, planned, first, look, taken)
            self._announce(step, look, planned, first=taken == 0)
            snapshot = ""
            try:
                snapshot = self._take(step, look)
            except ServiceError as error:
                self._after_failure(error, step, first, playlist_id)
            look = self._look_after(step, look, snapshot)
            planned = self.plan_on(look)
        raise RetryLater(
            "Spotify",
            f"the playlist {look.home.name!r} does not come to hold what is written to it.",
            remedy="Run publish_playlist again; it plans anew on what stands there.",
            after=AFTER_EDITS_S,
        )

    def _first_look(self, playlist_id: str) -> Look:
        """Look; where an earlier run may have added tracks, wait until they show."""
        uris = {pick.uri for pick in self.wanted}
        return self._look_for(
            uris if self.resumed else set(),
            lambda: look_at(self.spotify, playlist_id, self.mark),
        )

    def _look_after(self, step: Step, before: Look, snapshot: str) -> Look:
        """Look again, until tonight's tracks that have come in are seen.

        Args:
            step: What was done.
            before: What stood there before.
            snapshot: What the step was answered with; empty if its answer was lost.

        Raises:
            NotOurs: our marker went meanwhile.
            RetryLater: what was added is not there.
        """
        added = set(step.uris) if isinstance(step, Add) else set()
        sought = (self._shown | added) - self._given_up
        look = self._look_for(sought, lambda: self._look_again(step, before))
        unseen = added - self._shown
        explained = _stand_under_other_names(step, before, look, len(unseen)) or (
            _one_taken_out(step, before, look, snapshot, len(unseen))
        )
        # Where none is there any more, nobody can tell what became of them.
        none = bool(sought) and not any(pick.uri in look.rows for pick in self.wanted)
        if none or (unseen and not explained):
            raise _not_there(unseen or sought, sought, look)
        self._given_up |= sought - set(look.rows)
        return look

    def _look_for(self, uris: set[str], look_again: Callable[[], Look]) -> Look:
        """Look until all of these are there or patience ends, and return the last look."""
        look = look_again()
        for trial in range(1, LOOKS_FOR_ADDED):
            if uris <= self._note(look):
                break
            self.spotify.patience.sleep(self.spotify.patience.backoff(trial))
            look = look_again()
        self._note(look)
        return look

    def _look_again(self, step: Step, before: Look) -> Look:
        """Look again.

        Raises:
            NotOurs: our marker went while the request was on its way; what it brought in is taken
                out again, since it came into a playlist that was no longer ours.
        """
        try:
            return look_at(self.spotify, before.home.id, self.mark)
        except NotOurs:
            if isinstance(step, Add):
                new = [uri for uri in step.uris if uri not in before.rows]
                self.spotify.remove_items(before.home.id, new, before.home.snapshot_id)
            raise

    def _done(self, begun: Plan, planned: Plan, first: Look, look: Look, steps: int) -> Written:
        hidden: set[str] = set()
        if None in look.rows:
            picks = {pick.uri for pick in self.wanted}
            hidden = set(self.standing.ours) - self._seen - picks
        hidden |= self._given_up - self._seen
        return Written(
            begun,
            planned.picks,
            first.home.snapshot_id,
            look.home.snapshot_id,
            steps,
            tuple(sorted(hidden)),
        )

    def _announce(self, step: Step, look: Look, planned: Plan, *, first: bool) -> None:
        if first:
            self.on_begin(look, planned)
        if isinstance(step, Remove) and not self._removed:
            self.on_whole(look, planned)

    def _take(self, step: Step, look: Look) -> str:
        """Send the request, and return the snapshot id that it is answered with."""
        home = look.home
        match step:
            case Add(uris, position):
                return self.spotify.add_items(home.id, uris, position=position)
            case Remove(uris):
                self._removed.update(uris)
                return self.spotify.remove_items(home.id, uris, home.snapshot_id)
            case Move(start, length, before):
                return self.spotify.move_items(home.id, start, length, before, home.snapshot_id)

    def _after_failure(
        self, error: ServiceError, step: Step, first: Look, playlist_id: str
    ) -> None:
        """Go on if the request was carried out after all; else put back what can be, and give up.

        Raises:
            ServiceError: the error.
        """
        lost = isinstance(error, PassingFault | BrokenReply)
        try:
            look = look_at(self.spotify, playlist_id, self.mark)
            if isinstance(step, Add) and lost and set(step.uris) <= set(look.rows):
                self._shown.update(step.uris)
                return
            # A removal that may yet be carried out must not be met with another: nothing would
            # be left. Then the new list stands whole, and the next run goes on.
            if isinstance(step, Add) or not lost:
                self._put_back(first, look)
        except ServiceError as again:
            LOG.warning("The playlist could not be put back: %s The next run mends it.", again)
        raise error

    def _put_back(self, first: Look, look: Look) -> None:
        """Take out again what came in tonight, if the list before it is still whole."""
        tonight = {pick.uri for pick in self.wanted} - set(first.rows)
        earlier = {row for row in first.rows if row in self.standing.ours}
        added = [row for row in look.rows if row is not None and row in tonight]
        if not added or not earlier <= set(look.rows):
            return
        self.on_undo()
        for start in range(0, len(added), 100):
            batch = added[start : start + 100]
            self.spotify.remove_items(look.home.id, batch, look.home.snapshot_id)
        LOG.info("The list that stood there before was put back.")


def _stand_under_other_names(step: Step, before: Look, look: Look, unseen: int) -> bool:
    """Whether as many unknown rows came in as tracks are unseen: lost, or under another id."""
    added = step.uris if isinstance(step, Add) else ()
    new = Counter(look.rows) - Counter(before.rows)
    return sum(count for row, count in new.items() if row not in added) >= unseen


def _one_taken_out(step: Step, before: Look, look: Look, snapshot: str, unseen: int) -> bool:
    """Whether somebody has taken out the one track that is unseen, in the moment before the look.

    Then the playlist is neither what it was nor what the add made of it. More than one track is
    no single deed.

    Args:
        step: What was done.
        before: What stood there before.
        look: The last look, after all waits.
        snapshot: What Spotify answered with; empty if the answer was lost.
        unseen: How many of the added tracks were never seen.
    """
    several = isinstance(step, Add) and len(step.uris) > 1
    versions = (before.home.snapshot_id, snapshot)
    return unseen == 1 and several and bool(snapshot) and look.home.snapshot_id not in versions


def _not_there(unseen: set[str], sought: set[str], look: Look) -> RetryLater:
    return RetryLater(
        "Spotify",
        f"{len(unseen)} of {len(sought)} tracks are missing from the playlist {look.home.name!r}, "
        "though adding them was acknowledged.",
        remedy="What stands there of an earlier night stays until they are there. Run it again "
        "later; it adds what is still missing then.",
        after=AFTER_UNSEEN_S,
    )
