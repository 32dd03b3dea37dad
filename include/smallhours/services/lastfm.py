"""Last.fm client: one method per question, all of them read-only.

Several threads may share a client; that is how the rate limit is used fully.
"""

import math
from datetime import datetime
from typing import Final

from smallhours.services.client import Client
from smallhours.services.lastfm_replies import (
    ChartTag,
    LastfmTags,
    LovedTrack,
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
from smallhours.services.lastfm_transport import SERVICE, LastfmTransport, NoSuchPage
from smallhours.services.rate_limit import TokenBucket, shared_rate_limit
from smallhours.services.retry import RetryPolicy

# "limit param out of bounds (1-1000)", says Last.fm's error 6.
MAX_ROWS: Final = 1000

__all__ = ["MAX_ROWS", "LastfmClient", "NoSuchPage"]


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
        timeout_s: Seconds without a byte before a request is given up.
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
        self._transport = LastfmTransport(
            api_key,
            api_url=api_url,
            timeout_s=timeout_s,
            rate_limit=rate_limit or shared_rate_limit("Last.fm", calls_per_second),
            retry_policy=retry_policy or RetryPolicy(),
            listener=listener,
        )
        super().__init__(self._transport.close, self._transport.counter)

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
        return self._transport.ask(
            "user.getRecentTracks", params, lambda root: parse_scrobbles(root, user)
        )

    def loved_tracks(self, user: str) -> list[LovedTrack]:
        """Return all tracks that a user loves now, latest first; a call per thousand."""
        loved: dict[tuple[str, str], LovedTrack] = {}
        page = pages = 1
        while page <= pages:
            params = _paging(page, MAX_ROWS) | {"user": user}
            try:
                reply = self._transport.ask(
                    "user.getLovedTracks", params, lambda root: parse_loved(root, user)
                )
            except NoSuchPage:
                break  # tracks were un-loved while we were reading
            for track in reply.tracks:
                loved.setdefault((track.artist, track.title), track)
            pages, page = reply.pages, page + 1
        return list(loved.values())

    def user_info(self, user: str) -> UserInfo:
        """Return a user's name and the number of their plays."""
        return self._transport.ask("user.getInfo", {"user": user}, parse_user)

    def track_tags(self, artist: str, title: str) -> LastfmTags:
        """Return a track's tags, with names corrected; half of all tracks have none."""
        return self._transport.ask(
            "track.getTopTags",
            {"artist": artist, "track": title, "autocorrect": 1},
            lambda root: parse_tags(root, artist, title),
        )

    def artist_tags(self, artist: str) -> LastfmTags:
        """Return an artist's tags, with the name corrected."""
        return self._transport.ask(
            "artist.getTopTags",
            {"artist": artist, "autocorrect": 1},
            lambda root: parse_tags(root, artist, None),
        )

    def similar_tracks(self, artist: str, title: str, limit: int = 100) -> tuple[SimilarTrack, ...]:
        """Return a track's neighbours, nearest first; obscure tracks have none."""
        params = {"artist": artist, "track": title, **_corrected(limit)}
        return self._transport.ask("track.getSimilar", params, parse_similar_tracks)

    def similar_artists(self, artist: str, limit: int = 100) -> tuple[SimilarArtist, ...]:
        """Return an artist's neighbours, nearest first."""
        params = {"artist": artist, **_corrected(limit)}
        return self._transport.ask("artist.getSimilar", params, parse_similar_artists)

    def tag_top_tracks(self, tag: str, limit: int = 50, page: int = 1) -> tuple[TopTrack, ...]:
        """Return the tracks that carry a tag most; none for an unused tag."""
        params = _paging(page, limit) | {"tag": tag}
        return self._transport.ask("tag.getTopTracks", params, parse_top_tracks)

    def artist_top_tracks(
        self, artist: str, limit: int = 50, page: int = 1
    ) -> tuple[TopTrack, ...]:
        """Return an artist's most played tracks."""
        params = _paging(page, limit) | {"artist": artist, "autocorrect": 1}
        return self._transport.ask("artist.getTopTracks", params, parse_top_tracks)

    def top_tags(self, limit: int = MAX_ROWS) -> tuple[ChartTag, ...]:
        """Return the most used tags of all Last.fm."""
        return self._transport.ask("chart.getTopTags", _paging(1, limit), parse_top_tags)


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
