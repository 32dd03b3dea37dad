"""How far off were the predictions for this artist's other tracks, and how much of that stays?

An artist that was learned from leaves residuals. Their mean, shrunk towards 0 by how few they are,
is the best linear guess of what tags do not tell about the artist (the random intercept of a
mixed model; Henderson 1975). The residuals come from the fold that did not meet the artist, and so
must the prediction that they correct.
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
        fold_: (artists,) the fold that did not meet the artist; -1 where none did not.
        tracks_: (artists,) how many of its tracks there were.
        residual_: (artists, targets) mean of actual - predicted.
        shrinkage_: (targets,) n / (n + shrinkage) of the mean stays; the ratio of the variance
            within artists to that between them.
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
        """(n,) the artist's place in artists_, or -1 where it is new."""
        at = np.minimum(np.searchsorted(self.artists_, names), len(self.artists_) - 1)
        found = (self.artists_[at] == names) & (self.fold_[at] >= 0)
        return np.where(found, at, -1)

    def correction(self, at: npt.NDArray[np.intp]) -> Floats:
        """(n, targets) what to add for artists at these places."""
        tracks = self.tracks_[at][:, None]
        return np.asarray(self.residual_[at] * tracks / (tracks + self.shrinkage_))

    def left_out(self, names: npt.NDArray[np.str_], residuals: Floats) -> tuple[Any, Floats]:
        """What each training track would get from its artist's other tracks.

        Returns:
            Which rows have others (n,), and their corrections (those rows, targets).
        """
        at = np.searchsorted(self.artists_, names)
        several = self.tracks_[at] > 1
        at, others = at[several], (self.tracks_[at[several]] - 1)[:, None]
        mean = (self.residual_[at] * (others + 1) - residuals[several]) / others
        return several, mean * others / (others + self.shrinkage_)

    def _noise_ratio(self, residuals: Floats, artist: npt.NDArray[np.intp]) -> Floats:
        """Variance within over variance between, by analysis of variance (Searle 1971)."""
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
