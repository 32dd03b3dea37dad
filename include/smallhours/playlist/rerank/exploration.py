"""Which less certain track is tried, and how likely was that?

The probability of each draw is kept: with it, what was tried can be weighed fairly later, as if
all had had the same chance.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# How far below the cut is looked: unusual picks, not random ones.
DEPTH = 500


def chances(relevance: Floats) -> Floats:
    """The probability of each track: the softmax of its standardised relevance, (n,), sums to 1.

    >>> chances(np.array([1.0, 1.0])).tolist()
    [0.5, 0.5]
    """
    spread = float(relevance.std())
    if spread <= 1e-12:
        return np.full(len(relevance), 1 / max(len(relevance), 1))
    weight = np.exp((relevance - relevance.max()) / spread)
    shares: Floats = weight / weight.sum()
    return shares


def draw(relevance: Floats, rng: np.random.Generator) -> tuple[int, float] | None:
    """Draw one of the first `DEPTH` tracks: its place and its probability; None if there are none.

    Args:
        relevance: Of the tracks that may be drawn, the most relevant first.
        rng: Decides.
    """
    pool = relevance[:DEPTH]
    if not len(pool):
        return None
    likely = chances(pool)
    place = int(rng.choice(len(pool), p=likely))
    return place, float(likely[place])
