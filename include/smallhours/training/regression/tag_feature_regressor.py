"""The nightly regressor of audio features, with prediction intervals.

Three models over one tag encoding learn for each fold of artists, and their predictions are
blended; `folded_regressor` explains the folds. Their errors differ: the smooth kernel is best
alone, the network weights single tags, the trees find thresholds. The weight of each, per target,
is fitted on artists that it has not seen.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import BaseEstimator

from smallhours.training.regression.folded_regressor import FoldedRegressor
from smallhours.training.regression.kernel_ridge import NystroemKernelRidge
from smallhours.training.regression.tag_encoder import TagEncoder
from smallhours.training.regression.tag_network import TagNetwork
from smallhours.training.regression.tag_trees import TagTrees

Floats = npt.NDArray[np.float64]


class TagExperts(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no stubs
    """The three models on the same rows.

    Args:
        track_columns: Number of leading columns with the track's own tags.
        artist_scale, factors: Parameters of the encoder.
        landmarks: Parameter of the kernel.
        trees: Number of trees.
        epochs, networks: Parameters of the network.
        random_state: Seed of all models.
    """

    def __init__(
        self,
        track_columns: int = 0,
        artist_scale: float = 0.5,
        factors: int = 50,
        landmarks: int = 1500,
        trees: int = 250,
        epochs: int = 15,
        networks: int = 2,
        random_state: int = 0,
    ) -> None:
        self.track_columns = track_columns
        self.artist_scale = artist_scale
        self.factors = factors
        self.landmarks = landmarks
        self.trees = trees
        self.epochs = epochs
        self.networks = networks
        self.random_state = random_state

    def fit(self, X: sparse.csr_matrix, y: Floats, groups: npt.NDArray[Any]) -> Self:  # noqa: N803
        """Fit encoder and models; X (n, columns) counts, y (n, targets) within 0-1."""
        seed = self.random_state
        self.encoder_ = TagEncoder(
            self.track_columns, self.artist_scale, self.factors, random_state=seed
        ).fit(X, groups)
        inputs = self.encoder_.transform(X)
        own = len(self.encoder_.track_kept_)
        self.kernel_ = NystroemKernelRidge(self.landmarks, random_state=seed)
        self.kernel_.fit(inputs, y, groups, self.encoder_)
        self.network_ = TagNetwork(epochs=self.epochs, seeds=self.networks, random_state=seed)
        self.network_.fit(inputs.tags, y)
        self.trees_ = TagTrees(own, self.trees, random_state=seed).fit(inputs, y)
        return self

    def predict(self, X: sparse.csr_matrix) -> Floats:  # noqa: N803
        """Predict (n, experts, targets), in the order kernel, network, trees and within 0-1."""
        inputs = self.encoder_.transform(X)
        answers = (
            self.kernel_.predict(inputs, self.encoder_),
            self.network_.predict(inputs.tags),
            self.trees_.predict(inputs),
        )
        return np.clip(np.stack(answers, axis=1), 0.0, 1.0)


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
