"""Last.fm client: one method per question, all of them read-only.

pylast makes the requests and our transport sends them. pylast's own transport opens a new TLS
connection for every call and speaks only https to a fixed path, and its high-level methods ask for
one row more than they are told to and drop MBIDs and totals. `_ask` is the only place that touches
its internals. Several threads may share a client; that is how the rate limit is used fully.
"""

import logging
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, TypeVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pylast

from smallhours.errors import BrokenReply, NotFound, Refused, ServiceError, SourceRefused
from smallhours.identity import is_named
from smallhours.services.json_cursor import REMEDY
from smallhours.services.lastfm_pro import REFUSED_KEY
from smallhours.services.lastfm_replies import (
    SERVICE,
    ChartTag,
    LastfmTags,
    LovedTrack,
    NoSuchPage,
    ScrobblePage,
    SimilarArtist,
    SimilarTrack,
    TopTrack,
    UserInfo,
    parse_loved,
    parse_scrobbles,
    parse_similar_artists,
    parse_similar_tracks,
    parse_tags,
    parse_top_tags,
    parse_top_tracks,
    parse_user,
)
from smallhours.services.retry_and_rate_limit import (
    RetryPolicy,
    TokenBucket,
    redact,
    shared_rate_limit,
)
from smallhours.services.transport import Client, Reply, Request, Transport, fingerprint

T = TypeVar("T")

# "limit param out of bounds (1-1000)", says Last.fm's error 6.
MAX_ROWS: Final = 1000
RATE_LIMIT_S: Final = 60.0

_TRANSIENT = {8, 11, 16}  # operation failed, offline, temporarily unavailable
_RATE_LIMIT = 29
_SERVER_ERROR = 500
_NO_KEY = 10
# Authentication failed, invalid session, invalid key, invalid signature, suspended key.
_KEY_REFUSED = {4, 9, 10, 13, 26}
_NOT_FOUND = 6
_NAMES = ("artist", "track", "tag")
# Error 6 also stands for our own mistakes: these must never be taken for an absence.
_CLIENT_ERROR = re.compile(r"api.?key|required param|out of bounds|missing", re.IGNORECASE)
_ABOUT_THE_KEY = re.compile(r"api.?key", re.IGNORECASE)
_FORBIDDEN = {401, 403}
_NO_PAGE = re.compile(r"\bpage\b", re.IGNORECASE)
_NOT_XML = re.compile(
    "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|&#(?:x0*(?:1[0-9a-f]|[0-8bcef])|"
    "0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));",
    re.IGNORECASE,
)


class LastfmClient(Client):
    """Last.fm's API 2.0.

    Every method raises, besides what it names:

    * NotFound - Last.fm does not know the user, artist, track or tag;
    * SourceRefused - a wrong, unpaid or suspended key;
    * Refused - a private profile, one odd question;
    * RetryLater - a rate limit, or no usable reply in three tries;
    * BrokenReply - three replies in a row that are not as documented.

    Args:
        api_key: From www.last.fm/api/accounts.
        api_url: The API's root.
        calls_per_second: The budget's rate, when no budget is given.
        timeout_s: Seconds within which a whole reply must have come.
        rate_limit: How fast requests may start; the process's own for Last.fm by default.
        retry_policy: What is tried again.
        listener: Names the connection in messages.
    """

    service = SERVICE

    def __init__(
        self,
        api_key: str,
        *,
        api_url: str,
        calls_per_second: float,
        timeout_s: float,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
        listener: str = "<listener>",
    ) -> None:
        # It logs a line per request at INFO, which would bury a task's own log.
        logging.getLogger("pylast").setLevel(logging.WARNING)
        self._network = pylast.LastFMNetwork(api_key=api_key)
        self._url = api_url
        self._key = api_key
        self._listener = listener
        self.access = fingerprint(api_url, api_key)
        super().__init__(
            Transport(
                SERVICE,
                "lastfm",
                timeout_s=timeout_s,
                rate_limit=rate_limit or shared_rate_limit(SERVICE, calls_per_second),
                retry_policy=retry_policy or RetryPolicy(),
                rate_limit_s=RATE_LIMIT_S,
                secrets=lambda: (api_key,),
            )
        )

    def recent_tracks(
        self,
        user: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        page: int = 1,
        limit: int = MAX_ROWS,
    ) -> ScrobblePage:
        """Return one page of a user's scrobbles, newest first.

        Args:
            user: Their Last.fm name.
            since: The window's start, included; None for the beginning.
            until: The window's end, excluded. Fix it while reading several pages: without it
                each new scrobble shifts them.
            page: From 1.
            limit: Rows per page, 1-1000.

        Raises:
            NoSuchPage: when the page lies beyond the last one.
        """
        params = _paging(page, limit) | {"user": user}
        if since is not None:
            params["from"] = math.floor(_seconds(since))
        if until is not None:
            params["to"] = math.ceil(_seconds(until))
        return self._ask("user.getRecentTracks", params, partial(parse_scrobbles, user=user))

    def loved_tracks(self, user: str) -> list[LovedTrack]:
        """Return all tracks that a user loves now, latest first; a call per thousand."""
        loved: dict[tuple[str, str], LovedTrack] = {}
        page = pages = 1
        came = total = 0
        while page <= pages:
            params = _paging(page, MAX_ROWS) | {"user": user}
            try:
                reply = self._ask("user.getLovedTracks", params, partial(parse_loved, user=user))
            except NoSuchPage:
                break  # tracks were un-loved while we were reading
            for track in reply.tracks:
                loved.setdefault((track.artist, track.title), track)
            came, total = came + len(reply.tracks), reply.total
            pages, page = reply.pages, page + 1
        # A row that is counted and not there, or has no names, can't be read.
        self.odd_rows["lovedtracks"] += max(total - came, 0)
        return list(loved.values())

    def user_info(self, user: str) -> UserInfo:
        """Return a user's name and the number of their plays."""
        return self._ask("user.getInfo", {"user": user}, parse_user)

    def track_tags(self, artist: str, title: str) -> LastfmTags:
        """Return a track's tags, with names corrected; half of all tracks have none."""
        return self._ask(
            "track.getTopTags",
            {"artist": artist, "track": title, "autocorrect": 1},
            partial(parse_tags, artist=artist, title=title),
        )

    def artist_tags(self, artist: str) -> LastfmTags:
        """Return an artist's tags, with the name corrected."""
        return self._ask(
            "artist.getTopTags",
            {"artist": artist, "autocorrect": 1},
            partial(parse_tags, artist=artist, title=None),
        )

    def similar_tracks(self, artist: str, title: str, limit: int = 100) -> tuple[SimilarTrack, ...]:
        """Return a track's neighbours, nearest first; obscure tracks have none."""
        params = {"artist": artist, "track": title, **_corrected(limit)}
        return self._ask("track.getSimilar", params, parse_similar_tracks)

    def similar_artists(self, artist: str, limit: int = 100) -> tuple[SimilarArtist, ...]:
        """Return an artist's neighbours, nearest first."""
        params = {"artist": artist, **_corrected(limit)}
        return self._ask("artist.getSimilar", params, parse_similar_artists)

    def tag_top_tracks(self, tag: str, limit: int = 50) -> tuple[TopTrack, ...]:
        """Return the tracks that carry a tag most; none for an unused tag."""
        params = _paging(1, limit) | {"tag": tag}
        return self._ask("tag.getTopTracks", params, parse_top_tracks)

    def artist_top_tracks(self, artist: str, limit: int = 50) -> tuple[TopTrack, ...]:
        """Return an artist's most played tracks."""
        params = _paging(1, limit) | {"artist": artist, "autocorrect": 1}
        return self._ask("artist.getTopTracks", params, parse_top_tracks)

    def top_tags(self, limit: int = MAX_ROWS) -> tuple[ChartTag, ...]:
        """Return the most used tags of all Last.fm."""
        return self._ask("chart.getTopTags", _paging(1, limit), parse_top_tags)

    def _ask(
        self, method: str, params: Mapping[str, str | int], parse: Callable[[Element], T]
    ) -> T:
        """Call a reading method, such as `track.getTopTags`, and parse its reply, with retries."""
        if not is_named(*(str(params[name]) for name in _NAMES if name in params)):
            raise NotFound(SERVICE, "nothing has an empty name.", remedy="Nothing needs doing.")
        made = pylast._Request(self._network, method, params)  # noqa: SLF001 - no other way in
        request = Request("POST", self._url, method, more={"data": made.params})
        user = str(params.get("user", ""))
        return self._http.call(request, lambda reply: parse(self._root(reply, user)))

    def _root(self, reply: Reply, user: str) -> Element:
        """Return the `lfm` element of a good reply."""
        root = parse_xml(reply.body)
        if root is not None and root.tag == "lfm" and root.get("status") == "failed":
            raise self._failure(reply, root.find("error"), user)
        if reply.status in _FORBIDDEN:
            # About the listener there is only one question: who refuses it refuses us.
            kind = SourceRefused if reply.route.startswith("user.") else Refused
            raise kind(
                SERVICE,
                f"{reply.route} was answered with status {reply.status} and no explanation.",
                remedy=f"{self._remedy(_NO_KEY)} If it lasts, check whether a proxy stands in "
                "between.",
            )
        if not reply.ok:
            raise self._http.failure(reply)
        if root is None or root.tag != "lfm" or root.get("status") != "ok":
            raise BrokenReply(SERVICE, f"the reply to {reply.route} is not its XML.", remedy=REMEDY)
        return root

    def _failure(self, reply: Reply, error: Element | None, user: str) -> ServiceError:
        """Return the error that Last.fm's error code means."""
        if error is None or not re.fullmatch(r"[0-9]{1,4}", code_text := error.get("code", "")):
            return BrokenReply(SERVICE, f"{reply.route} failed without a code.", remedy=REMEDY)
        code = int(code_text)
        said = redact(error.text or "", [self._key])
        what = f"{reply.route} failed with error {code} ({said})."
        if code == _RATE_LIMIT:
            return self._http.rate_limited(reply, "the rate limit is exceeded.")
        if code in _TRANSIENT or code >= _SERVER_ERROR:
            return self._http.trouble(what)
        if code == _NOT_FOUND and not _CLIENT_ERROR.search(said):
            return self._not_found(what, said, user)
        if code == _NOT_FOUND and _ABOUT_THE_KEY.search(said):
            code = _NO_KEY
        kind = SourceRefused if code in _KEY_REFUSED else Refused
        return kind(SERVICE, what, remedy=self._remedy(code))

    def _not_found(self, what: str, said: str, user: str) -> ServiceError:
        if _NO_PAGE.search(said):
            return NoSuchPage(SERVICE, what, remedy="Read the list again from its first page.")
        if user:
            return NotFound(
                SERVICE,
                f"it has no user {user!r} ({said}).",
                remedy="Correct this listener's `lastfm` in smallhours.toml.",
            )
        return NotFound(SERVICE, what, remedy="Last.fm does not know it; nothing needs doing.")

    def _remedy(self, code: int) -> str:
        login = f"`smallhours login lastfm --listener {self._listener}`"
        if code in _KEY_REFUSED - {26}:
            return (
                f"Copy the API key from www.last.fm/api/accounts again, and give it to {login}. "
                f"{REFUSED_KEY}"
            )
        if code == 17:
            return (
                "The profile is private. On Last.fm, under Settings > Privacy, switch off "
                "'Hide recent listening information'."
            )
        if code == 26:
            return (
                "Last.fm has suspended the API key. Write to Last.fm, or give another key to "
                f"{login}. {REFUSED_KEY}"
            )
        return "Smallhours asked for something that Last.fm no longer gives; look for an update."


def _limit(limit: int) -> int:
    if not 1 <= limit <= MAX_ROWS:
        raise ValueError(f"limit must be 1-{MAX_ROWS}, not {limit}")
    return limit


def _corrected(limit: int) -> dict[str, str | int]:
    return {"autocorrect": 1, "limit": _limit(limit)}


def _paging(page: int, limit: int) -> dict[str, str | int]:
    if page < 1:
        raise ValueError(f"pages count from 1, not {page}")
    return {"page": page, "limit": _limit(limit)}


def _seconds(moment: datetime) -> float:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone would be read as local somewhere")
    return moment.timestamp()


def parse_xml(body: bytes) -> Element | None:
    """Return the root of an XML document, or None when it is not XML.

    Characters that XML forbids, which titles at Last.fm do hold, are dropped.
    """
    text = body.decode("utf-8-sig", "replace")
    for attempt in (str, _without_forbidden):
        try:
            # Entity bombs are stopped by expat itself, from 2.4.1 on.
            return ElementTree.fromstring(attempt(text))  # noqa: S314
        except (ElementTree.ParseError, ValueError):
            continue
    return None


def _without_forbidden(text: str) -> str:
    return _NOT_XML.sub("", text)
