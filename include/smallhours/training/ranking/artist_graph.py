"""The graph of similar artists, and the signals that it gives for one listener.

A service answers which artists are similar to one: a list, the nearest first. The artists of all
stored lists are the nodes, and the lists the edges. It gives four signals of an artist:

- *places in lists*: the sum of 1 / log2(1 + place) over the lists of the listener's artists;
- *named together*: how alike the artist and the listener's are in which lists name them. Two
  artists that the same lists name are similar, though neither names the other;
- *walk*: personalised PageRank (Page et al., 1999) from the listener's artists along the lists,
  read both ways, because a list is cut and a well known artist names few of those that name it;
- *lent tags*: a logistic regression on the main directions of the tags, in which every artist
  borrows those of similar ones, because most artists have few of their own.

The first three count each of the listener's artists by its weight.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from smallhours.catalog.stored_answers import strongest
from smallhours.identity import artist_key_in
from smallhours.lake.store import Lake
from smallhours.lake.tables import SIMILAR
from smallhours.training.ranking.fusion import (
    LENT_TAGS,
    LIST_PLACES,
    NAMED_TOGETHER,
    WALK,
    Floats,
)
from smallhours.training.ranking.tag_vectors import TagVectors
from smallhours.training.tags import Tags

# Probability of returning to the listener's artists at each step. After 8 steps the result differs
# by less than 6 % (0.7 to the power of 8) from that of an endless walk.
RETURN_PROBABILITY = 0.3
STEPS = 8
# The lent tags are learned from so many of the listener's artists, the strongest, against so many
# others; and the inverse strength of the L2 penalty.
MAX_LIKES, BACKGROUND, INVERSE_L2 = 200, 1000, 10.0
TAG_FACTORS = 48
MAX_LISTED = 10_000
LIST_COLUMNS = ["seed_key", "neighbour_key", "match", "rank"]


def no_lists() -> pd.DataFrame:
    """Return no lists of similar artists."""
    return pd.DataFrame({name: [] for name in LIST_COLUMNS}).astype(
        {"seed_key": "str", "neighbour_key": "str", "match": float, "rank": int}
    )


def read_artist_lists(lake: Lake, artists: Collection[str]) -> pd.DataFrame:
    """Return the lists of similar artists that say something of some artists, as LIST_COLUMNS.

    Those are their own lists and the ones that name them, then the lists of the artists in those,
    and so on: the rest of the lake's lists could change no signal of theirs. A large lake's are
    read until they have MAX_LISTED artists: farther ones count for next to nothing.
    """
    filters = (pc.field("kind") == "artist") & (pc.field("rank") > 0)
    rows = lake.read(SIMILAR, columns=LIST_COLUMNS, filters=filters)
    ends = pa.chunked_array([*rows["seed_key"].chunks, *rows["neighbour_key"].chunks], pa.string())
    coded = ends.combine_chunks().dictionary_encode()
    seed, neighbour = coded.indices.to_numpy().reshape(2, -1)
    wanted = pa.array(sorted(artists), pa.string())
    reached = pc.is_in(coded.dictionary, value_set=wanted).to_numpy(zero_copy_only=False)
    while True:
        said = reached[seed] | reached[neighbour]
        further = reached.copy()
        further[seed[said]] = further[neighbour[said]] = True
        if further.sum() == reached.sum() or further.sum() > MAX_LISTED:
            break
        reached = further
    return strongest(
        rows.filter(pa.array(said)).to_pandas(), ["seed_key", "neighbour_key"], "match"
    )


def unit_rows(rows: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return each row divided by its length; an empty one stays empty."""
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ rows)


@dataclass(frozen=True)
class ArtistGraph:
    """Lists of similar artists as matrices, n artists.

    Attributes:
        artists: Their keys, sorted.
        places: CSR (n, n), 1 / log2(1 + place) of the artists in each artist's list (its row).
        named_by: CSR (n, n), which lists name each artist, with the match; rows of length one.
        steps: CSR (n, n), probability of each step along the lists read both ways, from a column to
            a row.
        own_tags: (n, factors), an artist's own tags along the directions of largest variation.
        lent_tags: (n, factors), these and those of similar artists.
    """

    artists: pd.Index
    places: sparse.csr_matrix
    named_by: sparse.csr_matrix
    steps: sparse.csr_matrix
    own_tags: Floats
    lent_tags: Floats

    @classmethod
    def of(cls, lists: pd.DataFrame, tags: Tags, tracks: Iterable[str]) -> Self:
        """Build the graph.

        Args:
            lists: LIST_COLUMNS of similar artists: matches are 0-1, ranks begin with 1.
            tags: Tags of artists.
            tracks: Keys of the tracks whose artists are wanted, in no list or in some.
        """
        names = {artist_key_in(key) for key in tracks}
        names.update(lists["seed_key"].unique(), lists["neighbour_key"].unique())
        artists = pd.Index(sorted(names), dtype="str")
        vectors = TagVectors.of(Tags({}, tags.artist, tags.names), artists)
        return cls._of(lists, artists, _factors(vectors.rows(artists)))

    @classmethod
    def _of(cls, lists: pd.DataFrame, artists: pd.Index, own_tags: Floats) -> Self:
        rows = artists.get_indexer(pd.Index(lists["seed_key"]))
        columns = artists.get_indexer(pd.Index(lists["neighbour_key"]))
        other = (rows >= 0) & (columns >= 0) & (rows != columns)
        at, shape = (rows[other], columns[other]), (len(artists), len(artists))
        match = lists["match"].to_numpy(dtype=float)[other]
        place = 1 / np.log2(1 + lists["rank"].to_numpy(dtype=float)[other])
        near = sparse.csr_matrix((match, at), shape=shape)
        either = near.maximum(near.T).tocsr()
        total = np.asarray(either.sum(axis=1)).ravel()
        leave = sparse.diags_array(1 / np.where(total > 0, total, 1.0)) @ either
        return cls(
            artists,
            sparse.csr_matrix((place, at), shape=shape),
            unit_rows(near.T.tocsr()),
            sparse.csr_matrix(leave.T),
            own_tags,
            own_tags + _lend(either) @ own_tags,
        )

    def with_lists(self, lists: pd.DataFrame) -> Self:
        """Return the graph of the same artists with other lists."""
        return self._of(lists, self.artists, self.own_tags)

    def signals(self, weights: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
        """Return the four signals of every artist, indexed by key.

        An artist of the listener's gets what the others of theirs say of it, not what it says of
        itself. All are 0 where no list is known, and lent tags NaN where there are no tags.

        Args:
            weights: Weights of the listener's artists by key, in (0, 1].
            rng: Draws the artists that the lent tags are learned against.
        """
        home = weights.reindex(self.artists).fillna(0.0).to_numpy(dtype=float)
        found = {
            LIST_PLACES: self.places.T @ home,
            NAMED_TOGETHER: self._named_together(home),
            WALK: self._walk(home),
            LENT_TAGS: self._lent_tags(home, rng),
        }
        return pd.DataFrame(found, index=self.artists)

    def likeness(self) -> sparse.csr_matrix:
        """Return rows whose products say how alike two artists are, CSR (n, factors + n).

        A product is the cosine of their lent tags plus that of the lists around them: their own
        and those that name them, with each artist itself in the first place.
        """
        around = self.places + self.places.T + sparse.eye_array(len(self.artists))
        kinds = [unit_rows(sparse.csr_matrix(rows)) for rows in (self.lent_tags, around)]
        return sparse.csr_matrix(sparse.hstack(kinds))

    def _named_together(self, home: Floats) -> Floats:
        alike = np.asarray(self.named_by @ (self.named_by.T @ home))
        itself = home * (np.diff(self.named_by.indptr) > 0)
        return np.asarray(np.maximum(alike - itself, 0.0))

    def _walk(self, home: Floats) -> Floats:
        """Return the share of the steps that end at each artist."""
        total = home.sum()
        own = home / total if total > 0 else home
        at = own
        stepped: Floats = np.zeros(len(home))
        for _ in range(STEPS):
            stepped = (1 - RETURN_PROBABILITY) * np.asarray(self.steps @ at)
            at = RETURN_PROBABILITY * own + stepped
        return stepped

    def _lent_tags(self, home: Floats, rng: np.random.Generator) -> Floats:
        """Return log-odds of the listener's artists against others that are drawn at random."""
        from sklearn.linear_model import LogisticRegression

        tagged = np.asarray(self.lent_tags.any(axis=1))
        strongest = np.argsort(-home, kind="stable")[:MAX_LIKES]
        likes = strongest[(home[strongest] > 0) & tagged[strongest]]
        others = np.flatnonzero(tagged & (home <= 0))
        if not len(likes) or not len(others):
            return np.full(len(home), np.nan)
        drawn = rng.choice(others, min(BACKGROUND, len(others)), replace=False)
        label = np.concatenate([np.ones(len(likes)), np.zeros(len(drawn))])
        model = LogisticRegression(C=INVERSE_L2, solver="liblinear", random_state=0)
        model.fit(self.lent_tags[np.concatenate([likes, drawn])], label)
        return np.where(tagged, self.lent_tags @ model.coef_.ravel(), np.nan)


def _factors(tags: sparse.csr_matrix) -> Floats:
    from sklearn.utils.extmath import randomized_svd

    count = min(TAG_FACTORS, *tags.shape)
    if not count or not tags.nnz:
        return np.zeros((tags.shape[0], 1))
    # Most artists of a large graph have no tags here. They turn no direction, and cost as much.
    tagged = tags[np.diff(tags.indptr) > 0]
    rows = tagged if tagged.shape[0] >= tags.shape[1] else tags
    _, _, directions = randomized_svd(rows, count, random_state=0)
    return np.asarray(tags @ directions.T)


def _lend(either: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return how much each artist borrows of each similar one, CSR (n, n); rows sum to less than 1.

    Example: with matches of 0.6 and 0.4 it borrows 0.6 / (1 + 0.4 + 0.6) = 0.3 and 0.2. One that is
    barely similar to a single artist borrows little: it would look just like that one otherwise.
    """
    total = np.asarray(either.sum(axis=1)).ravel()
    return sparse.csr_matrix(sparse.diags_array(1 / (1 + total)) @ either)
