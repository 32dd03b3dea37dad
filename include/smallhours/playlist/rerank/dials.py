"""How far do the listener's dials move a track up or down?

Relevance is taken from the place in the ranking, not from the score: it means the same whatever
scored the tracks, and the dials turn as far for everyone.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# A dial at its end sets a track of one kind this far from one of the other kind: among a thousand,
# the thirtieth then stands beside the first.
REACH = 0.5


def relevance(scores: Floats) -> Floats:
    """How good a track's place is: 1 - log(rank) / log(n + 1), in (0, 1].

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


def dialled(
    relevance: Floats,
    *,
    known_artist: npt.NDArray[np.bool_],
    popularity: Floats,
    familiarity: float,
    popular: float,
) -> Floats:
    """Relevance with two of the listener's dials, (n,).

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
