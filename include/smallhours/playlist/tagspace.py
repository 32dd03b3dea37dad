"""How close is a track to what the listener plays, by its tags?

A track has its own tags, or else its artist's at a lower weight. They become TF-IDF vectors of
length one; the listener is the weighted sum of the tracks that they know; closeness is the cosine
between the two. Everything stays sparse.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.catalog.normalisation import Weighted, back_off, is_own_name, shipped
from smallhours.identity import SEPARATOR, artist_key_in
from smallhours.training.tags import Tags


def says_something(tag: str, track_key: str) -> bool:
    """Whether a tag tells what a track is like: no habit of the tagger, no artist's name."""
    name = shipped().name(tag)
    artist, _, rest = track_key.partition(SEPARATOR)
    return name != "" and not is_own_name(name, artist, rest.split(SEPARATOR)[0])


def weighted_tags(tags: Tags, tracks: Iterable[str]) -> pd.DataFrame:
    """The named tags of tracks: `track_key`, `tag`, `weight` in (0, 1], and `of` whom they are."""
    keys: list[str] = []
    found: list[Weighted] = []
    of_artist: dict[str, dict[str, int]] = {}
    for key in tracks:
        artist = artist_key_in(key)
        if artist not in of_artist:
            of_artist[artist] = tags.artist_named(artist)
        telling = back_off(tags.own_named(key), of_artist[artist])
        keys += [key] * len(telling)
        found += telling
    frame = pd.DataFrame(found, columns=list(Weighted._fields))
    frame.insert(0, "track_key", keys)
    return frame


@dataclass(frozen=True, slots=True)
class TagSpace:
    """Tracks as unit vectors over tags.

    Attributes:
        tracks: Track keys, one a row.
        tags: Tags, one a column, sorted.
        vectors: CSR matrix (tracks, tags); rows have length 1.
        rarity: Inverse document frequency of each tag, 1 for one that every track has.
    """

    tracks: pd.Index
    tags: pd.Index
    vectors: sparse.csr_matrix
    rarity: pd.Series

    @classmethod
    def of(cls, tags: pd.DataFrame) -> "TagSpace":
        """Build the vectors.

        The weight of a tag is its own times log((1 + n) / (1 + df)) + 1, the smoothed inverse
        document frequency of scikit-learn's TfidfTransformer.

        Args:
            tags: `track_key`, `tag` and `weight` (> 0), one row per tag of a track.
        """
        rows, tracks = pd.factorize(tags["track_key"], sort=True)
        columns, names = pd.factorize(tags["tag"], sort=True)
        shape = (len(tracks), len(names))
        weights = tags["weight"].to_numpy(dtype=float)
        counts = sparse.csr_matrix((weights, (rows, columns)), shape=shape)
        frequency = np.bincount(counts.indices, minlength=shape[1])
        idf = np.log((1 + shape[0]) / (1 + frequency)) + 1
        vectors = counts @ sparse.diags_array(idf)
        length = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
        unit = sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ vectors
        return cls(
            pd.Index(tracks),
            pd.Index(names),
            sparse.csr_matrix(unit),
            pd.Series(idf, index=pd.Index(names)),
        )

    def profile(self, weights: pd.Series) -> pd.Series:
        """The listener's share of each tag, strongest first, summing to 1.

        Args:
            weights: How much each known track counts, by track key; unknown keys are ignored.
        """
        taken = weights.reindex(self.tracks).fillna(0.0).to_numpy(dtype=float)
        total = np.asarray(self.vectors.T @ taken).ravel()
        profile = pd.Series(total, index=self.tags)
        profile = profile[profile > 0].sort_values(ascending=False, kind="stable")
        return profile / profile.sum() if len(profile) else profile

    def shared(self, profile: pd.Series, track: str) -> list[str]:
        """The tags that a track shares with a profile, those that bring it closest first."""
        if track not in self.tracks:
            return []
        place = int(self.tracks.get_indexer(pd.Index([track]))[0])
        row = self.vectors[[place]]
        weights = profile.reindex(self.tags[row.indices]).fillna(0.0) * row.data
        weights = weights[weights > 0].sort_values(ascending=False, kind="stable")
        return [str(tag) for tag in weights.index]

    def affinity(self, profile: pd.Series, tracks: pd.Index) -> pd.Series:
        """Cosine of each track to a profile, 0-1; 0 for a track without tags."""
        direction = profile.reindex(self.tags).fillna(0.0).to_numpy(dtype=float)
        length = float(np.linalg.norm(direction))
        cosine = self.vectors @ direction / length if length > 0 else np.zeros(len(self.tracks))
        found = pd.Series(np.asarray(cosine).ravel(), index=self.tracks).reindex(tracks)
        return found.fillna(0.0).clip(0.0, 1.0)
