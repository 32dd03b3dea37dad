"""Tags, neighbours and popularity, merged over their sources: what all readers of them read.

- A tag that two sources tell of one track or artist counts with the larger of its counts.
- A neighbour that two sources tell of one seed counts with the larger match. Each source's matches
  are brought to 0-1 when they are stored.
- How well known a track is, is Last.fm's number of listeners. Where Last.fm tells none, it is
  ListenBrainz' number times the median of Last.fm's ÷ ListenBrainz' over the tracks of both.

With one source, the rows are that source's own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from smallhours.lake.schema import Table
from smallhours.lake.store import Lake, among
from smallhours.lake.tables import RECORDINGS, SIMILAR

_NEIGHBOUR = ["kind", "seed_key", "neighbour_key"]


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
