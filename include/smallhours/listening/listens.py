"""The history at ListenBrainz: its stages, and a crawl that loses and doubles nothing.

The history is crawled upwards, from before its oldest listen or with an overlap of some days, since
listens arrive late and may be deleted. A page may end between two listens of one second, so its
last second is asked for again. Once a month the number of listens is compared with what
ListenBrainz counts, and the whole history is crawled again where it counts more; that crawl says
both ends of each page, which ListenBrainz answers without leaving anything out.
"""

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from smallhours.errors import BrokenReply, ServiceError
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.plays import (
    LISTENBRAINZ,
    StoreReport,
    newest_play,
    plays_frame,
    reported_by,
)
from smallhours.listening.scrobbles import (
    MAX_PLAYS_PER_NIGHT,
    missed_spans,
    store_reported,
)
from smallhours.listening.verification import (
    LISTENS,
    VERIFIED_EVERY_DAYS,
    last_verified,
    note_unread,
    note_verified,
)
from smallhours.nights import Night
from smallhours.services.listenbrainz import MAX_LISTENS, ListenBrainzClient
from smallhours.services.listenbrainz_replies import Listen, ListenPage
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import SetAside, Tally
from smallhours.settings import Settings
from smallhours.summary import Summary

LOG = logging.getLogger(__name__)

_LISTENS_OF = "listens of "
# A page that fails is asked for in smaller ones; what stays unreadable is left for another night.
_PAGE_LENGTHS = (MAX_LISTENS, 100, 10)
_SKIPPED = dt.timedelta(days=1)
_SECOND = dt.timedelta(seconds=1)
_FIRST_SPAN = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ListenWindow:
    """A span of time, `since` inclusive and `until` exclusive, with all its listens.

    `unusable` counts its rows that can't be read.
    """

    since: dt.datetime
    until: dt.datetime
    listens: tuple[Listen, ...]
    unusable: int


def sync_listenbrainz(
    listener: str,
    lake: Lake,
    client: ListenBrainzClient,
    *,
    settings: Settings,
    night: Night,
    most: int = MAX_PLAYS_PER_NIGHT,
) -> Summary:
    """Bring the play history up to what ListenBrainz has, from where the lake's own rows end.

    The last days are read again (`services.listenbrainz.overlap_days`). Of a history that is new
    and longer than `most`, its last year is read, and the rest is left for `verify_listens`.

    Raises:
        ServiceError: what was read before it is kept, and the next run goes on from there.
    """
    user = settings.listener(listener).listenbrainz
    newest = newest_play(lake, listener, source=LISTENBRAINZ)
    overlap = dt.timedelta(days=settings.services.listenbrainz.overlap_days)
    counts: Counter[str] = Counter()
    aside = SetAside(lake, listener, night, anew=True)
    tally = aside.tally(client)
    with aside.asking(client) as open_to_us:
        told = client.listens(user, count=1) if open_to_us else None
        if told is not None and told.oldest is not None and told.latest is not None:
            since = told.oldest
            if newest is not None:
                since = max(since, newest - overlap)
            elif client.listen_count(user) > most:
                since = max(since, told.latest - _FIRST_SPAN)
            spans = [(since, night.as_of), *missed_spans(tally, before=since, prefix=_LISTENS_OF)]
            for begin, end in spans:
                for window in crawl(client, user, since=begin, until=end, tally=tally):
                    report = store_window(lake, listener, window)
                    counts["listens_read"] += len(window.listens)
                    counts["unusable_rows"] += window.unusable
                    counts["plays_added"] += report.added
                    counts["plays_joined"] += report.joined
                    counts["plays_removed"] += report.removed
    names = ("listens_read", "plays_added", "plays_joined", "plays_removed", "unusable_rows")
    calls = {"listenbrainz_calls": client.calls.total()}
    return {**{name: counts[name] for name in names}, **calls, **aside.summary}


def verify_listens(
    listener: str,
    lake: Lake,
    client: ListenBrainzClient,
    *,
    settings: Settings,
    night: Night,
    every_days: int = VERIFIED_EVERY_DAYS,
    most: int = MAX_PLAYS_PER_NIGHT,
) -> Summary:
    """Compare the number of listens with ListenBrainz' once a month, and read all where it differs.

    A night adds `most` listens at most; the rest is left for the next ones.

    ListenBrainz counts deleted listens for up to an hour, and those that can't be read, so fewer
    here may be right: they are read once more, and that is all.

    Raises:
        ServiceError: what was mended before it is kept; the next run looks again.
    """
    last = last_verified(lake, listener, night, LISTENS)
    if last is not None and (night.date - last).days < every_days:
        return {"skipped": f"the listens were verified on {last}"}
    plays = lake.frame(PLAYS, columns=["sources"], where={"listener": listener})
    here = int(reported_by(plays, LISTENBRAINZ).sum())
    if not here:
        return {"skipped": "there are no listens yet"}
    user = settings.listener(listener).listenbrainz
    mended: Summary = {}
    aside = SetAside(lake, listener, night)
    tally = aside.tally(client)
    with aside.asking(client) as open_to_us:
        if open_to_us:
            counted, report, whole = client.listen_count(user), StoreReport(), True
            oldest = client.listens(user, count=1).oldest if counted != here else None
            if oldest is not None:
                pages = crawl(
                    client, user, since=oldest, until=night.as_of, tally=tally, bounded=True
                )
                for window in pages:
                    report += store_window(lake, listener, window)
                    if not (whole := report.added + report.joined < most):
                        break
            read = here + report.added + report.joined - report.removed
            if whole:
                note_verified(lake, listener, night, LISTENS, read)
            else:
                note_unread(lake, listener, night, LISTENS, counted - read)
            mended = {
                "listens_counted": counted,
                "listens_added": report.added,
                "listens_removed": report.removed,
            }
    return {**mended, "listenbrainz_calls": client.calls.total(), **aside.summary}


def crawl(
    client: ListenBrainzClient,
    user: str,
    *,
    since: dt.datetime,
    until: dt.datetime,
    tally: Tally,
    bounded: bool = False,
) -> Iterator[ListenWindow]:
    """Read a user's listens in `[since, until)`, page by page, oldest first.

    Args:
        client: The client.
        user: Their name at ListenBrainz.
        since: Where to begin; no earlier than their oldest listen.
        until: Where history ends for this run.
        tally: Counts the pages.
        bounded: Whether to say the end of the span, too.

    Raises:
        ServiceError: a rate limit, a refusal, or more failures than those of a few pages.
    """
    begin, end = since.replace(microsecond=0), until if bounded else None
    while begin < until:
        try:
            page = _page(client, user, begin, end)
        except (BrokenReply, TransientError) as error:
            begin = _left_out(error, begin, tally)
            continue
        tally.answer()
        newest = max((listen.listened_at for listen in page.listens), default=begin)
        whole = page.count < MAX_LISTENS and not page.more
        if whole:
            after = until
        elif newest > begin:
            after = newest  # there may be more listens of that second
        else:
            LOG.warning("More than %d listens are of %s.", page.count, newest)
            after = newest + _SECOND
        after = min(after, until)
        told = tuple(listen for listen in page.listens if begin <= listen.listened_at < after)
        yield ListenWindow(begin, after, told, page.count - len(page.listens))
        begin = after


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of listens; `more` where it was asked for in part only."""

    listens: tuple[Listen, ...]
    count: int
    more: bool


def _page(
    client: ListenBrainzClient, user: str, begin: dt.datetime, end: dt.datetime | None
) -> _Page:
    """Return the oldest listens from a second on, as many as can be read at once."""
    trouble: ServiceError | None = None
    for length in _PAGE_LENGTHS:
        try:
            page: ListenPage = client.listens(
                user, min_ts=begin - _SECOND, max_ts=end, count=length
            )
        except (BrokenReply, TransientError) as error:
            trouble = trouble or error
        else:
            return _Page(page.listens, page.count, more=page.count >= length)
    raise trouble or AssertionError("it was read or it failed")


def _left_out(error: ServiceError, begin: dt.datetime, tally: Tally) -> dt.datetime:
    """Note that a day's listens can't be read, and return where to go on."""
    name = f"{_LISTENS_OF}{begin.astimezone(dt.UTC).date()}"
    ending = tally.fail(error, str(begin), name)
    if ending is not None:
        raise ending from None
    midnight = begin.astimezone(dt.UTC).replace(hour=0, minute=0, second=0)
    return midnight + _SKIPPED


def store_window(lake: Lake, listener: str, window: ListenWindow) -> StoreReport:
    """Store the listens of a window, and remove what ListenBrainz has no more of it."""
    reported = plays_frame(map(_row, window.listens), source=LISTENBRAINZ)
    span = window.since, window.until
    return store_reported(lake, listener, reported, LISTENBRAINZ, span, unusable=window.unusable)


def _row(listen: Listen) -> dict[str, Any]:
    return {
        "played_at": listen.listened_at,
        "artist": listen.artist,
        "album": listen.album,
        "title": listen.title,
        "artist_mbid": next(iter(listen.artist_mbids), None),
        "track_mbid": listen.recording_mbid,
        "isrc": listen.isrc,
        "spotify_id": listen.spotify_id,
        "duration_ms": listen.duration_ms,
    }
