"""The limit on what is stored of Last.fm: how much it is, and what is dropped first.

Last.fm's terms allow 100 MB of its data to be stored (last.fm/api/tos, 4.3.4). Its data are
measured as the bytes of the lake's files; where a table also holds data of others, its rows from
Last.fm count by their share. When there is too much, tags of tracks that nobody plays and nothing
recommends are dropped, the oldest first, and then stale neighbours. Plays are never dropped: they
are the listener's own history.
"""

import datetime as dt
import logging
from collections.abc import Sequence

import pandas as pd
import pyarrow.compute as pc

from smallhours.identity import artist_key_in
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake
from smallhours.lake.tables import (
    ARTIST_TAGS,
    AUDIO_FEATURES,
    CANDIDATES,
    LIBRARY,
    PLAYS,
    SIMILAR,
    TAG_NAMES,
    TRACK_TAGS,
    TRACKS,
)
from smallhours.summary import Summary
from smallhours.vocabulary import CatalogSource, Signal

LOG = logging.getLogger(__name__)

MEGABYTE = 1_000_000
# The tables that hold something of Last.fm's.
_TABLES = (TRACKS, TAG_NAMES, TRACK_TAGS, ARTIST_TAGS, SIMILAR, AUDIO_FEATURES, PLAYS, LIBRARY)
# Drop down to this share of what is allowed, so that not every night has to drop something.
TARGET_SHARE = 0.9
# Files shrink by less than their rows' share, so it may take another round.
MAX_ROUNDS = 4


def footprint(lake: Lake) -> dict[str, int]:
    """Return the bytes of Last.fm's data, by table.

    `tracks` counts whole: most of it was first heard of there.
    """
    found = {table.name: lake.size_of(table) for table in (TRACKS, TAG_NAMES)}
    for table in (TRACK_TAGS, ARTIST_TAGS, SIMILAR, AUDIO_FEATURES):
        found[table.name] = int(lake.size_of(table) * _share_of_lastfm(lake, table))
    found[PLAYS.name] = int(lake.size_of(PLAYS) * _share_of_scrobbles(lake))
    loved = lake.read(LIBRARY, columns=["signal"])["signal"]
    share = pc.mean(pc.cast(pc.equal(loved, Signal.LOVED), "float64")).as_py() or 0.0
    found[LIBRARY.name] = int(lake.size_of(LIBRARY) * share)
    return found


def enforce_limit(lake: Lake, megabytes: float, *, night: dt.date, fresh_days: int) -> Summary:
    """Measure Last.fm's stored data, and drop the least useful while there is too much.

    Args:
        lake: The lake.
        megabytes: What may be stored, in millions of bytes.
        night: Tonight.
        fresh_days: Neighbours that were not asked for again for so long are nobody's any more.

    Returns:
        `lastfm_megabytes` as stored now, or `lastfm_megabytes_at_most` where all that is stored
        of the same tables is no more than may be; where something had to go also
        `lastfm_rows_dropped`, and `lastfm_over` when nothing is left that may go.
    """
    # Which rows are Last.fm's is read only where the tables hold more than they may.
    at_most = sum(lake.size_of(table) for table in _TABLES)
    if at_most <= megabytes * MEGABYTE:
        return {"lastfm_megabytes_at_most": _rounded(at_most)}
    total = sum(footprint(lake).values())
    if total <= megabytes * MEGABYTE:
        return {"lastfm_megabytes": _rounded(total)}
    before, dropped = total, 0
    for _ in range(MAX_ROUNDS):
        excess = total - int(megabytes * MEGABYTE * TARGET_SHARE)
        if excess <= 0:
            break
        gone = _drop(lake, excess, oldest_fresh=night - dt.timedelta(days=fresh_days))
        if not gone:
            break
        dropped += gone
        total = sum(footprint(lake).values())
    summary: Summary = {"lastfm_megabytes": _rounded(total), "lastfm_rows_dropped": dropped}
    LOG.warning(
        "%.1f MB were stored from Last.fm, and `catalog.lastfm_megabytes` allows %g: %d rows of "
        "tags and neighbours that nothing needs were dropped, which leaves %.1f MB",
        before / MEGABYTE,
        megabytes,
        dropped,
        total / MEGABYTE,
    )
    if total > megabytes * MEGABYTE:
        summary["lastfm_over"] = (
            f"{_rounded(total)} MB are in use; fewer `catalog.seed_artists`, `near_artists` or "
            "`seed_tags` need less"
        )
    return summary


def _drop(lake: Lake, excess: int, *, oldest_fresh: dt.date) -> int:
    """Drop rows of about so many bytes; return how many rows."""
    wanted = _wanted_tracks(lake)
    rows = 0
    for table, key, needed in (
        (TRACK_TAGS, ["track_key"], wanted),
        (ARTIST_TAGS, ["artist_key"], {artist_key_in(track) for track in wanted}),
        (SIMILAR, ["kind", "seed_key"], None),
    ):
        size = int(lake.size_of(table) * _share_of_lastfm(lake, table))
        if excess <= 0 or not size:
            continue
        stored = lake.frame(
            table,
            columns=[*table.key, "fetched_at", *table.partition],
            filters=pc.field("source") == CatalogSource.LASTFM,
        )
        if needed is None:
            idle = stored["fetched_at"] < oldest_fresh
        else:
            idle = ~stored[key[0]].isin(needed)
        going = _oldest(stored[idle], key, most=-(-excess * len(stored) // size))
        if len(going):
            lake.merge(table, pd.DataFrame(), delete=going[[*table.key, *table.partition]])
            rows += len(going)
            excess -= len(going) * size // len(stored)
    return rows


def _oldest(rows: pd.DataFrame, key: Sequence[str], *, most: int) -> pd.DataFrame:
    """Return whole answers, the oldest first, of about `most` rows."""
    ordered = rows.sort_values(["fetched_at", *key], kind="stable", ignore_index=True)
    answer = ordered.groupby(list(key), sort=False).ngroup()
    last = answer[min(most, len(ordered)) - 1] if len(ordered) else -1
    return ordered[answer <= last]


def _wanted_tracks(lake: Lake) -> set[str]:
    """Return the tracks that some listener played or liked, or may be recommended."""
    wanted: set[str] = set()
    for table in (PLAYS, LIBRARY, CANDIDATES):
        wanted.update(pc.unique(lake.read(table, columns=["track_key"])["track_key"]).to_pylist())
    return wanted


def _share_of_lastfm(lake: Lake, table: Table) -> float:
    """Return the share of a table's rows that Last.fm told."""
    told = pc.equal(lake.read(table, columns=["source"])["source"], CatalogSource.LASTFM)
    return float(pc.mean(pc.cast(told, "float64")).as_py() or 0.0)


def _share_of_scrobbles(lake: Lake) -> float:
    sources = lake.read(PLAYS, columns=["sources"])["sources"]
    if not len(sources):
        return 0.0
    flat = pc.equal(pc.list_flatten(sources), "lastfm")
    # A play lists each source once.
    return float(pc.sum(flat).as_py() or 0) / len(sources)


def _rounded(size: int) -> float:
    return round(size / MEGABYTE, 2)
