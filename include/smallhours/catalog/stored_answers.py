"""Tags, neighbours and popularity as services answer them: what is due, how it is stored and read.

An empty answer is stored as a row, too, so that it is not requested again every night. New keys are
asked for first, then stale ones, each by weight. Neighbours are similar tracks and artists, and top
tracks of artists and tags: five kinds of question, one shape of answer, one table (`similar`).

All readers get the answers from here, merged over the sources:

- A tag that two sources tell of one track or artist counts with the larger of its counts.
- A neighbour that two sources tell of one seed counts with the larger match. Each source's matches
  are brought to 0-1 when they are stored.
- How well known a track is, is Last.fm's number of listeners. Where Last.fm tells none, it is
  ListenBrainz' number times the median of Last.fm's ÷ ListenBrainz' over the tracks of both.

With one source, the rows are that source's own.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.catalog.tracks import add_tracks
from smallhours.identity import artist_key_in, artist_key_of, identify
from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, among, prefix_of
from smallhours.lake.tables import RECORDINGS, SIMILAR
from smallhours.vocabulary import CatalogSource

NO_TAG = ""
NO_NEIGHBOUR = ""

_NEIGHBOUR = ["kind", "seed_key", "neighbour_key"]


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


def last_fetched(lake: Lake, table: Table, key: str, keys: Iterable[str]) -> pd.Series:
    """Return the night of Last.fm's last answer about tags, by key; a data set stands for one."""
    ours = ~(pc.field("source") == CatalogSource.MUSICBRAINZ) & among(key, keys)
    rows = lake.frame(table, columns=[key, "fetched_at"], filters=ours)
    newest: pd.Series = rows.groupby(key)["fetched_at"].max()
    return newest


def store_tags(
    lake: Lake, table: Table, frame: pd.DataFrame, *, source: CatalogSource, night: dt.date
) -> None:
    """Replace a source's stored tags of the answered keys by the answers."""
    key = table.key[0]
    frame = frame.assign(source=source, fetched_at=night)
    frame = frame.drop_duplicates([key, "tag"], ignore_index=True)
    artist_keys = frame[key].map(artist_key_in if key == "track_key" else str)
    frame["prefix"] = artist_keys.map(prefix_of)
    lake.merge(table, frame, whole=[key, "source"])


@dataclass(frozen=True, slots=True)
class Seed:
    """A track, artist or tag whose neighbours are fetched."""

    kind: str
    key: str
    artist: str
    title: str = ""

    @property
    def owner(self) -> str:
        """The artist, or the tag, by whose prefix the answers are stored."""
        return artist_key_in(self.key) if self.kind == "track" else self.key

    def __str__(self) -> str:
        """Return the question about it, in words."""
        name = " – ".join(filter(None, (self.artist, self.title))) or self.key
        return f"{_QUESTIONS.get(self.kind, self.kind)} {name}"


_QUESTIONS = {
    "track": "tracks like",
    "artist": "artists like",
    "artist_tracks": "top tracks of",
    "tag_tracks": "top tracks of the tag",
    "chart": "the chart of",
}


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One neighbour, as the service names it."""

    artist: str
    title: str
    match: float
    listeners: int | None = None
    mbid: str | None = None


def store_neighbours(
    lake: Lake,
    answers: Sequence[tuple[Seed, tuple[Neighbour, ...]]],
    *,
    source: CatalogSource,
    night: dt.date,
) -> None:
    """Replace a source's stored neighbours of the answered seeds; add new tracks among them."""
    rows = [row for seed, neighbours in answers for row in _rows(seed, neighbours)]
    if not rows:
        return
    frame = pd.DataFrame(rows).assign(source=source, fetched_at=night)
    frame = frame.drop_duplicates(["kind", "seed_key", "neighbour_key"], ignore_index=True)
    # The tracks first: should we be stopped between the two, the seeds are asked again.
    tracks = frame.loc[frame["title"] != "", ["artist", "title", "listeners", "mbid"]]
    if not tracks.empty:
        add_tracks(lake, tracks, night=night)
    rows_of_seeds = frame.drop(columns=["title", "listeners"])
    rows_of_seeds["artist"] = frame["artist"].where(frame["title"] == "", "")
    lake.merge(SIMILAR, rows_of_seeds, whole=["kind", "seed_key", "source"])


def _rows(seed: Seed, neighbours: Sequence[Neighbour]) -> list[dict[str, object]]:
    base = {"kind": seed.kind, "seed_key": seed.key, "prefix": prefix_of(seed.owner)}
    if not neighbours:
        return [{**base, "neighbour_key": NO_NEIGHBOUR, "artist": "", "title": "", "mbid": None,
                 "match": 0.0, "rank": 0, "listeners": None}]  # fmt: skip
    return [
        {
            **base,
            "neighbour_key": _key_of(seed.kind, n),
            "artist": n.artist,
            "title": n.title,
            "mbid": n.mbid,
            # Three digits, as 16 bits hold them, tell how near it is; six take a third more bytes.
            "match": float(np.float16(min(max(n.match, 0.0), 1.0))),
            "rank": rank,
            "listeners": n.listeners,
        }
        for rank, n in enumerate(neighbours, start=1)
    ]


def _key_of(kind: str, neighbour: Neighbour) -> str:
    if kind == "chart":
        return neighbour.artist
    if neighbour.title:
        return identify(neighbour.artist, neighbour.title).track_key
    return artist_key_of(neighbour.artist)


def read_tags(
    lake: Lake,
    table: Table,
    *,
    where: Mapping[str, Sequence[str]] | None = None,
    owners: Iterable[str] | None = None,
    without: Collection[str] = (),
) -> pd.DataFrame:
    """Return the tags of `track_tags` or `artist_tags`: its key's first column, `tag`, `count`.

    Rows that only say that a source has no tags are left out.

    Args:
        lake: The lake.
        table: Which of the two.
        where: Values of partition columns; None for all.
        owners: The tracks or artists; None for all.
        without: Sources that are left out.
    """
    owner = table.key[0]
    told = (pc.field("count") > 0) & (pc.field("tag") != "")
    if owners is not None:
        told &= among(owner, owners)
    if without:
        told &= ~among("source", without)
    rows = lake.frame(table, columns=[owner, "tag", "count"], where=where, filters=told)
    return strongest(rows, [owner, "tag"], "count")


def read_neighbours(
    lake: Lake,
    kinds: Collection[str] | None = None,
    *,
    seeds: Iterable[str] | None = None,
    more: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the neighbours in `similar`: `kind`, `seed_key`, `neighbour_key`, `match`, `rank`.

    Rows that only say that a source knows no neighbours are left out.

    Args:
        lake: The lake.
        kinds: Kinds of neighbours; None for all.
        seeds: The tracks, artists and tags whose neighbours are read; None for all.
        more: Further columns.
    """
    told = pc.field("rank") > 0
    if kinds is not None:
        told &= among("kind", kinds)
    if seeds is not None:
        told &= among("seed_key", seeds)
    rows = lake.frame(SIMILAR, columns=[*_NEIGHBOUR, "match", "rank", *more], filters=told)
    return strongest(rows, _NEIGHBOUR, "match")


def complete_listeners(lake: Lake, of_lastfm: pd.Series) -> "pd.Series[float]":
    """Return how many people know each track.

    Args:
        lake: The lake.
        of_lastfm: Last.fm's numbers by track key, null where it told none.
    """
    told = pc.field("listeners") > 0
    rows = lake.frame(RECORDINGS, columns=["track_key", "listeners"], filters=told)
    own = of_lastfm.astype(float)
    if rows.empty:
        return own
    others = rows.set_index("track_key")["listeners"].astype(float).reindex(own.index)
    scale = (own / others)[(own > 0) & (others > 0)].median()
    return own.fillna(others * (1.0 if np.isnan(scale) else scale))


def strongest(rows: pd.DataFrame, key: list[str], by: str) -> pd.DataFrame:
    """Return the strongest row of each key, in the order of the rows."""
    if not rows.duplicated(key).any():
        return rows
    order = rows.sort_values(by, ascending=False, kind="stable").drop_duplicates(key).index
    return rows.loc[order.sort_values()]
