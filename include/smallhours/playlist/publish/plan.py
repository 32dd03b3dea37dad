"""The plan of changes to the listener's playlist, with a reason for each, and its table.

Pure functions: from the wanted list, the playlist's items now and the ledger to the list that is to
stand there, with the differences in words. The playlist belongs to the listener: what they added
stays, what they took out is not put back.

The table has forms for people to read: rows, which the command line draws with colours; plain text
for a log; Markdown for the Airflow page on which the listener approves a list.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from smallhours.services.playlists import PlaylistDetails, PlaylistRow

# Spotify's limit for one playlist, and more than anybody needs elsewhere.
MAX_ITEMS = 10_000

# One row of a playlist as we see it: its URI, or None where the place has lost what it was.
Row = str | None
OwnItems = Literal["end", "place"]

_SIGNS = {"add": "+", "remove": "-", "move": "~", "keep": "=", "leave out": "x"}
_PAST = (
    ("add", "added"),
    ("remove", "removed"),
    ("move", "moved"),
    ("leave out", "left out"),
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A playlist at one moment.

    Attributes:
        home: The playlist without its items.
        rows: Its items.
        tracks: Their artists and titles, by URI.
        covers: The address of each item's cover, or empty; in the order of `rows`.
    """

    home: PlaylistDetails
    rows: tuple[Row, ...]
    tracks: Mapping[str, tuple[str, str]]
    covers: tuple[str, ...] = ()

    @classmethod
    def of(cls, home: PlaylistDetails, items: Sequence[PlaylistRow]) -> "Snapshot":
        """Return the snapshot of a playlist with these items."""
        rows, covers = tuple(item.uri for item in items), tuple(item.cover for item in items)
        names = {i.uri: (i.artist, i.title) for i in items if i.uri is not None and i.title}
        return cls(home, rows, names, covers)

    @property
    def names(self) -> dict[str, str]:
        """What the items are called, by URI."""
        return {uri: f"{artist} – {title}" for uri, (artist, title) in self.tracks.items()}


# A new playlist.
EMPTY = Snapshot(PlaylistDetails("", "", "", "", False, "", 0), (), {})


@dataclass(frozen=True, slots=True)
class PlannedTrack:
    """One track that should be in the list.

    Attributes:
        track_key: The recording.
        uri: What names it at the place of the list.
        artist: As shown.
        title: As shown.
        why: The reason for it, as the listener reads it.
    """

    track_key: str
    uri: str
    artist: str
    title: str
    why: str = ""

    @property
    def name(self) -> str:
        """Artist and title, for a person to read."""
        return f"{self.artist} – {self.title}"


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One difference between now and then.

    Attributes:
        kind: What happens to the item.
        uri: The item; None for a row that the place has lost.
        name: What it is called, as far as known.
        why: The reason, for a person to read.
    """

    kind: Literal["add", "remove", "move", "keep", "leave out"]
    uri: Row
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The playlist as it is to be.

    Attributes:
        picks: Our tracks, in order.
        own: The listener's own rows, in their order.
        target: All rows of the playlist to be, in order.
        gone: Tracks of earlier nights that are to go.
        older: Those of them that are older than the list of ours that stands there.
        repeated: Tracks of tonight that stand there twice because a request was done twice.
        hidden: Tracks of earlier nights that may stand there as rows without a track.
        ours: The tracks that the list consists of by right: `picks`, and those of tonight that the
            listener has already taken out again.
        changes: The differences from what stands there now.
        obstacle: Why nothing may be written; empty when it may.
    """

    picks: tuple[PlannedTrack, ...]
    own: tuple[Row, ...]
    target: tuple[Row, ...]
    gone: frozenset[str]
    older: frozenset[str]
    repeated: frozenset[str]
    hidden: tuple[str, ...]
    ours: tuple[PlannedTrack, ...]
    changes: tuple[PlannedChange, ...]
    obstacle: str = ""

    def without(self, refused: Set[str]) -> "Plan":
        """Return the plan without tracks that the place does not have, by their URIs."""
        changes = (
            replace(change, kind="leave out", why="it is not there any more")
            if change.uri in refused
            else change
            for change in self.changes
        )
        return replace(
            self,
            picks=tuple(pick for pick in self.picks if pick.uri not in refused),
            target=tuple(row for row in self.target if row not in refused),
            ours=tuple(pick for pick in self.ours if pick.uri not in refused),
            changes=tuple(changes),
        )

    def count(self, kind: str) -> int:
        """Return the number of changes of one kind."""
        return sum(change.kind == kind for change in self.changes)


def plan(
    wanted: Sequence[PlannedTrack],
    current: Sequence[Row],
    *,
    shown: Set[str] = frozenset(),
    ours: Set[str] = frozenset(),
    older: Set[str] = frozenset(),
    repeated: Set[str] = frozenset(),
    hidden: Sequence[str] = (),
    own_items: OwnItems = "end",
    places: Mapping[Row, int] | None = None,
    names: Mapping[str, str] | None = None,
) -> Plan:
    """Plan the playlist.

    A second copy of a track that is ours is the listener's doing, so that all copies stay, unless
    it came in through a request of ours.

    Args:
        wanted: Tonight's tracks, in order, no URI twice.
        current: What stands in the playlist now, in order.
        shown: URIs of tonight that have stood there: those that are gone the listener took out.
        ours: URIs of earlier lists that stand there because of us, or may.
        older: Those of them that go before anything comes in.
        repeated: URIs whose second copies are ours.
        hidden: Those of `ours` that nobody sees, but that may be rows without a track.
        own_items: Where the listener's own rows go: to the end, or where they put them.
        places: Where they put them, for a playlist that we have begun to write.
        names: What the tracks of earlier lists are called, by URI.
    """
    copies = Counter(current)
    taken_out = {pick.uri for pick in wanted if pick.uri in shown and not copies[pick.uri]}
    picks = tuple(pick for pick in wanted if pick.uri not in taken_out)
    uris = {pick.uri for pick in picks}
    gone = frozenset(
        uri for uri in ours - uris if copies[uri] == 1 or (copies[uri] and uri in repeated)
    )
    repeated = frozenset(uri for uri in uris & repeated if copies[uri] > 1)
    own = _own_rows(current, uris, gone | repeated)
    target = _target(picks, own, current, own_items, places)
    return Plan(
        picks,
        own,
        target,
        gone,
        gone & older,
        repeated,
        tuple(hidden),
        tuple(wanted),
        _changes(wanted, current, target, gone, own, names or {}),
        _obstacle(target),
    )


def _own_rows(current: Sequence[Row], picks: Set[str], gone: Set[str]) -> tuple[Row, ...]:
    """The rows that are neither the first copy of a pick nor to go."""
    left = set(picks)
    own: list[Row] = []
    for row in current:
        if row in left:
            left.discard(row)
        elif row not in gone:
            own.append(row)
    return tuple(own)


def _target(
    picks: Sequence[PlannedTrack],
    own: Sequence[Row],
    current: Sequence[Row],
    own_items: OwnItems,
    places: Mapping[Row, int] | None,
) -> tuple[Row, ...]:
    ours: list[Row] = [pick.uri for pick in picks]
    if own_items == "end":
        return (*ours, *own)
    if places is None:
        places = places_of(current)
    waiting = sorted(own, key=lambda row: places.get(row, MAX_ITEMS))
    target: list[Row] = []
    while ours or waiting:
        due = waiting and (not ours or places.get(waiting[0], MAX_ITEMS) <= len(target))
        target.append(waiting.pop(0) if due else ours.pop(0))
    return tuple(target)


def places_of(rows: Sequence[Row]) -> dict[Row, int]:
    """Return the first position of each item, from 0."""
    places: dict[Row, int] = {}
    for place, row in enumerate(rows):
        places.setdefault(row, place)
    return places


def _changes(
    wanted: Sequence[PlannedTrack],
    current: Sequence[Row],
    target: Sequence[Row],
    gone: Set[str],
    own: Sequence[Row],
    names: Mapping[str, str],
) -> tuple[PlannedChange, ...]:
    present, stays = set(current), set(target)
    known = {**names, **{pick.uri: pick.name for pick in wanted}}
    kept = Counter(own)
    changes = [
        PlannedChange("remove", row, known.get(row, row), "from an earlier night")
        for row in current
        if row is not None and row in gone
    ]
    changes += [
        PlannedChange("add", pick.uri, pick.name, pick.why or "tonight's pick")
        for pick in wanted
        if pick.uri in stays and pick.uri not in present
    ]
    changes += [
        PlannedChange("leave out", pick.uri, pick.name, "you took it out")
        for pick in wanted
        if pick.uri not in stays
    ]
    moved = moved_rows(
        [row for row in current if row in stays], [r for r in target if r in present]
    )
    changes += [
        PlannedChange("move", row, _name(row, known), "tonight's order")
        for row in moved
        if not kept[row]
    ]
    changes += [PlannedChange("keep", row, _name(row, known), "you added it") for row in own]
    return tuple(changes)


def _name(row: Row, names: Mapping[str, str]) -> str:
    return "something that was lost there" if row is None else names.get(row, row)


def moved_rows(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    """Return the fewest rows whose moving makes one order of the other."""
    places = places_of(before)
    order = [places[row] for row in after]
    tails: list[int] = []  # the smallest end of an ascending run of each length
    lengths = []
    for place in order:
        at = bisect_left(tails, place)
        tails[at : at + 1] = [place]
        lengths.append(at)
    staying, wanted_length = set(), len(tails) - 1
    for index in range(len(order) - 1, -1, -1):
        if lengths[index] == wanted_length:
            staying.add(index)
            wanted_length -= 1
    return [row for index, row in enumerate(after) if index not in staying]


def _obstacle(target: Sequence[Row]) -> str:
    if len(target) > MAX_ITEMS:
        return f"The playlist would hold {len(target):,} items; the limit is {MAX_ITEMS:,}."
    return ""


class ChangeLine(NamedTuple):
    """One line of the table.

    Attributes:
        sign: `+`, `-`, `~`, `=` or `x`.
        kind: The change in a word.
        name: Artist and title.
        why: The reason.
    """

    sign: str
    kind: str
    name: str
    why: str


def change_lines(planned: Plan) -> list[ChangeLine]:
    """Return the changes as lines: added, removed, moved, kept, left out."""
    order = list(_SIGNS)
    changes = sorted(planned.changes, key=lambda change: order.index(change.kind))
    return [
        ChangeLine(_SIGNS[change.kind], change.kind, change.name, change.why) for change in changes
    ]


def summarise(planned: Plan) -> str:
    """Return all changes as a sentence."""
    parts = [f"{len(planned.picks)} tracks"]
    parts += [f"{count} {past}" for kind, past in _PAST if (count := planned.count(kind))]
    if planned.own:
        parts.append(f"{len(planned.own)} of the listener's own kept")
    return ", ".join(parts) + "."


def as_text(planned: Plan) -> Iterator[str]:
    """Yield the lines of the table as plain text, for a log."""
    rows = change_lines(planned)
    width = min(max((len(line.name) for line in rows), default=0), 60)
    for line in rows:
        yield f"{line.sign} {_cut(line.name, width):<{width}}  {line.why}"
    yield summarise(planned)


def as_markdown(planned: Plan) -> str:
    """Return the table in Markdown."""
    body = "\n".join(
        f"| {line.sign} | {_cell(line.name)} | {_cell(line.why)} |"
        for line in change_lines(planned)
    )
    return f"{summarise(planned)}\n\n| | track | why |\n|---|---|---|\n{body}\n"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
