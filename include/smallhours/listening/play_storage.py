"""Storage of a source's plays: only the months around them are read and rewritten."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import PLAYS, TRACKS
from smallhours.listening.history_merge import MAX_TRACK_LENGTH, unify
from smallhours.listening.plays import (
    COLUMNS,
    LASTFM,
    SPOTIFY,
    Bools,
    month_of,
    months_between,
    plays_frame,
    reported_by,
    typed,
    with_ordinals,
)
from smallhours.listening.scrobbles import Window
from smallhours.services.lastfm_replies import Scrobble


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
        ours = plays.loc[[source in names for names in plays["sources"]], "played_at"]
        if len(ours):
            newest: pd.Timestamp = ours.max()
            return newest.to_pydatetime()
    return None


def store_window(lake: Lake, listener: str, window: Window) -> StoreReport:
    """Store the scrobbles of a window, and remove what Last.fm has no more of it."""
    reported = plays_frame(
        (_scrobble_row(scrobble) for scrobble in window.scrobbles), source=LASTFM
    )
    stored = load_plays_around(lake, listener, window.since, window.until)
    if window.unusable:
        reported = _with_unreadable(reported, stored, window)
    unified = unify(
        stored,
        reported,
        source=LASTFM,
        since=window.since,
        until=window.until,
        durations=missing_lengths(lake, stored),
    )
    return store(lake, listener, stored, unified)


def _with_unreadable(reported: pd.DataFrame, stored: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return a window's plays with those stored that its unreadable rows may stand for.

    Where as many scrobbles are missing as rows can't be read, nothing was deleted.
    """
    ours = stored[reported_by(stored, LASTFM)]
    ours = ours[ours["played_at"].between(window.since, window.until, inclusive="left")]
    missing = ours[~ours["played_at"].isin(reported["played_at"])]
    if not 0 < len(missing) <= window.unusable:
        return reported
    alone = pd.Series([[LASTFM]] * len(missing), index=missing.index, dtype=object)
    missing = missing.assign(sources=alone)
    return with_ordinals(pd.concat([reported, typed(missing)], ignore_index=True))


def _scrobble_row(scrobble: Scrobble) -> dict[str, Any]:
    return {
        "played_at": scrobble.played_at,
        "artist": scrobble.artist,
        "album": scrobble.album,
        "title": scrobble.title,
        "artist_mbid": scrobble.artist_mbid,
        "track_mbid": scrobble.track_mbid,
    }
