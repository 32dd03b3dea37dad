"""Verification of the whole history against Last.fm's counts.

Nightly syncs see the last days only. A scrobble that is deleted, edited or added years back shows
in the count of its year, and then of its month; one request each finds it.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from itertools import pairwise

from smallhours.listening.scrobbles import ScrobbleSource

Span = tuple[dt.datetime, dt.datetime]


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
    """Yield the months in which Last.fm's count differs from the lake's.

    Args:
        lastfm: The client.
        user: Last.fm user name.
        stored: How many the lake holds in a span.
        since: Start of the history.
        until: Where history ends for this run.

    Raises:
        ServiceError: Last.fm did not answer.
    """
    if count_at(lastfm, user, (since, until)) == stored((since, until)):
        return
    for year in _cut(since, until, months=12):
        if count_at(lastfm, user, year) == stored(year):
            continue
        for month in _cut(*year, months=1):
            if count_at(lastfm, user, month) != stored(month):
                yield month


def _cut(since: dt.datetime, until: dt.datetime, *, months: int) -> Iterator[Span]:
    """Cut a span at each new year (UTC), or at each new month."""
    first = since.astimezone(dt.UTC)
    number = first.year * 12 + (first.month - 1 if months == 1 else 0)
    edges = [since]
    while edges[-1] < until:
        number += months
        edge = dt.datetime(number // 12, number % 12 + 1, 1, tzinfo=dt.UTC)
        edges.append(min(edge, until))
    yield from pairwise(edges)
