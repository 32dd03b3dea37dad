"""Pairs of reports that are of the same play, each report in at most one pair.

Two reports can be of one play when they mean the same track and their times agree. What agrees
depends on the sources:

- A scrobbler, such as Last.fm, has the start of a play, to the second. ListenBrainz is one; but
  what it has from Spotify has Spotify's time, a start or an end.
- The export has its end and the time that was heard. The start that follows from these is late by
  the listener's pauses, so a scrobble's start is up to a minute later, or earlier by less than the
  time heard. That window is exactly as long as the time heard: two streams of equal length never
  both begin in it, which is how a report that was imported before is recognised although its row
  now has the scrobble's time.
- Files of scrobbles have the start, too, to the second or to the minute. Where such a history came
  from Spotify it has the end instead, so next to the export both are tried.
- Spotify's recent plays have a start or an end, and do not say which.

Only the export knows plays of less than 30 seconds, so such a row has no partner. As many plays as
possible are matched; among the ways to do so, the better kinds of match win, then names that agree
better, then nearer times. The three are packed into one number, the cost, in milliseconds:
`kind * REACH + loose * SECOND + miss`. For example, a scrobble starts at 20:00:00, and the export
has two streams with the same track key:

    stream that seems to start at   kind     miss     cost
    20:00:12                        FUZZY    12 s     1 * 3,600,000 + 0 +  12,000 = 3,612,000
    20:02:20 (heard for 4 minutes)  DURING   140 s    2 * 3,600,000 + 0 + 140,000 = 7,340,000

The first is its partner. As no miss reaches `REACH`, a better kind always costs less.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.identity import SEPARATOR, artist_key_in, song_key_of
from smallhours.listening.plays import (
    EXPORT,
    FILE,
    FILE_MINUTES,
    HEARD_MS,
    LASTFM,
    LISTENBRAINZ,
    MAX_TRACK_LENGTH,
    SPOTIFY,
    Bools,
    reported_by,
    scrobbled,
)

_FILES = (FILE, FILE_MINUTES)

Longs = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

SECOND = 1_000  # times and lengths are in milliseconds here
TOLERANCE = 60 * SECOND
REACH = MAX_TRACK_LENGTH // dt.timedelta(milliseconds=1)
SAME_MOMENT_MS = 10 * SECOND  # two reports so close, of the same title, can't be two plays
_NO_MATCH = np.inf


class MatchKind(IntEnum):
    """The kinds of agreement of two times, the best first."""

    EXACT = 0  # the same second
    FUZZY = 1  # the same start, but for the clocks
    DURING = 2  # one's time is the other's end, or lies within its play


@dataclass(frozen=True, slots=True)
class ReportColumns:
    """The columns of a frame that matching needs, as arrays with one entry per row.

    Attributes:
        at: The play's time, in unix milliseconds.
        heard: The time heard, in milliseconds; -1 where unknown.
        length: The track's length in milliseconds; -1 where unknown.
        lastfm, export: Whether that source reported it.
        scrobbled: Whether its time is the start, as a scrobbler tells it. Without the export, too,
            only Spotify reported the play.
        coarse: Whether the time is known to the minute only.
        from_spotify: Whether ListenBrainz may have it from Spotify.
    """

    at: Longs
    heard: Longs
    length: Longs
    lastfm: Bools
    export: Bools
    scrobbled: Bools
    coarse: Bools
    from_spotify: Bools

    @classmethod
    def of(cls, plays: pd.DataFrame, lengths: Mapping[str, int]) -> "ReportColumns":
        """Read a frame of `plays`."""
        lastfm, export = reported_by(plays, LASTFM), reported_by(plays, EXPORT)
        length = plays["track_key"].map(dict(lengths)).astype("float64").fillna(-1)
        return cls(
            _milliseconds(plays["played_at"]),
            plays["ms_played"].fillna(-1).to_numpy(np.int64),
            length.to_numpy().astype(np.int64),
            lastfm,
            export,
            lastfm | (scrobbled(plays) & ~export),
            is_coarse(plays),
            reported_by(plays, LISTENBRAINZ) & plays["spotify_id"].notna().to_numpy(np.bool_),
        )

    def take(self, rows: Longs) -> "ReportColumns":
        """Return some of the rows, in that order."""
        return ReportColumns(
            self.at[rows],
            self.heard[rows],
            self.length[rows],
            self.lastfm[rows],
            self.export[rows],
            self.scrobbled[rows],
            self.coarse[rows],
            self.from_spotify[rows],
        )


def is_coarse(plays: pd.DataFrame) -> Bools:
    """Return which plays are known to the minute: from the shorter export, or such a file alone."""
    told = plays[["reason_start", "reason_end", "shuffle", "skipped"]].notna().any(axis=1)
    shorter = reported_by(plays, EXPORT) & ~told.to_numpy(np.bool_)
    finer = reported_by(plays, LASTFM) | reported_by(plays, EXPORT) | reported_by(plays, FILE)
    return shorter | (reported_by(plays, FILE_MINUTES) & ~finer)


def matching_reports(
    others: pd.DataFrame, reported: pd.DataFrame, *, source: str, lengths: Mapping[str, int]
) -> tuple[Longs, Longs]:
    """Return the positions (in `others`, in `reported`) of rows that report the same play.

    Args:
        others: `plays` of others, and perhaps of `source`, too, where its reports may come again.
        reported: `plays` of `source` alone.
        source: Who reported those.
        lengths: Known track lengths in milliseconds by track key.
    """
    left, right, loose = _candidates(others, reported)
    one = ReportColumns.of(others, lengths).take(left)
    two = ReportColumns.of(reported, lengths).take(right)
    miss, start_only = _distances(one, two, source)
    near = np.where(loose == 2, start_only <= SAME_MOMENT_MS, start_only <= TOLERANCE)
    # Where the names differ, only the same start will do.
    miss = np.where((loose == 0) | near, miss, _NO_MATCH)
    kept = np.isfinite(miss)
    left, right, miss, start_only = left[kept], right[kept], miss[kept], start_only[kept]
    kind = np.select(
        [start_only < SECOND, start_only <= TOLERANCE],
        [MatchKind.EXACT, MatchKind.FUZZY],
        MatchKind.DURING,
    )
    cost = kind * REACH + loose[kept] * SECOND + miss
    return _assign(left, right, cost)


def _distances(one: ReportColumns, two: ReportColumns, source: str) -> tuple[Doubles, Doubles]:
    """Return how far apart the times of pairs are, as they may be meant, and as two starts."""
    apart = (two.at - one.at).astype(np.float64)
    coarse = one.coarse | two.coarse
    if source == EXPORT:
        miss = np.select(
            [one.export, one.lastfm, one.scrobbled],
            [
                _same_stream(apart, one, two),
                _scrobble_and_stream(apart, two.heard, coarse),
                _stream_and_recent(-apart, two.heard, coarse),
            ],
            _NO_MATCH,
        )
        return miss, np.abs(apart)
    # Which of the reports may have the end of a play.
    ends = two.from_spotify | (source == SPOTIFY)
    as_scrobble = np.where(
        ends,
        _scrobble_and_recent(apart, np.maximum(one.length, two.length), one.heard),
        _same_scrobble(apart, coarse),
    )
    as_stream = np.where(
        ends | (source in _FILES),
        _stream_and_recent(apart, one.heard, coarse & ~ends),
        _scrobble_and_stream(-apart, one.heard, one.coarse),
    )
    miss = np.select([one.scrobbled, one.export], [as_scrobble, as_stream], _NO_MATCH)
    if source in _FILES:
        miss[apart == 0] = 0
    return miss, np.abs(apart)


def _scrobble_and_stream(later: Doubles, heard: Longs, coarse: Bools) -> Doubles:
    """Return the distance of a scrobble's start from a stream that seems to start `later`, or inf.

    A stream heard for 240 s that seems to start at 20:03:20 fits starts after 20:00:20 and until
    20:04:20: up to a minute after its apparent start, and less than 180 s before it.
    """
    early = np.where(coarse, TOLERANCE, np.minimum(TOLERANCE, heard / 2))
    late = np.minimum(np.maximum(heard - early, SECOND), REACH)
    fits = (heard >= HEARD_MS) & (-early <= later) & (later < late)
    return np.where(fits, np.abs(later), _NO_MATCH)


def _scrobble_and_recent(later: Doubles, length: Longs, heard: Longs) -> Doubles:
    """Return the distance of a scrobble's start or end from Spotify's time, or infinity."""
    start = np.abs(later)
    end = np.where(length > 0, np.abs(later - length), _NO_MATCH)
    end = np.minimum(end, np.where(heard >= HEARD_MS, np.abs(later - heard), _NO_MATCH))
    miss = np.minimum(start, end)
    unheard = (heard >= 0) & (heard < HEARD_MS)
    return np.where((miss <= TOLERANCE) & ~unheard, miss, _NO_MATCH)


def _same_scrobble(later: Doubles, coarse: Bools) -> Doubles:
    """Return the distance of two scrobbles of one play, or infinity.

    A scrobbled play was heard for half a minute, so two that are nearer are the same one.
    """
    reach = np.where(coarse, TOLERANCE, HEARD_MS - 1)
    return np.where(np.abs(later) <= reach, np.abs(later), _NO_MATCH)


def _stream_and_recent(later: Doubles, heard: Longs, coarse: Bools) -> Doubles:
    """Return the distance of a stream's start or end from a time that is one of both, or inf."""
    end = np.where(np.abs(later - heard) <= TOLERANCE, np.abs(later - heard), _NO_MATCH)
    start = _scrobble_and_stream(-later, heard, coarse)
    start = np.where(coarse & (np.abs(later) <= TOLERANCE), np.abs(later), start)
    return np.where(heard >= HEARD_MS, np.minimum(start, end), _NO_MATCH)


def _same_stream(later: Doubles, one: ReportColumns, two: ReportColumns) -> Doubles:
    """Return the distance of two export reports if they are of the same stream, or infinity.

    The two kinds of export may round what was heard differently.
    """
    finer = one.coarse != two.coarse
    same_length = np.abs(one.heard - two.heard) <= np.where(finer, SECOND, 0)
    start = np.abs(later)
    window = np.isfinite(_scrobble_and_stream(later, two.heard, one.coarse | two.coarse))
    doubled = (start <= SAME_MOMENT_MS) & (start < two.heard)
    same_time = (start == 0) | doubled | window | (finer & (start < TOLERANCE))
    return np.where(same_length & same_time, start, _NO_MATCH)


def _candidates(others: pd.DataFrame, reported: pd.DataFrame) -> tuple[Longs, Longs, Longs]:
    """Return pairs that mean the same track within reach, and how loosely their names agree.

    0: the same track key, Spotify id or ISRC. 1: versions of which one is given in more detail, or
    names with a number that one source writes without its comma, such as "10,000 Days".
    2: another artist, but the same title: the export has the album's artist, who may be nobody
    ("Various Artists").
    """
    found = [_within_reach(others, reported, name, name, 0) for name in _IDS]
    keys = {"base": song_key_of, "title": _title_in, "joined": _joined_numbers}
    one, two = (
        frame[["played_at", "track_key"]].assign(
            **{name: _mapped(frame["track_key"], key) for name, key in keys.items()}
        )
        for frame in (others, reported)
    )
    found.append(_within_reach(one, two, "base", "track_key", 1))
    found.append(_within_reach(one, two, "joined", "track_key", 1))
    found.append(_within_reach(one, two, "title", "track_key", 2))
    left, right, loose = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((loose, right, left))
    left, right, loose = left[order], right[order], loose[order]
    first = np.ones(len(left), np.bool_)
    first[1:] = (np.diff(left) != 0) | (np.diff(right) != 0)
    return left[first], right[first], loose[first]


_IDS = ("track_key", "spotify_id", "isrc")


def _within_reach(
    others: pd.DataFrame, reported: pd.DataFrame, by: str, key: str, loose: int
) -> tuple[Longs, Longs, Longs]:
    """Return pairs with the same value in column `by`, at most `REACH` apart.

    Value and time are packed into one number, `place = code * span + at`, so that one sorted search
    finds both: with times up to 10 h and REACH 1 h the span is 12 h, and track 1 at 3 h is at
    12 + 3 = 15 h. Within an hour of it (14 to 16 h) there is no place of track 0 (at most 10 h) or
    of track 2 (at least 25 h).
    """
    values = np.concatenate([others[by].to_numpy(object), reported[by].to_numpy(object)])
    codes = pd.factorize(values)[0].astype(np.int64)
    moments = pd.concat([others["played_at"], reported["played_at"]])
    at = _milliseconds(moments)
    at = at - (at.min() if len(at) else 0) + REACH
    place = codes * (int(at.max(initial=0)) + 2 * REACH) + at
    known = np.flatnonzero(codes >= 0)
    rows = known[known < len(others)]
    asked = known[known >= len(others)]
    rows = rows[np.argsort(place[rows], kind="stable")]
    low = np.searchsorted(place[rows], place[asked] - REACH, "left")
    many = np.searchsorted(place[rows], place[asked] + REACH, "right") - low
    step = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
    left = rows[np.repeat(low, many) + step]
    right = np.repeat(asked - len(others), many)
    if loose:
        one, two = others[key].to_numpy(object)[left], reported[key].to_numpy(object)[right]
        test = _written_otherwise if loose == 1 else _by_another_artist
        fits = np.fromiter((test(a, b) for a, b in zip(one, two, strict=True)), bool, len(left))
        left, right = left[fits], right[fits]
    return left, right, np.full(len(left), loose, np.int64)


def _milliseconds(moments: pd.Series) -> Longs:
    return moments.astype("datetime64[ms, UTC]").astype("int64").to_numpy().astype(np.int64)


def _mapped(keys: "pd.Series[str]", call: Any) -> "pd.Series[Any]":
    return keys.map({key: call(key) for key in keys.unique()})


def _title_in(track_key: str) -> str:
    return track_key.split(SEPARATOR, 1)[1]


def _joined_numbers(track_key: str) -> str | None:
    """Return the key of a name with a number without its blanks; None for other names."""
    digits = any(map(str.isdecimal, track_key))
    return track_key.replace(" ", "") if digits else None


def _written_otherwise(one: str, two: str) -> bool:
    if _told_in_more_detail(one, two):
        return True
    joined = _joined_numbers(one)
    return one != two and joined is not None and joined == _joined_numbers(two)


def _told_in_more_detail(one: str, two: str) -> bool:
    """Return whether one version is the other with more words: live, live at the roxy."""
    words = [set(key.split(SEPARATOR)[2].split()) for key in (one, two) if song_key_of(key) != key]
    return len(words) == 2 and one != two and (words[0] <= words[1] or words[1] <= words[0])


def _by_another_artist(one: str, two: str) -> bool:
    return artist_key_in(one) != artist_key_in(two)


def _assign(left: Longs, right: Longs, cost: Doubles) -> tuple[Longs, Longs]:
    """Choose pairs so that each row is used once: as many as possible, at the least cost."""
    if not len(left):
        return left, right
    rows, row = np.unique(left, return_inverse=True)
    columns, column = np.unique(right, return_inverse=True)
    if len(rows) == len(columns) == len(left):
        return left, right  # as on most nights: nothing is to be chosen
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix(
        (np.ones(len(row)), (row, column + len(rows))), shape=(len(rows) + len(columns),) * 2
    )
    group = connected_components(graph, directed=False)[1][row]
    alone = np.bincount(group)[group] == 1
    shared = np.flatnonzero(~alone)
    shared = shared[np.argsort(group[shared], kind="stable")]
    parts = np.split(shared, np.flatnonzero(np.diff(group[shared])) + 1) if len(shared) else []
    chosen = [_cheapest(row, column, cost, members) for members in parts]
    picked = np.sort(np.concatenate([np.flatnonzero(alone), *chosen]))
    return left[picked], right[picked]


def _cheapest(row: Longs, column: Longs, cost: Doubles, members: Longs) -> Longs:
    """Return the pairs to choose among those of one connected group."""
    from scipy.optimize import linear_sum_assignment

    rows, at_row = np.unique(row[members], return_inverse=True)
    columns, at_column = np.unique(column[members], return_inverse=True)
    forbidden = (float(cost[members].max()) + 1) * (min(len(rows), len(columns)) + 1)
    matrix = np.full((len(rows), len(columns)), forbidden)
    matrix[at_row, at_column] = cost[members]
    number = np.full(matrix.shape, -1, np.int64)
    number[at_row, at_column] = members
    picked: Longs = number[linear_sum_assignment(matrix)]
    return picked[picked >= 0]
