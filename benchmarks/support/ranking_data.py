"""Data of the ranking benchmark: test listeners, their hidden artists, and the crowd's plays.

Two tables: `listener, artist, plays` and `artist, tag, taggers, count`. A third of a listener's
artists is hidden; similar artists, popularity and tags are computed from other listeners alone.

A list of similar artists is cut at 100, so that a well known artist names few of those that name
it. Read both ways, lists reach further (`Reach`); artists that the same lists name are similar
though neither names the other; and most artists have too few tags of their own, so that tags of
similar artists are added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, sparse

from benchmarks.harness import SHARED, BadTable

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

LISTENERS = SHARED / "listeners-2k"
PLAYS, TAGS = LISTENERS / "plays.csv.gz", LISTENERS / "artist_tags.csv.gz"
PLAYS_COLUMNS, TAGS_COLUMNS = ("listener", "artist", "plays"), ("artist", "tag", "taggers", "count")

SEED = 2011
HIDDEN_SHARE = 0.3
# Minimum number of artists, so that some can be hidden and others are left as seeds.
MIN_ARTISTS = 10
MIN_LISTENERS = 50
# Length of a list of similar artists, as by the real service.
MAX_LIST_LENGTH = 100
TAG_FACTORS = 48
# Probability of returning home at each step. After 8 steps the result differs by less than 6 %
# (0.7 to the power of 8) from that of an endless walk.
RETURN_PROBABILITY = 0.3
ITERATIONS = 8


@dataclass(frozen=True)
class Reach:
    """Data derived from the lists and tags, the same for all listeners.

    Attributes:
        steps: The result of `transitions` on the lists read both ways.
        usual: (artists,), the random walk from the artists that everyone plays.
        named_by: CSR (artists, artists), artists that name each one, with their similarity, rows
            of length one.
        tags: CSR (artists, tags), an artist's own and those of similar artists, rows of length one.
        tag_factors: (artists, TAG_FACTORS or fewer), their main directions, likewise.
    """

    steps: sparse.csr_matrix
    usual: Floats
    named_by: sparse.csr_matrix
    tags: sparse.csr_matrix
    tag_factors: Floats

    @classmethod
    def of(cls, near: sparse.csr_matrix, known: Floats, tags: sparse.csr_matrix) -> Self:
        """Derive the data from the lists.

        Args:
            near: CSR (artists, artists), similarity of the artists in each artist's list.
            known: (artists,), number of listeners of each.
            tags: CSR (artists, tags), vectors of length one.
        """
        either = near.maximum(near.T).tocsr()
        steps = transitions(either)
        spread = unit_rows(sparse.csr_matrix(tags + steps.T @ tags))
        return cls(
            steps,
            personalised_pagerank(steps, known),
            unit_rows(near.T.tocsr()),
            spread,
            _factors(spread),
        )


def unit_rows(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return each row divided by its length; an empty one stays empty."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ rows)


def _factors(rows: sparse.csr_matrix) -> Floats:
    """Return rows along the directions of largest variation (of XᵀX), as unit vectors."""
    inner = (rows.T @ rows).toarray()
    last = len(inner) - 1
    first = max(0, last - TAG_FACTORS + 1)
    _, directions = linalg.eigh(inner, subset_by_index=(first, last))
    found = rows @ directions
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.where(length > 0, length, 1.0))


def transitions(near: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the probability of each step, transposed for `personalised_pagerank`.

    Args:
        near: (n, n), similarity of each item's neighbours (columns) to it (row), >= 0.
    """
    total = np.asarray(near.sum(axis=1)).ravel()
    chance = sparse.diags_array(1 / np.where(total > 0, total, 1.0)) @ near
    return sparse.csr_matrix(chance.T)


def personalised_pagerank(steps: sparse.csr_matrix, home: Floats) -> Floats:
    """Return the personalised PageRank (Page et al., 1999): r = .3 home + .7 P r, eight iterations.

    Args:
        steps: (n, n), the result of `transitions`.
        home: (n,), weight of each item for the listener; it is scaled to sum to 1.

    Returns:
        (n,), the share of the time that the walk is at each item.
    """
    total = home.sum()
    if not total > 0:
        return np.zeros(len(home))
    own = home / total
    at = own
    for _ in range(ITERATIONS):
        at = RETURN_PROBABILITY * own + (1 - RETURN_PROBABILITY) * (steps @ at)
    return np.asarray(at)


@dataclass(frozen=True)
class RankingTables:
    """The two tables."""

    plays: pd.DataFrame
    tags: pd.DataFrame


@dataclass(frozen=True)
class ListenerCase:
    """One listener with their known and hidden artists.

    Attributes:
        listener: Their number.
        seeds: Known artists, as indices in the catalog.
        plays: (seeds,), plays of each.
        hidden: Indices of the hidden artists that the catalog has.
        hidden_count: Number of all hidden artists, also those that nobody else plays.
    """

    listener: int
    seeds: Indices
    plays: Floats
    hidden: Indices
    hidden_count: int


@dataclass(frozen=True)
class Crowd:
    """The data of other listeners.

    Attributes:
        artists: The catalog: every artist that any of them plays, sorted.
        plays: CSR (listeners, artists), log(1 + plays).
        listeners: (artists,), number of listeners of each.
        together: CSR (artists, artists), number of listeners of both.
        near: CSR (artists, artists), cosine to the nearest 100 of each artist (its row).
        rank: The same with ranks in the list, from 1.
        steps: The result of `transitions(near)`.
        tags: CSR (artists, tags), 1 where anybody else used the tag.
        tag_vectors: CSR, log(1 + taggers) × inverse document frequency, rows of length one.
        reach: Data derived from the lists and the tags.
    """

    artists: pd.Index
    plays: sparse.csr_matrix
    listeners: Floats
    together: sparse.csr_matrix
    near: sparse.csr_matrix
    rank: sparse.csr_matrix
    steps: sparse.csr_matrix
    tags: sparse.csr_matrix
    tag_vectors: sparse.csr_matrix
    reach: Reach


def load_tables(plays: Path, tags: Path) -> RankingTables:
    """Read both tables, CSV or Parquet.

    Raises:
        BadTable: when a file or a column is missing, or the listeners are too few.
    """
    tables = RankingTables(_read(plays, PLAYS_COLUMNS), _read(tags, TAGS_COLUMNS))
    found = len(eligible_listeners(tables.plays))
    if found < MIN_LISTENERS:
        raise BadTable(
            f"{plays.name} has {found} listeners of {MIN_ARTISTS} artists or more; "
            f"{MIN_LISTENERS} are the least to measure on."
        )
    return tables


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise BadTable(f"There is no file {path}; name one with the columns {', '.join(columns)}.")
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    else:
        # "None" and "NA" are names of artists.
        table = pd.read_csv(path, keep_default_na=False)
    if missing := [name for name in columns if name not in table.columns]:
        raise BadTable(f"{path.name} lacks the columns {', '.join(missing)}.")
    return table[list(columns)]


def eligible_listeners(plays: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return listeners with enough artists to hide some, sorted."""
    known = plays.groupby("listener").size()
    return np.sort(known.index[known >= MIN_ARTISTS].to_numpy(dtype=np.int64))


def hide(
    plays: pd.DataFrame, listener: int, artists: pd.Index, again: int = 0
) -> ListenerCase | None:
    """Hide 30 % of a listener's artists, the same ones in every run.

    Args:
        plays: The plays of all listeners.
        listener: The listener.
        artists: The catalog.
        again: Number of the draw; 0 is the benchmark's own.

    Returns:
        None when the catalog has none of what was hidden, or fewer than three known artists.
    """
    own = plays[plays["listener"] == listener].sort_values("artist")
    # The first draw's seed has no number.
    draw = [SEED, listener, again] if again else [SEED, listener]
    order = np.random.default_rng(draw).permutation(len(own))
    out = order < round(HIDDEN_SHARE * len(own))
    places = artists.get_indexer(pd.Index(own["artist"]))
    hidden, seen = places[out], ~out & (places >= 0)
    found = hidden[hidden >= 0]
    if not len(found) or seen.sum() < 3:
        return None
    times = own["plays"].to_numpy(dtype=float)
    return ListenerCase(listener, places[seen], times[seen], found, len(hidden))


def crowd_of(tables: RankingTables, listeners: npt.NDArray[np.int64]) -> Crowd:
    """Compute the crowd's data from these listeners' plays, and from the tags."""
    plays = tables.plays[tables.plays["listener"].isin(set(listeners.tolist()))]
    people, _ = pd.factorize(plays["listener"], sort=True)
    places, names = pd.factorize(plays["artist"], sort=True)
    times = np.log1p(plays["plays"].to_numpy(dtype=float))
    known = sparse.csr_matrix((times, (people, places)), shape=(people.max() + 1, len(names)))
    once = known.copy()
    once.data[:] = 1.0
    count = np.asarray(once.sum(axis=0)).ravel()
    together = sparse.csr_matrix(once.T @ once)
    together.setdiag(0)
    together.eliminate_zeros()
    near, rank = _nearest(together, count)
    artists = pd.Index(names)
    tags, vectors = _tags(tables.tags, artists)
    reach = Reach.of(near, count, vectors)
    steps = transitions(near)
    return Crowd(artists, known, count, together, near, rank, steps, tags, vectors, reach)


def _nearest(
    together: sparse.csr_matrix, count: Floats
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return each artist's list of similar ones by cosine, the better known first among equals."""
    rows = np.repeat(np.arange(len(count)), np.diff(together.indptr))
    columns = together.indices
    cosine = together.data / np.sqrt(count[rows] * count[columns])
    order = np.lexsort((columns, -count[columns], -cosine, rows))
    place = np.arange(len(rows)) - together.indptr[rows] + 1.0
    kept = order[place <= MAX_LIST_LENGTH]
    at = (rows[kept], columns[kept])
    place = place[place <= MAX_LIST_LENGTH]
    near = sparse.csr_matrix((cosine[kept], at), shape=together.shape)
    return near, sparse.csr_matrix((place, at), shape=together.shape)


def _tags(tags: pd.DataFrame, artists: pd.Index) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Return the tags that somebody else used, and their weighted vectors.

    The table does not say who used a tag. So one tagger is subtracted from every pair, for every
    listener alike: no remaining pair rests on the tag of the very test listener.
    """
    used = tags[(tags["taggers"] >= 2) & tags["artist"].isin(set(artists))]
    rows = artists.get_indexer(pd.Index(used["artist"]))
    columns, names = pd.factorize(used["tag"], sort=True)
    shape = (len(artists), max(len(names), 1))
    others = used["taggers"].to_numpy(dtype=float) - 1
    once = sparse.csr_matrix((np.ones(len(used)), (rows, columns)), shape=shape)
    frequency = np.asarray(once.sum(axis=0)).ravel()
    idf = np.log((1 + shape[0]) / (1 + frequency)) + 1
    weighed = sparse.csr_matrix((np.log1p(others) * idf[columns], (rows, columns)), shape=shape)
    return once, unit_rows(weighed)
