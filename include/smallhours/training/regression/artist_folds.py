"""Artists as groups: the fold in which each is held out, and corrections for known artists.

Tracks of one artist sound alike, so they must be on one side of every split; otherwise a model
is rewarded for remembering artists.

An artist that was learned from leaves residuals. Their mean, shrunk towards 0 the more, the fewer
they are, is the best linear estimate of what tags do not tell about the artist (the random
intercept of a mixed model; Henderson 1975). The residuals come from the fold that has not seen the
artist, and so must the prediction that they correct.

Example: three tracks of an artist were on average 0.12 louder than predicted. If the variance
within artists is twice that between them (shrinkage 2), its next track is predicted 0.12 x 3 /
(3 + 2) = 0.072 louder than by its tags.
"""

import hashlib
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from smallhours.training.evaluation.folds import ARTISTS_PER_FOLD

Floats = npt.NDArray[np.float64]


def artist_names(groups: Any, n: int) -> npt.NDArray[np.str_]:
    """Return the artist of each row as text; without groups each row is an artist of its own.

    Args:
        groups: (n,) names or numbers, or None.
        n: Number of rows.

    Raises:
        ValueError: when there are not n of them, or one is missing.
    """
    if groups is None:
        return np.array([f"row {row}" for row in range(n)])
    given = list(groups)
    if len(given) != n:
        raise ValueError(f"groups names {len(given)} artists for {n} rows")
    for row, name in enumerate(given):
        if name is None or name == "" or (isinstance(name, float) and np.isnan(name)):
            raise ValueError(f"groups has no artist in row {row}: leave the row out or name one")
    return np.array([str(name) for name in given])


def hashed_folds(names: npt.NDArray[np.str_], folds: int) -> npt.NDArray[np.intp]:
    """Return the fold of each row's artist, (n,), by a hash of its name: the same every night."""
    distinct, at = np.unique(names, return_inverse=True)
    fold = np.array([_hash(name) % folds for name in distinct.tolist()], dtype=np.intp)
    return np.asarray(fold[at])


def enough_to_hash(names: npt.NDArray[np.str_], folds: int) -> bool:
    """Return True if there are enough artists for a hash to spread them over the folds."""
    return len(np.unique(names)) >= ARTISTS_PER_FOLD * folds


def artist_folds(names: npt.NDArray[np.str_], folds: int) -> npt.NDArray[np.intp]:
    """Return the fold (0 to folds - 1) in which each row is held out; an artist's rows share one.

    With enough artists, the fold is a hash of the artist's name, so that an artist is held out of
    the same model every night, whatever other artists there are. Fewer artists are dealt evenly
    instead, the largest first, into as many folds as artists at most. A single artist cannot be
    held out from itself: its rows are then dealt one by one, and the model is not measured on new
    artists.

    Example: with 5 folds and 12 artists (fewer than 4 x 5), the artist with most tracks gets fold
    0, the next one fold 1, and after that each the fold with the fewest tracks so far.
    """
    if enough_to_hash(names, folds):
        return hashed_folds(names, folds)
    distinct, artist, tracks = np.unique(names, return_inverse=True, return_counts=True)
    if len(distinct) == 1:
        artist, tracks = np.arange(len(names)), np.ones(len(names), dtype=np.intp)
    folds = min(folds, len(tracks))
    fold_of = np.empty(len(tracks), dtype=np.intp)
    sizes = np.zeros(folds)
    for at in np.argsort(-tracks, kind="stable"):
        fold_of[at] = np.argmin(sizes)
        sizes[fold_of[at]] += tracks[at]
    return np.asarray(fold_of[artist])


def _hash(name: str) -> int:
    """Return a salted hash: the lake's prefixes and the splits hash the same keys."""
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=b"artist fold").digest()
    return int.from_bytes(digest)


class KnownArtists(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """Shrunk mean residuals of the artists that were learned from.

    Attributes:
        artists_: (artists,) names, sorted.
        fold_: (artists,) the fold in which the artist is held out; -1 where there is none.
        tracks_: (artists,) number of its tracks.
        residual_: (artists, targets) mean of actual - predicted.
        shrinkage_: (targets,) ratio of the variance within artists to that between them; a mean
            over n tracks is multiplied by n / (n + shrinkage).
    """

    def fit(self, names: npt.NDArray[np.str_], folds: Any, residuals: Floats) -> Self:
        """Average residuals (n, targets) by artist and estimate how much of a mean is noise."""
        self.artists_, first, artist, self.tracks_ = np.unique(
            names, return_index=True, return_inverse=True, return_counts=True
        )
        several_folds = len(self.artists_) > 1
        self.fold_ = folds[first] if several_folds else np.array([-1])
        sums = np.zeros((len(self.artists_), residuals.shape[1]))
        np.add.at(sums, artist, residuals)
        self.residual_ = sums / self.tracks_[:, None]
        self.shrinkage_ = self._noise_ratio(residuals, artist)
        return self

    def known(self, names: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
        """Return the artist's index in `artists_`, (n,), or -1 where it is new."""
        at = np.minimum(np.searchsorted(self.artists_, names), len(self.artists_) - 1)
        found = (self.artists_[at] == names) & (self.fold_[at] >= 0)
        return np.where(found, at, -1)

    def correction(self, at: npt.NDArray[np.intp]) -> Floats:
        """Return the corrections to add, (n, targets), for artists at these indices."""
        tracks = self.tracks_[at][:, None]
        return np.asarray(self.residual_[at] * tracks / (tracks + self.shrinkage_))

    def leave_one_out(self, names: npt.NDArray[np.str_], residuals: Floats) -> tuple[Any, Floats]:
        """Return the correction of each training track by its artist's other tracks.

        Returns:
            Flags of rows with other tracks (n,), and their corrections (those rows, targets).
        """
        at = np.searchsorted(self.artists_, names)
        several = self.tracks_[at] > 1
        at, others = at[several], (self.tracks_[at[several]] - 1)[:, None]
        mean = (self.residual_[at] * (others + 1) - residuals[several]) / others
        return several, mean * others / (others + self.shrinkage_)

    def _noise_ratio(self, residuals: Floats, artist: npt.NDArray[np.intp]) -> Floats:
        """Return variance within over variance between, by analysis of variance (Searle 1971)."""
        n, artists = len(residuals), len(self.artists_)
        if artists < 2 or n <= artists:
            return np.full(residuals.shape[1], np.inf)
        within = ((residuals - self.residual_[artist]) ** 2).sum(axis=0) / (n - artists)
        tracks = self.tracks_[:, None]
        spread = (tracks * (self.residual_ - residuals.mean(axis=0)) ** 2).sum(axis=0)
        typical = (n - (self.tracks_**2).sum() / n) / (artists - 1)
        between = (spread / (artists - 1) - within) / typical
        positive = between > 0
        return np.where(positive, within / np.where(positive, between, 1.0), np.inf)
