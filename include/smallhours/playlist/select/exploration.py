"""Exploration: draws of less certain tracks, with the probability (propensity) of each draw.

The propensity is stored. Later, each drawn track counts 1 / propensity, as if all had had the same
chance: one that was drawn with probability 0.2 counts five times.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

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
