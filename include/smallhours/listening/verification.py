"""The monthly verification of a whole history with Last.fm, and the notes in `metrics` about it.

A long history that is new is read in this way, too: some of it each night, until all is there.
"""

import datetime as dt
from typing import TYPE_CHECKING, Final

import pandas as pd

from smallhours.lake.list_tables import METRICS
from smallhours.lake.store import Lake
from smallhours.lake.tables import PLAYS
from smallhours.listening.plays import LASTFM, StoreReport, months_between, reported_by
from smallhours.listening.scrobbles import (
    MAX_PLAYS_PER_NIGHT,
    Span,
    count_at,
    crawl,
    differing_spans,
    store_window,
)
from smallhours.nights import Night
from smallhours.services.lastfm_replies import FIRST_SCROBBLE
from smallhours.services.set_aside import SetAside
from smallhours.settings import Settings
from smallhours.summary import Summary

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient

VERIFIED_EVERY_DAYS: Final = 28
# What was verified: Last.fm's scrobbles, ListenBrainz' listens.
SCROBBLES: Final = "scrobbles"
LISTENS: Final = "listens"
_SUBJECT: Final = "history"
_UNREAD: Final = "_unread"


def verify_history(
    listener: str,
    lake: Lake,
    lastfm: "LastfmClient",
    *,
    settings: Settings,
    night: Night,
    every_days: int = VERIFIED_EVERY_DAYS,
    most: int = MAX_PLAYS_PER_NIGHT,
) -> Summary:
    """Compare the whole history with Last.fm's counts once a month, and repair differences.

    What is left of a long history that is new is read so, too, the newest months first.

    Args:
        listener: Whose history.
        lake: The lake.
        lastfm: The client.
        settings: The settings.
        night: Tonight.
        every_days: What was verified less than so many days ago is not verified again.
        most: How many plays a night adds before the rest is left for the next one.

    Raises:
        ServiceError: what was mended before it is kept; the next run looks again.
    """
    last = last_verified(lake, listener, night, SCROBBLES)
    if last is not None and (night.date - last).days < every_days:
        return {"skipped": f"the whole history was verified on {last}"}
    plays = lake.frame(PLAYS, columns=["played_at", "sources"], where={"listener": listener})
    times = plays.loc[reported_by(plays, LASTFM), "played_at"].sort_values()
    if times.empty:
        return {"skipped": "there is no history yet"}
    user = settings.listener(listener).lastfm
    since = min(times.iloc[0].to_pydatetime(), FIRST_SCROBBLE)

    def stored(span: Span) -> int:
        first, last = times.searchsorted(pd.to_datetime(list(span), utc=True))
        return int(last - first)

    mended: Summary = {}
    aside = SetAside(lake, listener, night)
    tally = aside.tally(lastfm)
    with aside.asking(lastfm) as open_to_us:
        if open_to_us:
            whole, months, report = (since, night.as_of), 0, StoreReport()
            counted = count_at(lastfm, user, whole)
            differing = differing_spans(lastfm, user, stored, since=since, until=night.as_of)
            # Each month is mended as soon as it is found, so that a kill repeats little.
            for begin, end in differing if counted != stored(whole) else ():
                if report.added >= most:
                    left = counted - len(times) - report.added + report.removed
                    note_unread(lake, listener, night, SCROBBLES, left)
                    break
                months += 1
                for window in crawl(lastfm, user, since=begin, until=end, tally=tally):
                    report += store_window(lake, listener, window)
            else:
                scrobbles = len(times) + report.added - report.removed
                note_verified(lake, listener, night, SCROBBLES, scrobbles)
            mended = {
                "months_differing": months,
                "plays_added": report.added,
                "plays_removed": report.removed,
            }
    return {**mended, "lastfm_calls": lastfm.calls.total(), **aside.summary}


def last_verified(lake: Lake, listener: str, night: Night, metric: str) -> dt.date | None:
    """Return the night on which a whole history was last verified, from `metrics`."""
    rows = _rows(lake, listener, night, days=62)
    rows = rows[rows["metric"] == metric]
    return None if rows.empty else rows["night"].max()


def note_verified(lake: Lake, listener: str, night: Night, metric: str, plays: int) -> None:
    """Note in `metrics` that a whole history was verified tonight."""
    _note(lake, listener, night, metric, plays)


def note_unread(lake: Lake, listener: str, night: Night, metric: str, plays: int) -> None:
    """Note in `metrics` how many plays of a history are left for the nights after this one."""
    _note(lake, listener, night, metric + _UNREAD, plays)


def unread_plays(lake: Lake, listener: str, night: Night) -> int:
    """Return how many plays a night left unread."""
    rows = _rows(lake, listener, night, days=0)
    rows = rows[(rows["night"] == night.date) & rows["metric"].str.endswith(_UNREAD)]
    return int(rows["n"].max()) if len(rows) else 0


def _rows(lake: Lake, listener: str, night: Night, *, days: int) -> pd.DataFrame:
    morning = dt.datetime.combine(night.date, dt.time(), dt.UTC)
    months = months_between(morning - dt.timedelta(days=days), morning)
    rows = lake.frame(METRICS, where={"month": months})
    rows = rows[(rows["subject"] == _SUBJECT) & (rows["listener"] == listener)]
    return rows[rows["night"] <= night.date]


def _note(lake: Lake, listener: str, night: Night, metric: str, plays: int) -> None:
    row = {
        "night": night.date, "listener": listener, "subject": _SUBJECT,
        "metric": metric, "value": float(plays), "low": None, "high": None,
        "baseline": None, "n": plays, "month": f"{night.date:%Y-%m}",
    }  # fmt: skip
    lake.merge(METRICS, pd.DataFrame([row]))
