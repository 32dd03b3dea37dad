"""Data of the ranking benchmark: test listeners, their hidden artists, and the crowd's plays.

Two tables: `listener, artist, plays` and `artist, tag, taggers, count`. A third of a listener's
artists is hidden. Other listeners' plays stand for the services: from them come the lists of
similar artists, how well an artist is known, and which artists there are at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from benchmarks.harness import SHARED, BadTable
from smallhours.identity import artist_key_of
from smallhours.training.tags import Tags

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
# The longest list of similar artists that anybody asks for.
MAX_LIST_LENGTH = 250


@dataclass(frozen=True)
class RankingTables:
    """The two tables, with artists' keys."""

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
    """What the services know: the data of other listeners.

    Attributes:
        artists: The catalog: every artist that any of them plays, sorted.
        plays: CSR (listeners, artists), plays.
        listeners: (artists,), number of listeners of each.
        tags: Tags of the artists that somebody else used.
    """

    artists: pd.Index
    plays: sparse.csr_matrix
    listeners: Floats
    tags: Tags

    @cached_property
    def once(self) -> sparse.csr_matrix:
        """CSR (listeners, artists), 1 for every artist that a listener plays."""
        return self.plays.sign()

    @cached_property
    def lists(self) -> pd.DataFrame:
        """The list of similar artists of every artist, by cosine, as the product stores them.

        Of equally similar ones the better known comes first.
        """
        together = sparse.csr_matrix(self.once.T @ self.once)
        together.setdiag(0)
        together.eliminate_zeros()
        count = self.listeners
        rows = np.repeat(np.arange(len(count)), np.diff(together.indptr))
        columns = together.indices
        cosine = together.data / np.sqrt(count[rows] * count[columns])
        order = np.lexsort((columns, -count[columns], -cosine, rows))
        place = np.arange(len(rows)) - together.indptr[rows] + 1
        kept = order[place <= MAX_LIST_LENGTH]
        return pd.DataFrame(
            {
                "seed_key": self.artists[rows[kept]],
                "neighbour_key": self.artists[columns[kept]],
                "match": cosine[kept],
                "rank": place[place <= MAX_LIST_LENGTH],
            }
        )


def load_tables(plays: Path, tags: Path) -> RankingTables:
    """Read both tables, CSV or Parquet.

    Raises:
        BadTable: when a file or a column is missing, or the listeners are too few.
    """
    played, tagged = _keyed(_read(plays, PLAYS_COLUMNS)), _keyed(_read(tags, TAGS_COLUMNS))
    tables = RankingTables(
        played.groupby(["listener", "artist"], as_index=False)[["plays"]].sum(),
        tagged.groupby(["artist", "tag"], as_index=False)[["taggers", "count"]].max(),
    )
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


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with artists' keys in place of their names."""
    keys = {name: artist_key_of(name) for name in table["artist"].unique()}
    return table.assign(artist=table["artist"].map(keys))


def no_library() -> pd.DataFrame:
    """Return a library without saved tracks."""
    columns = ["track_key", "signal", "first_seen", "last_seen", "added_at"]
    return pd.DataFrame(columns=columns)


def no_feedback() -> pd.DataFrame:
    """Return feedback without any reaction."""
    columns = ["night", "intent", "track_key", "reaction"]
    return pd.DataFrame(columns=columns).assign(at=pd.to_datetime([], utc=True))


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
    times = plays["plays"].to_numpy(dtype=float)
    known = sparse.csr_matrix((times, (people, places)), shape=(people.max() + 1, len(names)))
    count = np.asarray(known.sign().sum(axis=0)).ravel()
    artists = pd.Index(names, dtype="str")
    return Crowd(artists, known, count, _tags(tables.tags, set(artists)))


def _tags(tags: pd.DataFrame, artists: set[str]) -> Tags:
    """Return the tags that somebody else used, with counts as Last.fm gives them.

    The table does not say who used a tag. So one tagger is subtracted from every pair, for every
    listener alike: no remaining pair rests on the tag of the very test listener.
    """
    used = tags[(tags["taggers"] >= 2) & tags["artist"].isin(artists)]
    others = used["taggers"] - 1
    count = (100 * others / others.groupby(used["artist"]).transform("max")).round().astype(int)
    rows = used.assign(count=count).sort_values("count", ascending=False, kind="stable")
    found: dict[str, dict[str, int]] = {}
    for artist, tag, each in zip(rows["artist"], rows["tag"], rows["count"], strict=True):
        found.setdefault(artist, {})[tag] = max(each, 1)
    return Tags({}, found)
