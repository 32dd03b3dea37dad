"""Calibration: the list keeps the shares of the listener's tastes.

A list of the best tracks alone is full of the strongest taste. While the list is filled, the
divergence of its mix of tags from the listener's mix is held down (H. Steck, "Calibrated
Recommendations", RecSys 2018).
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from smallhours.training.ranking.tag_vectors import TagVectors

Floats = npt.NDArray[np.float64]

# Steck's smoothing: a little of the listener's mix is added to the list's, so that the divergence
# of a taste that the list lacks is large but finite.
ALPHA = 0.01
# A listener's mix has a long tail; the tags beyond these count together as one.
TAGS_KEPT = 40
# The weight of all older plays together, in recent plays.
PRIOR_PLAYS = 50.0


@dataclass(frozen=True, slots=True)
class TagMix:
    """A listener's mix of tags.

    Attributes:
        tags: The tags that count on their own, the strongest first.
        shares: (len(tags) + 1,): each one's share and, last, that of all others; sums to 1.
    """

    tags: pd.Index
    shares: Floats

    @classmethod
    def none(cls) -> "TagMix":
        """Return an unknown mix, which every list fits."""
        return cls(pd.Index([], dtype=object), np.ones(1))

    @classmethod
    def of(cls, space: TagVectors, weights: pd.Series) -> "TagMix":
        """Return the mix of some tracks.

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
        """Return each track's share of every tag of the mix, (len(tracks), len(tags) + 1).

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
    """Return the weight of each known track in the mix, by key.

    The recent plays decide; where they are few, the weights of all times help, as if they were
    `PRIOR_PLAYS` plays: with 10 recent plays of A and the overall weights A 1 and B 3, A weighs
    10 + 50 * 1/4 = 22.5 and B 50 * 3/4 = 37.5. Tracks from our own lists do not count: a list that
    follows itself grows narrower every night.

    Args:
        recent: Recent plays, by track key.
        overall: Weights of all times, by track key.
        brought: Keys of the tracks that our lists brought.
    """
    recent, overall = (each[~each.index.isin(brought)] for each in (recent, overall))
    older = overall / overall.sum() if overall.sum() > 0 else overall
    return recent.astype(float).add(older * PRIOR_PLAYS, fill_value=0.0)


def divergence(mix: Floats, got: Floats) -> Floats:
    """Return KL(mix || got), `got` smoothed: the sum over tags of p * log(p / ((1 - a) q + a p)).

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
    """Return KL of a list's mix from the listener's; NaN where no track of the list has tags.

    Args:
        mix: (tags,).
        shares: (tracks, tags); rows of zeros are left out.
    """
    tagged = shares[shares.sum(axis=1) > 0]
    if not len(tagged):
        return float("nan")
    return float(divergence(mix, tagged.mean(axis=0)))
