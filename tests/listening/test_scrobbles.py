"""Tests of the crawl of a history that changes meanwhile: nothing is lost or half stored."""

import datetime as dt
from typing import Any

import pytest

from smallhours.errors import BrokenReply
from smallhours.listening.scrobbles import (
    MIN_WINDOW,
    PAGE,
    crawl,
    missed_spans,
    oldest_scrobble,
)
from smallhours.services.lastfm_replies import NoSuchPage, Scrobble, ScrobblePage
from smallhours.services.retry_and_rate_limit import TransientError
from smallhours.services.set_aside import Tally

SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
UNTIL = SINCE + dt.timedelta(days=2)


class Shrinking:
    """A history of which scrobbles are deleted once its second page was requested."""

    def __init__(self, moments: list[dt.datetime], gone: int, *, again: bool = False) -> None:
        self.moments = moments
        self.gone = gone
        self.again = again

    def recent_tracks(
        self,
        user: str,
        *,
        since: dt.datetime | None,
        until: dt.datetime | None,
        page: int = 1,
        limit: int = PAGE,
    ) -> ScrobblePage:
        if page > 1 and self.gone:
            self.moments = self.moments[self.gone :]
            self.gone = self.gone if self.again else 0
        rows = [at for at in self.moments if (since or at) <= at < (until or UNTIL)][::-1]
        pages = -(-len(rows) // limit)
        if page > max(pages, 1):
            raise NoSuchPage("Last.fm", "no such page.", remedy="Read it again.")
        wanted = rows[(page - 1) * limit : page * limit]
        scrobbles = tuple(Scrobble(at, "A", None, None, "B", None) for at in wanted)
        return ScrobblePage(user, page, pages, len(rows), scrobbles, 0, 0, 0)


def evenly(count: int) -> list[dt.datetime]:
    return [SINCE + (UNTIL - SINCE) * number / count for number in range(count)]


@pytest.mark.parametrize("gone", [1, 5, 900])
def test_where_pages_vanish_the_halves_are_read_again(gone: int) -> None:
    history = Shrinking(evenly(PAGE + 5), gone)
    windows = list(crawl(history, "ada", since=SINCE, until=UNTIL))
    assert len(windows) == 2
    read = sorted(scrobble.played_at for window in windows for scrobble in window.scrobbles)
    assert read == history.moments


def test_a_window_that_keeps_changing_is_given_up_and_not_taken_for_whole() -> None:
    history = Shrinking(evenly(40 * PAGE), 3, again=True)
    with pytest.raises(BrokenReply, match="it counts"):
        list(crawl(history, "ada", since=SINCE, until=SINCE + MIN_WINDOW))


class Damaged(Shrinking):
    """A history of which one moment makes every page break that would hold it."""

    def __init__(self, moments: list[dt.datetime], odd: dt.datetime) -> None:
        super().__init__(moments, 0)
        self.odd: dt.datetime | None = odd

    def recent_tracks(self, user: str, **about: Any) -> ScrobblePage:
        page = super().recent_tracks(user, **about)
        if self.odd in [scrobble.played_at for scrobble in page.scrobbles]:
            raise TransientError("Last.fm", "an error 500.", remedy="Wait.", after=300)
        return page


def test_a_window_that_always_fails_is_left_out_and_read_when_it_is_due() -> None:
    days = dt.timedelta(days=1)
    history = Damaged([SINCE + number * days / 24 for number in range(48)], SINCE + days / 2)
    tally = Tally()
    windows = list(crawl(history, "ada", since=SINCE, until=UNTIL, tally=tally))
    read = [scrobble.played_at for window in windows for scrobble in window.scrobbles]
    missing = sorted(set(history.moments) - set(read))
    assert missing == [at for at in history.moments if 0 <= (at - SINCE - days / 2) / days < 1 / 4]
    assert list(tally.failures) == ["scrobbles of 2026-01-01"]

    def read_missed(tally: Tally) -> list[dt.datetime]:
        return [
            scrobble.played_at
            for begin, end in missed_spans(tally, before=UNTIL)
            for window in crawl(history, "ada", since=begin, until=end, tally=tally)
            for scrobble in window.scrobbles
        ]

    assert not read_missed(Tally(noted=tally.failures, waiting=frozenset(tally.failures)))
    due = Tally(noted=tally.failures)
    read_missed(due)
    assert list(due.failures) == ["scrobbles of 2026-01-01"]
    history.odd = None
    again = Tally(noted=tally.failures)
    read = read_missed(again)
    assert set(missing) <= set(read)
    assert "scrobbles of 2026-01-01" in again.resolved


@pytest.mark.parametrize("odd", [1, 3, PAGE])
def test_clocks_of_1970_on_the_last_page_hide_no_history(odd: int) -> None:
    class WithOldClocks(Shrinking):
        def recent_tracks(self, user: str, **about: Any) -> ScrobblePage:
            rows = [*self.moments[::-1], *[None] * odd]
            limit, page = about.get("limit", PAGE), about.get("page", 1)
            wanted = rows[(page - 1) * limit : page * limit]
            scrobbles = tuple(Scrobble(at, "A", None, None, "B", None) for at in wanted if at)
            pages, undated = -(-len(rows) // limit), len(wanted) - len(scrobbles)
            return ScrobblePage(user, page, pages, len(rows), scrobbles, 0, undated, 0)

    history = WithOldClocks(evenly(2 * PAGE), 0)
    first = oldest_scrobble(history, "ada", until=UNTIL)
    assert first is not None
    assert first <= history.moments[0]
    assert oldest_scrobble(Shrinking([], 0), "ada", until=UNTIL) is None
