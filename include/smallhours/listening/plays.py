"""Plays as rows: from each source's reply to the lake's `plays` table."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from smallhours.identity import identify
from smallhours.lake.tables import PLAYS

LASTFM = "lastfm"
SPOTIFY = "spotify"

COLUMNS = [column.name for column in PLAYS.columns]


def plays_frame(rows: Iterable[Mapping[str, Any]], *, source: str) -> pd.DataFrame:
    """Rows of `plays`, sorted by time, from what one source reported.

    Each row needs `played_at` (aware), `artist` and `title`; the table's other columns may be
    there too and are null otherwise.
    """
    records = [
        {
            **dict.fromkeys(COLUMNS),
            **row,
            "track_key": identify(row["artist"], row["title"]).track_key,
            "sources": [source],
        }
        for row in rows
    ]
    frame = pd.DataFrame.from_records(records, columns=COLUMNS)
    frame["played_at"] = pd.to_datetime(frame["played_at"], utc=True).astype("datetime64[us, UTC]")
    return with_ordinals(frame)


def with_ordinals(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort plays by time and number those that are identical to the second."""
    frame = frame.sort_values(["played_at", "track_key"], kind="stable", ignore_index=True)
    frame["ordinal"] = frame.groupby(["played_at", "track_key"], sort=False).cumcount()
    return frame


def month_of(moments: pd.Series) -> pd.Series:
    """The partition that each moment falls into: its month in UTC, as `YYYY-MM`."""
    months: pd.Series = moments.dt.strftime("%Y-%m")
    return months


def months_between(since: dt.datetime, until: dt.datetime) -> list[str]:
    """Every month (UTC) that the span from `since` to `until` touches."""
    first, last = since.astimezone(dt.UTC), until.astimezone(dt.UTC)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    start = first.year * 12 + first.month - 1
    return [f"{m // 12:04d}-{m % 12 + 1:02d}" for m in range(start, start + count)]
