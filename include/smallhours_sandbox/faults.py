"""Fault injection: rules that make the sandbox misbehave on request.

A ``Fault`` is a rule: the kind of fault, for which service, route and listener, after how many
calls and how many times. Rules are posted to ``/_sandbox/faults``. Transport faults are carried out
by ``fault_transport``; handlers look up content faults through ``active_fault``.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any, Literal, Self
from weakref import WeakKeyDictionary

from smallhours_sandbox.scrobble_drift import ScrobbleDrift
from smallhours_sandbox.state import SandboxState

SERVICES = (
    "spotify", "accounts", "lastfm", "reccobeats", "acousticbrainz", "listenbrainz", "labs",
    "musicbrainz", "subsonic",
)  # fmt: skip
MAX_HOLD_S = 120.0


@dataclass(slots=True, frozen=True)
class FaultKind:
    """A kind of fault.

    Attributes:
        summary: effect on the client, in one line.
        layer: "transport" replaces or delays whole answers, "content" changes their content.
        times: default number of times that a rule fires; 0 is until it is cleared.
        service: the only service that it applies to, "*" for any.
    """

    summary: str
    layer: Literal["transport", "content"] = "transport"
    times: int = 1
    service: str = "*"


KINDS: Mapping[str, FaultKind] = {
    "rate_limit": FaultKind(
        "429: Spotify's with Retry-After (`seconds`, 3), Last.fm's error 29 (`status` 429 or 200)"
    ),
    "quota_exceeded": FaultKind(
        "Spotify's 429 with reason QUOTA_EXCEEDED and a Retry-After of most of a day (`seconds`)",
        times=0,
        service="spotify",
    ),
    "unauthorized_once": FaultKind("401 that goes away when asked again", service="spotify"),
    "invalid_grant": FaultKind(
        "the token endpoint refuses the refresh token as revoked", times=0, service="accounts"
    ),
    "server_error": FaultKind("`status` 500, 502, 503 or 504 with the service's own error body"),
    "refused": FaultKind("`status` (403) with the service's own error body that says `words`"),
    "lastfm_error": FaultKind(
        "Last.fm error `code` (8 unless said otherwise) with its HTTP status or `status`; `words`",
        service="lastfm",
    ),
    "timeout": FaultKind(
        "no answer for `seconds` (30, at most 120), then the connection is closed"
    ),
    "slow": FaultKind("the right answer, `seconds` (2, at most 120) late"),
    "drip": FaultKind("the right answer, a byte each `seconds` (0.5), for two minutes at most"),
    "redirect": FaultKind("a redirect with `status` (307) to the address in `words`", times=0),
    "oversized": FaultKind(
        "the right answer after `count` (1) MB of blanks, packed as gzip", times=0
    ),
    "html_body": FaultKind("a proxy's HTML page with `status` (200) instead of JSON or XML"),
    "truncated_body": FaultKind("only the first half of the answer, with the length to match"),
    "empty_body": FaultKind("the right status and no body"),
    "drop_connection": FaultKind("the connection breaks in the middle of the answer"),
    "page_drift": FaultKind(
        "a new scrobble arrives before page 2 or a later one is answered",
        "content",
        service="lastfm",
    ),
    "late_scrobbles": FaultKind(
        "`count` scrobbles from `days` (5) ago arrive only now", "content", service="lastfm"
    ),
    "deleted_scrobbles": FaultKind(
        "the `count` scrobbles before `days` (5) ago are gone", "content", service="lastfm"
    ),
    "duplicate_rows": FaultKind(
        "the `count` scrobbles before `days` (1) ago appear twice, time and all",
        "content",
        service="lastfm",
    ),
    "now_playing": FaultKind(
        "a now-playing row on top of every page of recent tracks, uncounted",
        "content",
        times=0,
        service="lastfm",
    ),
    "wrong_user": FaultKind(
        "recent tracks of another listener, with their name", "content", service="lastfm"
    ),
    "row_1970": FaultKind(
        "a scrobble dated 1 January 1970, uncounted", "content", service="lastfm"
    ),
    "dateless_row": FaultKind(
        "a scrobble without any date that is not playing now", "content", service="lastfm"
    ),
    "single_object_not_list": FaultKind(
        "JSON lists of one are that one object", "content", times=0, service="lastfm"
    ),
    "private_profile": FaultKind(
        "403 with error 17 for `user`: recent listening is hidden",
        "content",
        times=0,
        service="lastfm",
    ),
    "unpaid_key": FaultKind(
        "from the date `since` on, the key is refused unless its owner, the first listener, "
        "subscribes: error `code` (10; 0 for no error of Last.fm's) with `status` (403)",
        "content",
        times=0,
        service="lastfm",
    ),
    "total_mismatch": FaultKind(
        "totals say `count` more than there is", "content", times=0, service="lastfm"
    ),
    "public_anyway": FaultKind(
        "a new playlist is public whatever was asked", "content", service="spotify"
    ),
    "emptied_rows": FaultKind(
        "the first `count` tracks of a page lose title and artists, as withdrawn ones and local "
        "files without tags have none", service="spotify", times=0,
    ),
    "other_root": FaultKind("XML whose root says nothing of what was asked", service="lastfm"),
    "odd_tag_count": FaultKind(
        "the first tag's count is `words` instead of a number", service="lastfm", times=0
    ),
    "null_items": FaultKind(
        "the first `count` entries of a playlist have no track", "content", times=0,
        service="spotify",
    ),
    "odd_rows": FaultKind(
        "in the first `count` rows that fit `rows` every member that `change` names has its "
        "value, null to leave it out of XML", times=0
    ),
    "null_rows": FaultKind("the first `count` rows that fit `rows` are null", times=0),
    "missing_rows": FaultKind(
        "the first `count` rows that fit `rows` are not there, though totals count them", times=0
    ),
    "doubled_rows": FaultKind("the first `count` rows that fit `rows` come twice", times=0),
    "relinked_rows": FaultKind(
        "the tracks of the first `count` rows that fit `rows` come under another id", times=0,
        service="spotify",
    ),
    "unplayable_rows": FaultKind(
        "the tracks of the first `count` rows that fit `rows` can't be played in this country",
        times=0, service="spotify",
    ),
    "ignored_write": FaultKind(
        "an add, removal or move in a playlist is acknowledged, and nothing is done", "content",
        service="spotify",
    ),
    "partial_write": FaultKind(
        "it is acknowledged, and done for its first `count` items only", "content",
        service="spotify",
    ),
    "repeated_write": FaultKind(
        "an add to a playlist is acknowledged once and done twice", "content", service="spotify"
    ),
    "stale_reads": FaultKind(
        "a playlist reads as it was before the last write to it", "content", times=0,
        service="spotify",
    ),
    "late_reads": FaultKind(
        "a write to a playlist shows after `count` more reads", "content", 0, "spotify"
    ),
    "same_snapshot": FaultKind(
        "a write to a playlist leaves its snapshot id as it is", "content", 0, "spotify"
    ),
    "moved_snapshot": FaultKind(
        "a write that is not done gives a new snapshot id all the same", "content", 0, "spotify"
    ),
    "snapshot_refused": FaultKind(
        "a removal that names a snapshot id is answered 502; one that names none is done",
        "content", times=0, service="spotify",
    ),
    "withdrawn_tracks": FaultKind(
        "an add to a playlist is refused that names one of the ids in `words`", "content",
        times=0, service="spotify",
    ),
    "lost_adds": FaultKind(
        "the first `count` tracks of an add read as empty rows", "content", service="spotify"
    ),
    "relinked_adds": FaultKind(
        "the first `count` tracks of an add read under another id", "content", service="spotify"
    ),
    "call_window": FaultKind(
        "the limits of calls are enforced: ListenBrainz' `count` (30) in each window of 10 s, "
        "MusicBrainz' one a second", "content", times=0,
    ),
    "odd_listing": FaultKind(
        "the listener's own playlists are `words` in their list: missing, null, doubled, "
        "without owner, without owner id or without name", "content", service="spotify",
    ),
}  # fmt: skip


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
