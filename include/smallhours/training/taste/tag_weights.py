"""What a taste model says of tags, without what it is learned with.

Ranking, reasons and pages read a saved model every night; scikit-learn is imported only by what
learns one. The raw probability is that of the training rows, where the negatives were drawn;
`Calibration` maps it to the share that was adopted later.

Example: with slope 1 and offset -1, log-odds of 0 (a raw probability of 0.5) become 1 / (1 + e) =
0.27. So among tracks that the model finds balanced, about one in four was adopted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.identity import artist_key_in
from smallhours.training.tag_matrix import count_matrix
from smallhours.training.tags import Tags

Floats = npt.NDArray[np.float64]

MAX_PLATT_ITER = 1000


@dataclass(frozen=True, eq=False)
class TagWeights:
    """The weight of each column of tags where it is carried, and the log-odds without any.

    Attributes:
        weights: (columns,) of `TagColumns`; 0 for a tag that is left out.
        intercept: Log-odds of a track without tags.
    """

    weights: Floats
    intercept: float

    def log_odds(self, counts: sparse.csr_matrix) -> Floats:
        """Return the log-odds of a like, (n,), of rows of counts, (n, columns)."""
        return np.asarray(_carried(counts) @ self.weights + self.intercept)

    def contributions(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return each column's contribution to the log-odds of each row, (n, columns)."""
        shares = sparse.csr_matrix(_carried(counts) @ sparse.diags_array(self.weights))
        shares.eliminate_zeros()
        return shares


def _carried(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    return counts.astype(bool).astype(np.float64)


@dataclass(frozen=True)
class Calibration:
    """Platt scaling (1999): p = 1 / (1 + exp(-(slope x log-odds + offset))).

    Fitted on rows that are later than the training rows. It has two parameters, because there are
    few rows to learn them from, and it keeps the order of tracks.
    """

    slope: float = 1.0
    offset: float = 0.0

    @classmethod
    def fit(
        cls, log_odds: Floats, y: npt.ArrayLike, weight: npt.ArrayLike | None = None
    ) -> "Calibration":
        """Fit to held-out rows, (n,) each, with the smoothed targets of Platt's paper.

        Targets are (n+ + 1) / (n+ + 2) for a like and 1 / (n- + 2) for none, so that a few rows
        that are separated perfectly do not make a model certain. Example: with 8 likes and 24
        others they are 0.9 and 1 / 26 = 0.04. A slope of 0 or less would lose the order: then the
        rows hold no evidence, and only the base rate is learned (slope 0).
        """
        found = np.asarray(y, dtype=float)
        heavy = np.ones(len(found)) if weight is None else np.asarray(weight, dtype=float)
        likes, others = float(heavy @ found), float(heavy @ (1 - found))
        high, low = (likes + 1) / (likes + 2), 1 / (others + 2)
        x = np.concatenate([log_odds, log_odds])[:, None]
        labels = np.repeat([1, 0], len(found))
        target = np.where(found == 1, high, low)
        weighed = np.concatenate([heavy * target, heavy * (1 - target)])
        from sklearn.linear_model import LogisticRegression

        platt = LogisticRegression(C=1e6, solver="lbfgs", max_iter=MAX_PLATT_ITER)
        platt.fit(x, labels, sample_weight=weighed)
        slope, offset = float(platt.coef_[0, 0]), float(platt.intercept_[0])
        if slope <= 0:
            return cls(0.0, float(np.log((likes + 1) / (others + 1))))
        return cls(slope, offset)

    def __call__(self, log_odds: Floats) -> Floats:
        """Return probabilities, (n,), for log-odds (n,)."""
        return 1 / (1 + np.exp(-np.clip(self.slope * log_odds + self.offset, -30, 30)))


# No calibration: the probabilities of the training rows.
UNCALIBRATED = Calibration()


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
        own = count_matrix((_folded(tags.own.get(key, {})) for key in tracks), _places(self.own))
        # One row per artist, repeated for each of their tracks.
        owners = [artist_key_in(key) for key in tracks]
        artists = {key: at for at, key in enumerate(dict.fromkeys(owners))}
        rows = (_folded(tags.artist.get(key, {})) for key in artists)
        artist = count_matrix(rows, _places(self.artist))
        return sparse.hstack([own, artist[[artists[key] for key in owners]]]).tocsr()


def _places(tags: Sequence[str]) -> dict[str, int]:
    return {tag: at for at, tag in enumerate(tags)}


def _folded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts by lower case; of two spellings, the first is the stronger."""
    found: dict[str, int] = {}
    for tag, count in counts.items():
        found.setdefault(tag.casefold(), count)
    return found
