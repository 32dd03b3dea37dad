"""Relevance of tracks by rank, moved by the listener's dials for familiarity and popularity.

Relevance is taken from the rank, not from the score: so it means the same for every ranker, and
the dials have the same effect for everyone.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A dial at its end moves tracks of one kind this far from those of the other kind: among 1,000
# tracks (relevance of rank 30: 1 - log 30 / log 1001 = 0.51) rank 30 then draws level with rank 1.
REACH = 0.5


def relevance(scores: Floats) -> Floats:
    """Return the relevance of each track by its rank: 1 - log(rank) / log(n + 1), in (0, 1].

    Equal scores share the mean of their ranks.

    Args:
        scores: (n,), higher is better.

    >>> relevance(np.array([0.9, 0.5, 0.1])).round(2).tolist()
    [1.0, 0.5, 0.21]
    """
    n = len(scores)
    if n == 0:
        return np.zeros(0)
    ordered = np.sort(scores)
    above = n - np.searchsorted(ordered, scores, side="right")
    equal = n - above - np.searchsorted(ordered, scores, side="left")
    ranks = above + (equal + 1) / 2
    place: Floats = 1 - np.log(ranks) / np.log(n + 1)
    return place


def apply_dials(
    relevance: Floats,
    *,
    known_artist: npt.NDArray[np.bool_],
    popularity: Floats,
    familiarity: float,
    popular: float,
) -> Floats:
    """Return the relevance moved by two of the listener's dials, (n,).

    Args:
        relevance: (n,).
        known_artist: Whether the listener has played the track's artist, (n,).
        popularity: Percentile of how well known each track is, (n,), 0-1.
        familiarity: -1 (new artists) to 1 (artists that are known).
        popular: -1 (the least known tracks) to 1 (the best known).
    """
    moved: Floats = (
        relevance
        + REACH * familiarity * (known_artist - 0.5)
        + REACH * popular * (popularity - 0.5)
    )
    return moved
