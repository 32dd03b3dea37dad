"""Does the list mix the listener's tastes as they mix them themselves?

A list of the best tracks alone is full of the strongest taste. Calibration keeps each taste's
share: the divergence of the list's mix of tags from the listener's is held down while the list is
filled (H. Steck, "Calibrated Recommendations", RecSys 2018).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.training.ranking.tag_vectors import TagVectors

Floats = npt.NDArray[np.float64]

# Steck's smoothing: the list is taken to hold a little of everything, so that the divergence of
# a taste that it lacks is large but finite.
ALPHA = 0.01
# A listener's mix has a long tail; the tags beyond these count together as one.
TAGS_KEPT = 40
# Recent plays decide the mix once they are many; this many older ones weigh as much as they do.
PLAYS_OF_OLD = 50.0


@dataclass(frozen=True, slots=True)
class Mix:
    """A listener's mix of tags.

    Attributes:
        tags: The tags that count on their own, the strongest first.
        shares: (len(tags) + 1,): each one's share and, last, that of all others; sums to 1.
    """

    tags: pd.Index
    shares: Floats

    @classmethod
    def none(cls) -> "Mix":
        """Nothing is known; every list fits it."""
        return cls(pd.Index([], dtype=object), np.ones(1))

    @classmethod
    def of(cls, space: TagVectors, weights: pd.Series) -> "Mix":
        """The mix of some tracks.

        Args:
            space: Holds the tracks' tags.
            weights: How much each track counts, by key; unknown and untagged ones are ignored.
        """
        profile = space.profile(weights)
        kept = profile.iloc[:TAGS_KEPT]
        if kept.empty:
            return cls.none()
        shares = np.append(kept.to_numpy(dtype=float), max(0.0, 1.0 - float(kept.sum())))
        return cls(kept.index, shares / shares.sum())

    def shares_of(self, space: TagVectors, tracks: pd.Index) -> Floats:
        """Each track's share of every tag of the mix, (len(tracks), len(tags) + 1).

        A row sums to 1; to 0 where the track has no tags.
        """
        if not len(space.tags):
            return np.zeros((len(tracks), len(self.shares)))
        rows = space.rows(tracks)
        columns = space.tags.get_indexer(self.tags)
        total = np.asarray(rows.sum(axis=1)).ravel()
        named = rows[:, columns].toarray() / np.where(total > 0, total, 1.0)[:, None]
        others = np.where(total > 0, 1.0 - named.sum(axis=1), 0.0)
        return np.column_stack([named, others.clip(0.0)])


def recent_weights(
    recent: pd.Series, overall: pd.Series, *, brought: Collection[str] = ()
) -> pd.Series:
    """How much each known track counts for the mix, by key.

    The last weeks decide; where they hold few plays, the weights of all times help out, as if they
    were `PLAYS_OF_OLD` plays. What our own lists brought does not count: a list that follows itself
    grows narrower every night.

    Args:
        recent: Plays of late, by track key.
        overall: Weights of all times, by track key.
        brought: Keys of the tracks that our lists brought.
    """
    recent, overall = (each[~each.index.isin(brought)] for each in (recent, overall))
    older = overall / overall.sum() if overall.sum() > 0 else overall
    return recent.astype(float).add(older * PLAYS_OF_OLD, fill_value=0.0)


def divergence(mix: Floats, got: Floats) -> Floats:
    """KL(mix || got) with `got` smoothed: sum over the tags of p * log(p / ((1 - a) q + a p)).

    Args:
        mix: p, (tags,), sums to 1.
        got: q, (..., tags); each row sums to 1.

    Returns:
        (...), in nats; 0 where the mixes are the same.

    >>> even = np.array([0.5, 0.5])
    >>> divergence(even, np.array([[0.5, 0.5], [1.0, 0.0]])).round(3).tolist()
    [0.0, 1.959]
    """
    smooth = (1 - ALPHA) * got + ALPHA * mix
    ratio = np.where(mix > 0, mix / np.where(smooth > 0, smooth, 1.0), 1.0)
    found: Floats = np.asarray((mix * np.log(ratio)).sum(axis=-1))
    return found


def divergence_of(mix: Floats, shares: Floats) -> float:
    """KL of a list's mix from the listener's; NaN where no track of the list has tags.

    Args:
        mix: (tags,).
        shares: (tracks, tags); rows of zeros are left out.
    """
    tagged = shares[shares.sum(axis=1) > 0]
    if not len(tagged):
        return float("nan")
    return float(divergence(mix, tagged.mean(axis=0)))
