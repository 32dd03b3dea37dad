"""What has to change in the listener's playlist, and why?

Pure: from the desired list, what stands there now and what we wrote last to the list that will
stand there, as a difference in words. The playlist belongs to the listener: what they added stays,
at the end; what they took out is not put back.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Literal

# PUT /playlists/{id}/items replaces everything by up to 100 items in one step. More would need
# further calls, between which a half-written list would stand.
MOST_ITEMS = 100

# What the API can put back after a replacement. Local files it can not.
_WRITABLE = ("spotify:track:", "spotify:episode:")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One track that should be in the list.

    Attributes:
        track_key: The recording.
        uri: Its Spotify URI.
        artist: As shown.
        title: As shown.
    """

    track_key: str
    uri: str
    artist: str
    title: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between now and then.

    Attributes:
        kind: What happens to the item.
        uri: The item.
        why: The reason, for a person to read.
    """

    kind: Literal["add", "remove", "move", "leave out"]
    uri: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will stand in the playlist.

    Attributes:
        picks: Our tracks, in order.
        additions: The listener's own items, which follow them.
        ours: The tracks that the list consists of by right: `picks`, and those of tonight that the
            listener has already taken out again.
        changes: The differences from what stands there now.
        obstacle: Why nothing may be written; empty when it may.
    """

    picks: tuple[Wanted, ...]
    additions: tuple[str, ...]
    ours: tuple[Wanted, ...]
    changes: tuple[Change, ...]
    obstacle: str = ""

    @property
    def uris(self) -> list[str]:
        """All items of the playlist to be, in order."""
        return [pick.uri for pick in self.picks] + list(self.additions)

    def count(self, kind: str) -> int:
        """How many changes there are of one kind."""
        return sum(change.kind == kind for change in self.changes)


def plan(
    wanted: Sequence[Wanted],
    current: Sequence[str],
    *,
    last: Set[str] = frozenset(),
    maybe: Set[str] = frozenset(),
    shortest: int = 1,
) -> Plan:
    """Plan the playlist.

    Args:
        wanted: Tonight's tracks, in order, no URI twice.
        current: URIs that stand in the playlist now, in order.
        last: URIs that we wrote last, for certain.
        maybe: URIs that we may have written since.
        shortest: The listener's own items must leave room for this many tracks.
    """
    present = set(current)
    taken_out = {pick.uri for pick in wanted} & set(last) - present
    ours = set(last) | set(maybe) | {pick.uri for pick in wanted}
    additions = tuple(uri for uri in current if uri not in ours)
    room = max(MOST_ITEMS - len(additions), 0)
    allowed = [pick for pick in wanted if pick.uri not in taken_out]
    picks = tuple(allowed[:room])
    crowded_out = set(allowed[room:])
    return Plan(
        picks,
        additions,
        tuple(pick for pick in wanted if pick not in crowded_out),
        (*_left_out(wanted, taken_out, room), *_changes(picks, additions, current)),
        _obstacle(additions, room, min(shortest, len(wanted))),
    )


def why_degenerate(wanted: Sequence[Wanted], chosen: int, *, shortest: int) -> str:
    """Why a list is not fit to replace yesterday's; empty when it is.

    Args:
        wanted: The tracks that were found on Spotify.
        chosen: How many were chosen.
        shortest: The shortest list that the listener accepts.
    """
    if len(wanted) < shortest:
        return (
            f"Tonight's list has {len(wanted)} tracks (of {chosen} chosen, the others were not "
            f"found on Spotify); the shortest allowed is {shortest}."
        )
    artists = {pick.artist for pick in wanted}
    if len(wanted) > 1 and len(artists) == 1:
        return f"All {len(wanted)} tracks of tonight's list are by {wanted[0].artist}."
    return ""


def _left_out(wanted: Sequence[Wanted], taken_out: Set[str], room: int) -> list[Change]:
    rejected = [p for p in wanted if p.uri in taken_out]
    crowded = [p for p in wanted if p.uri not in taken_out][room:]
    return [Change("leave out", p.uri, "the listener took it out") for p in rejected] + [
        Change("leave out", p.uri, f"the listener's own items leave room for {room}")
        for p in crowded
    ]


def _changes(
    picks: Sequence[Wanted], additions: Sequence[str], current: Sequence[str]
) -> list[Change]:
    target = [pick.uri for pick in picks] + list(additions)
    names = {pick.uri: f"{pick.artist} – {pick.title}" for pick in picks}
    staying = set(target) & set(current)
    changes = [
        Change("remove", uri, "from an earlier night")
        for uri in dict.fromkeys(current)
        if uri not in staying
    ]
    changes += [
        Change("add", uri, f"tonight's pick: {names[uri]}") for uri in target if uri not in staying
    ]
    before = [uri for uri in dict.fromkeys(current) if uri in staying]
    after = [uri for uri in dict.fromkeys(target) if uri in staying]
    changes += [
        Change("move", new, f"tonight's pick: {names[new]}" if new in names else "kept at the end")
        for old, new in zip(before, after, strict=True)
        if old != new
    ]
    return changes


def _obstacle(additions: Sequence[str], room: int, needed: int) -> str:
    foreign = [uri for uri in additions if not uri.startswith(_WRITABLE)]
    if foreign:
        return (
            f"The playlist holds {len(foreign)} of the listener's own items that Spotify's API "
            f"can't put back, such as {foreign[0]}."
        )
    if room < needed:
        return (
            f"The playlist holds {len(additions)} of the listener's own items; of the "
            f"{MOST_ITEMS} that can be written in one step they leave {room} for ours."
        )
    return ""
