"""The taste model's columns: the track's own tags first, then its artist's.

Tags count as they are written but for case. Merging spelling variants and dropping tags that say
nothing about the music improved nothing here (docs/benchmarks.md): "seen live" says nothing about
the sound, but a little about who listens. The two blocks stay apart, because a tag of this very
track says more than one of everything that its artist made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from smallhours.identity import artist_key_in
from smallhours.training.tags import Tags


@dataclass(frozen=True)
class TagColumns:
    """The tags that a model knows.

    Attributes:
        own: Tags of tracks themselves, in lower case, sorted.
        artist: Tags of artists, likewise.
    """

    own: tuple[str, ...]
    artist: tuple[str, ...]

    @classmethod
    def of(cls, tags: Tags, tracks: Sequence[str]) -> Self:
        """Return the columns of all tags that some tracks carry."""
        own: set[str] = set()
        for key in tracks:
            own.update(map(str.casefold, tags.own.get(key, ())))
        artist: set[str] = set()
        for key in dict.fromkeys(map(artist_key_in, tracks)):
            artist.update(map(str.casefold, tags.artist.get(key, ())))
        return cls(tuple(sorted(own)), tuple(sorted(artist)))

    @property
    def column_tags(self) -> tuple[str, ...]:
        """The tag of each column."""
        return self.own + self.artist

    def counts(self, tags: Tags, tracks: Sequence[str]) -> sparse.csr_matrix:
        """Return counts (1-100) of the known tags, (tracks, columns); rows may be empty."""
        own = _CountRows({word: at for at, word in enumerate(self.own)})
        for key in tracks:
            own.add(tags.own.get(key, {}))
        # One row per artist, repeated for each of their tracks.
        owners = [artist_key_in(key) for key in tracks]
        artists = {key: at for at, key in enumerate(dict.fromkeys(owners))}
        artist = _CountRows({word: at for at, word in enumerate(self.artist)})
        for key in artists:
            artist.add(tags.artist.get(key, {}))
        repeated = artist.matrix()[[artists[key] for key in owners]]
        return sparse.hstack([own.matrix(), repeated]).tocsr()


class _CountRows:
    """A sparse matrix that is built row by row."""

    def __init__(self, column: Mapping[str, int]) -> None:
        self._column = column
        self._ends = [0]
        self._columns: list[int] = []
        self._values: list[float] = []

    def add(self, counts: Mapping[str, int]) -> None:
        # Of two spellings that differ in case, the first is the stronger.
        found: dict[int, int] = {}
        for tag, count in counts.items():
            if (at := self._column.get(tag.casefold())) is not None:
                found.setdefault(at, count)
        self._columns += found
        self._values += found.values()
        self._ends.append(len(self._columns))

    def matrix(self) -> sparse.csr_matrix:
        shape = (len(self._ends) - 1, len(self._column))
        values = np.asarray(self._values, dtype=np.float64)
        columns = np.asarray(self._columns, dtype=np.int32)
        matrix = sparse.csr_matrix((values, columns, np.asarray(self._ends)), shape=shape)
        matrix.sort_indices()
        return matrix
