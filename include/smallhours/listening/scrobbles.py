"""The crawl of a Last.fm history and its storage, without losing or doubling a play.

The history is crawled oldest first, in windows of time whose end is fixed beforehand, so that a
scrobble that arrives meanwhile moves no page. A window counts as read only when as many rows
arrived as Last.fm says it holds; one that doesn't add up, or that Last.fm can't deliver, is split
and read again in halves. A few that fail however small they are are left out and noted by their
day, and read on another night. Each finished window is written before the next is asked for, so
that an interrupted crawl knows where to go on.

Nightly syncs see the last days only. A scrobble that is deleted, edited or added years back shows
in the count of its year, and then of its month; one request each finds it (`differing_spans`).
"""

import contextlib
import datetime as dt
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd

from smallhours.errors import BrokenReply, RetryLater
from smallhours.lake.store import Lake
from smallhours.listening.history_merge import unify
from smallhours.listening.plays import (
    LASTFM,
    REPORTED_AT,
    StoreReport,
    load_plays_around,
    missing_lengths,
    plays_frame,
    reported_by,
    store,
    typed,
    with_ordinals,
)
from smallhours.services.lastfm_replies import FIRST_SCROBBLE, NoSuchPage, Scrobble, ScrobblePage
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import Tally

LOG = logging.getLogger(__name__)

PAGE = 1000
MIN_WINDOW = dt.timedelta(hours=6)
SCROBBLES_OF = "scrobbles of "
# A night reads so many plays of a long history that is new to it; the rest follows.
MAX_PLAYS_PER_NIGHT = 50_000
# A window is stored as a whole, so this is what a kill repeats; one of more pages is split.
MAX_PAGES = 8


Span = tuple[dt.datetime, dt.datetime]


class ScrobbleSource(Protocol):
    """The part of the Last.fm client that the crawl needs."""

    def recent_tracks(
        self,
        user: str,
        *,
        since: dt.datetime | None,
        until: dt.datetime | None,
        page: int = 1,
        limit: int = PAGE,
    ) -> ScrobblePage:
        """Return one page of a user's scrobbles in `[since, until)`, newest first."""
        ...


class _TooMany(Exception):
    """A window has too many pages to be read before it is stored."""

    def __init__(self, pages: int) -> None:
        super().__init__(pages)
        self.pages = pages


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, `since` inclusive and `until` exclusive, with all its scrobbles.

    `unusable` counts its rows without a date or a name.
    """

    since: dt.datetime
    until: dt.datetime
    scrobbles: tuple[Scrobble, ...]
    unusable: int


def crawl(
    lastfm: ScrobbleSource,
    user: str,
    *,
    since: dt.datetime,
    until: dt.datetime,
    tally: Tally | None = None,
) -> Iterator[Window]:
    """Read a user's scrobbles in `[since, until)`, window by window, oldest first.

    Args:
        lastfm: The client.
        user: Last.fm user name.
        since: Where to begin.
        until: Where history ends for this run.
        tally: Counts the windows; without it, none may fail.

    Raises:
        RetryLater: Last.fm can't deliver a window now, however small; what was yielded is whole.
        BrokenReply: a window keeps not adding up.
        NotFound, Refused: no such user, a private profile, a wrong key.
    """
    spans = list(_years(since, until))[::-1]
    while spans:
        begin, end = spans.pop()
        try:
            window = _read_whole(lastfm, user, begin, end)
        except _TooMany as many:
            LOG.info("Splitting %s to %s: %d pages", begin.date(), end.date(), many.pages)
        except (BrokenReply, RetryLater) as error:
            if not _worth_splitting(error):
                raise
            if end - begin <= MIN_WINDOW:
                name = f"{SCROBBLES_OF}{begin.astimezone(dt.UTC).date()}"
                ending = error if tally is None else tally.fail(error, str(begin), name)
                if ending is not None:
                    raise ending from None
                continue
            LOG.info("Splitting %s to %s: %s", begin.date(), end.date(), error.what)
        else:
            if tally is not None:
                tally.answer()
            yield window
            continue
        middle = (begin + (end - begin) / 2).replace(microsecond=0)
        spans += [(middle, end), (begin, middle)]


def missed_spans(
    tally: Tally, *, before: dt.datetime, prefix: str = SCROBBLES_OF
) -> Iterator[Span]:
    """Yield the days of which plays failed on earlier nights, as far as they are due.

    A day counts as answered unless it fails until the next one is asked for.

    Args:
        tally: The night's.
        before: What comes after is read tonight anyway.
        prefix: What the questions begin with.
    """
    missed = [name for name in tally.noted if name.startswith(prefix) and tally.is_due(name)]
    for name in missed:
        begin = dt.datetime.fromisoformat(name.removeprefix(prefix)).replace(tzinfo=dt.UTC)
        end = min(begin + dt.timedelta(days=1) + MIN_WINDOW, before)
        if begin < end:
            yield begin, end
        if name not in tally.failures:
            tally.answer(name)


def crawl_start(
    lastfm: ScrobbleSource,
    user: str,
    *,
    newest: dt.datetime | None,
    overlap: dt.timedelta,
    until: dt.datetime,
    most: int = MAX_PLAYS_PER_NIGHT,
) -> dt.datetime | None:
    """Return where a crawl begins: an overlap before the newest stored scrobble.

    Without one it begins with the first, or where the newest `most` begin.

    Returns:
        None when the user has no scrobbles.
    """
    return newest - overlap if newest else oldest_scrobble(lastfm, user, until=until, most=most)


def oldest_scrobble(
    lastfm: ScrobbleSource, user: str, *, until: dt.datetime, most: int = MAX_PLAYS_PER_NIGHT
) -> dt.datetime | None:
    """Return the time of the first of the user's newest scrobbles, or None if there is none.

    Where the last page has no usable row, as when a player's clock stood at 1970, it is the year
    in which Last.fm began.
    """
    newest = lastfm.recent_tracks(user, since=None, until=until, limit=PAGE)
    last = newest
    if newest.pages > 1:
        page = min(newest.pages, max(most // PAGE, 1))
        last = lastfm.recent_tracks(user, since=None, until=until, page=page, limit=PAGE)
    if not newest.total:
        return None
    return min((scrobble.played_at for scrobble in last.scrobbles), default=FIRST_SCROBBLE)


def _years(since: dt.datetime, until: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Cut a span at each new year (UTC)."""
    begin = since
    while begin < until:
        new_year = dt.datetime(begin.astimezone(dt.UTC).year + 1, 1, 1, tzinfo=dt.UTC)
        yield begin, min(new_year, until)
        begin = new_year


def _worth_splitting(error: BrokenReply | RetryLater) -> bool:
    """Return whether a smaller window may succeed: deep pages fail where shallow ones don't."""
    return isinstance(error, BrokenReply | TransientError) or error.after <= 0


def _read_whole(
    lastfm: ScrobbleSource, user: str, since: dt.datetime, until: dt.datetime
) -> Window:
    """Read all pages of one window and check that they add up."""
    first = lastfm.recent_tracks(user, since=since, until=until, limit=PAGE)
    if first.pages > MAX_PAGES and until - since > MIN_WINDOW:
        raise _TooMany(first.pages)
    pages = [first]
    # Where scrobbles are deleted meanwhile, a page may be gone; then they don't add up either.
    with contextlib.suppress(NoSuchPage):
        pages += (
            lastfm.recent_tracks(user, since=since, until=until, page=number, limit=PAGE)
            for number in range(2, first.pages + 1)
        )
    scrobbles = tuple(scrobble for page in pages for scrobble in page.scrobbles)
    unusable = sum(page.undated_skipped + page.nameless_skipped for page in pages)
    if len(scrobbles) + unusable != first.total:
        raise BrokenReply(
            "Last.fm",
            f"{len(scrobbles) + unusable} scrobbles arrived for {since:%Y-%m-%d %H:%M} to "
            f"{until:%Y-%m-%d %H:%M}, but it counts {first.total}.",
            remedy="Nothing was stored for that time; the next run asks again.",
        )
    outside = [s for s in scrobbles if not since <= s.played_at < until]
    if outside:
        raise BrokenReply(
            "Last.fm",
            f"{len(outside)} scrobbles lie outside of {since:%Y-%m-%d} to {until:%Y-%m-%d}, "
            "which was asked for.",
            remedy="Nothing was stored for that time; the next run asks again.",
        )
    return Window(since, until, scrobbles, unusable)


def count_at(lastfm: ScrobbleSource, user: str, span: Span) -> int:
    """Return the number of scrobbles that Last.fm counts in `[since, until)`."""
    since, until = span
    return lastfm.recent_tracks(user, since=since, until=until, limit=1).total


def differing_spans(
    lastfm: ScrobbleSource,
    user: str,
    stored: Callable[[Span], int],
    *,
    since: dt.datetime,
    until: dt.datetime,
) -> Iterator[Span]:
    """Yield the months in which Last.fm's count differs from the lake's, the newest first.

    Args:
        lastfm: The client.
        user: Last.fm user name.
        stored: How many the lake holds in a span.
        since: Start of the history.
        until: Where history ends for this run.

    Raises:
        ServiceError: Last.fm did not answer.
    """
    for year in reversed(_cut(since, until, months=12)):
        if count_at(lastfm, user, year) == stored(year):
            continue
        for month in reversed(_cut(*year, months=1)):
            if count_at(lastfm, user, month) != stored(month):
                yield month


def _cut(since: dt.datetime, until: dt.datetime, *, months: int) -> list[Span]:
    """Cut a span at each new year (UTC), or at each new month."""
    first = since.astimezone(dt.UTC)
    number = first.year * 12 + (first.month - 1 if months == 1 else 0)
    edges = [since]
    while edges[-1] < until:
        number += months
        edge = dt.datetime(number // 12, number % 12 + 1, 1, tzinfo=dt.UTC)
        edges.append(min(edge, until))
    return list(pairwise(edges))


def store_window(lake: Lake, listener: str, window: Window) -> StoreReport:
    """Store the scrobbles of a window, and remove what Last.fm has no more of it."""
    reported = plays_frame(
        (_scrobble_row(scrobble) for scrobble in window.scrobbles), source=LASTFM
    )
    span = window.since, window.until
    return store_reported(lake, listener, reported, LASTFM, span, unusable=window.unusable)


def store_reported(
    lake: Lake,
    listener: str,
    reported: pd.DataFrame,
    source: str,
    span: Span,
    *,
    unusable: int,
) -> StoreReport:
    """Store all plays that a source reports in a span, and remove what it has no more of it.

    Args:
        lake: Where to.
        listener: Whose plays.
        reported: `plays` rows of the source.
        source: Who reports.
        span: The time that it reports.
        unusable: How many more of its rows can't be read.
    """
    since, until = span
    stored = load_plays_around(lake, listener, since, until)
    if unusable:
        reported = _with_unreadable(reported, stored, source, span, unusable)
    unified = unify(
        stored,
        reported,
        source=source,
        since=since,
        until=until,
        durations=missing_lengths(lake, stored),
    )
    return store(lake, listener, stored, unified)


def _with_unreadable(
    reported: pd.DataFrame, stored: pd.DataFrame, source: str, span: Span, unusable: int
) -> pd.DataFrame:
    """Return reported plays with those stored that unreadable rows may stand for.

    Where as many plays are missing as rows can't be read, nothing was deleted.
    """
    at = REPORTED_AT.get(source, "played_at")
    ours = stored[reported_by(stored, source)]
    ours = ours[ours[at].between(*span, inclusive="left")]
    missing = ours[~ours[at].isin(reported["played_at"])]
    if not 0 < len(missing) <= unusable:
        return reported
    alone = pd.Series([[source]] * len(missing), index=missing.index, dtype=object)
    missing = missing.assign(sources=alone, played_at=missing[at])
    return with_ordinals(pd.concat([reported, typed(missing)], ignore_index=True))


def _scrobble_row(scrobble: Scrobble) -> dict[str, Any]:
    return {
        "played_at": scrobble.played_at,
        "artist": scrobble.artist,
        "album": scrobble.album,
        "title": scrobble.title,
        "artist_mbid": scrobble.artist_mbid,
        "track_mbid": scrobble.track_mbid,
    }
