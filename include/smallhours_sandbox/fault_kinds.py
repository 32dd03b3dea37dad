"""The kinds of fault that the sandbox can be asked for, with their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


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
