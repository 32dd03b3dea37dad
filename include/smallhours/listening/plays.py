"""Rows of the `plays` table: built from each source's replies, judged as skipped, and stored.

Only the months around what a source reports are read and rewritten.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from smallhours.identity import artist_key_in, identify, is_named
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import PLAYS, TRACKS

Bools = npt.NDArray[np.bool_]

LASTFM = "lastfm"
LISTENBRAINZ = "listenbrainz"
SPOTIFY = "spotify"
EXPORT = "export"
# A file of scrobbles of any service or player; and one that tells the minute only.
FILE = "file"
FILE_MINUTES = "file_minutes"
# The sources whose own times are kept, and where; in the order in which their reports are matched.
REPORTED_AT = {LISTENBRAINZ: "listenbrainz_at", SPOTIFY: "spotify_at"}
# The columns that say who reported a play, and when.
WITNESSES = ["sources", *REPORTED_AT.values()]

COLUMNS = [column.name for column in PLAYS.columns]

# The least time heard that counts as a play: Last.fm asks for 30 seconds of a track, and so does
# Spotify before it lists it among the recent ones (https://www.last.fm/api/scrobbling).
HEARD_MS = 30_000
# A play's reports may lie this far apart: one has its start, the other its end.
MAX_TRACK_LENGTH = dt.timedelta(hours=1)
# Plays that both services report, this close before and after, are of one session.
SESSION_GAP = pd.Timedelta(hours=1)
# A scrobble this close may be the same play under another name.
ANOTHER_NAME = pd.Timedelta(minutes=10)
_MINUTE_MS = 60_000

_MOMENT = "datetime64[us, UTC]"
_TYPES: dict[str, Any] = {
    "played_at": _MOMENT,
    "listenbrainz_at": _MOMENT,
    "spotify_at": _MOMENT,
    "duration_ms": pd.Int32Dtype(),
    "ordinal": "int16",
    "ms_played": pd.Int32Dtype(),
    "skipped": pd.BooleanDtype(),
    "shuffle": pd.BooleanDtype(),
    "sources": object,
}
_TEXT = pd.StringDtype(na_value=np.nan)


def plays_frame(rows: Iterable[Mapping[str, Any]], *, source: str) -> pd.DataFrame:
    """Return rows of `plays`, sorted by time, from what one source reported.

    Each row needs `played_at` (aware), `artist` and `title`; the table's other columns may be
    there too and are null otherwise. Rows without a visible artist or title are left out.
    """
    records = [
        {
            **dict.fromkeys(COLUMNS),
            **row,
            "track_key": identify(row["artist"], row["title"]).track_key,
            "ordinal": 0,
            "sources": [source],
            **({REPORTED_AT[source]: row["played_at"]} if source in REPORTED_AT else {}),
        }
        for row in rows
        if is_named(row["artist"], row["title"])
    ]
    return with_ordinals(typed(pd.DataFrame.from_records(records, columns=COLUMNS)))


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `plays` in the types that the lake gives them."""
    columns = dict(frame[COLUMNS].items())
    for name in ("played_at", *REPORTED_AT.values()):
        columns[name] = pd.to_datetime(frame[name], utc=True)
    names = [list(each) for each in frame["sources"]]
    columns["sources"] = pd.Series(names, index=frame.index, dtype=object)
    return pd.DataFrame(
        {name: column.astype(_TYPES.get(str(name), _TEXT)) for name, column in columns.items()},
        columns=COLUMNS,
    )


def with_ordinals(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort plays by time and number those of one track in the same second.

    What a row says beyond its key decides the order of such plays, so that it does not depend on
    who reported first.
    """
    order = ["played_at", "track_key", "ms_played", "reason_end", "spotify_id", "title"]
    frame = frame.sort_values(order, kind="stable", ignore_index=True)
    numbers = frame.groupby(["played_at", "track_key"], sort=False).cumcount()
    return frame.assign(ordinal=numbers.astype("int16"))


def reported_by(plays: pd.DataFrame, source: str) -> Bools:
    """Return which plays a source reported."""
    return _by_sources(plays, lambda names: source in names)


def reported_besides(plays: pd.DataFrame, *sources: str) -> Bools:
    """Return which plays another source reported than these."""
    return _by_sources(plays, lambda names: not names.issubset(sources))


def _by_sources(plays: pd.DataFrame, test: Callable[[frozenset[str]], bool]) -> Bools:
    """Return what a test says of those who reported each play; it is asked once for each set."""
    joined = pd.Series(["\n".join(names) for names in plays["sources"]], dtype=object)
    codes, found = pd.factorize(joined)
    told = [test(frozenset(filter(None, each.split("\n")))) for each in found]
    return np.asarray(told, np.bool_)[codes]


def scrobbled(plays: pd.DataFrame) -> Bools:
    """Return which plays a scrobbler reported.

    Everybody is one but Spotify: Last.fm, ListenBrainz, and the files that other programs keep.
    """
    return reported_besides(plays, SPOTIFY, EXPORT)


def heard(plays: pd.DataFrame) -> "pd.Series[bool]":
    """Return which plays lasted 30 seconds or more, or are of unknown length."""
    return plays["ms_played"].isna() | (plays["ms_played"].fillna(0) >= HEARD_MS)


def counted_once(plays: pd.DataFrame) -> Bools:
    """Return which plays count; the same track again before the first can have ended does not.

    Two players that both report give two rows, some seconds apart. A play that is reported was
    heard for 30 seconds, or for as long as its row says, give or take a minute:

        20:00:00 A   counts
        20:00:12 A   does not: nobody hears 30 seconds of A in 12
        20:03:40 A   counts

    Args:
        plays: `track_key`, `played_at` and `ms_played` of plays that were heard, in any order.
    """
    ordered = plays[["track_key", "played_at", "ms_played"]].reset_index(drop=True)
    ordered = ordered.sort_values(["track_key", "played_at"], kind="stable")
    before = ordered.shift()
    ms_played = before["ms_played"].astype("Float64").fillna(0) - _MINUTE_MS
    lasted = pd.to_timedelta(ms_played.clip(lower=HEARD_MS).astype(float), unit="ms")
    gap = ordered["played_at"] - before["played_at"]
    echo = (ordered["track_key"] == before["track_key"]) & (gap < lasted)
    return np.asarray(~echo.sort_index().to_numpy(np.bool_))


def cut_short(plays: pd.DataFrame) -> Bools:
    """Return which plays the listener ended before their time, (plays,).

    Spotify reports plays of half a minute and more, a scrobbler those that were heard for half of
    the track (or four minutes), and neither reports a skip; only the export does. But a play that
    only Spotify reports, between plays that both report, was ended before its half:

        20:00 A   Spotify, Last.fm
        20:04 B   Spotify              cut short: Last.fm reported plays before and after it
        20:05 C   Spotify, Last.fm

    So these are those that the export calls skipped, and those that Spotify reports and a scrobbler
    does not within an hour after a play that both have, and within an hour before another. Where
    only that scrobbler has a play within ten minutes, that may be the same one, and the play is not
    judged. What ListenBrainz has from Spotify, at the same second, is Spotify's report.

    Args:
        plays: `played_at`, `skipped`, `sources`, `listenbrainz_at` and `spotify_at`, in any order.
    """
    short: Bools = plays["skipped"].fillna(False).to_numpy(dtype=bool)
    if plays.empty:
        return short
    at = pd.DatetimeIndex(plays["played_at"])
    spotify = reported_by(plays, SPOTIFY)
    copied = plays["spotify_at"].dt.floor("s") == plays["listenbrainz_at"]
    own = {LISTENBRAINZ: ~copied.to_numpy(np.bool_)}
    known = {name for names in plays["sources"].map(tuple).unique() for name in names}
    heard_half = np.zeros(len(plays), np.bool_)
    suspected = np.zeros(len(plays), np.bool_)
    for scrobbler in known - {SPOTIFY, EXPORT}:
        half = reported_by(plays, scrobbler) & own.get(scrobbler, np.True_)
        heard_half |= half
        both = at[spotify & half].sort_values()
        before, after = _apart(at, both, "left"), _apart(at, both, "right")
        sat = (before <= SESSION_GAP) & (after <= SESSION_GAP)
        alone = at[half & ~spotify].sort_values()
        near = np.minimum(_apart(at, alone, "left"), _apart(at, alone, "right")) <= ANOTHER_NAME
        suspected |= sat & ~near
    return np.asarray(short | (spotify & ~heard_half & suspected), np.bool_)


def with_inferred_skips(plays: pd.DataFrame) -> pd.DataFrame:
    """Return the plays with `skipped` also set for plays cut short, without `WITNESSES`."""
    return plays.assign(skipped=cut_short(plays)).drop(columns=WITNESSES)


def heard_out(plays: pd.DataFrame) -> "pd.Series[bool]":
    """Return which plays count for a track: at least 30 seconds, not skipped, and each once.

    Args:
        plays: `track_key`, `played_at`, and `ms_played` and `skipped`, null where nothing is known.
    """
    whole = heard(plays) & ~plays["skipped"].fillna(False).astype(bool)
    whole[whole] = counted_once(plays[whole])
    return whole


def _apart(
    at: pd.DatetimeIndex, others: pd.DatetimeIndex, side: str
) -> "npt.NDArray[np.timedelta64]":
    """Return how far the last of others before each moment is ("left"), or the first after it."""
    never = np.timedelta64(400, "D")
    apart = np.full(len(at), never).astype("timedelta64[ns]")
    if not len(others):
        return apart
    moments, known = at.to_numpy("datetime64[ns]"), others.to_numpy("datetime64[ns]")
    if side == "left":
        place = np.searchsorted(known, moments, side="left") - 1
        has = place >= 0
    else:
        place = np.searchsorted(known, moments, side="right")
        has = place < len(known)
    apart[has] = np.abs(moments[has] - known[place[has]])
    return apart


def month_of(moments: pd.Series) -> pd.Series:
    """Return the partition of each moment: its month in UTC, as `YYYY-MM`."""
    months: pd.Series = moments.dt.strftime("%Y-%m")
    return months


def months_between(since: dt.datetime, until: dt.datetime) -> list[str]:
    """Return every month (UTC) that the span from `since` to `until` touches."""
    first, last = since.astimezone(dt.UTC), until.astimezone(dt.UTC)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    start = first.year * 12 + first.month - 1
    return [f"{m // 12:04d}-{m % 12 + 1:02d}" for m in range(start, start + count)]


@dataclass(frozen=True, slots=True)
class StoreReport:
    """The numbers of plays that were added, joined with a further report, and removed."""

    added: int = 0
    joined: int = 0
    removed: int = 0

    def __add__(self, other: "StoreReport") -> "StoreReport":
        return StoreReport(
            self.added + other.added, self.joined + other.joined, self.removed + other.removed
        )


def load_plays_around(
    lake: Lake, listener: str, since: dt.datetime, until: dt.datetime
) -> pd.DataFrame:
    """Return the stored plays of the months of a span.

    A play near the edge of a month may be another month's by another clock, so the months around
    are read too.
    """
    months = months_between(since - MAX_TRACK_LENGTH, until + MAX_TRACK_LENGTH)
    return lake.frame(PLAYS, columns=COLUMNS, where={"listener": listener, "month": months})


def missing_lengths(lake: Lake, plays: pd.DataFrame) -> dict[str, int]:
    """Return the missing lengths of tracks that Spotify reported as played, in milliseconds.

    A play of Spotify's has its track's length; only where it is missing the catalog is asked.
    """
    unknown = plays[reported_by(plays, SPOTIFY) & plays["duration_ms"].isna().to_numpy()]
    keys = sorted(set(unknown["track_key"]))
    if not keys:
        return {}
    found = lake.read(
        TRACKS,
        columns=["track_key", "duration_ms"],
        where={"prefix": sorted({prefix_of(artist_key_in(key)) for key in keys})},
        filters=pc.field("track_key").isin(keys) & pc.field("duration_ms").is_valid(),
    )
    return dict(zip(*(found[name].to_pylist() for name in found.schema.names), strict=True))


def store(lake: Lake, listener: str, stored: pd.DataFrame, unified: pd.DataFrame) -> StoreReport:
    """Replace stored plays by the merged ones; rewrite only months with a change.

    Raises:
        LakeError: the lake can't be read or written; see `Lake.merge`.
    """
    key = list(PLAYS.key)
    before = unified[key].merge(typed(stored), on=key, how="left", indicator=True)
    known = (before["_merge"] == "both").to_numpy()
    changed = ~known | _differ(before, unified)
    after = stored[key].merge(unified[key], on=key, how="left", indicator=True)
    gone = after.loc[after["_merge"] == "left_only", key]
    rows = unified[changed].assign(month=month_of(unified.loc[changed, "played_at"]))
    gone = gone.assign(month=month_of(gone["played_at"]))
    # What may have moved to another month goes only when it is there: a write that is cut off
    # in between leaves a row in both, which the next run mends, and never in neither.
    moving = _near_another_month(gone["played_at"])
    for new, old in ((rows, gone[~moving]), (rows[:0], gone[moving])):
        if len(new) or len(old):
            lake.merge(PLAYS, new, partition={"listener": listener}, delete=old)
    # A play whose time becomes another one's is a row that goes and one that comes.
    added = int((~known).sum())
    moved = min(added, len(gone))
    return StoreReport(added - moved, int((changed & known).sum()) + moved, len(gone) - moved)


def _near_another_month(moments: pd.Series) -> "pd.Series[bool]":
    return month_of(moments - MAX_TRACK_LENGTH) != month_of(moments + MAX_TRACK_LENGTH)


def _differ(one: pd.DataFrame, two: pd.DataFrame) -> Bools:
    """Return row by row whether two frames of plays differ."""
    differ = np.zeros(len(one), np.bool_)
    for name in COLUMNS:
        left, right = one[name], two[name].reset_index(drop=True)
        if name == "sources":
            left, right = (each.map(tuple, na_action="ignore") for each in (left, right))
        same = (left == right).fillna(False) | (left.isna() & right.isna())
        differ |= ~same.to_numpy(np.bool_)
    return differ


def newest_play(lake: Lake, listener: str, *, source: str) -> dt.datetime | None:
    """Return the time of the newest stored play that a source reported, or None."""
    months = sorted(
        (p["month"] for p in lake.partitions(PLAYS) if p["listener"] == listener), reverse=True
    )
    for month in months:
        plays = lake.frame(
            PLAYS, columns=["played_at", "sources"], where={"listener": listener, "month": month}
        )
        ours = plays.loc[reported_by(plays, source), "played_at"]
        if len(ours):
            newest: pd.Timestamp = ours.max()
            return newest.to_pydatetime()
    return None
