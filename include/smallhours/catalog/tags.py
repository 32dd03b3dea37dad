"""Tags from Last.fm: the order of requests, and the storage of answers.

An empty answer is stored as a row, too, so that it is not requested again every night. New keys are
asked for first, then stale ones, each by weight.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import pandas as pd

from smallhours.catalog.concurrent_fetch import fetch_all
from smallhours.identity import artist_key_in
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TRACK_TAGS
from smallhours.services.deferred import Tally
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import Tag

NO_TAG = ""

Q = TypeVar("Q", bound=tuple[str, ...])


def due_keys(
    wanted: pd.Series, fetched: pd.Series, *, night: dt.date, fresh_days: int
) -> list[str]:
    """Return the keys to ask for, in order: new ones first, then stale ones, by weight.

    Args:
        wanted: Weight by key.
        fetched: The night of the last answer by key.
        night: Tonight.
        fresh_days: An answer older than this is stale.
    """
    frame = pd.DataFrame({"weight": wanted, "fetched": fetched.reindex(wanted.index)})
    new = frame["fetched"].isna()
    oldest_fresh = night - dt.timedelta(days=fresh_days)
    stale = ~new & (frame["fetched"].where(~new, night) < oldest_fresh)
    due = frame.assign(new=new)[new | stale].rename_axis("key").reset_index()
    due = due.sort_values(["new", "weight", "key"], ascending=[False, False, True])
    keys: list[str] = due["key"].tolist()
    return keys


def last_fetched(lake: Lake, table: Table, key: str) -> pd.Series:
    """Return the night of the last answer, by key."""
    rows = lake.frame(table, columns=[key, "fetched_at"])
    newest: pd.Series = rows.groupby(key)["fetched_at"].max()
    return newest


def fetch_artist_tags(
    lake: Lake,
    lastfm: LastfmClient,
    artists: Sequence[tuple[str, str]],
    *,
    night: dt.date,
    tally: Tally,
) -> None:
    """Fetch and store the tags of artists, given as (key, name).

    Raises:
        ServiceError: after the answers before it were kept.
    """

    def ask(artist: tuple[str, str]) -> tuple[Tag, ...]:
        return lastfm.artist_tags(artist[1]).tags

    def rows(artist: tuple[str, str], tags: Iterable[Tag]) -> list[dict[str, object]]:
        key, name = artist
        return [
            {"artist_key": key, "artist": name, "tag": t.name, "count": t.count}
            for t in tags or (Tag(NO_TAG, 0),)
        ]

    _fetch(lake, ARTIST_TAGS, artists, ask, rows, night=night, tally=tally)


def fetch_track_tags(
    lake: Lake,
    lastfm: LastfmClient,
    tracks: Sequence[tuple[str, str, str]],
    *,
    night: dt.date,
    tally: Tally,
) -> None:
    """Fetch and store the tags of tracks, given as (key, artist, title).

    Raises:
        ServiceError: after the answers before it were kept.
    """

    def ask(track: tuple[str, str, str]) -> tuple[Tag, ...]:
        return lastfm.track_tags(track[1], track[2]).tags

    def rows(track: tuple[str, str, str], tags: Iterable[Tag]) -> list[dict[str, object]]:
        return [
            {"track_key": track[0], "tag": t.name, "count": t.count}
            for t in tags or (Tag(NO_TAG, 0),)
        ]

    _fetch(lake, TRACK_TAGS, tracks, ask, rows, night=night, tally=tally)


def _fetch(
    lake: Lake,
    table: Table,
    questions: Sequence[Q],
    ask: Callable[[Q], tuple[Tag, ...]],
    rows: Callable[[Q, Iterable[Tag]], list[dict[str, object]]],
    *,
    night: dt.date,
    tally: Tally,
) -> None:
    none: tuple[Tag, ...] = ()
    for answers in fetch_all(
        questions, ask, missing=none, about=_about, tally=tally, describe=_describe
    ):
        frame = pd.DataFrame([row for question, tags in answers for row in rows(question, tags)])
        if not frame.empty:
            store_tags(lake, table, frame, night=night)


def _about(question: tuple[str, ...]) -> str:
    return artist_key_in(question[0])


def _describe(question: tuple[str, ...]) -> str:
    return f"tags of {' – '.join(question[1:])}"


def store_tags(lake: Lake, table: Table, frame: pd.DataFrame, *, night: dt.date) -> None:
    """Replace the stored tags of the answered keys by the answers."""
    key = table.key[0]
    frame = frame.assign(fetched_at=night).drop_duplicates([key, "tag"], ignore_index=True)
    artist_keys = frame[key].map(artist_key_in if key == "track_key" else str)
    frame["prefix"] = artist_keys.map(prefix_of)
    lake.merge(table, frame, whole=[key])
