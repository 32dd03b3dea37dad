"""The nightly regressor of audio features, with prediction intervals.

Three models (kernel, network, trees) learn for each fold of artists, and their predictions are
blended. `folded_regressor` explains the folds.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from smallhours.training.regression.experts import TagExperts
from smallhours.training.regression.folded_regressor import FoldedRegressor

Floats = npt.NDArray[np.float64]


class TagFeatureRegressor(FoldedRegressor):
    """Blend of kernel, network and trees over folds of artists, for several targets at once.

    Args:
        track_columns: Number of leading columns of X that count the track's own tags; the
            others count its artist's.
        bounds: Bounds of the targets; None uses the range of the training targets.
        folds: Number of folds of artists, and of models of each kind.
        landmarks, trees, epochs, networks: Size of the models (see `TagExperts`).
        random_state: Seed of all models.
        n_jobs: Folds trained at a time, each on one thread. Results do not depend on it.

    Attributes: see `FoldedRegressor`.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> tags = rng.integers(0, 2, (60, 6)) * 50
    >>> loud = 0.2 + 0.6 * (tags[:, [0]] > 0)
    >>> model = TagFeatureRegressor(trees=10, landmarks=30, networks=1).fit(tags, loud)
    >>> model.predict(tags[:2]).shape
    (2, 1)
    """

    def __init__(
        self,
        track_columns: int = 0,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        folds: int = 5,
        landmarks: int = 1500,
        trees: int = 250,
        epochs: int = 15,
        networks: int = 2,
        random_state: int = 0,
        n_jobs: int = 1,
    ) -> None:
        self.track_columns = track_columns
        self.bounds = bounds
        self.folds = folds
        self.landmarks = landmarks
        self.trees = trees
        self.epochs = epochs
        self.networks = networks
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _member(self, X: sparse.csr_matrix, unit: Floats, names: Any, k: int) -> TagExperts:  # noqa: N803
        return TagExperts(
            self.track_columns,
            landmarks=self.landmarks,
            trees=self.trees,
            epochs=self.epochs,
            networks=self.networks,
            random_state=self.random_state + k,
        ).fit(X, unit, names)
