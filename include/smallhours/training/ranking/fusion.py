"""How do many signals become one score, and what did each contribute?

The score is a weighted sum of every signal's two scale-free columns (see `columns`). Nothing else:
what a signal contributes to a track's score can be said exactly, and is what its reason rests on.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
import pandas as pd

from smallhours.training.ranking.columns import (
    HIGHEST_Z,
    LOWEST_Z,
    Z_UNIT,
    Flags,
    Floats,
    columns_of,
)

P_LIKE = "p_like"
NEAR_TRACKS = "near_tracks"
NEAR_ARTISTS = "near_artists"
SEED_SUPPORT = "seed_support"
TAG_AFFINITY = "tag_affinity"
ARTIST_AFFINITY = "artist_affinity"
AUDIO_FIT = "audio_fit"
POPULARITY = "popularity"
RECEPTION = "reception"
FRESHNESS = "freshness"
DISTANCE_FROM_RECENT = "distance_from_recent"

# Nothing was learned for these; what they rest on, and what else was looked at,
# docs/benchmarks.md says ("Taste"). Whoever is near by several witnesses that know nothing of
# each other is near. There are three. What is said of the music speaks through P(like), which was
# taught by this listener, and through the tags as they stand, which know listeners of whom there
# is nothing to learn yet. Who plays a track beside others speaks through near tracks. Who plays
# its artist beside others speaks through near artists and through how many seeds lead there: the
# same votes, counted in two ways, share one witness's weight. What became of our own picks, once
# there are some, weighs as much as P(like): the listener taught that, too. That the listener
# knows the artist, how well known a track is and how it sounds break ties more than they decide,
# and how new it is or how unlike the last lists less still. Only the size of them all was set on
# purpose: it is how sure the default is of itself when a listener's own past speaks (see
# `listwise`).
DEFAULT_WEIGHTS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        P_LIKE: (4.0, 0.0),
        NEAR_TRACKS: (3.0, 0.0),
        NEAR_ARTISTS: (1.5, 0.0),
        SEED_SUPPORT: (1.5, 0.0),
        TAG_AFFINITY: (1.5, 0.0),
        ARTIST_AFFINITY: (1.0, 0.0),
        AUDIO_FIT: (0.5, 0.0),
        POPULARITY: (0.75, 0.0),
        RECEPTION: (4.0, 0.0),
        FRESHNESS: (0.25, 0.0),
        DISTANCE_FROM_RECENT: (0.25, 0.0),
    }
)
SIGNALS = tuple(DEFAULT_WEIGHTS)


@dataclass(frozen=True)
class Fusion:
    """Weights of the signals.

    Attributes:
        weights: By signal: the weight of its rank column and of its z column.
        share: How far a listener's own past was let to move the weights, from 0 (the default) to
            1 (all that it asked for).
        version: Of the saved model; None for the default.
    """

    weights: Mapping[str, tuple[float, float]]
    share: float = 0.0
    version: str | None = None

    @classmethod
    def of(cls, names: Iterable[str], weights: Floats, *, share: float) -> Self:
        """From a vector in the order of `columns_of`, (2 × names,)."""
        pairs = weights.reshape(-1, 2).tolist()
        named = {name: (rank, z) for name, (rank, z) in zip(names, pairs, strict=True)}
        return cls(named, share)

    def vector(self, names: Iterable[str]) -> Floats:
        """The weights in the order of `columns_of`, (2 × names,); 0 for an unknown signal."""
        pairs = [self.weights.get(name, (0.0, 0.0)) for name in names]
        return np.array(pairs, dtype=float).ravel()

    def score(self, signals: pd.DataFrame, among: pd.Series) -> pd.Series:
        """How promising each track is, 0-1; 1 would be the best that the signals can say.

        Args:
            signals: Indexed by track, one column a signal, higher is better; NaN where a signal
                knows nothing of a track. Columns without a weight are ignored.
            among: True for the tracks that ranks are counted among, same index.

        >>> signals = pd.DataFrame({"p_like": [0.9, 0.5, 0.2]}, index=["a", "b", "c"])
        >>> DEFAULT.score(signals, pd.Series(True, index=signals.index)).round(3).to_dict()
        {'a': 1.0, 'b': 0.369, 'c': 0.0}
        """
        return self.contributions(signals, among).sum(axis=1)

    def contributions(self, signals: pd.DataFrame, among: pd.Series) -> pd.DataFrame:
        """What each signal adds to each track's score, (tracks, signals); a row sums to the score.

        A signal that says all it can for a track adds its whole weight, and one that says all it
        can against it adds 0. Minus the mean of the column, it says what sets the track apart.
        """
        known = [name for name in signals.columns if name in self.weights]
        columns = columns_of(signals[known], _flags(among.reindex(signals.index)))
        weights = self.vector(known)
        low, high = _bounds(weights)
        reach = float((high - low).sum())
        added = columns * weights - low
        each = added[:, 0::2] + added[:, 1::2]
        return pd.DataFrame(each / reach if reach > 0 else each, signals.index, known)

    def to_json(self) -> bytes:
        """For the registry; keys sorted."""
        stored = {"weights": dict(self.weights), "share": self.share}
        return (json.dumps(stored, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, *, version: str | None = None) -> Self:
        """Read back what `to_json` wrote.

        Raises:
            ValueError: when it is not that.
        """
        try:
            stored = json.loads(data)
            weights = {str(k): (float(a), float(b)) for k, (a, b) in stored["weights"].items()}
            share = float(stored["share"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not the weights of signals: {error}") from error
        return cls(weights, share, version)


DEFAULT = Fusion(DEFAULT_WEIGHTS)


def _bounds(weights: Floats) -> tuple[Floats, Floats]:
    """The least and the most that each column can add, both (2 × signals,)."""
    ends = np.tile([[0.0, LOWEST_Z / Z_UNIT], [1.0, HIGHEST_Z / Z_UNIT]], len(weights) // 2)
    reached = ends * weights
    return reached.min(axis=0), reached.max(axis=0)


def _flags(among: pd.Series) -> Flags:
    return among.fillna(False).to_numpy(dtype=bool)
