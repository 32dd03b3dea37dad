"""The Review page: the lists that wait for approval, which can be changed track by track."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from smallhours.errors import SettingsError
from smallhours.lake.list_tables import RECOMMENDATIONS
from smallhours.playlist.publish.resolve import leave_out
from smallhours.web.page_context import PageContext, WaitingList

LEFT_OUT = "left out by you"


@dataclass(frozen=True)
class ReviewedTrack:
    """One track of a waiting list."""

    intent: str
    track_key: str
    position: int
    name: str
    reason: str


@dataclass(frozen=True)
class Review:
    """A waiting list.

    Attributes:
        waiting: As Airflow has it.
        waits: For how long it has waited, in words.
        until: When that ends, where the listener lives; empty where that is not known.
        tracks: The tracks of all of the night's lists.
    """

    waiting: WaitingList
    waits: str
    until: str
    tracks: Sequence[ReviewedTrack]


def reviews(page_context: PageContext, waiting: Sequence[WaitingList]) -> list[Review]:
    """Return the listener's waiting lists."""
    now = dt.datetime.now(dt.UTC)
    zone = page_context.zone
    return [
        Review(
            each,
            duration(now - each.since),
            f"{each.until.astimezone(zone):%Y-%m-%d, %H:%M}" if each.until else "",
            _tracks(page_context, each.night),
        )
        for each in waiting
        if each.listener == page_context.listener
    ]


def duration(span: dt.timedelta) -> str:
    """Return a duration in words.

    >>> duration(dt.timedelta(minutes=61))
    '1 hour'
    """
    minutes = int(span.total_seconds() // 60)
    n, unit = (minutes // 60, "hour") if minutes >= 60 else (max(minutes, 0), "minute")
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def leave_out_track(page_context: PageContext, night: dt.date, intent: str, track_key: str) -> None:
    """Take a track out of a waiting list.

    Raises:
        SettingsError: when the list does not hold it.
    """
    if not any(
        (each.intent, each.track_key) == (intent, track_key)
        for each in _tracks(page_context, night)
    ):
        raise SettingsError("The list has no such track.", remedy="Open the page again.")
    leave_out(page_context.lake, page_context.listener, night, intent, {track_key}, LEFT_OUT)


def _tracks(page_context: PageContext, night: dt.date) -> list[ReviewedTrack]:
    rows: pd.DataFrame = page_context.lake.frame(
        RECOMMENDATIONS,
        columns=["intent", "track_key", "position", "artist", "title", "reason"],
        where={"listener": page_context.listener, "night": night.isoformat()},
    )
    rows = rows[rows["position"].notna()].sort_values(["intent", "position"])
    names = page_context.intents
    return [
        ReviewedTrack(
            row["intent"],
            row["track_key"],
            int(row["position"]),
            f"{row['artist']} – {row['title']}"
            + (f" ({names.get(row['intent'], row['intent'])})" if len(names) > 1 else ""),
            row["reason"],
        )
        for row in rows.to_dict("records")
    ]
