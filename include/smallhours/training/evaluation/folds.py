"""Time-based folds of a listener's past, and the tracks adopted in each.

A random split lets a model learn from the future that it has to predict (Sun et al., TOIS 2023),
so the past is only ever cut by time: everything before a cut is known, and the four weeks after it
are the truth. Cuts are a week apart; the newest is four weeks before now, so that its truth is
complete. Example: on 22 November, two folds have the truths 18 October to 15 November and
25 October to 22 November.

A track is *adopted* when it was new to the listener at the cut - never played, saved or loved -
and by the end of the fold was played twice or more, or saved or loved. One play alone is a try.
Example: for a cut on 25 October, a track first played on 1 and 8 November is adopted. One that was
first played on 20 October is not, however often it is played afterwards.
"""

import datetime as dt
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pandas as pd

from smallhours.listening.plays import counted_once
from smallhours.vocabulary import POSITIVE_SIGNALS

HORIZON_WEEKS = 4
PLAYS_TO_ADOPT = 2

# With 20 artists in five folds, a hash leaves a fold empty in about one of 20 cases; with a third
# of that, far too often.
ARTISTS_PER_FOLD = 4


@dataclass(frozen=True)
class Fold:
    """One cut of the past, with the weeks that are predicted.

    Attributes:
        cut: End of the known past, UTC.
        until: End of the truth, UTC.
    """

    cut: dt.datetime
    until: dt.datetime


def weekly_folds(
    as_of: dt.datetime, count: int, *, weeks: int = HORIZON_WEEKS, step_weeks: int = 1
) -> list[Fold]:
    """Return folds a week apart, oldest first; the newest one's truth ends now.

    Args:
        as_of: End of the history.
        count: Number of folds.
        weeks: Length of each fold's truth.
        step_weeks: Weeks between cuts.

    >>> end = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    >>> [str(fold.cut.date()) for fold in weekly_folds(end, 2)]
    ['2026-10-18', '2026-10-25']
    """
    length = dt.timedelta(weeks=weeks)
    ends = [as_of - dt.timedelta(weeks=step_weeks * back) for back in reversed(range(count))]
    return [Fold(end - length, end) for end in ends]


def plays_before(plays: pd.DataFrame, cut: dt.datetime) -> pd.DataFrame:
    """Return the rows of `plays` that were known at a cut."""
    return plays[plays["played_at"] < cut]


def library_before(library: pd.DataFrame, cut: dt.datetime) -> pd.DataFrame:
    """Return the rows of `library` as they were at a cut.

    A signal that was withdrawn later stood at the cut. `added_at` gives the age of signals that
    stood already when the library was first read.
    """
    known = library[signal_starts(library) < cut]
    day = cut.date()
    return known.assign(last_seen=[min(seen, day) for seen in known["last_seen"]])


def known_at(plays: pd.DataFrame, library: pd.DataFrame, cut: dt.datetime) -> set[str]:
    """Return the tracks that were played, saved or otherwise marked before a cut."""
    earlier = plays_before(plays, cut)["track_key"]
    return {*earlier.unique(), *library_before(library, cut)["track_key"]}


def adopted(
    plays: pd.DataFrame,
    library: pd.DataFrame,
    fold: Fold,
    *,
    known: AbstractSet[str] | None = None,
) -> set[str]:
    """Return the fold's truth: tracks new at its cut that were adopted by its end.

    Args:
        plays: `track_key`, `played_at`, `ms_played`; one that two players report counts once.
        library: `track_key`, `signal`, `first_seen`, `added_at`, `last_seen`.
        fold: The fold.
        known: Tracks known at the cut; None computes them from plays and library.
    """
    during = plays[(plays["played_at"] >= fold.cut) & (plays["played_at"] < fold.until)]
    counts = during.loc[counted_once(during), "track_key"].value_counts()
    since = signal_starts(library)
    fond = library[
        library["signal"].isin(POSITIVE_SIGNALS) & (since >= fold.cut) & (since < fold.until)
    ]
    before = known_at(plays, library, fold.cut) if known is None else known
    return ({*counts[counts >= PLAYS_TO_ADOPT].index} | {*fond["track_key"]}) - before


def signal_starts(library: pd.DataFrame) -> pd.Series:
    """Return the start of each signal, UTC: by the service, else the night that first saw it."""
    first = pd.to_datetime(library["first_seen"], utc=True)
    added = pd.to_datetime(library["added_at"], utc=True)
    since: pd.Series = added.where(added.notna(), first)
    return since
