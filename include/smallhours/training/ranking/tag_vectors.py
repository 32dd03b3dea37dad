"""TF-IDF vectors of tracks over their tags, and their closeness to a listener.

A track has its own tags, or else its artist's at a lower weight. They become TF-IDF vectors of
length one; the listener is the weighted sum of the tracks that they know; closeness is the cosine
between the two. Everything stays sparse. The nightly ranking and the lists of the past use the same
vectors.

A mean of jazz and metal is neither; a listener of both has two taste centres, which spherical
k-means finds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.catalog.normalisation import ARTIST_SHARE, FULL
from smallhours.identity import artist_key_in
from smallhours.training.ranking.fusion import Floats
from smallhours.training.tags import Tags, count_matrix

MAX_CENTRES = 5
# One centre per this many tracks.
TRACKS_PER_CENTRE = 10
MAX_ITERATIONS = 20


@dataclass(frozen=True, slots=True)
class TagVectors:
    """Tracks as unit vectors over the names of their tags.

    Attributes:
        tracks: Keys of the tracks that have tags, one a row.
        tags: Tags, one a column, sorted.
        vectors: CSR matrix (tracks, tags); rows have length 1.
        rarity: Inverse document frequency of each tag, 1 for one that every track has.
    """

    tracks: pd.Index
    tags: pd.Index
    vectors: sparse.csr_matrix
    rarity: pd.Series

    @property
    def tags_per_track(self) -> float:
        """The mean number of tags of a track that has any; 0 without tracks."""
        return float(self.vectors.nnz / max(len(self.tracks), 1))

    @classmethod
    def of_weights(cls, tags: pd.DataFrame) -> "TagVectors":
        """Build the vectors from tags that are weighted already.

        The weight of a tag is its own times log((1 + n) / (1 + df)) + 1, the smoothed inverse
        document frequency of scikit-learn's TfidfTransformer.

        Args:
            tags: `track_key`, `tag` and `weight` (> 0), one row per tag of a track.
        """
        rows, tracks = pd.factorize(tags["track_key"], sort=True)
        columns, names = pd.factorize(tags["tag"], sort=True)
        weights = tags["weight"].to_numpy(dtype=float)
        shape = (len(tracks), len(names))
        counts = sparse.csr_matrix((weights, (rows, columns)), shape=shape)
        return cls._of_weights(counts, pd.Index(tracks), pd.Index(names))

    @classmethod
    def of(cls, tags: Tags, tracks: Iterable[str]) -> "TagVectors":
        """Build the vectors from the tags of tracks and their artists.

        Same result as `of_weights` with a row for each tag of each track, but an artist's tags are
        computed once, not once for each track that uses them.

        Args:
            tags: Tags of the tracks and their artists.
            tracks: Track keys, in any order.
        """
        keys = sorted(set(tracks))
        rows: list[dict[str, int]] = []
        shares: list[float] = []
        lent: dict[str, int] = {}
        places = np.empty(len(keys), dtype=np.intp)
        for at, key in enumerate(keys):
            artist = artist_key_in(key)
            if own := _above_zero(tags.own_named(key)):
                places[at] = len(rows)
            elif artist in lent:
                places[at] = lent[artist]
                continue
            else:
                places[at] = lent[artist] = len(rows)
            rows.append(own or _above_zero(tags.artist_named(artist)))
            shares.append(1.0 if own else ARTIST_SHARE)
        names = sorted(set().union(*rows))
        held = count_matrix(rows, {name: at for at, name in enumerate(names)})
        held.data *= np.repeat(shares, np.diff(held.indptr))
        held.data /= FULL
        tagged = np.diff(held.indptr)[places] > 0
        counts = sparse.csr_matrix(held[places[tagged]])
        telling = [key for key, is_tagged in zip(keys, tagged.tolist(), strict=True) if is_tagged]
        return cls._of_weights(counts, pd.Index(telling, dtype="str"), pd.Index(names, dtype="str"))

    @classmethod
    def _of_weights(
        cls, counts: sparse.csr_matrix, tracks: pd.Index, names: pd.Index
    ) -> "TagVectors":
        shape = counts.shape
        frequency = np.bincount(counts.indices, minlength=shape[1])
        idf = np.log((1 + shape[0]) / (1 + frequency)) + 1
        vectors = counts @ sparse.diags_array(idf)
        length = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        unit = sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ vectors
        return cls(tracks, names, sparse.csr_matrix(unit), pd.Series(idf, index=names))

    def profile(self, weights: pd.Series) -> pd.Series:
        """Return the listener's share of each tag, strongest first, summing to 1.

        Args:
            weights: Weight of each known track, by track key; unknown keys are ignored.
        """
        taken = weights.reindex(self.tracks).fillna(0.0).to_numpy(dtype=float)
        total = np.asarray(self.vectors.T @ taken).ravel()
        profile = pd.Series(total, index=self.tags)
        profile = profile[profile > 0].sort_values(ascending=False, kind="stable")
        return profile / profile.sum() if len(profile) else profile

    def rows(self, tracks: pd.Index) -> sparse.csr_matrix:
        """Return the vectors of some tracks, (len(tracks), tags); rows of 0 where untagged."""
        if not len(self.tracks):
            return sparse.csr_matrix((len(tracks), len(self.tags)))
        places = self.tracks.get_indexer(tracks)
        held = sparse.csr_matrix(self.vectors[np.where(places >= 0, places, 0)])
        return sparse.csr_matrix(sparse.diags_array((places >= 0).astype(float)) @ held)

    def tags_of(self, track: str, *, least: float = 0.0) -> frozenset[str]:
        """Return the names of a track's tags, but those below a share of its strongest."""
        place = int(self.tracks.get_indexer(pd.Index([track]))[0])
        if place < 0:
            return frozenset()
        begin, end = self.vectors.indptr[place], self.vectors.indptr[place + 1]
        weights = self.vectors.data[begin:end]
        kept = self.vectors.indices[begin:end][weights >= least * weights.max(initial=0.0)]
        return frozenset(str(tag) for tag in self.tags[kept])

    def shared(self, profile: pd.Series, track: str) -> list[str]:
        """Return the tags that a track shares with a profile, those that bring it closest first."""
        if track not in self.tracks:
            return []
        place = int(self.tracks.get_indexer(pd.Index([track]))[0])
        row = self.vectors[[place]]
        weights = profile.reindex(self.tags[row.indices]).fillna(0.0) * row.data
        weights = weights[weights > 0].sort_values(ascending=False, kind="stable")
        return [str(tag) for tag in weights.index]


def _above_zero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count > 0}


def taste_centres(vectors: sparse.csr_matrix, weights: Floats, rng: np.random.Generator) -> Floats:
    """Return directions that tracks gather around (Dhillon and Modha, 2001), weighted and seeded.

    Args:
        vectors: (tracks, tags), rows of length one; empty rows are ignored.
        weights: (tracks,), weight of each track, >= 0.
        rng: Random generator that draws the first centres, each by its distance to those before
            (k-means++).

    Returns:
        (centres, tags), rows of length one; one centre per ten tracks, five at most, and none
        if no track has a weight.
    """
    has_tags = np.diff(vectors.indptr) > 0
    counts = np.flatnonzero((weights > 0) & has_tags)
    if not len(counts):
        return np.zeros((0, vectors.shape[1]))
    rows, weight = vectors[counts], weights[counts]
    wanted = int(np.clip(len(counts) // TRACKS_PER_CENTRE, 1, MAX_CENTRES))
    centres = _first(rows, weight, wanted, rng)
    nearest = np.full(len(counts), -1)
    for _ in range(MAX_ITERATIONS):
        closest = np.asarray(rows @ centres.T).argmax(axis=1)
        if (closest == nearest).all():
            break
        nearest = closest
        centres = _means(rows, weight, nearest, centres)
    return centres


def _first(
    rows: sparse.csr_matrix, weight: Floats, wanted: int, rng: np.random.Generator
) -> Floats:
    chosen = [int(rng.choice(len(weight), p=weight / weight.sum()))]
    while len(chosen) < wanted:
        near = (rows @ rows[chosen].T).toarray().max(axis=1)
        away = weight * np.clip(1 - near, 0.0, None)
        if not away.sum() > 1e-9:
            break
        chosen.append(int(rng.choice(len(weight), p=away / away.sum())))
    return np.asarray(rows[chosen].toarray())


def _means(rows: sparse.csr_matrix, weight: Floats, nearest: np.ndarray, before: Floats) -> Floats:
    """Return the direction of each group's weighted sum; a group that emptied keeps its centre."""
    member = sparse.csr_matrix(
        (weight, (nearest, np.arange(len(weight)))), shape=(len(before), len(weight))
    )
    total = np.asarray((member @ rows).toarray())
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 0, total / np.where(length > 0, length, 1.0), before)
