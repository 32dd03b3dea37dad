"""Tests of the crawl of a history that changes meanwhile: nothing is lost or half stored."""

import datetime as dt

import pytest

from smallhours.errors import BrokenReply
from smallhours.listening.scrobbles import MIN_WINDOW, PAGE, crawl
from smallhours.services.lastfm import NoSuchPage
from smallhours.services.lastfm_replies import Scrobble, ScrobblePage

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
