"""The requests that change a playlist, and what the looks after them say.

No place offers a lock: a request that replaces the whole list would swallow what the listener does
at the same moment. Adding, removing by URI and moving don't: each leaves everything else in the
playlist as it is. First all that is new comes in, on top; then what is old goes; then the order is
put right. So at every moment one whole list of ours stands there, the old one or the new one, and
nothing of the listener's is ever touched. Only what is older than a whole list of ours goes before
anything comes in, so that a playlist whose removals fail does not grow every night.

An acknowledged request is not trusted: all of it may have been done, a part, nothing, or all of it
twice, and a read may show the playlist as it was a while ago. What differs from what was written
counts as the listener's doing only where the playlist has a version that none of our requests made.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from smallhours.errors import RetryLater
from smallhours.playlist.publish.plan import Plan, Row, Snapshot, moved_rows
from smallhours.services.spotify import MAX_ITEMS_PER_WRITE

# Spotify's reads have been seen to lag behind its writes for minutes.
AFTER_UNSEEN_S = 300.0


@dataclass(frozen=True, slots=True)
class Add:
    """Put tracks before a row, counted from 0."""

    uris: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Take tracks out."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Move `length` rows from `start` to before the row `before`, all counted from 0."""

    start: int
    length: int
    before: int

    @property
    def target(self) -> int:
        """The first moved row's new place."""
        return self.before if self.before < self.start else self.before - self.length

    def reversed(self) -> "Move":
        """Return the move that undoes this one."""
        back = self.start if self.start < self.target else self.start + self.length
        return Move(self.target, self.length, back)


Step = Add | Remove | Move


def next_step(
    current: Sequence[Row],
    planned: Plan,
    *,
    batch: int = MAX_ITEMS_PER_WRITE,
    only_appends: bool = False,
) -> Step | None:
    """The next request; None when the playlist is as planned.

    Args:
        current: What stands there now.
        planned: Made on just that.
        batch: How many tracks may be added at once.
        only_appends: Whether they come in at the end.
    """
    return (
        _removing(current, planned.older, ())
        or _adding(current, planned, batch, only_appends=only_appends)
        or _removing_copies(planned)
        or _removing(current, planned.gone, planned.hidden)
        or _moving(current, planned)
    )


def after_step(rows: Sequence[Row], step: Step) -> tuple[Row, ...]:
    """Return the rows of a playlist after a request that was carried out."""
    match step:
        case Add(uris, position):
            return (*rows[:position], *uris, *rows[position:])
        case Remove(uris):
            return tuple(row for row in rows if row not in uris)
        case Move(start, length, _):
            moved, rest = rows[start : start + length], [*rows[:start], *rows[start + length :]]
            return (*rest[: step.target], *moved, *rest[step.target :])


def _adding(current: Sequence[Row], planned: Plan, batch: int, *, only_appends: bool) -> Add | None:
    present = set(current)
    uris = [pick.uri for pick in planned.picks]
    first = next((place for place, uri in enumerate(uris) if uri not in present), None)
    if first is None:
        return None
    last = first + 1
    while last < len(uris) and last - first < batch and uris[last] not in present:
        last += 1
    position = current.index(uris[first - 1]) + 1 if first else 0
    if only_appends:
        position = len(current)
    return Add(tuple(uris[first:last]), position)


def _removing(current: Sequence[Row], gone: Set[str], hidden: Sequence[str]) -> Remove | None:
    """Take out what is to go, and with it what nobody sees: removing by URI needs no row."""
    seen = [row for row in current if row is not None and row in gone]
    if not seen and None not in current:
        return None
    uris = dict.fromkeys([*seen, *hidden])
    return Remove(tuple(uris)[:MAX_ITEMS_PER_WRITE]) if uris else None


def _removing_copies(planned: Plan) -> Remove | None:
    """Take out tracks that stand there twice, to be added again: a removal takes all copies.

    If all stand there twice, half of them stay until the others are there again: so the playlist
    is not empty, even if nothing else is left in it.
    """
    uris = tuple(pick.uri for pick in planned.picks if pick.uri in planned.repeated)
    if len(uris) == len(planned.picks):
        uris = uris[: max(1, len(uris) // 2)]
    return Remove(uris[:MAX_ITEMS_PER_WRITE]) if uris else None


def _moving(current: Sequence[Row], planned: Plan) -> Move | None:
    target = planned.target
    wrong = next((i for i, row in enumerate(target) if current[i] != row), None)
    if wrong is None:
        return None
    start = current.index(target[wrong], wrong)
    length = 1
    while (
        start + length < len(current)
        and wrong + length < len(target)
        and current[start + length] == target[wrong + length]
    ):
        length += 1
    # What lies between may be the shorter piece to move.
    between = start - wrong
    if between < length:
        return Move(wrong, between, start + length)
    return Move(start, length, wrong)


@dataclass
class Observations:
    """All that a run has seen and written.

    Attributes:
        service: The place's name, for messages.
        tonight: The URIs of tonight's list.
        earlier: URIs that stood there before, or may have: ours and the listener's.
        seen: Every URI, at any look.
        shown: Tonight's tracks, at any look.
        given_up: Tonight's tracks that are not added again.
        sent: Tonight's tracks that our requests have added.
        repeated: Tracks whose second copy came in by our own request.
        to_add: Tonight's tracks that were taken out to be added once.
        added_once: Those that were taken out for that.
        lost: Tonight's tracks that stand there as rows without a track.
        removed: Earlier tracks that were seen to be gone.
        named: Every URI that a removal has named.
        unmoved: Those that one removal did not take out.
        user_owned: Earlier tracks that the listener put back.
        other_names: Ours by the URI under which they read.
        versions: Snapshot ids that are not the listener's.
        answered: The snapshot id that answered the last request; empty if there was none.
    """

    service: str
    tonight: Set[str]
    earlier: Set[str]
    seen: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    given_up: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    to_add: set[str] = field(default_factory=set)
    added_once: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    unmoved: set[str] = field(default_factory=set)
    user_owned: set[str] = field(default_factory=set)
    other_names: dict[str, str] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    answered: str = ""

    def note(self, snapshot: Snapshot) -> None:
        """Remember what was seen."""
        present = {row for row in snapshot.rows if row is not None}
        self.seen |= present
        self.shown |= present & self.tonight
        self.to_add -= present - self.repeated

    def is_edited(self, snapshot: Snapshot) -> bool:
        """Return whether somebody else has changed the playlist since our last request."""
        return snapshot.home.snapshot_id not in self.versions

    def accept_edits(self, snapshot: Snapshot) -> None:
        """Take what is missing now for what the listener took out."""
        self.given_up |= self._vanished(snapshot.rows)
        self.versions.add(snapshot.home.snapshot_id)

    def _is_edited_before(self, step: Step, before: Snapshot, snapshot: Snapshot) -> bool:
        """Return whether the listener edited the playlist just before a move.

        Then the version that answers the move is shown, and holds other tracks than were there; a
        move by itself changes none.
        """
        moved = isinstance(step, Move) and snapshot.home.snapshot_id == self.answered
        return moved and Counter(snapshot.rows) != Counter(before.rows)

    def explains(self, step: Step, before: Snapshot, snapshot: Snapshot) -> bool:
        """Return whether a look that is not as expected shows at least what the request did."""
        expected, rows = after_step(before.rows, step), snapshot.rows
        if self._copies(before, step, rows):
            return True
        if isinstance(step, Add) and disguised(
            expected, rows, step.uris, self._known(step, before)
        ):
            return True
        if isinstance(step, Remove) and _without_lost(rows) == _without_lost(expected):
            return True
        if self._is_edited_before(step, before, snapshot):
            return True
        done = is_done(step, before.rows, rows)
        return self.is_edited(snapshot) and done and not self._vanished(rows)

    def check(self, step: Step, before: Snapshot, snapshot: Snapshot) -> None:
        """Draw the conclusions from the last look after a request.

        Raises:
            RetryLater: what was written is not there, and the listener is not the reason.
        """
        rows = snapshot.rows
        edited = self.is_edited(snapshot) or self._is_edited_before(step, before, snapshot)
        copies = self._copies(before, step, rows)
        if copies & self.added_once:
            raise _not_shown("each track once, as was", snapshot, self.service)
        self.repeated |= copies
        match step:
            case Add():
                self._check_added(step, before, snapshot, edited=edited)
            case Remove(uris):
                self._check_removed(uris, before, snapshot, edited=edited)
            case Move():
                if rows != after_step(before.rows, step) and not edited:
                    raise _not_shown("an order that was", snapshot, self.service)
        vanished = self._vanished(rows)
        if vanished and not (edited and self.tonight & set(rows)):
            raise not_there(len(vanished), len(self.shown), snapshot, self.service)
        self.given_up |= vanished
        self.versions.add(snapshot.home.snapshot_id)

    def _check_added(
        self, step: Add, before: Snapshot, snapshot: Snapshot, *, edited: bool
    ) -> None:
        """Check that added tracks are there, or stand there in other forms."""
        uris, rows = step.uris, snapshot.rows
        unseen = set(uris) - self.shown
        known = self._known(step, before)
        others = disguised(after_step(before.rows, step), rows, uris, known)
        self.other_names |= {row: uri for uri, row in others.items() if row is not None}
        new = Counter(rows) - Counter(before.rows)
        strange = sum(count for row, count in new.items() if row not in known)
        # The listener may take out the one that is missing just before the look.
        taken_out = edited and len(unseen) == 1 < len(uris) and self.tonight & set(rows)
        if unseen and not (others or strange >= len(unseen) or taken_out):
            raise not_there(len(unseen), len(uris), snapshot, self.service)
        self.lost |= {uri for uri, row in others.items() if row is None}
        self.given_up |= unseen - set(others)

    def _check_removed(
        self, uris: Sequence[str], before: Snapshot, snapshot: Snapshot, *, edited: bool
    ) -> None:
        """Check that removed tracks are gone; one that stands elsewhere was put back.

        Raises:
            RetryLater: it is the second removal that does not take out a track.
        """
        present, stood = set(snapshot.rows), set(before.rows)
        left = {uri for uri in uris if uri in present}
        put_back: set[str] = set()
        if edited:
            # What a removal did not take out stands in the order in which it stood.
            order = [row for row in snapshot.rows if row in stood]
            moved = moved_rows([row for row in before.rows if row in present], order)
            alone = len(left) == 1 < len(stood & set(uris))
            put_back = left if alone else left.intersection(moved)
        self.user_owned |= put_back
        self.named |= set(uris)
        gone = set(uris) - present
        self.removed |= (gone & stood) - self.tonight
        self.repeated -= gone
        self.to_add |= gone & self.tonight
        self.added_once |= gone & self.tonight
        stuck = left - put_back
        if stuck & self.unmoved:
            raise _not_shown("a removal that was", snapshot, self.service)
        self.unmoved |= stuck

    def _copies(self, before: Snapshot, step: Step, rows: Sequence[Row]) -> set[str]:
        """Return the tracks that came in twice by our own requests.

        One copy alone is the listener's, unless it stands among those that were just added.
        """
        expected, copies = Counter(after_step(before.rows, step)), Counter(rows)
        twice = {uri for uri in self.sent if copies[uri] > max(1, expected[uri])}
        if len(twice) != 1:
            return twice
        if not isinstance(step, Add):
            return set()
        end = step.position + len(step.uris) + 1
        block = rows[step.position : end]
        alone = len(step.uris) == 1 or end < len(rows)
        return {uri for uri in twice if block.count(uri) > 1 and alone}

    def _known(self, step: Add, before: Snapshot) -> set[Row]:
        """Return the items that can't be one of the added tracks under another id."""
        return {*before.rows, *step.uris, *self.earlier, *self.tonight} - {None}

    def _vanished(self, rows: Sequence[Row]) -> set[str]:
        """Return tonight's tracks that were seen and are not there any more."""
        return self.shown - self.given_up - self.to_add - set(rows)


def is_done(step: Step, before: Sequence[Row], rows: Sequence[Row]) -> bool:
    """Return whether a playlist shows what a request does, whatever else is in it."""
    match step:
        case Add(uris, _):
            return set(uris) <= set(rows)
        case Remove(uris):
            return not set(uris) & set(rows)
        case Move():
            return tuple(rows) != tuple(before)


def _without_lost(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row is not None]


def not_there(unseen: int, wanted: int, snapshot: Snapshot, service: str) -> RetryLater:
    """Return the error that tracks of ours are missing."""
    return RetryLater(
        service,
        f"{unseen} of {wanted} tracks are missing from the playlist "
        f"{snapshot.home.name!r}, though adding them was acknowledged.",
        remedy="What is there of an earlier night stays until they are there. Run it again "
        "later; it adds what is still missing then.",
        after=AFTER_UNSEEN_S,
    )


def _not_shown(what: str, snapshot: Snapshot, service: str) -> RetryLater:
    return RetryLater(
        service,
        f"the playlist {snapshot.home.name!r} does not show {what} acknowledged.",
        remedy="Run it again later; it goes on from what is there then.",
        after=AFTER_UNSEEN_S,
    )


def disguised(
    expected: Sequence[Row], rows: Sequence[Row], added: Sequence[str], known: Set[Row]
) -> dict[str, Row]:
    """Return which added tracks stand in their places as rows without a track or as unknown ones.

    Empty if the playlist differs from the expected one in anything else.

    Args:
        expected: The rows as they would be.
        rows: As they are.
        added: What a request has added.
        known: Items that are none of these under another id.
    """
    if len(rows) != len(expected):
        return {}
    found = dict[str, Row]()
    for wanted, row in zip(expected, rows, strict=True):
        if wanted == row:
            continue
        if wanted is None or wanted not in added or row in known:
            return {}
        found[wanted] = row
    return found
