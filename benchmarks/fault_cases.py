"""The fault suite's cases: a stage, a fault, and the call that it hits.

Each case is a rule for the sandbox: a kind of fault, the call that it hits, the number of such
calls before it, and how often it happens. The kinds are those of `smallhours_sandbox.faults`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

SCROBBLES = "user.getRecentTracks"


@dataclass(frozen=True, slots=True)
class FaultCase:
    """One stage with one fault.

    Attributes:
        stage: The stage's verb.
        kind: The fault's kind.
        match: The Last.fm method, or route, that it hits.
        after: Number of such calls that pass before it.
        more: Further keys of the rule.
    """

    stage: str
    kind: str
    match: str
    after: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> dict[str, Any]:
        """Return the rule as the sandbox takes it."""
        return {"kind": self.kind, "match": self.match, "after": self.after, **self.more}

    @property
    def drifts(self) -> bool:
        """Return True if the fault changes the history itself."""
        return self.kind in (
            "page_drift", "late_scrobbles", "deleted_scrobbles", "duplicate_rows"
        )  # fmt: skip

    def __str__(self) -> str:
        """Return the case in a few words, for tables and test names."""
        more = "".join(f" {name}={value}" for name, value in self.more.items())
        return f"{self.stage}: {self.kind}{more}, call {self.after + 1} of {self.match}"


# Transport faults of any service; a client tries three times at most.
_PASSING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("server_error", {"status": 500}),
    ("server_error", {"status": 503, "times": 3}),
    ("timeout", {"seconds": 3}),
    ("slow", {"seconds": 0.2}),
    ("html_body", {}),
    ("truncated_body", {"times": 3}),
    ("empty_body", {}),
    ("drop_connection", {}),
)
_LASTFM_ONLY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rate_limit", {}),
    ("rate_limit", {"status": 200}),
    ("lastfm_error", {"code": 8}),
    ("lastfm_error", {"code": 11, "times": 3}),
    ("lastfm_error", {"code": 16}),
    ("lastfm_error", {"code": 10}),
    ("lastfm_error", {"code": 26}),
    ("server_error", {"status": 502, "times": 0}),
    ("server_error", {"status": 504}),
    ("html_body", {"status": 502, "times": 3}),
    ("drop_connection", {"times": 0}),
)
_CONTENT: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("page_drift", 0, {}),
    ("late_scrobbles", 1, {"count": 3}),
    ("deleted_scrobbles", 1, {"count": 3}),
    ("duplicate_rows", 1, {"count": 2}),
    ("duplicate_rows", 3, {"count": 2, "times": 0}),
    ("now_playing", 0, {}),
    ("wrong_user", 0, {}),
    ("wrong_user", 2, {"times": 0}),
    ("row_1970", 1, {}),
    ("row_1970", 1, {"times": 0}),
    ("dateless_row", 1, {}),
    ("private_profile", 0, {}),
    ("private_profile", 2, {}),
    ("total_mismatch", 0, {}),
    ("total_mismatch", 2, {"count": 7, "times": 1}),
)
_SPOTIFY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("rate_limit", {}),
    ("quota_exceeded", {}),
    ("unauthorized_once", {}),
    ("server_error", {"status": 502, "times": 3}),
    ("html_body", {}),
    ("truncated_body", {}),
    ("empty_body", {"times": 3}),
    ("drop_connection", {}),
)
_CATALOG: tuple[tuple[str, str, int], ...] = (
    ("fetch_neighbours", "artist.getTopTags", 5),
    ("fetch_neighbours", "track.getSimilar", 2),
    ("fetch_neighbours", "artist.getSimilar", 1),
    ("fetch_neighbours", "artist.getTopTracks", 3),
    ("fetch_neighbours", "tag.getTopTracks", 1),
    ("fetch_neighbours", "chart.getTopTags", 0),
    ("fetch_tags", "artist.getTopTags", 3),
    ("fetch_tags", "track.getTopTags", 30),
)


def cases() -> list[FaultCase]:
    """Return all cases."""
    return list(_all())


def _all() -> Iterator[FaultCase]:
    for kind, more in (*_PASSING, *_LASTFM_ONLY):
        yield FaultCase("sync_scrobbles", kind, SCROBBLES, 2, more)
    for kind, after, more in _CONTENT:
        yield FaultCase("sync_scrobbles", kind, SCROBBLES, after, more)
    for kind, more in _SPOTIFY:
        yield FaultCase("sync_recent_plays", kind, "*/me/player/recently-played", 0, more)
        yield FaultCase("sync_library", kind, "*/me/tracks", 0, more)
    yield FaultCase("sync_library", "invalid_grant", "*", 0)
    yield FaultCase("sync_library", "rate_limit", "*/me/top/tracks", 1)
    yield FaultCase("sync_library", "null_items", "*/playlists/*/items", 0, {"count": 2})
    yield FaultCase(
        "sync_library", "lastfm_error", "user.getLovedTracks", 0, {"code": 11, "times": 3}
    )
    yield FaultCase("sync_library", "html_body", "user.getLovedTracks", 0, {"times": 3})
    for number, (stage, method, after) in enumerate(_CATALOG):
        yield FaultCase(stage, "rate_limit", method, after, {"times": 0})
        kind, more = _LASTFM_ONLY[2 + number % 9]
        yield FaultCase(stage, kind, method, after, more)
    for kind, more in _PASSING:
        yield FaultCase("fetch_tags", kind, "track.getTopTags", 20, more)
    yield FaultCase("fetch_tags", "html_body", "track.getTopTags", 20, {"times": 0})
    yield FaultCase("fetch_tags", "lastfm_error", "track.getTopTags", 20, {"code": 8, "times": 0})
    for kind, more in (*_PASSING, ("rate_limit", {"times": 0})):
        rule = {"service": "reccobeats", **more}
        yield FaultCase("fetch_audio_features", kind, "*audio-features", 1, rule)
