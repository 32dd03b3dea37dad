"""The crawl of a Last.fm history, without losing or doubling a play.

The history is crawled oldest first, in windows of time whose end is fixed beforehand, so that a
scrobble that arrives meanwhile moves no page. A window counts as read only when as many rows
arrived as Last.fm says it holds; one that doesn't add up, or that Last.fm can't deliver, is split
and read again in halves. A few that fail however small they are are left out and noted by their
day, and read on another night. Each finished window is written before the next is asked for, so
that an interrupted crawl knows where to go on.
"""

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from smallhours.errors import BrokenReply, RetryLater
from smallhours.services.deferred import Tally
from smallhours.services.lastfm import LastfmClient, NoSuchPage
from smallhours.services.lastfm_replies import FIRST_SCROBBLE, Scrobble, ScrobblePage
from smallhours.services.retry import TransientError

LOG = logging.getLogger(__name__)

PAGE = 1000
MIN_WINDOW = dt.timedelta(hours=6)
_SCROBBLES_OF = "scrobbles of "


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
    for begin, end in _years(since, until):
        yield from _read(lastfm, user, begin, end, tally)


def crawl_with_missed(
    lastfm: ScrobbleSource, user: str, *, since: dt.datetime, until: dt.datetime, tally: Tally
) -> Iterator[Window]:
    """Read a span as `crawl` does, and the earlier days that failed and are due."""
    missed = [name for name in tally.noted if name.startswith(_SCROBBLES_OF) and tally.is_due(name)]
    yield from crawl(lastfm, user, since=since, until=until, tally=tally)
    for name in missed:
        begin = dt.datetime.fromisoformat(name.removeprefix(_SCROBBLES_OF)).replace(tzinfo=dt.UTC)
        end = min(begin + dt.timedelta(days=1) + MIN_WINDOW, since)
        if begin < end:
            yield from crawl(lastfm, user, since=begin, until=end, tally=tally)
        if name not in tally.failures:
            tally.answer(name)


def crawl_start(
    lastfm: LastfmClient,
    user: str,
    *,
    newest: dt.datetime | None,
    overlap: dt.timedelta,
    until: dt.datetime,
) -> dt.datetime | None:
    """Return where a crawl begins: the first scrobble, or an overlap before the newest stored one.

    After a crawl that was killed it is where the same windows come again, because their pages may
    be in the journal. Windows end with each new year: those before the newest play's are stored.

    Returns:
        None when the user has no scrobbles.
    """
    since = newest - overlap if newest else oldest_scrobble(lastfm, user, until=until)
    if since is None:
        return None
    begun = dt.datetime.fromisoformat(lastfm.journal.decide_once("begin", since.isoformat()))
    if newest is None or begun == since:
        return since
    return max(begun, dt.datetime(newest.year, 1, 1, tzinfo=dt.UTC))


def oldest_scrobble(lastfm: ScrobbleSource, user: str, *, until: dt.datetime) -> dt.datetime | None:
    """Return the time of the user's first scrobble before `until`, or None if there is none.

    Where the last page has no usable row, as when a player's clock stood at 1970, it is the year
    in which Last.fm began.
    """
    newest = lastfm.recent_tracks(user, since=None, until=until, limit=PAGE)
    last = newest
    if newest.pages > 1:
        last = lastfm.recent_tracks(user, since=None, until=until, page=newest.pages, limit=PAGE)
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


def _read(
    lastfm: ScrobbleSource,
    user: str,
    since: dt.datetime,
    until: dt.datetime,
    tally: Tally | None,
) -> Iterator[Window]:
    """Read one window; if that fails, read its halves."""
    try:
        window = _read_whole(lastfm, user, since, until)
    except (BrokenReply, RetryLater) as error:
        if not _worth_splitting(error):
            raise
        if until - since <= MIN_WINDOW:
            name = f"{_SCROBBLES_OF}{since.astimezone(dt.UTC).date()}"
            ending = error if tally is None else tally.fail(error, str(since), name)
            if ending is not None:
                raise ending from None
            return
        LOG.info("Splitting %s to %s: %s", since.date(), until.date(), error.what)
        middle = (since + (until - since) / 2).replace(microsecond=0)
        yield from _read(lastfm, user, since, middle, tally)
        yield from _read(lastfm, user, middle, until, tally)
    else:
        if tally is not None:
            tally.answer()
        yield window


def _worth_splitting(error: BrokenReply | RetryLater) -> bool:
    """Return whether a smaller window may succeed: deep pages fail where shallow ones don't."""
    return isinstance(error, BrokenReply | TransientError) or error.after <= 0


def _read_whole(
    lastfm: ScrobbleSource, user: str, since: dt.datetime, until: dt.datetime
) -> Window:
    """Read all pages of one window and check that they add up."""
    first = lastfm.recent_tracks(user, since=since, until=until, limit=PAGE)
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
