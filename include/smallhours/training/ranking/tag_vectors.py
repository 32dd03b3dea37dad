"""Where does each track stand among all tags? Unit vectors, its own tags before its artist's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from smallhours.catalog.normalisation import back_off
from smallhours.identity import artist_key_in
from smallhours.training.tags import Tags


@dataclass(frozen=True)
class TagVectors:
    """Tracks as unit vectors over the names of their tags.

    Attributes:
        tracks: Track keys, one a row.
        vectors: CSR (tracks, tags): weight × inverse document frequency (the smoothed one of
            scikit-learn), rows of length one; a track without tags is an empty row.
    """

    tracks: pd.Index
    vectors: sparse.csr_matrix

    @classmethod
    def of(cls, tags: Tags, tracks: Sequence[str]) -> "TagVectors":
        """Build them from what tracks and their artists are tagged with."""
        column: dict[str, int] = {}
        columns: list[int] = []
        weights: list[float] = []
        ends = [0]
        of_artist: dict[str, dict[str, int]] = {}
        for key in tracks:
            artist = artist_key_in(key)
            if artist not in of_artist:
                of_artist[artist] = tags.artist_named(artist)
            for each in back_off(tags.own_named(key), of_artist[artist]):
                columns.append(column.setdefault(each.tag, len(column)))
                weights.append(each.weight)
            ends.append(len(columns))
        shape = (len(tracks), max(len(column), 1))
        counts = sparse.csr_matrix((weights, columns, ends), shape=shape, dtype=float)
        frequency = np.bincount(counts.indices, minlength=shape[1])
        scaled = counts @ sparse.diags_array(np.log((1 + shape[0]) / (1 + frequency)) + 1)
        length = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
        unit = sparse.diags_array(1 / np.where(length > 0, length, 1.0)) @ scaled
        return cls(pd.Index(tracks), sparse.csr_matrix(unit))

    def rows(self, tracks: pd.Index) -> sparse.csr_matrix:
        """The vectors of some tracks, in their order; empty rows for those that are not here."""
        places = self.tracks.get_indexer(tracks)
        known = sparse.csr_matrix(
            (np.ones((places >= 0).sum()), (np.flatnonzero(places >= 0), places[places >= 0])),
            shape=(len(places), len(self.tracks)),
        )
        return sparse.csr_matrix(known @ self.vectors)
