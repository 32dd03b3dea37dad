"""The merge of plays from any number of sources into one history.

Pure functions over `plays` frames. A play that several sources report is one row that names all of
them, and each column has the value of the source that knows it best: Last.fm's names and times (the
start of a play) come first, ListenBrainz' MusicBrainz ids, Spotify's track ids. Where no scrobbler
knows a play, Spotify's recent plays have the better names (the export has the album's artist) and
the export the better time.

It does not matter who reports first, or how often. A time of Spotify's can mean two plays: the end
of one and, within a minute, the start of the same song's next; what ListenBrainz has may come from
there. So each row keeps the times that these two reported, and whenever anything is reported, all
of their reports are matched anew.
"""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from smallhours.listening.plays import (
    COLUMNS,
    EXPORT,
    FILE,
    FILE_MINUTES,
    LASTFM,
    LISTENBRAINZ,
    REPORTED_AT,
    SPOTIFY,
    Bools,
    month_of,
    reported_besides,
    reported_by,
    scrobbled,
    typed,
    with_ordinals,
)
from smallhours.listening.report_matching import Longs, is_coarse, matching_reports

_EXPORTED = ("ms_played", "skipped", "reason_start", "reason_end", "shuffle", "platform")
_MBIDS = ("artist_mbid", "track_mbid")
_TOLD_BY_PLAYERS = ("isrc", "duration_ms")
# The order of precedence of the sources, for each group of columns.
_BY_NAMES = (LASTFM, LISTENBRAINZ, SPOTIFY, FILE, EXPORT, FILE_MINUTES)
_BY_TIMES = (LASTFM, EXPORT, FILE, FILE_MINUTES, LISTENBRAINZ, SPOTIFY)
_BY_IDS = (SPOTIFY, EXPORT, LISTENBRAINZ, FILE, FILE_MINUTES, LASTFM)
_BY_MBIDS = (LISTENBRAINZ, LASTFM, FILE, FILE_MINUTES, EXPORT, SPOTIFY)


def unify(
    stored: pd.DataFrame,
    reported: pd.DataFrame,
    *,
    source: str,
    since: dt.datetime,
    until: dt.datetime,
    durations: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Merge what a source reports for a span of time into a stored history, and withdraw the rest.

    What the source reported earlier for the span and no longer does is withdrawn from it; a play
    that no source reports any more is gone. A reported play that another source also has becomes
    one row that names both.

    Args:
        stored: `plays` rows around the span, of any source.
        reported: `plays` rows of one source, all within the span.
        source: Who reports.
        since: Start of the span, inclusive.
        until: End of the span, exclusive.
        durations: Known track lengths in milliseconds by track key; a play may be reported by its
            end, and its start is then that much earlier.

    Returns:
        The `plays` rows that replace `stored`.
    """
    stored = _without_duplicates(typed(stored))
    concerned = reported_by(stored, source)
    own_times = stored[REPORTED_AT.get(source, "played_at")].fillna(stored["played_at"])
    concerned &= own_times.between(since, until, inclusive="left").to_numpy()
    left = [
        [name for name in names if name != source or not withdrawn]
        for names, withdrawn in zip(stored["sources"], concerned, strict=True)
    ]
    kept = stored.assign(sources=pd.Series(left, index=stored.index, dtype=object))
    others_ids = {LASTFM, LISTENBRAINZ} - {source}
    named_by_others = stored["sources"].map(lambda names: bool(others_ids & {*names}))
    kept.loc[concerned & ~named_by_others.to_numpy(np.bool_), list(_MBIDS)] = np.nan
    if source in REPORTED_AT:
        kept.loc[concerned, REPORTED_AT[source]] = pd.NaT
    remains = np.fromiter(map(len, left), np.int64, len(left)) > 0
    return _merged(kept[remains], reported, source, durations or {}, concerned[remains])


def supplement(
    stored: pd.DataFrame,
    reported: pd.DataFrame,
    *,
    source: str,
    durations: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Merge what a source reports into a stored history, and withdraw nothing.

    A report that is there already changes nothing. Arguments and result are those of `unify`.
    """
    if stored.empty:
        return with_ordinals(typed(reported))
    stored = _without_duplicates(typed(stored))
    return _merged(stored, reported, source, durations or {}, None)


def _without_duplicates(stored: pd.DataFrame) -> pd.DataFrame:
    """Return the stored plays without reports that were joined with a scrobble of another month.

    Such a play moves from one file to another, and a write that was cut off in between leaves it
    in both.
    """
    stored = stored.reset_index(drop=True)
    named, export = scrobbled(stored), reported_by(stored, EXPORT)
    joined, alone = stored[named & export], stored[export & ~named]
    if not (joined.empty or alone.empty):
        _, doubled = matching_reports(joined, alone, source=EXPORT, lengths={})
        stored = stored.drop(index=alone.index[doubled]).reset_index(drop=True)
    for source, column in REPORTED_AT.items():
        apart = reported_by(stored, source)
        single = apart & (stored["sources"].map(len) == 1).to_numpy(np.bool_)
        joined = stored.loc[apart & ~single, ["played_at", column]].dropna()
        there = dict(zip(joined[column], month_of(joined["played_at"]), strict=True))
        month = stored[column].map(there)
        moved = single & month.notna() & (month != month_of(stored["played_at"]))
        stored = stored[~moved].reset_index(drop=True)
    return stored


def _merged(
    others: pd.DataFrame,
    reported: pd.DataFrame,
    source: str,
    durations: Mapping[str, int],
    withdrawn: Bools | None,
) -> pd.DataFrame:
    """Join reports with the other rows, and the reports that are matched anew with the result.

    Spotify's times say the least, so its plays are matched last, each time anew: another source
    may have brought the start or the length that was missing. `withdrawn` is None where nothing
    can be: a report that is there already may come again then.
    """
    reported = typed(reported).reset_index(drop=True)
    lengths = {**_lengths(others), **_lengths(reported), **durations}
    anew: dict[str, pd.DataFrame] = {}
    for name in reversed(REPORTED_AT):
        others, dropped, anew[name] = _taken_apart(others, name)
        withdrawn = withdrawn if withdrawn is None else withdrawn[~dropped]
    if source in anew:
        column = REPORTED_AT[source]
        earlier = anew[source][~anew[source][column].isin(reported[column])]
        anew[source] = pd.concat([earlier, reported], ignore_index=True)
    else:
        others = _joined(others, reported, source, lengths, withdrawn)
    for name in REPORTED_AT:
        others = typed(_joined(others, anew[name], name, lengths))
    # An id that a report had brought to a play that it turned out not to be of.
    others["spotify_id"] = others["spotify_id"].where(reported_besides(others, LASTFM))
    return with_ordinals(others)


def _taken_apart(plays: pd.DataFrame, source: str) -> tuple[pd.DataFrame, Bools, pd.DataFrame]:
    """Return the plays without a source's reports, which of them were nobody else's, and these.

    Rows of before its own time was kept stay as they are, but for those that nobody else saw.
    """
    column = REPORTED_AT[source]
    seen = reported_by(plays, source)
    alone = seen & (plays["sources"].map(len) == 1).to_numpy(np.bool_)
    at = plays[column].where(plays[column].notna(), plays["played_at"].where(alone))
    told = seen & at.notna().to_numpy(np.bool_)
    reports = plays[told].assign(**{"played_at": at[told], column: at[told]})
    foreign = [name for name in REPORTED_AT.values() if name != column]
    mbids = _MBIDS if source == SPOTIFY else ()
    reports[[*_EXPORTED, *foreign, *mbids]] = None
    reports["sources"] = [[source]] * len(reports)
    others = plays.copy()
    left = [
        [name for name in names if name != source or not apart]
        for names, apart in zip(plays["sources"], told, strict=True)
    ]
    others["sources"] = pd.Series(left, index=plays.index, dtype=object)
    others.loc[told, column] = None
    if source == LISTENBRAINZ:
        others.loc[told, list(_MBIDS)] = None
    others.loc[told & ~reported_besides(others, LASTFM, EXPORT), list(_TOLD_BY_PLAYERS)] = None
    return typed(others[~alone]), alone, typed(reports)


def _lengths(plays: pd.DataFrame) -> dict[str, int]:
    """Return track lengths in milliseconds by key: Spotify's, or of streams played to their end."""
    ended = plays["ms_played"].where(plays["reason_end"] == "trackdone")
    length = plays["duration_ms"].where(plays["duration_ms"].notna(), ended)
    longest = length.groupby(plays["track_key"]).max().dropna()
    return {str(key): int(length) for key, length in longest.items()}


def _joined(
    others: pd.DataFrame,
    reported: pd.DataFrame,
    source: str,
    lengths: Mapping[str, int],
    withdrawn: Bools | None = None,
) -> pd.DataFrame:
    """Return the other rows and the reported ones, with reports of one play joined to one row."""
    if others.empty or reported.empty:
        return pd.concat([others, reported], ignore_index=True)
    others = others.reset_index(drop=True)
    reported = reported.reset_index(drop=True)
    open_to = np.arange(len(others))
    if withdrawn is not None and source != EXPORT:
        # Its rows outside of the span are other plays.
        open_to = np.flatnonzero(~reported_by(others, source))
    left, right = matching_reports(others.iloc[open_to], reported, source=source, lengths=lengths)
    left = open_to[left]
    if withdrawn is not None and source == LASTFM:
        more = _renamed(others, reported, withdrawn, left, right)
        left, right = np.concatenate([left, more[0]]), np.concatenate([right, more[1]])
    parts = [others.drop(index=pd.Index(left)), reported.drop(index=pd.Index(right))]
    if len(left):
        parts.append(_join(others.iloc[left], reported.iloc[right], source))
    return pd.concat(parts, ignore_index=True)


def _renamed(
    others: pd.DataFrame, reported: pd.DataFrame, withdrawn: Bools, left: Longs, right: Longs
) -> tuple[Longs, Longs]:
    """Return pairs of a withdrawn scrobble and a new one in the same second: it was edited."""
    old = others.loc[withdrawn, ["played_at"]].reset_index(names="left")
    new = reported[["played_at"]].reset_index(names="right")
    old = old[~old["left"].isin(left)].drop_duplicates("played_at")
    new = new[~new["right"].isin(right)].drop_duplicates("played_at")
    both = old.merge(new, on="played_at")
    return both["left"].to_numpy(np.int64), both["right"].to_numpy(np.int64)


def _join(others: pd.DataFrame, reported: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return one row for each pair of rows, each column from the source that takes precedence."""
    others, reported = others.reset_index(drop=True), reported.reset_index(drop=True)
    again = reported_by(others, EXPORT) & (source == EXPORT)
    # A report of the shorter export gives way to the same one of the extended export.
    finer = again & is_coarse(others) & ~is_coarse(reported)
    names = _better(others, source, _BY_NAMES) & ~again
    columns = {name: _filled(others[name], reported[name], names) for name in COLUMNS}
    times = (_better(others, source, _BY_TIMES) & ~again) | (finer & ~scrobbled(others))
    columns["played_at"] = _filled(others["played_at"], reported["played_at"], times)
    ids = (_better(others, source, _BY_IDS) & ~again) | (finer & ~reported_by(others, SPOTIFY))
    columns["spotify_id"] = _filled(others["spotify_id"], reported["spotify_id"], ids)
    mbids = _better(others, source, _BY_MBIDS)
    for name in _MBIDS:
        columns[name] = _filled(others[name], reported[name], mbids)
    for name in _EXPORTED:
        columns[name] = _filled(others[name], reported[name], finer)
    both = zip(others["sources"], reported["sources"], strict=True)
    united = [sorted({*names, *more}) for names, more in both]
    columns["sources"] = pd.Series(united, index=others.index, dtype=object)
    return pd.DataFrame(columns, columns=COLUMNS)


def _better(others: pd.DataFrame, source: str, order: tuple[str, ...]) -> Bools:
    """Return where the source takes precedence over all that the row has."""
    better = np.ones(len(others), np.bool_)
    for name in order[: order.index(source) + 1]:
        better &= ~reported_by(others, name)
    return better


def _filled(other: pd.Series, reported: pd.Series, first: Bools) -> pd.Series:
    """Return the reported values where `first`, else the others'; fill gaps from the other side."""
    lead, support = other.mask(first, reported), reported.mask(first, other)
    return lead.where(lead.notna(), support)
