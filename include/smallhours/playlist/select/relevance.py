"""Relevance of tracks by rank, the listener's dials that move it, and draws of less certain tracks.

Relevance is taken from the rank, not from the score: so it means the same for every ranker, and
the dials have the same effect for everyone. The probability (propensity) of each draw is stored.
Later, each drawn track counts 1 / propensity, as if all had had the same chance: one that was drawn
with probability 0.2 counts five times.
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


# The number of tracks below the cut that can be drawn: unusual picks, not random ones.
DEPTH = 500


def draw_probabilities(relevance: Floats) -> Floats:
    """Return each track's probability: the softmax of its standardised relevance, (n,), sums to 1.

    Relevance in standard deviations makes the draw equally bold for every ranker.

    >>> draw_probabilities(np.array([1.0, 1.0])).tolist()
    [0.5, 0.5]
    >>> draw_probabilities(np.array([3.0, 2.0, 1.0])).round(2).tolist()
    [0.72, 0.21, 0.06]
    """
    spread = float(relevance.std())
    if spread <= 1e-12:
        return np.full(len(relevance), 1 / max(len(relevance), 1))
    weight = np.exp((relevance - relevance.max()) / spread)
    shares: Floats = weight / weight.sum()
    return shares


def draw(relevance: Floats, rng: np.random.Generator) -> tuple[int, float] | None:
    """Draw one of the first `DEPTH` tracks; return its place and its probability, or None.

    Args:
        relevance: Of the tracks that may be drawn, the most relevant first.
        rng: Decides.
    """
    pool = relevance[:DEPTH]
    if not len(pool):
        return None
    likely = draw_probabilities(pool)
    place = int(rng.choice(len(pool), p=likely))
    return place, float(likely[place])
