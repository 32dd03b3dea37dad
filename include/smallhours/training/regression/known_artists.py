"""Corrections for known artists: the shrunk mean residual of their other tracks.

An artist that was learned from leaves residuals. Their mean, shrunk towards 0 the more, the fewer
they are, is the best linear estimate of what tags do not tell about the artist (the random
intercept of a mixed model; Henderson 1975). The residuals come from the fold that has not seen the
artist, and so must the prediction that they correct.

Example: three tracks of an artist were on average 0.12 louder than predicted. If the variance
within artists is twice that between them (shrinkage 2), its next track is predicted 0.12 x 3 /
(3 + 2) = 0.072 louder than by its tags.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

Floats = npt.NDArray[np.float64]


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
