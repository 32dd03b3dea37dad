"""Fault injection: rules that make the sandbox misbehave on request.

A ``Fault`` is a rule: the kind of fault, for which service, route and listener, after how many
calls and how many times. The kinds are listed in ``fault_kinds``. Rules are posted to
``/_sandbox/faults``. Transport faults are carried out by ``fault_transport``; handlers look up
content faults through ``active_fault``.
"""

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, Self
from weakref import WeakKeyDictionary

from smallhours_sandbox.fault_kinds import KINDS
from smallhours_sandbox.scrobble_drift import ScrobbleDrift
from smallhours_sandbox.state import SandboxState

SERVICES = (
    "spotify", "accounts", "lastfm", "reccobeats", "acousticbrainz", "listenbrainz", "labs",
    "musicbrainz", "subsonic",
)  # fmt: skip
MAX_HOLD_S = 120.0


class FaultError(ValueError):
    """A fault rule that is invalid; the message says what is wrong with it."""


@dataclass(slots=True)
class Fault:
    """A fault rule.

    Attributes:
        kind: a key of ``KINDS``.
        service: glob over ``SERVICES``.
        match: glob over the route: ``GET /v1/me/tracks``, the path alone, or a Last.fm method
            such as ``user.getRecentTracks``; case does not matter.
        about: glob over the artist, track and tag that a Last.fm call names, one of which fits.
        user: glob over listener names, for the kinds that ask for one.
        after: how many matching calls pass unharmed first.
        times: how often it fires then; 0 is until it is cleared.
        seconds: how long to wait, or what Retry-After says.
        status: HTTP status, where the kind leaves a choice.
        code: Last.fm's error number.
        words: what the error says, where the kind leaves a choice.
        count: how many rows; for the kinds with `rows`, 0 is all.
        days: how long ago.
        rows: glob over a row's names: its name, id, URI or address, or its track's.
        change: by path in a row, such as ``owner.id``, the value that it gets.
        since: an ISO date; before it, by the sandbox clock, nothing happens.
        acted: carry the request out before failing it, as a lost answer would.
        seen: matching calls so far.
        fired: number of times it has fired.
    """

    kind: str
    service: str = "*"
    match: str = "*"
    about: str = "*"
    user: str = "*"
    after: int = 0
    times: int = 1
    seconds: float | None = None
    status: int | None = None
    code: int | None = None
    words: str | None = None
    count: int = 1
    days: float | None = None
    rows: str = "*"
    change: dict[str, Any] | None = None
    since: str | None = None
    acted: bool = False
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        """Reject a rule that could never match or can't be carried out.

        Raises:
            FaultError: With what is wrong.
        """
        if self.kind not in KINDS:
            raise FaultError(f"unknown fault kind {self.kind!r}; known are {', '.join(KINDS)}")
        if self.service == "*" or (self.kind == "invalid_grant" and self.service == "spotify"):
            self.service = KINDS[self.kind].service
        if not any(fnmatchcase(each, self.service) for each in SERVICES):
            raise FaultError(f"no service is called {self.service!r}; known are {SERVICES}")
        if self.status is not None and not 200 <= self.status <= 599:
            raise FaultError(f"status {self.status} is not an HTTP status of an answer")
        if min(self.after, self.times, self.count) < 0 or (self.seconds or 0) < 0:
            raise FaultError("after, times, count and seconds can't be negative")
        if (self.kind == "odd_rows") != bool(self.change):
            raise FaultError("odd_rows, and no other kind, has a change, such as {'name': null}")
        try:
            date.fromisoformat(self.since or "1970-01-01")
        except ValueError:
            raise FaultError(f"since is a date such as 2026-12-01, not {self.since!r}") from None

    @classmethod
    def from_json(cls, rule: object) -> Self:
        """Parse a rule.

        Raises:
            FaultError: When it is not an object, or has unknown or ill-typed keys.
        """
        if not isinstance(rule, dict):
            raise FaultError("a fault is a JSON object with at least a kind")
        known = {each.name: each for each in fields(cls) if each.name not in ("seen", "fired")}
        unknown = sorted(set(rule) - set(known))
        if unknown:
            raise FaultError(f"unknown keys {', '.join(unknown)}; known are {', '.join(known)}")
        for key, value in rule.items():
            if not _has_type(str(known[key].type), value):
                raise FaultError(f"{key} can't be {value!r}")
        if "kind" not in rule:
            raise FaultError("a fault needs a kind")
        kind = KINDS.get(rule["kind"])
        return cls(**{"times": kind.times if kind else 1, **rule})

    def to_json(self) -> dict[str, Any]:
        """Return the rule with its counters and the one-line description of its kind."""
        return {**asdict(self), "summary": KINDS[self.kind].summary}

    def begun(self, now: float) -> bool:
        """Return whether the rule holds at a moment of the sandbox clock."""
        return self.since is None or datetime.fromtimestamp(now, UTC).date() >= date.fromisoformat(
            self.since
        )

    def applies_to(
        self, service: str, routes: Sequence[str], user: str, names: Sequence[str] = ()
    ) -> bool:
        """Return whether the rule applies to a call."""
        return (
            (self.about == "*" or any(fnmatchcase(n.lower(), self.about.lower()) for n in names))
            and fnmatchcase(service, self.service)
            and any(fnmatchcase(route.lower(), self.match.lower()) for route in routes)
            and fnmatchcase(user.lower(), self.user.lower())
        )


def _has_type(annotation: str, value: object) -> bool:
    """Return whether a JSON value has the type of a field's annotation."""
    if value is None:
        return "None" in annotation
    if "dict" in annotation:
        return isinstance(value, dict)
    if "bool" in annotation:
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if "float" in annotation:
        return isinstance(value, int | float)
    if "int" in annotation:
        return isinstance(value, int)
    return isinstance(value, str)


@dataclass(slots=True)
class FaultBook:
    """The fault rules of one sandbox and their effects on its listeners' histories.

    Attributes:
        rules: in the order they were added; the first that fires wins.
        drift: by listener, scrobbles that arrived late or were deleted; clearing the rules keeps
            it.
    """

    rules: list[Fault] = field(default_factory=list)
    drift: dict[str, ScrobbleDrift] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, *rules: Fault) -> None:
        """Append rules."""
        with self.lock:
            self.rules.extend(rules)

    def clear(self) -> None:
        """Remove every rule."""
        with self.lock:
            self.rules.clear()

    def next_fault(
        self,
        kinds: Sequence[str],
        service: str,
        routes: Sequence[str],
        user: str = "",
        names: Sequence[str] = (),
    ) -> Fault | None:
        """Return the first rule of these kinds that fires for a call; every match is counted."""
        chosen: Fault | None = None
        with self.lock:
            for rule in self.rules:
                if rule.kind not in kinds or not rule.applies_to(service, routes, user, names):
                    continue
                rule.seen += 1
                spent = rule.times and rule.fired >= rule.times
                if chosen is None and rule.seen > rule.after and not spent:
                    rule.fired += 1
                    chosen = rule
        return chosen


_BOOKS: WeakKeyDictionary[SandboxState, FaultBook] = WeakKeyDictionary()
_BOOKS_LOCK = threading.Lock()


def fault_rules_of(state: SandboxState) -> FaultBook:
    """Return the fault rules of a sandbox: one `FaultBook` per state."""
    with _BOOKS_LOCK:
        return _BOOKS.setdefault(state, FaultBook())


def active_fault(
    state: SandboxState, kind: str, *, service: str, route: str, user: str = ""
) -> Fault | None:
    """Return the rule of a kind that fires for this call, or None. Call it once per call.

    Args:
        state: the sandbox.
        kind: a key of ``KINDS`` whose layer is "content".
        service: one of ``SERVICES``.
        route: ``GET /v1/playlists/ID/items``, or a Last.fm method.
        user: the listener whose data it is.
    """
    rules = fault_rules_of(state)
    if not rules.rules:
        return None
    return rules.next_fault((kind,), service, (route, route.rpartition(" ")[2]), user)
