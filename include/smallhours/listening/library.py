"""Standing signals: the tracks that the listener saved, loved, or plays most, and since when.

A signal that a service no longer gives is not deleted: its `last_seen` stays behind, and training
can use the fact that it was withdrawn.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from smallhours.identity import identify, is_named
from smallhours.lake.tables import LIBRARY

COLUMNS = [column.name for column in LIBRARY.columns]
KEY = list(LIBRARY.key)


def library_frame(rows: Iterable[Mapping[str, Any]], *, night: dt.date) -> pd.DataFrame:
    """Return rows of `library` as seen on one night.

    Each row needs `signal`, `artist` and `title`; one whose artist or title is empty, as Spotify
    leaves them of withdrawn tracks and local files without tags, is left out. Where several of the
    service's entries are one recording (a single and its album track), the best ranked, else the
    first, stands for all.
    """
    records = [
        {
            **dict.fromkeys(COLUMNS),
            "time_range": "",
            **row,
            "track_key": identify(row["artist"], row["title"]).track_key,
            "first_seen": night,
            "last_seen": night,
        }
        for row in rows
        if is_named(row["artist"], row["title"])
    ]
    frame = pd.DataFrame.from_records(records, columns=COLUMNS)
    return frame.drop_duplicates(KEY, keep="first", ignore_index=True)


def with_unreadable(
    seen: pd.DataFrame, stored: pd.DataFrame, unreadable: int, *, night: dt.date
) -> pd.DataFrame:
    """Return tonight's rows of a signal with those that its unreadable rows may stand for.

    Where as many rows of the last time are missing as can't be read, nothing was withdrawn.

    Args:
        seen: What was read.
        stored: The stored rows of the signal.
        unreadable: How many rows could not be read.
        night: Tonight.
    """
    # What tonight's reading has stored before, when it runs again, is no earlier reading.
    earlier = stored[stored["last_seen"] < night]
    standing = stored[stored["last_seen"] >= earlier["last_seen"].max()] if len(earlier) else stored
    missing = standing[~standing.set_index(KEY).index.isin(seen.set_index(KEY).index)]
    if not 0 < len(missing) <= unreadable:
        return seen
    whole: pd.DataFrame = pd.concat([seen, missing[COLUMNS].assign(last_seen=night)])
    return whole.reset_index(drop=True)


def current_signals(stored: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """Return tonight's signals, each with the first night on which it was seen.

    A signal that was withdrawn and is back keeps its first night: it was meant then, too.
    """
    first = stored.set_index(KEY)["first_seen"].rename("earlier")
    joined = seen.merge(first, left_on=KEY, right_index=True, how="left")
    earliest = joined["earlier"].where(joined["earlier"].notna(), joined["first_seen"])
    return joined.assign(first_seen=earliest)[COLUMNS]
