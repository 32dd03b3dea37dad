"""What the catalog stores of Last.fm: how tags and neighbours are asked for, and how much is kept.

Last.fm's terms allow 100 MB of its data to be stored (last.fm/api/tos, 4.3.4). Its data are
measured as the bytes of the lake's files; where a table also holds data of others, its rows from
Last.fm count by their share. When there is too much, tags of tracks that nobody plays and nothing
recommends are dropped, the oldest first, and then stale neighbours. Plays are never dropped: they
are the listener's own history.
"""

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.concurrent_fetch import Fetch
from smallhours.catalog.features import ToldLengths
from smallhours.catalog.stored_answers import (
    NO_TAG,
    Neighbour,
    Seed,
    store_neighbours,
    store_tags,
)
from smallhours.identity import artist_key_in, identify
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
from smallhours.services.lastfm_replies import (
    ChartTag,
    LastfmTags,
    SimilarArtist,
    SimilarTrack,
    Tag,
    TopTrack,
)
from smallhours.summary import Summary
from smallhours.vocabulary import CatalogSource, Signal

if TYPE_CHECKING:
    from smallhours.services.lastfm import LastfmClient

LOG = logging.getLogger(__name__)

NO_TAGS = LastfmTags("", None, ())

PER_SEED = 250
TOP_TRACKS = 30
TAG_TRACKS = 50
CHART_TAGS = 500

MEGABYTE = 1_000_000
# The tables that hold something of Last.fm's.
_TABLES = (TRACKS, TAG_NAMES, TRACK_TAGS, ARTIST_TAGS, SIMILAR, AUDIO_FEATURES, PLAYS, LIBRARY)
# Drop down to this share of what is allowed, so that not every night has to drop something.
TARGET_SHARE = 0.9
# Files shrink by less than their rows' share, so it may take another round.
MAX_ROUNDS = 4


def artist_tags(
    lake: Lake, lastfm: "LastfmClient", *, night: dt.date
) -> Fetch[tuple[str, str], LastfmTags]:
    """Return how the tags of artists, given as (key, name), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str], LastfmTags]]) -> None:
        rows = [
            {"artist_key": key, "artist": name, "tag": tag.name, "count": tag.count}
            for (key, name), answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, ARTIST_TAGS, pd.DataFrame(rows), source=CatalogSource.LASTFM, night=night)

    return Fetch(
        lambda artist: partial(lastfm.artist_tags, artist[1]), store, NO_TAGS, _about, _describe
    )


def track_tags(
    lake: Lake, lastfm: "LastfmClient", *, night: dt.date
) -> Fetch[tuple[str, str, str], LastfmTags]:
    """Return how the tags of tracks, given as (key, artist, title), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str, str], LastfmTags]]) -> None:
        rows = [
            {"track_key": track[0], "tag": tag.name, "count": tag.count}
            for track, answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, TRACK_TAGS, pd.DataFrame(rows), source=CatalogSource.LASTFM, night=night)

    return Fetch(
        lambda track: partial(lastfm.track_tags, *track[1:]), store, NO_TAGS, _about, _describe
    )


def _about(question: tuple[str, ...]) -> str:
    return artist_key_in(question[0])


def _describe(question: tuple[str, ...]) -> str:
    return f"tags of {' – '.join(question[1:])}"


Found = Sequence[SimilarTrack | SimilarArtist | TopTrack | ChartTag]


def neighbours_of(lake: Lake, lastfm: "LastfmClient", *, night: dt.date) -> Fetch[Seed, Found]:
    """Return how the neighbours of seeds are asked for and stored, and lengths noted."""
    lengths = ToldLengths(lake, night)

    def call(seed: Seed) -> Callable[[], Found]:
        match seed.kind:
            case "chart":
                return partial(lastfm.top_tags, limit=CHART_TAGS)
            case "track":
                return partial(lastfm.similar_tracks, seed.artist, seed.title, limit=PER_SEED)
            case "artist":
                return partial(lastfm.similar_artists, seed.artist, limit=PER_SEED)
            case "artist_tracks":
                return partial(lastfm.artist_top_tracks, seed.artist, limit=TOP_TRACKS)
            case _:
                return partial(lastfm.tag_top_tracks, seed.key, limit=TAG_TRACKS)

    def store(answers: Sequence[tuple[Seed, Found]]) -> None:
        # The lengths first: should we be stopped between the two, the seeds are asked again.
        lengths.note(
            {
                identify(track.artist, track.title).track_key: float(track.length_ms)
                for _, found in answers
                for track in found
                if isinstance(track, (SimilarTrack, TopTrack)) and track.length_ms
            }
        )
        named = [(seed, tuple(map(_neighbour, found, count(1)))) for seed, found in answers]
        store_neighbours(lake, named, source=CatalogSource.LASTFM, night=night)

    return Fetch(call, store, missing=(), about=lambda seed: artist_key_in(seed.key))


def _neighbour(found: SimilarTrack | SimilarArtist | TopTrack | ChartTag, rank: int) -> Neighbour:
    """Return a row of an answer as a neighbour; one without a match is as near as its rank."""
    match found:
        case SimilarTrack():
            return Neighbour(found.artist, found.title, found.match)
        case SimilarArtist():
            return Neighbour(found.artist, "", found.match)
        case TopTrack():
            return Neighbour(found.artist, found.title, 1 / rank, found.listeners)
        case ChartTag():
            return Neighbour(found.name.lower(), "", 1 / rank)


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
