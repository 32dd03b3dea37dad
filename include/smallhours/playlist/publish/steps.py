"""The next request on the way from the playlist as it is to the playlist as planned.

Pure. Spotify offers no lock: a request that replaces the whole list would swallow what the
listener does at the same moment. Adding, removing by URI and moving don't: each leaves everything
else in the playlist as it is. First all that is new comes in, on top; then what is old goes; then
the order is put right. So at every moment one whole list of ours stands there, the old one or the
new one, and nothing of the listener's is ever touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smallhours.playlist.publish.plan import Plan, Row

# What one request may hold (developer.spotify.com, add-items-to-playlist).
MAX_URIS_PER_REQUEST = 100


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


Step = Add | Remove | Move


def next_step(current: Sequence[Row], planned: Plan) -> Step | None:
    """The next request; None when the playlist is as planned.

    Args:
        current: What stands there now.
        planned: Made on just that.
    """
    return _adding(current, planned) or _removing(current, planned) or _moving(current, planned)


def _adding(current: Sequence[Row], planned: Plan) -> Add | None:
    present = set(current)
    uris = [pick.uri for pick in planned.picks]
    first = next((place for place, uri in enumerate(uris) if uri not in present), None)
    if first is None:
        return None
    last = first + 1
    while last < len(uris) and last - first < MAX_URIS_PER_REQUEST and uris[last] not in present:
        last += 1
    position = current.index(uris[first - 1]) + 1 if first else 0
    return Add(tuple(uris[first:last]), position)


def _removing(current: Sequence[Row], planned: Plan) -> Remove | None:
    gone = [row for row in current if row is not None and row in planned.gone]
    return Remove(tuple(gone[:MAX_URIS_PER_REQUEST])) if gone else None


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
