"""Tags from Last.fm: the order of requests, and the storage of answers.

An empty answer is stored as a row, too, so that it is not requested again every night. New keys are
asked for first, then stale ones, each by weight.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial

import pandas as pd

from smallhours.catalog.concurrent_fetch import Fetch
from smallhours.identity import artist_key_in
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, prefix_of
from smallhours.lake.tables import ARTIST_TAGS, TRACK_TAGS
from smallhours.services.lastfm import LastfmClient
from smallhours.services.lastfm_replies import LastfmTags, Tag

NO_TAG = ""
NO_TAGS = LastfmTags("", None, ())


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


def artist_tags(
    lake: Lake, lastfm: LastfmClient, *, night: dt.date
) -> Fetch[tuple[str, str], LastfmTags]:
    """Return how the tags of artists, given as (key, name), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str], LastfmTags]]) -> None:
        rows = [
            {"artist_key": key, "artist": name, "tag": tag.name, "count": tag.count}
            for (key, name), answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, ARTIST_TAGS, pd.DataFrame(rows), night=night)

    return Fetch(
        lambda artist: partial(lastfm.artist_tags, artist[1]), store, NO_TAGS, _about, _describe
    )


def track_tags(
    lake: Lake, lastfm: LastfmClient, *, night: dt.date
) -> Fetch[tuple[str, str, str], LastfmTags]:
    """Return how the tags of tracks, given as (key, artist, title), are asked for and stored."""

    def store(answers: Sequence[tuple[tuple[str, str, str], LastfmTags]]) -> None:
        rows = [
            {"track_key": track[0], "tag": tag.name, "count": tag.count}
            for track, answer in answers
            for tag in answer.tags or (Tag(NO_TAG, 0),)
        ]
        store_tags(lake, TRACK_TAGS, pd.DataFrame(rows), night=night)

    return Fetch(
        lambda track: partial(lastfm.track_tags, *track[1:]), store, NO_TAGS, _about, _describe
    )


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
